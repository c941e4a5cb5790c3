"""The venue's clock as seen from here: how far ahead of ours it is, and whose time signs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ccxt_nt.errors import VenueError

_SOONEST_SECS: Final = 1.0  # between two looks while the clock does not go as foreseen
_LATEST_SECS: Final = 30.0
_SHORTEST_MS: Final = 500  # between two looks that can tell a pace
_FASTEST: Final = 100  # more than that is no pace: a clock was set
_MOVED_MS: Final = 500  # from which on a refused time of the venue's is explained by its clock
_BELIEVED: Final = 4  # a pace is, for so many times the wait: then somebody should have answered
_TICK_MS: Final = 2  # clocks are told in whole milliseconds: so much two looks may differ by that


def wall_ms() -> int:
    """Tell our own time."""
    return time.time_ns() // 1_000_000


class Signer(Enum):
    """Whose time requests are signed with."""

    OURS = "ours"
    VENUES = "the venue's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer of the venue's clock, and our own time around it; UNIX milliseconds."""

    sent_ms: int
    told_ms: int
    heard_ms: int

    @property
    def at_ms(self) -> float:
        """Guess when it was told, by our time."""
        return (self.sent_ms + self.heard_ms) / 2

    @property
    def ahead_ms(self) -> float:
        """Tell how far the venue was ahead."""
        return self.told_ms - self.at_ms

    @property
    def doubt_ms(self) -> float:
        """Tell by how much that may be wrong: half of the way there and back."""
        return (self.heard_ms - self.sent_ms) / 2 + _TICK_MS


class VenueClock:
    """How far the venue's clock is ahead of ours, and how much faster it runs.

    Where two looks differ by more than their doubts, the clocks run apart (or one was set), and
    the pace between them is believed until the next look, which is due soon then.
    """

    def __init__(self, now_ms: Callable[[], int] = wall_ms) -> None:
        self.signer = Signer.OURS
        self.mended = 0  # times that a refusal was answered
        self.mending = asyncio.Lock()
        self._now_ms = now_ms
        self._base: Sample | None = None
        self._pace = 1.0  # venue milliseconds in one of ours
        self._wait_secs = _SOONEST_SECS

    @property
    def ahead_ms(self) -> int:
        """Tell how far the venue is ahead now; 0 as long as nobody has looked."""
        return round(self._foreseen(self._now_ms()))

    @property
    def now_ms(self) -> int:
        """Tell the venue's time."""
        return self._now_ms() + self.ahead_ms

    @property
    def signing_ms(self) -> int:
        """Tell how far ahead of ours the time is that requests are signed with."""
        return self.ahead_ms if self.signer is Signer.VENUES else 0

    @property
    def wait_secs(self) -> float:
        """Tell after how long the next look is due."""
        return self._wait_secs

    def take(self, samples: Sequence[Sample]) -> float:
        """Take the samples of one look, and tell how far off the foreseen time was.

        The sample that took least time is believed.
        """
        told = [sample for sample in samples if sample.heard_ms >= sample.sent_ms]
        if not told:
            return 0.0  # our own clock was set back meanwhile
        best = min(told, key=lambda sample: sample.doubt_ms)
        base, self._base = self._base, best
        if base is None or best.at_ms <= base.at_ms:
            self._pace, self._wait_secs = 1.0, _SOONEST_SECS
            return best.ahead_ms if base is None else best.ahead_ms - base.ahead_ms
        doubt, moved = base.doubt_ms + best.doubt_ms, best.ahead_ms - base.ahead_ms
        off = moved - (self._pace - 1) * (best.at_ms - base.at_ms)
        is_foreseen = abs(off) <= doubt
        if abs(moved) <= doubt:
            self._pace = 1.0
        elif not is_foreseen:
            self._pace = _pace(base, best)
        longer = min(2 * self._wait_secs, _LATEST_SECS)
        self._wait_secs = longer if is_foreseen else _SOONEST_SECS
        return off

    def refused(self, *, off_ms: float) -> None:
        """Learn that the venue refused a time, after a look that was `off_ms` from the foreseen.

        What was signed with the venue's time that had moved is signed with it again. Else the
        other signer is tried: a venue whose clock tells another time than its signatures are held
        against, as one that plays the past does, refuses the time it tells, and takes ours.
        """
        if self.signer is Signer.OURS:
            self.signer = Signer.VENUES
        elif abs(off_ms) <= _MOVED_MS:
            self.signer = Signer.OURS
        self.mended += 1

    def _foreseen(self, at_ms: float) -> float:
        base = self._base
        if base is None:
            return 0.0
        passed_ms = min(at_ms - base.at_ms, _BELIEVED * self._wait_secs * 1_000)
        return base.ahead_ms + (self._pace - 1) * passed_ms


def _pace(before: Sample, now: Sample) -> float:
    """Tell how fast the venue's clock ran between two looks; 1 where it can only have been set."""
    passed_ms = now.at_ms - before.at_ms
    pace = (now.told_ms - before.told_ms) / passed_ms
    return pace if passed_ms >= _SHORTEST_MS and 0 <= pace <= _FASTEST else 1.0


class ClockKeeper:
    """Looks at the venue's clock again and again, at once when asked to hurry."""

    def __init__(
        self,
        clock: VenueClock,
        look: Callable[[], Awaitable[object]],
        *,
        note: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._look = look
        self._note = note
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="keep the venue's clock")

    async def stop(self) -> None:
        """End, and wait until it ended."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def hurry(self) -> None:
        """Look at once: a connection was lost, as it is when a machine slept."""
        self._hurry.set()

    async def _run(self) -> None:
        failed = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._clock.wait_secs):
                    await self._hurry.wait()
                    await asyncio.sleep(_SOONEST_SECS)  # many connections are lost at once
            self._hurry.clear()
            try:
                await self._look()
                failed = 0
            except VenueError as e:
                failed += 1
                if failed == 1:  # once for each outage
                    self._note(f"the venue's clock could not be read: {e}")

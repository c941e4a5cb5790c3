"""What the feeds of a data client share: a line, a clock, a way out, a board."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line
from ccxt_nt.line.complaints import Complaints
from ccxt_nt.line.streams import Backoff, Care, Stream, nothing
from ccxt_nt.market.sequences import SequenceWatch
from ccxt_nt.parsing import Unreadable
from ccxt_nt.values import Health

# `Any` in this module: ccxt's answers have no types

_AHEAD_NS = 3_600_000_000_000  # clocks may differ, but never so much


class Feed(Protocol):
    """Something that brings one kind of data of one instrument."""

    def start(self) -> None:
        """Begin, on the running loop."""

    async def stop(self) -> None:
        """End, and wait until it ended."""


@dataclass(slots=True, kw_only=True)
class Station:
    """What every feed works with; `emit` takes the engine's types."""

    line: Line
    emit: Callable[[object], None]
    now_ns: Callable[[], int]
    board: HealthBoard
    log: Callable[[str], None]
    rng: Random
    sequences: SequenceWatch | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        rule = self.line.profile.book_sequence
        if rule is not None:
            watch = SequenceWatch(rule)
            self.sequences = watch
            self.line.tap(lambda url, frame: watch.watch(frame))

    @property
    def venue_ns(self) -> int:
        """Tell the venue's time."""
        return self.now_ns() + self.line.venue_clock.ahead_ms * 1_000_000

    def expect_timely(self, ts_ns: int) -> None:
        """Raise Unreadable for what claims a time far ahead: whatever comes later would be late."""
        if ts_ns > self.venue_ns + _AHEAD_NS:
            raise Unreadable("timestamp", ts_ns, "must not be in the future")

    def stream(
        self,
        method: str,
        *args: object,
        sink: Callable[[Any], None],
        copy: Callable[[Any], Any] = lambda answer: answer,
        on_gap: Callable[[], None] = lambda: None,
        on_live: Callable[[], None] = lambda: None,
        prepare: Callable[[], Awaitable[None]] = nothing,
        on_bad: Callable[[Exception], None] = lambda e: None,
        care: Care | None = None,
    ) -> Stream:
        """Make a stream that notes on the board how it is; the sink must read at once."""
        channel = self.line.channel(method, *args)
        complaints = Complaints(f"{self.line.profile.key} {channel.name}", self.log)

        def lost(reason: str) -> None:
            self.board.set(channel.name, Health.DEGRADED, reason)
            on_gap()

        def live() -> None:
            self.board.set(channel.name, Health.HEALTHY)
            on_live()

        def bad(e: Exception) -> None:
            complaints.add(self.line.tell(e))
            on_bad(e)

        return Stream(
            channel,
            sink=sink,
            copy=copy,
            backoff=Backoff(rng=self.rng),
            on_gap=lost,
            on_live=live,
            on_bad=bad,
            prepare=prepare,
            care=care,
            tell=self.line.tell,
        )

    async def close(self, stream: Stream) -> None:
        """End a stream and forget all about it; the venue is asked to stop sending."""
        await stream.stop()
        await self.line.forget(stream.channel)
        self.board.remove(stream.name)

"""One owner for each subscription: it watches, hands over, and never ends by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, Protocol

# `Any` in this module: ccxt's answers have no types

ACKNOWLEDGE_SECS = 15.0  # after which a subscription without an answer is made again


async def nothing() -> None:
    """Prepare nothing."""


class StreamState(Enum):
    """Where a subscription stands."""

    STARTING = "starting"
    LIVE = "live"  # the venue said yes, or sent something
    LOST = "lost"
    STOPPED = "stopped"


class Watched(Protocol):
    """What a stream stands on: a channel of a line, or a fake in a test."""

    name: str
    on_acknowledged: Callable[[], None]

    async def watch(self) -> Any:
        """Wait for what comes next."""

    @property
    def is_connected(self) -> bool:
        """Say whether the connection that this was subscribed on is still in use."""

    def hang_up(self, reason: str) -> None:
        """Drop the connection below."""

    async def renew(self, reason: str) -> None:
        """Give this subscription up, so that the next `watch` makes it anew."""


@dataclass(slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next attempt: longer each time, and never in step."""

    rng: Random
    first_secs: float = 0.2
    most_secs: float = 30.0
    attempts: int = field(default=0, init=False)

    def next_secs(self) -> float:
        """Wait longer than before, by chance between half and all of it."""
        longest = min(self.most_secs, self.first_secs * 2.0 ** min(self.attempts, 20))
        self.attempts += 1
        return longest * self.rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin anew after a success."""
        self.attempts = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How a stream is looked after when nothing comes.

    `missed` asks the venue whether something was missed: silence alone proves nothing.
    """

    silent_secs: float
    missed: Callable[[], Awaitable[bool]]


class Stream:
    """The one task that awaits a subscription, and the one that looks after it.

    `sink` is called at once with a copy of whatever came, before ccxt can change it; it must not
    wait. `prepare` is awaited before each new attempt after a failure. Nothing raised by the
    venue, by ccxt or by `sink` ends a stream.
    """

    def __init__(
        self,
        channel: Watched,
        *,
        sink: Callable[[Any], None],
        backoff: Backoff,
        on_gap: Callable[[str], None] = lambda reason: None,
        on_live: Callable[[], None] = lambda: None,
        on_bad: Callable[[Exception], None] = lambda e: None,
        prepare: Callable[[], Awaitable[None]] = nothing,
        copy: Callable[[Any], Any] = deepcopy,
        care: Care | None = None,
        tell: Callable[[BaseException], str] = lambda e: type(e).__name__,
        acknowledge_secs: float = ACKNOWLEDGE_SECS,
    ) -> None:
        self.channel = channel
        self.state = StreamState.STARTING
        self.last_data: float | None = None  # on the loop's clock
        self._sink = sink
        self._backoff = backoff
        self._on_gap = on_gap
        self._on_live = on_live
        self._on_bad = on_bad
        self._prepare = prepare
        self._copy = copy
        self._care = care
        self._tell = tell
        self._acknowledge_secs = acknowledge_secs
        self._since = 0.0  # when it was last seen to be well, or was begun again
        self._tasks: list[asyncio.Task[None]] = []
        self._renewing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Name the subscription."""
        return self.channel.name

    def start(self) -> None:
        """Begin, on the running loop."""
        if self._tasks:
            raise RuntimeError(f"stream {self.name} was started already")
        self._since = asyncio.get_running_loop().time()
        self.channel.on_acknowledged = self._live
        self._tasks = [
            asyncio.create_task(each, name=f"{role} {self.name}")
            for role, each in (("own", self._own()), ("look after", self._look_after()))
        ]

    async def stop(self) -> None:
        """End all of it, and wait until it ended."""
        self.state = StreamState.STOPPED
        tasks, self._tasks = self._tasks, []
        if self._renewing is not None:
            tasks.append(self._renewing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def renew(self, reason: str) -> None:
        """Have the subscription alone made anew: what it told cannot be gone on from."""
        if self.state is not StreamState.LIVE:
            return  # that is being done
        self.state = StreamState.LOST
        self._on_gap(reason)
        self._since = asyncio.get_running_loop().time()
        self._renewing = asyncio.create_task(self.channel.renew(reason), name=f"renew {self.name}")

    # ---- the owner ----

    async def _own(self) -> None:
        while True:
            try:
                copied = self._copy(await self.channel.watch())
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                await self._lose("the connection was closed")  # by ccxt, not by us
            except Exception as e:  # nothing that comes from outside ends a stream
                await self._lose(self._tell(e))
            else:
                self._deliver(copied)

    def _deliver(self, answer: Any) -> None:
        self.last_data = asyncio.get_running_loop().time()
        self._live()
        try:
            self._sink(answer)
        except Exception as e:  # one bad message must not end the stream
            self._on_bad(e)

    def _live(self) -> None:
        self._backoff.reset()
        self._since = asyncio.get_running_loop().time()
        if self.state in (StreamState.STARTING, StreamState.LOST):
            self.state = StreamState.LIVE
            self._on_live()

    async def _lose(self, reason: str) -> None:
        if self.state is not StreamState.LOST:
            self.state = StreamState.LOST
            self._on_gap(reason)
        await asyncio.sleep(self._backoff.next_secs())
        self._since = asyncio.get_running_loop().time()
        await self._prepare()

    # ---- the one who looks after it ----

    async def _look_after(self) -> None:
        """Have a silent stream judged by the venue, and one that never began begun again."""
        loop = asyncio.get_running_loop()
        secs = self._care.silent_secs if self._care is not None else self._acknowledge_secs
        while True:
            await asyncio.sleep(min(secs, self._acknowledge_secs) / 4)
            if loop.time() < self._since + self._limit():
                continue
            self._since = loop.time()
            if self.state is not StreamState.LIVE:
                self.channel.hang_up(f"{self.name} was not acknowledged")
            elif self._care is not None and await self._missed(self._care):
                self.channel.hang_up(f"{self.name} was silent and missed something")

    def _limit(self) -> float:
        if self.state is StreamState.LIVE and self._care is not None:
            return self._care.silent_secs
        return self._acknowledge_secs

    async def _missed(self, care: Care) -> bool:
        before = self.last_data
        try:
            return await care.missed() and self.last_data == before
        except Exception as e:  # a question that failed proves nothing
            self._on_bad(e)
            return False


def is_cancelled() -> bool:
    """Say whether it is the running task that is cancelled, and not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

"""Who may send next, and when: a token bucket in front of a queue that lets the urgent overtake."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from heapq import heappop, heappush


class Urgency(IntEnum):
    """How soon a request must leave; the lower goes first, equals in order of arrival."""

    PROTECTIVE = 0  # orders that can only lower risk, at once or as a stop
    CANCEL = 1
    REDUCING = 2  # those of them that rest: a take profit must not keep a stop waiting
    NORMAL = 3
    BACKGROUND = 4


@dataclass(slots=True, eq=False)
class Turn:
    """One request's place in the queue."""

    urgency: Urgency
    number: int
    dropped: bool = False

    def __lt__(self, other: "Turn") -> bool:
        return (self.urgency, self.number) < (other.urgency, other.number)


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Tokens and those who wait for them; told the time in seconds, it keeps no clock."""

    per_sec: float
    burst: int
    now: float
    _tokens: float = field(init=False)
    _held_until: float = field(init=False)
    _queue: list[Turn] = field(init=False, default_factory=list)
    _count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if not 0 < self.per_sec < float("inf"):
            raise ValueError(f"per_sec must be positive and finite, was {self.per_sec}")
        if self.burst < 1:
            raise ValueError(f"burst must be 1 or more, was {self.burst}")
        self._tokens = float(self.burst)
        self._held_until = self.now

    @property
    def waiting(self) -> int:
        """Count those in the queue."""
        return sum(not turn.dropped for turn in self._queue)

    def join(self, urgency: Urgency) -> Turn:
        """Stand in the queue."""
        self._count += 1
        turn = Turn(urgency, self._count)
        heappush(self._queue, turn)
        return turn

    def drop(self, turn: Turn) -> None:
        """Leave the queue."""
        turn.dropped = True

    def hold(self, secs: float, *, now: float) -> None:
        """Let nobody go for so many seconds: the venue said that it was too much."""
        self._refill(now)
        self._held_until = max(self._held_until, now + secs)
        self._tokens = min(self._tokens, 1.0)

    def release(self, *, now: float) -> list[Turn]:
        """Let as many go as there are tokens, the most urgent first."""
        self._refill(now)
        gone: list[Turn] = []
        while self._head() is not None and self._tokens >= 1 and now >= self._held_until:
            self._tokens -= 1
            gone.append(heappop(self._queue))
        return gone

    def wait_secs(self, *, now: float) -> float | None:
        """Tell in how many seconds the next one may go; None when nobody waits."""
        self._refill(now)
        if self._head() is None:
            return None
        return max(0.0, (1 - self._tokens) / self.per_sec, self._held_until - now)

    def _head(self) -> Turn | None:
        while self._queue and self._queue[0].dropped:
            heappop(self._queue)
        return self._queue[0] if self._queue else None

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self.now)
        self.now = max(self.now, now)
        # What rounding leaves must not hold a request back for another turn of the timer
        tokens = self._tokens + passed * self.per_sec + 1e-9
        self._tokens = min(float(self.burst), tokens)


class Lane:
    """The queue of one connection's requests, on the running event loop."""

    def __init__(self, *, per_sec: float, burst: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._bucket = Bucket(per_sec=per_sec, burst=burst, now=clock())
        self._waiters: dict[Turn, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Count the requests that may not go yet."""
        return self._bucket.waiting

    async def enter(self, urgency: Urgency) -> None:
        """Wait until it is this request's turn."""
        turn = self._bucket.join(urgency)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[turn] = waiter
        self._pump()
        try:
            await waiter
        finally:
            self._waiters.pop(turn, None)
            self._bucket.drop(turn)

    def hold(self, secs: float) -> None:
        """Let nothing go for so many seconds."""
        self._bucket.hold(secs, now=self._clock())
        self._rearm()

    def _pump(self) -> None:
        for turn in self._bucket.release(now=self._clock()):
            waiter = self._waiters.pop(turn, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        secs = self._bucket.wait_secs(now=self._clock())
        if secs is not None:
            self._timer = asyncio.get_running_loop().call_later(secs, self._pump)

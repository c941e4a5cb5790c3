"""How a consideration is carried out: at once in event time, or beside the engine on threads."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Final, Protocol

from nautilus_trader.common import Clock

from morningstar_strategy.core.review import Review
from morningstar_strategy.core.scene import Lesson, Scene
from morningstar_strategy.core.state import Ended
from morningstar_strategy.supervisor.exchange import Purpose
from morningstar_strategy.supervisor.supervisor import Considered

__all__ = ["Beside", "Case", "Counsel", "InLine", "Listener", "Way"]

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_TIMER: Final = "considerations"
_TURN_SECS: Final = 0.0005  # the usual 5 ms of two working threads would be 10 ms of the engine's


class Counsel(Protocol):
    """Whoever is asked for reviews and commands.

    `consider` may take as long as its deadline and may be called from several threads at once; all
    else is called on the engine's thread meanwhile and never waits.
    """

    def is_due(self, instrument_id: str, now_ns: int) -> bool:
        """Say without a scene whether there may be something to ask beside a plan's review."""
        ...

    def considers(self, scene: Scene) -> Purpose | None:
        """Say why to ask about a scene, None where there is nothing to ask."""
        ...

    def consider(self, scene: Scene, purpose: Purpose) -> Considered:
        """Ask, and say what came of it; every failure to answer is an abstention."""
        ...

    def silence(self, scene: Scene, reason: str) -> Review:
        """Give the review of a scene about which nobody spoke in time."""
        ...

    def stir(self, instrument_id: str) -> None:
        """Take notice that something happened to a plan on the instrument."""
        ...

    def learn(self, ended: Ended) -> None:
        """Take notice of how a plan ended."""
        ...

    def lessons(self, instrument_id: str) -> tuple[Lesson, ...]:
        """Give what was learnt on the instrument, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A scene that is being considered; `asked_ns` is when that began, by the engine's clock."""

    number: int
    scene: Scene
    purpose: Purpose
    asked_ns: int


type _Found = tuple[int, Considered | Exception | None]  # None where its turn came too late


class Listener(Protocol):
    """Who hears, on the engine's thread, what came of a case."""

    def answered(self, case: Case, considered: Considered) -> None:
        """Take the answer, however late."""
        ...

    def overdue(self, case: Case) -> None:
        """Go on without an answer, which may still come."""
        ...

    def failed(self, case: Case, error: Exception) -> None:
        """Go on without an answer, which will never come."""
        ...


class Way(Protocol):
    """A way of carrying considerations out."""

    def begin(self, *, clock: Clock, listener: Listener) -> None:
        """Take hold of the clock of the actor that listens."""
        ...

    def consider(self, case: Case) -> None:
        """See that the listener hears what comes of a case."""
        ...

    def withdraw(self, case: Case) -> None:
        """Spare a case that nobody waits for any more, if that is still possible."""
        ...

    def end(self) -> None:
        """Begin nothing more; the listener hears at once what was answered but not told yet."""
        ...


class InLine:
    """Considers at once; the answer comes when it would have come, by the engine's clock."""

    def __init__(self, counsel: Counsel) -> None:
        self._counsel = counsel
        self._later: dict[int, tuple[Case, Considered]] = {}

    def begin(self, *, clock: Clock, listener: Listener) -> None:
        """Take hold of the clock of the actor that listens."""
        self._clock, self._listener = clock, listener

    def consider(self, case: Case) -> None:
        """Consider now, and have the listener told after the latency of the answer."""
        considered = self._counsel.consider(case.scene, case.purpose)
        if considered.latency_ns == 0:
            self._listener.answered(case, considered)
            return
        self._later[case.number] = (case, considered)
        self._clock.set_time_alert_ns(
            f"consideration-{case.number}",
            case.asked_ns + considered.latency_ns,
            lambda _event: self._tell(case.number),
        )

    def withdraw(self, case: Case) -> None:
        """Leave it: what was asked was asked, and its answer comes."""

    def end(self) -> None:
        """Tell what would have come later: it was asked, and it is on no tape yet."""
        for number in list(self._later):
            self._tell(number)

    def _tell(self, number: int) -> None:
        told = self._later.pop(number, None)
        if told is not None:
            self._listener.answered(*told)


class Beside:
    """Considers on worker threads; a timer on the engine's thread fetches what they found.

    Nothing of the engine is touched by a worker, and the engine's thread never waits for one.
    So that it need not wait long for the interpreter either, threads take turns more often from
    begin to end.
    """

    def __init__(
        self, counsel: Counsel, *, deadline_secs: float, workers: int = 4, poll_ms: int = 20
    ) -> None:
        for name, value in (("deadline_secs", deadline_secs), ("workers", workers)):
            if not value > 0:
                raise ValueError(f"{name} must be positive, was {value}")
        if not poll_ms > 0:
            raise ValueError(f"poll_ms must be positive, was {poll_ms}")
        self._counsel = counsel
        self._deadline_ns = round(deadline_secs * _SECOND)
        self._poll_ns = poll_ms * _MILLISECOND
        self._workers = workers
        self._pool = self._idle_pool()
        self._found: SimpleQueue[_Found] = SimpleQueue()
        self._asked: dict[int, tuple[Case, Future[None]]] = {}
        self._given_up: set[int] = set()
        self._ticking = False
        self._usual_turn_secs = sys.getswitchinterval()

    @property
    def found(self) -> int:
        """Say how many answers lie ready to be fetched."""
        return self._found.qsize()

    def begin(self, *, clock: Clock, listener: Listener) -> None:
        """Take hold of the clock of the actor that listens."""
        self._clock, self._listener = clock, listener
        self._usual_turn_secs = sys.getswitchinterval()
        sys.setswitchinterval(min(self._usual_turn_secs, _TURN_SECS))
        self._pool = self._idle_pool()  # the one that an end shut down takes no more work

    def consider(self, case: Case) -> None:
        """Hand a case to a worker."""
        # The worker holds nothing of this object: what dies on its thread must not be the engine's
        ends = time.monotonic() + self._deadline_ns / _SECOND
        work = partial(_work, self._counsel.consider, case, ends, self._found)
        self._asked[case.number] = (case, self._pool.submit(work))
        if not self._ticking:
            self._ticking = True
            self._clock.set_timer_ns(_TIMER, self._poll_ns, callback=self._tick)

    def withdraw(self, case: Case) -> None:
        """Spare a case that no worker has begun; one that was begun is still told of."""
        _, work = self._asked.get(case.number, (case, None))
        if work is not None and work.cancel():
            self._forget(case.number)

    def end(self) -> None:
        """Begin nothing more, wait for nothing, and tell what was found."""
        sys.setswitchinterval(self._usual_turn_secs)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._rest()
        for number, (_, work) in list(self._asked.items()):
            if work.cancelled():
                self._forget(number)
        self._fetch()

    def _tick(self, _event: object) -> None:
        self._fetch()
        self._give_up()
        if not self._asked:
            self._rest()

    def _fetch(self) -> None:
        """Tell all that was found, then raise the first fault that telling it met."""
        faults: list[Exception] = []
        while not self._found.empty():
            try:
                self._tell(*self._found.get_nowait())
            except Exception as e:  # raised below: what others answered was asked and paid for
                faults.append(e)
        if faults:
            raise faults[0]

    def _tell(self, number: int, found: Considered | Exception | None) -> None:
        case, _ = self._asked[number]
        was_given_up = number in self._given_up
        self._forget(number)
        match found:
            case None if was_given_up:
                pass
            case None:
                self._listener.overdue(case)
            case Exception():
                self._listener.failed(case, found)
            case considered:
                self._listener.answered(case, considered)

    def _give_up(self) -> None:
        now_ns = self._clock.timestamp_ns()
        for number, (case, work) in list(self._asked.items()):
            if number in self._given_up or now_ns - case.asked_ns < self._deadline_ns:
                continue
            if work.cancel():  # nobody waits for it, so nobody need pay for it
                self._forget(number)
            else:
                self._given_up.add(number)
            self._listener.overdue(case)

    def _idle_pool(self) -> ThreadPoolExecutor:
        """Make a pool, which has no threads until there is work."""
        return ThreadPoolExecutor(self._workers, thread_name_prefix="supervisor")

    def _forget(self, number: int) -> None:
        del self._asked[number]
        self._given_up.discard(number)

    def _rest(self) -> None:
        if self._ticking:
            self._ticking = False
            self._clock.cancel_timer(_TIMER)


def _work(
    consider: Callable[[Scene, Purpose], Considered],
    case: Case,
    ends: float,
    found: SimpleQueue[_Found],
) -> None:
    """Consider on a worker's thread, and leave what came of it: None past `ends`, unasked."""
    answer: Considered | Exception | None = None
    try:
        if time.monotonic() < ends:
            answer = consider(case.scene, case.purpose)
    except Exception as e:  # carried to the engine's thread, which raises it
        answer = e
    found.put((case.number, answer))

"""Ways of a supervisor across a border: what it says is written down, or told again."""

from collections.abc import Callable

from nautilus_trader.common import Clock

from morningstar_strategy.actors.ways import Case, Counsel, Listener, Way
from morningstar_strategy.border import Asked, Border, Origin, crossing
from morningstar_strategy.supervisor.supervisor import Considered
from morningstar_strategy.supervisor.tape import TapeMiss

__all__ = ["Overheard", "Retold"]


class Overheard:
    """Another way, of which a border writes down when the listener heard of which case."""

    def __init__(self, way: Way, border: Border) -> None:
        self._way = way
        self._border = border

    def begin(self, *, clock: Clock, listener: Listener) -> None:
        """Stand between the way and its listener."""
        self._way.begin(clock=clock, listener=_Ear(listener, self._border))

    def consider(self, case: Case) -> None:
        """See that the listener hears what comes of a case."""
        self._way.consider(case)

    def withdraw(self, case: Case) -> None:
        """Spare a case that nobody waits for any more."""
        self._way.withdraw(case)

    def end(self) -> None:
        """Begin nothing more."""
        self._way.end()


class _Ear:
    """A listener across a border."""

    def __init__(self, listener: Listener, border: Border) -> None:
        self._listener = listener
        self._border = border

    def answered(self, case: Case, considered: Considered) -> None:
        """Take the answer, however late."""
        told = Asked("answered", (case.number,))
        self._hear(told, lambda: self._listener.answered(case, considered))

    def overdue(self, case: Case) -> None:
        """Go on without an answer, which may still come."""
        self._hear(Asked("overdue", (case.number,)), lambda: self._listener.overdue(case))

    def failed(self, case: Case, error: Exception) -> None:
        """Go on without an answer, which will never come."""
        told = Asked("failed", (case.number, f"{error}"))
        self._hear(told, lambda: self._listener.failed(case, error))

    def _hear(self, told: Asked, run: Callable[[], None]) -> None:
        self._border.call(Origin.HEARD, told, run)


class Retold:
    """A way in which answers come from a tape, each when it came in the session.

    They are worked out when they are asked for, as the session did; of a case that nobody came to
    consider the tape holds nothing, and then nothing is ever told of it.
    """

    def __init__(self, counsel: Counsel, border: Border) -> None:
        self.border = border
        self._counsel = counsel
        self._cases: dict[int, tuple[Case, Considered | Exception]] = {}

    def begin(self, *, clock: Clock, listener: Listener) -> None:
        """Let the border tell when something is heard."""
        self._listener = listener
        self.border.attach(self, clock)

    def consider(self, case: Case) -> None:
        """Work out what was answered."""
        try:
            answer: Considered | Exception = self._counsel.consider(case.scene, case.purpose)
        except TapeMiss as e:  # raised where the session heard an answer
            answer = e
        self._cases[case.number] = (case, answer)

    def withdraw(self, case: Case) -> None:
        """Leave it: the record tells what was heard."""

    def end(self) -> None:
        """Leave it: the record tells what was heard."""

    @crossing(Origin.HEARD)
    def answered(self, number: int) -> None:
        """Tell what was answered."""
        case, answer = self._cases[number]
        if isinstance(answer, Exception):
            raise answer
        self._listener.answered(case, answer)

    @crossing(Origin.HEARD)
    def overdue(self, number: int) -> None:
        """Tell that no answer came in time."""
        case, _ = self._cases[number]
        self._listener.overdue(case)

    @crossing(Origin.HEARD)
    def failed(self, number: int, why: str) -> None:
        """Tell that no answer will come, with the words of what was raised."""
        case, _ = self._cases[number]
        self._listener.failed(case, RuntimeError(why))

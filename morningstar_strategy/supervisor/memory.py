"""What became of the advice given: the newest lessons of each instrument."""

from collections import deque
from dataclasses import dataclass, field

from morningstar_strategy.core.review import Verdict
from morningstar_strategy.core.scene import Advice, Lesson
from morningstar_strategy.core.state import Ended, Outcome

__all__ = ["Memory"]


@dataclass(slots=True)
class _Known:
    advice: deque[Advice]
    lessons: deque[Lesson]


@dataclass(slots=True, kw_only=True)
class Memory:
    """Remembers a capped number of advices and lessons for each instrument."""

    kept: int = 20
    _known: dict[str, _Known] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.kept > 0:
            raise ValueError(f"kept must be positive, was {self.kept}")

    def note(self, advice: Advice) -> None:
        """Remember what was said about a prediction."""
        self._of(advice.instrument_id).advice.append(advice)

    def learn(self, ended: Ended) -> Lesson | None:
        """Learn from a plan that was filled and is over; None where nobody had advised on it."""
        known = self._of(ended.plan.setup.symbol)
        before = [each for each in known.advice if each.ts_event <= ended.plan.planned_ns]
        if ended.outcome is not Outcome.CLOSED or not before:
            return None
        if before[-1].verdict == Verdict.ABSTAINED.value:
            return None
        lesson = Lesson(
            advice=before[-1],
            direction=ended.plan.direction.value,
            result=float(ended.gross_pnl - ended.fees),
            ended_ns=ended.ended_ns,
        )
        known.lessons.appendleft(lesson)
        return lesson

    def lessons(self, instrument_id: str, *, most: int) -> tuple[Lesson, ...]:
        """Give the newest lessons of an instrument, newest first."""
        return tuple(self._of(instrument_id).lessons)[:most]

    def _of(self, instrument_id: str) -> _Known:
        found = self._known.get(instrument_id)
        if found is None:
            found = _Known(advice=deque(maxlen=self.kept), lessons=deque(maxlen=self.kept))
            self._known[instrument_id] = found
        return found

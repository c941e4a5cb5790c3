"""The whole state as a supervisor is shown it: market, account, plans, limits, the world."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from morningstar_strategy.core.commands import TradeCommand
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.state import Snapshot
from morningstar_strategy.core.summary import MarketSummary

__all__ = [
    "Advice",
    "External",
    "Lesson",
    "NotKnownYetError",
    "Scene",
    "Trust",
]


class Trust(StrEnum):
    """How far words from outside may be believed; none of them may raise risk."""

    NUMBER = "number"  # a number of a named series
    TEXT = "text"  # anybody's words


class NotKnownYetError(ValueError):
    """A scene would show what became known after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """Something known outside: one point of a series, or one piece of news.

    `ts_event` is the time it speaks of, `ts_known` when it could first be known (both UNIX
    nanoseconds); `symbol` is empty for what concerns the whole market.
    """

    source: str
    symbol: str
    ts_event: int
    ts_known: int
    trust: Trust
    value: float | None = None
    text: str = ""

    def __post_init__(self) -> None:
        if self.ts_known < self.ts_event:
            raise ValueError(
                f"ts_known of {self.source} must not be before ts_event, was {self.ts_known}"
            )
        if (self.value is None) is (self.trust is Trust.NUMBER):
            raise ValueError(f"{self.source} has a value exactly where it is a number")
        if self.value is not None and not isfinite(self.value):
            raise ValueError(f"value of {self.source} must be finite, was {self.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a supervisor said about one prediction, in short."""

    ts_event: int
    instrument_id: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How a plan ended on which a supervisor had advised; result after fees."""

    advice: Advice
    direction: str
    result: float
    ended_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is shown of one instrument at one time.

    `would` is what the strategy does without a supervisor; `halted` says why no new risk is
    taken, "" where it is. `lessons` and `externals` are newest first; of the externals only what
    was known by then is in it.
    """

    prediction: Prediction
    snapshot: Snapshot
    summary: MarketSummary
    limits: RiskLimits
    would: TradeCommand
    halted: str = ""
    lessons: tuple[Lesson, ...] = ()
    externals: tuple[External, ...] = ()

    def __post_init__(self) -> None:
        late = [each for each in self.externals if each.ts_known > self.snapshot.ts_event]
        if late:
            raise NotKnownYetError(
                f"{late[0].source} was not known yet at {self.snapshot.ts_event}"
            )

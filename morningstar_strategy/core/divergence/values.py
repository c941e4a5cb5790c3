"""The words of a comparison: rungs, causes, what was compared and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np

from morningstar_strategy.core.records import Record, Value

__all__ = [
    "RUNGS",
    "Cause",
    "Difference",
    "DivergenceError",
    "Found",
    "Ohlcv",
    "PlanKey",
    "Rung",
    "RungResult",
    "Side",
    "Standing",
    "Step",
    "utc",
]

type Ohlcv = tuple[Decimal, Decimal, Decimal, Decimal, Decimal]
type PlanKey = tuple[str, int, int]  # instrument, bar it was decided on, how many before it there


class DivergenceError(ValueError):
    """Two runs cannot be compared, in one sentence."""


class Rung(StrEnum):
    """What is compared, in the order in which one comes out of the other."""

    DATA = "data"
    PREDICTIONS = "predictions"
    REVIEWS = "reviews"
    COMMANDS = "commands"
    RULINGS = "rulings"
    ORDERS = "orders"
    FILLS = "fills"
    EQUITY = "equity"


RUNGS: Final = tuple(Rung)


class Cause(StrEnum):
    """Why two runs differ; the set is closed."""

    DATA = "data"
    CLOCK = "clock"
    MODEL = "model"
    LLM = "LLM"
    RISK_STATE = "risk state"
    VENUE_REJECTION = "venue rejection"
    LATENCY = "latency"
    PRICE = "fill price/slippage"
    FEE = "fee"
    FUNDING = "funding"
    PARTIAL_FILL = "partial fill"
    MISSING_FILL = "missing fill"
    CONFIGURATION = "configuration"
    CODE_VERSION = "code version"


class Standing(StrEnum):
    """How a rung came out."""

    SAME = "same"
    UNTIL = "same until then"  # what differs on it comes after the first difference
    DIFFERS = "differs"
    UNJUDGED = "not judged"  # it stands above the one that differs
    UNRECORDED = "not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two runs; times are UNIX nanoseconds.

    `settings` and `versions` are flat, such as risk.max_risk_percent. `bars` are by instrument and
    close, None where they are not to be had; then `bars_sha256` may still prove them equal.
    `late_bars` came after a newer one. `has_decisions` is false for what tells orders and fills
    alone. `remarks` say of the run what a reader should know, such as that its end was cut. Raises
    DivergenceError where it ends before it starts.
    """

    name: str
    records: tuple[Record, ...]
    start_ns: int
    end_ns: int
    simulated: bool
    settings: Mapping[str, Value] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    bars: Mapping[str, Mapping[int, Ohlcv]] | None = None
    bars_from: str = ""
    bars_sha256: str = ""
    late_bars: frozenset[tuple[str, int]] = frozenset()
    every_prediction: bool = False
    has_decisions: bool = True
    currency: str = ""
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise DivergenceError(
                f"end_ns of {self.name} must not be before its start_ns {self.start_ns}, "
                f"was {self.end_ns}"
            )

    def covers(self, ts_event: int, slack_ns: int = 0) -> bool:
        """Say whether a moment lies within the time of the run."""
        return self.start_ns - slack_ns <= ts_event <= self.end_ns + slack_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a run did; `seq` is its place in the journal, `key` what it is aligned by."""

    key: tuple[str | int, ...]
    instrument_id: str
    ts_event: int
    seq: int
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A difference, with the cause that its own traces speak for.

    `structural` is false for what changes no quantity: another price, fee or time of the same fill.
    """

    rung: Rung
    natural: Cause
    instrument_id: str
    ts_event: int
    seq: int
    says: str
    plan: PlanKey | None = None
    structural: bool = True
    inherits: bool = False  # the decision it comes from differs already
    certain: bool = False  # its traces say so by themselves, whatever else differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference with its one cause; `keys` are the settings and versions that explain it."""

    rung: Rung
    cause: Cause
    instrument_id: str
    ts_event: int
    says: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult:
    """What became of one rung; steps outside the other run's time are counted, never compared."""

    rung: Rung
    standing: Standing
    compared: int = 0
    differing: int = 0
    outside_a: int = 0
    outside_b: int = 0
    says: str = ""


def utc(ts_event: int) -> str:
    """Write UNIX nanoseconds as UTC time to the millisecond where it has any."""
    text = f"{np.datetime64(ts_event, 'ns').astype('datetime64[ms]')}".replace("T", " ")
    return text.removesuffix(".000")

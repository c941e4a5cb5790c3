"""What is audited: the records of one session, the bars it saw, and what is asked of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Kind, Record

__all__ = ["Asked", "PriceBar", "Session", "bars_told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a session must hold to; times are seconds, money is in account currency.

    `max_holding_secs` of None is the session's own setting. `silence_bars` without any record are
    a hang; a crossing must be acted on within `crossing_bars` after its bar; `warmup_bars` may
    pass at the start before the first decision.
    """

    least_secs: int = 86_400
    restarts: int = 0
    silence_bars: int = 3
    crossing_bars: int = 1
    drift: Decimal = Decimal("0.01")
    max_holding_secs: int | None = None
    min_cycles: int = 10
    warmup_bars: int = 0
    max_unprotected_secs: Decimal = Decimal(5)

    def __post_init__(self) -> None:
        for name in ("least_secs", "silence_bars", "max_holding_secs"):
            value: int | None = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, was {value}")
        for name in ("restarts", "crossing_bars", "min_cycles", "warmup_bars"):
            count: int = getattr(self, name)
            if not count >= 0:
                raise ValueError(f"{name} must not be negative, was {count}")
        for name in ("drift", "max_unprotected_secs"):
            most: Decimal = getattr(self, name)
            if not (most.is_finite() and most > 0):
                raise ValueError(f"{name} must be positive, was {most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBar:
    """What an audit asks of a closed bar; `ts_event` is its close."""

    ts_event: int
    high: Decimal
    low: Decimal
    close: Decimal
    traded: bool = True  # whether it has volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The records of one session beside what its settings and manifest say.

    `handed` is how many bars of an instrument a manifest says were replayed from `start_ns` to
    `end_ns`. `sealed` tells that the manifest was completed, which happens only at an orderly end.
    `torn` is the last line where a crash cut it.
    """

    records: tuple[Record, ...]
    instruments: tuple[str, ...]
    interval_ns: int
    max_holding_secs: int
    simulated: bool = False
    sealed: bool = False
    torn: str = ""
    keeps_assessments: bool = False
    bars: Mapping[str, tuple[PriceBar, ...]] = field(default_factory=dict)
    bars_from: str = ""  # "journal" or "catalog"
    handed: Mapping[str, int] = field(default_factory=dict)
    start_ns: int = 0
    end_ns: int = 0

    def __post_init__(self) -> None:
        if not self.interval_ns > 0:
            raise ValueError(f"interval_ns must be positive, was {self.interval_ns}")

    def of(self, *kinds: Kind) -> Iterator[Record]:
        """Give the records of some kinds, in their order."""
        return (record for record in self.records if record.kind in kinds)


def bars_told(records: tuple[Record, ...]) -> dict[str, tuple[PriceBar, ...]]:
    """Read the bars that a journal holds, by instrument and time; a bar told twice counts once."""
    found: dict[str, dict[int, PriceBar]] = {}
    for record in records:
        if record.kind is Kind.BAR:
            bar = PriceBar(
                ts_event=record.ts_event,
                high=money(record, "high"),
                low=money(record, "low"),
                close=money(record, "close"),
                traded=money(record, "volume") > 0,
            )
            found.setdefault(record.instrument_id, {})[bar.ts_event] = bar
    return {name: tuple(bars[ts] for ts in sorted(bars)) for name, bars in found.items()}

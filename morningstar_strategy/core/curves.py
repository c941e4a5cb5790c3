"""Curves of a run: marks of the equity, days, months, and the basket that was merely held."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Record, RecordError

__all__ = [
    "DAY_NS",
    "Basket",
    "Days",
    "Marks",
    "Month",
    "Prices",
    "daily",
    "hold",
    "marks_of",
    "monthly",
]

DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """Closes of one instrument; `ts_event` are UNIX nanoseconds, strictly increasing."""

    instrument_id: str
    ts_event: IntArray
    close: FloatArray

    def __post_init__(self) -> None:
        name = self.instrument_id
        if self.ts_event.ndim != 1 or self.ts_event.shape != self.close.shape:
            shapes = f"{self.ts_event.shape} and {self.close.shape}"
            raise ValueError(f"ts_event and close of {name} must be equally long, were {shapes}")
        if not np.all(self.ts_event[1:] > self.ts_event[:-1]):
            raise ValueError(f"ts_event of {name} must be strictly increasing")
        if not (np.all(np.isfinite(self.close)) and np.all(self.close > 0)):
            raise ValueError(f"close of {name} must be positive and finite throughout")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marks:
    """The equity as it was marked; `exposure` is signed notional, shape (marks, instruments)."""

    ts_event: IntArray
    equity: FloatArray
    drawdown: FloatArray  # fraction of the peak, not negative
    instruments: tuple[str, ...]
    exposure: FloatArray

    def __len__(self) -> int:
        return len(self.ts_event)

    @property
    def gross(self) -> FloatArray:
        """Give the sum of absolute notionals at each mark."""
        return np.abs(self.exposure).sum(axis=1)

    @property
    def net(self) -> FloatArray:
        """Give the sum of signed notionals at each mark."""
        return self.exposure.sum(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """One row per UTC day from the first to the last mark; a day without marks earns nothing."""

    ts_event: IntArray  # end of the day
    equity: FloatArray
    simple_return: FloatArray
    drawdown: FloatArray  # the day's worst
    exposure: FloatArray  # the day's highest gross exposure, fraction of equity


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Simple return of one calendar month (UTC), or of the part of it that was run."""

    year: int
    month: int
    simple_return: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basket:
    """An equal-weight basket bought at each first close and held to the last, without costs.

    `value` is its worth at every close of any instrument as a multiple of the start; an instrument
    that has no close yet is held as cash.
    """

    ts_event: IntArray
    value: FloatArray
    simple_return: float
    instruments: tuple[tuple[str, float], ...]


def marks_of(records: Sequence[Record], instruments: Sequence[str]) -> Marks:
    """Read the equity records; raise RecordError for none, a bad one, or time running back."""
    if not records:
        raise RecordError("the journal holds no equity record, so there is nothing to report")
    stamps = np.array([record.ts_event for record in records], dtype=np.int64)
    if np.any(stamps[1:] < stamps[:-1]):
        raise RecordError("equity records must be in the order of time")
    rows = [exposures(record) for record in records]
    held = {name for row in rows for name in row}
    names = (*instruments, *sorted(held.difference(instruments)))
    table = [[float(row.get(name, 0)) for name in names] for row in rows]
    return Marks(
        ts_event=stamps,
        equity=_column(records, "equity"),
        drawdown=_column(records, "drawdown"),
        instruments=names,
        exposure=np.array(table, dtype=np.float64).reshape(len(records), len(names)),
    )


def exposures(record: Record) -> dict[str, Decimal]:
    """Give the signed notional per instrument of an equity record."""
    held = record.fields.get("exposure", {})
    if not isinstance(held, dict):
        raise RecordError(f"exposure of an equity record must be an object, was {held!r}")
    row = Record(ts_event=record.ts_event, kind=record.kind, instrument_id="", fields=held)
    return {name: money(row, name) for name in held}


def daily(marks: Marks, starting_equity: float) -> Days:
    """Cut the marks into UTC days; a mark at midnight closes the day before it.

    The first day starts from `starting_equity`, so that the returns compound to the whole run's.
    """
    day = _ends(marks) // DAY_NS
    days = np.arange(day[0], day[-1] + 1, dtype=np.int64)
    last = np.searchsorted(day, days, side="right") - 1
    first = np.searchsorted(day, days, side="left")
    equity = marks.equity
    share = marks.gross / np.where(equity > 0, equity, np.inf)
    return Days(
        ts_event=(days + 1) * DAY_NS,
        equity=equity[last],
        simple_return=_returns(equity[last], starting_equity),
        drawdown=_worst(marks.drawdown, first, last),
        exposure=_worst(share, first, last),
    )


def monthly(marks: Marks, starting_equity: float) -> tuple[Month, ...]:
    """Give the simple return of every calendar month from the first to the last mark."""
    month = _ends(marks).astype("datetime64[ns]").astype("datetime64[M]")
    key = month.astype(np.int64)
    months = np.arange(key[0], key[-1] + 1, dtype=np.int64)
    last = np.searchsorted(key, months, side="right") - 1
    returns = _returns(marks.equity[last], starting_equity)
    return tuple(
        Month(year=1970 + number // 12, month=number % 12 + 1, simple_return=value)
        for number, value in zip(months.tolist(), returns.tolist(), strict=True)
    )


def hold(prices: Sequence[Prices]) -> Basket | None:
    """Value the equal-weight basket from the first to the last close; None without any close."""
    priced = [price for price in prices if len(price.close)]
    if not priced:
        return None
    at = np.unique(np.concatenate([price.ts_event for price in priced]))
    ratios = np.empty((len(priced), len(at)), dtype=np.float64)
    for row, price in zip(ratios, priced, strict=True):
        seen = np.searchsorted(price.ts_event, at, side="right") - 1
        row[:] = price.close[np.maximum(seen, 0)] / price.close[0]
    returns = tuple(
        (price.instrument_id, float(price.close[-1] / price.close[0]) - 1.0) for price in priced
    )
    return Basket(
        ts_event=at,
        value=ratios.mean(axis=0),
        simple_return=sum(earned for _, earned in returns) / len(returns),
        instruments=returns,
    )


def _ends(marks: Marks) -> IntArray:
    """Give a moment of the day that each mark belongs to: midnight ends a day, the run begins one.

    Without the exception for the first mark a run from midnight on would begin with a day before.
    """
    moments = marks.ts_event - 1
    moments[0] += 1
    ordered: IntArray = np.maximum.accumulate(moments)
    return ordered


def _column(records: Sequence[Record], name: str) -> FloatArray:
    return np.array([float(money(record, name)) for record in records], dtype=np.float64)


def _returns(equity: FloatArray, starting_equity: float) -> FloatArray:
    before = np.concatenate(([starting_equity], equity[:-1]))
    # An account that is lost earns nothing any more
    growth = np.divide(equity, before, out=np.ones_like(equity), where=before > 0)
    return growth - 1.0


def _worst(values: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Give the highest value of every day, and of a day without marks the value before it."""
    pairs = zip(first.tolist(), last.tolist(), strict=True)
    found = [float(values[min(begin, end) : end + 1].max()) for begin, end in pairs]
    return np.array(found, dtype=np.float64)

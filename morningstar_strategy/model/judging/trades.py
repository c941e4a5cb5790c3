"""Trades that fixed rules take on forecasts, one at a time per instrument, in simple returns."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.heads import Forecast
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.out_of_sample import OutOfSample

__all__ = ["DAY_NS", "RULES", "Calendar", "Rule", "Trades", "take_trades"]

DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When to trade the likelier side: above a probability, or where Kelly after costs says so."""

    name: str
    threshold: float | None  # of that side's probability given a touch; None is Kelly's rule

    def wants(self, forecast: Forecast, barrier: FloatArray, cost: float) -> npt.NDArray[np.bool_]:
        """Say for each row whether to trade.

        Kelly's rule expects (p_favoured - p_opposed) * barrier - cost, with `barrier` and `cost`
        as fractions of price, and trades where that is above zero.
        """
        if self.threshold is not None:
            return np.maximum(forecast.direction, 1.0 - forecast.direction) > self.threshold
        favour = forecast.touch * np.abs(2.0 * forecast.direction - 1.0)
        return favour * barrier - cost > 0.0


RULES: Final = (
    *(Rule(name=f"above {value:.2f}", threshold=value) for value in (0.50, 0.52, 0.54, 0.56)),
    Rule(name="kelly", threshold=None),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calendar:
    """The UTC days of an evaluation; a bar that closes at midnight belongs to the day it ends."""

    first: int  # days since 1970
    count: int

    @staticmethod
    def of(panel: Panel, oos: OutOfSample) -> "Calendar":
        """Span the days from the first decision to the last exit that a row may have."""
        first = int(days(panel.ts_event[oos.rows]).min())
        last = int(days(panel.ts_event[exit_rows(panel, oos.rows)]).max())
        return Calendar(first=first, count=last - first + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trades:
    """T trades, each left at a barrier or at the horizon, before costs."""

    candidates: int  # rows at which the rule wanted to trade
    side: FloatArray  # [T], 1 long, -1 short
    long_return: FloatArray  # [T], simple return of a long
    unclear: npt.NDArray[np.bool_]  # [T], both barriers in one bar
    exit_day: IntArray  # [T], days since the calendar's first

    def __len__(self) -> int:
        return len(self.side)

    @property
    def gross(self) -> FloatArray:
        """Give the simple returns: a short earns what a long of the same notional loses."""
        return self.side * self.long_return

    def daily(self, results: FloatArray, calendar: Calendar, instruments: int) -> FloatArray:
        """Book results on the exit days, each instrument with an equal share of the equity."""
        booked = np.bincount(self.exit_day, weights=results, minlength=calendar.count)
        return booked / instruments


def take_trades(
    panel: Panel,
    oos: OutOfSample,
    forecast: Forecast,
    rule: Rule,
    *,
    cost: float,
    calendar: Calendar,
) -> Trades:
    """Enter at the close wherever the rule wants to and no trade of the instrument is open."""
    labels = panel.labels
    barrier = np.expm1(labels.barrier[oos.rows])
    wanted = np.flatnonzero(rule.wants(forecast, barrier, cost))
    wanted = wanted[np.argsort(oos.rows[wanted])]
    exits = exit_rows(panel, oos.rows[wanted])
    taken = one_at_a_time(oos.rows[wanted], exits)
    rows = oos.rows[wanted[taken]]
    return Trades(
        candidates=len(wanted),
        side=np.where(forecast.direction[wanted[taken]] > 0.5, 1.0, -1.0),
        long_return=labels.ret[rows],
        unclear=(labels.touch[rows] == 0) & (labels.hit[rows] < panel.horizon),
        exit_day=days(panel.ts_event[exits[taken]]) - calendar.first,
    )


def one_at_a_time(rows: IntArray, exits: IntArray) -> IntArray:
    """Choose entries in order, each only after the bar in which the one before was left.

    An instrument's rows follow each other in a panel, so no trade reaches into the next one.
    """
    taken: list[int] = []
    at = 0
    while at < len(rows):
        taken.append(at)
        at = int(np.searchsorted(rows, exits[at], side="right"))
    return np.array(taken, dtype=np.int64)


def exit_rows(panel: Panel, rows: IntArray) -> IntArray:
    """Give the rows of the bars in which trades entered at `rows` are left.

    Raises ValueError for a row whose trade is not left within its instrument.
    """
    exits = rows + panel.labels.hit[rows]
    last = len(panel) - 1
    lost = (exits > last) | (panel.instrument[np.minimum(exits, last)] != panel.instrument[rows])
    if lost.any():
        row = int(rows[np.argmax(lost)])
        raise ValueError(f"hit must stay within the instrument, was {panel.labels.hit[row]}")
    return exits


def days(ts: IntArray) -> IntArray:
    """Give the UTC day of closes, in days since 1970."""
    return (ts - 1) // DAY_NS

"""The equal-weight market beside which a trade rule must be seen."""

from math import ceil, sqrt
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.judging.findings import BuyAndHold
from morningstar_strategy.model.judging.trades import DAY_NS, Calendar, days
from morningstar_strategy.model.learning.dataset import Panel

__all__ = ["annual_sharpe", "buy_and_hold", "exposure", "market_returns", "reach_days"]

_YEAR: Final = 365  # days: these markets never close
_FLAT: Final = 1e-12


def market_returns(panel: Panel, calendar: Calendar, *, lags: int = 0) -> FloatArray:
    """Average the instruments' daily simple returns, from `lags` days before the calendar on.

    Equal weight every day over the instruments that have a price; a day without one is flat.
    Shape [lags + days].
    """
    first, count = calendar.first - lags, calendar.count + lags
    total, alive = np.zeros(count), np.zeros(count)
    for index in range(len(panel.instruments)):
        own = np.flatnonzero(panel.instrument == index)
        at = days(panel.ts_event[own]) - (first - 1)
        kept = (at >= 0) & (at <= count)
        close = np.full(count + 1, np.nan)
        close[at[kept]] = panel.close[own][kept]  # of several closes of a day the last one stays
        known = np.where(np.isfinite(close), np.arange(count + 1), 0)
        close = close[np.maximum.accumulate(known)]
        returns = close[1:] / close[:-1] - 1.0
        total += np.where(np.isfinite(returns), returns, 0.0)
        alive += np.isfinite(returns)
    return np.divide(total, alive, out=np.zeros(count), where=alive > 0)


def reach_days(panel: Panel) -> int:
    """Count the days that a trade may lie open before the day it is booked on."""
    return ceil(panel.horizon * panel.interval_ns / DAY_NS)


def exposure(daily: FloatArray, market: FloatArray) -> tuple[float, float] | None:
    """Give beta and correlation of daily returns with a market that starts some days earlier.

    Trades are booked when they are left, so beta is the sum of the coefficients on the market's
    return of that day and of each earlier day given (Dimson 1979); the correlation is with the
    market's mean over these days. None where either does not vary.
    """
    lags = len(market) - len(daily)
    columns = [market[lags - lag : len(market) - lag] for lag in range(lags + 1)]
    mean = np.mean(columns, axis=0)
    if len(daily) <= lags + 2 or float(np.std(daily)) < _FLAT or float(np.std(mean)) < _FLAT:
        return None
    design = np.column_stack((*columns, np.ones(len(daily))))
    weights, *_ = np.linalg.lstsq(design, daily, rcond=None)
    return float(weights[:-1].sum()), float(np.corrcoef(daily, mean)[0, 1])


def buy_and_hold(market: FloatArray) -> BuyAndHold:
    """Sum up what holding the market brought."""
    worth = np.concatenate(([1.0], np.cumprod(1.0 + market)))
    return BuyAndHold(
        total_return=float(worth[-1] - 1.0),
        sharpe=annual_sharpe(market),
        max_drawdown=float(np.max(1.0 - worth / np.maximum.accumulate(worth))),
        days=len(market),
    )


def annual_sharpe(daily: FloatArray) -> float | None:
    """Annualise the Sharpe ratio of daily simple returns; None where they do not vary."""
    if len(daily) < 2 or (spread := float(np.std(daily, ddof=1))) < _FLAT:
        return None
    return float(np.mean(daily)) / spread * sqrt(_YEAR)

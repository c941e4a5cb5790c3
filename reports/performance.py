"""Statistics of a report by the engine's analyzer, at 365 periods a year."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Final

from nautilus_trader import analysis

from morningstar_strategy.core.curves import DAY_NS
from morningstar_strategy.core.plans import Standing
from morningstar_strategy.core.records import Value
from morningstar_strategy.core.report import Report

__all__ = ["PERIODS_PER_YEAR", "Statistics", "statistics_of", "to_dict"]

PERIODS_PER_YEAR: Final = 365  # these markets never close; the engine's own default is 252


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Figures of the engine's analyzer; None where the figure does not exist.

    From daily simple returns (UTC days, a day without marks earns nothing): annualised by 365
    and with the sample's deviation (one degree of freedom lost); Sortino divides by the root mean
    square of the negative returns over all days; the drawdown is that of daily closes, negative,
    and so is never deeper than the one of the marks. From the net results of closed plans: the
    rest. The engine's `Expectancy` is not used: it leaves plans that broke even out of the mean
    while its `WinRate` counts them.
    """

    sharpe: float | None
    sortino: float | None
    calmar: float | None
    cagr: float | None
    volatility: float | None
    max_drawdown: float | None
    skewness: float | None
    excess_kurtosis: float | None
    value_at_risk: float | None  # of a day, 95 %
    expected_shortfall: float | None  # of a day, 95 %
    profit_factor: float | None
    win_rate: float | None
    average_win: float | None
    average_loss: float | None
    largest_win: float | None
    largest_loss: float | None


def statistics_of(report: Report) -> Statistics:
    """Compute the statistics of a report."""
    days = report.days
    returns = dict(zip(days.ts_event.tolist(), days.simple_return.tolist(), strict=True))
    closed = (row for row in report.plans if row.standing is Standing.CLOSED)
    return compute(returns, [float(row.net) for row in closed])


def compute(returns: Mapping[int, float], nets: Sequence[float]) -> Statistics:
    """Compute the statistics of daily returns (UNIX nanoseconds to fraction) and net results."""
    year = PERIODS_PER_YEAR
    return Statistics(
        sharpe=_finite(analysis.SharpeRatio(year).calculate_from_returns(returns)),
        sortino=_finite(analysis.SortinoRatio(year).calculate_from_returns(returns)),
        calmar=_finite(analysis.CalmarRatio(year).calculate_from_returns(returns)),
        cagr=_finite(analysis.CAGR(year).calculate_from_returns(returns)),
        volatility=_finite(analysis.ReturnsVolatility(year).calculate_from_returns(returns)),
        max_drawdown=_finite(analysis.MaxDrawdown().calculate_from_returns(returns)),
        skewness=_finite(analysis.ReturnsSkewness().calculate_from_returns(returns)),
        excess_kurtosis=_finite(analysis.ReturnsKurtosis().calculate_from_returns(returns)),
        value_at_risk=_finite(analysis.ValueAtRisk().calculate_from_returns(returns)),
        expected_shortfall=_finite(analysis.ExpectedShortfall().calculate_from_returns(returns)),
        profit_factor=_profit_factor(nets),
        win_rate=_finite(analysis.WinRate().calculate_from_realized_pnls(nets)),
        average_win=_finite(analysis.AvgWinner().calculate_from_realized_pnls(nets)),
        average_loss=_finite(analysis.AvgLoser().calculate_from_realized_pnls(nets)),
        largest_win=_finite(analysis.MaxWinner().calculate_from_realized_pnls(nets)),
        largest_loss=_finite(analysis.MaxLoser().calculate_from_realized_pnls(nets)),
    )


def _profit_factor(nets: Sequence[float]) -> float | None:
    """Divide what was won by what was lost.

    The engine's statistic answers only for returns, and compounds those of one day first: each
    result gets a day of its own.
    """
    apart = {index * DAY_NS: net for index, net in enumerate(nets)}
    return _finite(analysis.ProfitFactor().calculate_from_returns(apart))


def _finite(value: float | None) -> float | None:
    """Give a figure of the engine, None for its not-a-number."""
    return value if value is not None and isfinite(value) else None


def to_dict(statistics: Statistics) -> dict[str, Value]:
    """Write statistics as JSON values."""
    return {**asdict(statistics), "periods_per_year": PERIODS_PER_YEAR}

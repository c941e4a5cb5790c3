"""The engine's statistics against computations of our own, and where they are not to be used."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nautilus_trader import analysis

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.curves import DAY_NS
from reports.performance import PERIODS_PER_YEAR, compute, statistics_of, to_dict
from tests.demo import START_NS, demo_report

returns_lists = st.lists(st.floats(-0.2, 0.2), min_size=5, max_size=80).map(np.array)
results = st.lists(
    st.floats(-1e5, 1e5).filter(lambda value: value == 0 or abs(value) > 1e-2), max_size=40
)


def by_day(returns: FloatArray) -> dict[int, float]:
    return {
        START_NS + (number + 1) * DAY_NS: value for number, value in enumerate(returns.tolist())
    }


@given(returns_lists)
def test_ratios_are_annualised_by_365_with_the_deviation_of_a_sample(returns: FloatArray) -> None:
    deviation = float(np.std(returns, ddof=1))
    downside = sqrt(float(np.mean(np.minimum(returns, 0) ** 2)))
    assume(deviation > 1e-6 and downside > 1e-6)
    found = compute(by_day(returns), [])
    mean = float(np.mean(returns))
    assert found.sharpe == pytest.approx(mean / deviation * sqrt(365), rel=1e-6, abs=1e-9)
    assert found.sortino == pytest.approx(mean / downside * sqrt(365), rel=1e-6, abs=1e-9)
    assert found.volatility == pytest.approx(deviation * sqrt(365), rel=1e-6)


@given(returns_lists)
def test_growth_and_drawdown_are_those_of_the_compounded_curve(returns: FloatArray) -> None:
    curve = np.concatenate(([1.0], np.cumprod(1 + returns)))
    deepest = float(np.min(curve / np.maximum.accumulate(curve) - 1))
    growth = float(curve[-1] ** (365 / len(returns)) - 1)
    found = compute(by_day(returns), [])
    assert found.cagr == pytest.approx(growth, rel=1e-6, abs=1e-9)
    assert found.max_drawdown == pytest.approx(deepest, rel=1e-9, abs=1e-12)
    if deepest < -1e-6:
        assert found.calmar == pytest.approx(growth / abs(deepest), rel=1e-6, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(10, 120))
def test_the_shape_of_the_returns_is_that_of_a_sample(seed: int, count: int) -> None:
    returns = np.random.default_rng(seed).standard_t(5, count) * 0.02
    found = compute(by_day(returns), [])
    scaled = (returns - returns.mean()) / np.std(returns, ddof=1)
    skewness = count / ((count - 1) * (count - 2)) * np.sum(scaled**3)
    lead = count * (count + 1) / ((count - 1) * (count - 2) * (count - 3))
    excess = lead * np.sum(scaled**4) - 3 * (count - 1) ** 2 / ((count - 2) * (count - 3))
    assert found.skewness == pytest.approx(float(skewness), rel=1e-6, abs=1e-9)
    assert found.excess_kurtosis == pytest.approx(float(excess), rel=1e-6, abs=1e-9)
    edge = float(np.percentile(returns, 5))
    assert found.value_at_risk == pytest.approx(edge, rel=1e-9)
    beyond = float(np.mean(returns[returns <= edge]))
    assert found.expected_shortfall == pytest.approx(beyond, rel=1e-9)


@given(results)
def test_results_of_plans_are_counted_each_for_itself(nets: list[float]) -> None:
    found = compute({}, nets)
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    assert found.win_rate == (pytest.approx(len(wins) / len(nets)) if nets else None)
    assert found.average_win == (pytest.approx(sum(wins) / len(wins)) if wins else None)
    assert found.average_loss == (pytest.approx(sum(losses) / len(losses)) if losses else None)
    assert found.largest_win == (pytest.approx(max(wins)) if wins else None)
    assert found.largest_loss == (pytest.approx(min(losses)) if losses else None)
    if losses:
        assert found.profit_factor == pytest.approx(sum(wins) / -sum(losses), rel=1e-9)
    else:
        assert found.profit_factor is None


def test_the_engine_would_take_252_days_by_itself() -> None:
    returns = by_day(np.random.default_rng(2).normal(0.001, 0.02, 60))
    ours = compute(returns, []).sharpe
    silent = analysis.SharpeRatio().calculate_from_returns(returns)
    assert ours is not None
    assert silent is not None
    assert ours / silent == pytest.approx(sqrt(PERIODS_PER_YEAR / 252))


def test_the_engine_gathers_returns_of_one_utc_day_so_one_per_day_is_handed_over() -> None:
    hour = DAY_NS // 24
    hourly = {START_NS + number * hour: 0.001 * (-1) ** (number // 30) for number in range(240)}
    found = analysis.SharpeRatio(365).calculate_from_returns(hourly)
    each = np.array(list(hourly.values())).reshape(10, 24)
    whole = np.prod(1 + each, axis=1) - 1
    assert found == pytest.approx(float(np.mean(whole) / np.std(whole, ddof=1) * sqrt(365)))


def test_the_engine_does_not_count_days_that_are_missing_so_none_is_left_out() -> None:
    returns = np.array([0.01, -0.02, 0.03, 0.01])
    apart = {START_NS + 3 * number * DAY_NS: value for number, value in enumerate(returns.tolist())}
    growth = analysis.CAGR(365).calculate_from_returns(apart)
    assert growth == analysis.CAGR(365).calculate_from_returns(by_day(returns))


def test_the_engines_expectancy_forgets_plans_that_broke_even_and_is_not_used() -> None:
    nets = [10.0, -5.0, 0.0, 7.0]
    assert analysis.Expectancy().calculate_from_realized_pnls(nets) == pytest.approx(12 / 3)
    assert analysis.WinRate().calculate_from_realized_pnls(nets) == pytest.approx(2 / 4)
    assert "expectancy" not in to_dict(compute({}, nets))


def test_what_does_not_exist_is_none() -> None:
    nothing = compute({}, [])
    assert (nothing.sharpe, nothing.sortino, nothing.calmar, nothing.volatility) == (None,) * 4
    assert (nothing.win_rate, nothing.profit_factor, nothing.average_win) == (None,) * 3
    flat = compute(by_day(np.zeros(40)), [1.0])
    assert flat.sharpe is None
    assert (flat.cagr, flat.max_drawdown, flat.profit_factor) == (0.0, 0.0, None)


def test_statistics_of_a_report_are_those_of_its_days_and_closed_plans() -> None:
    report = demo_report(days=50, seed=4)
    found = statistics_of(report)
    returns = report.days.simple_return
    assert found.sharpe == pytest.approx(
        float(np.mean(returns) / np.std(returns, ddof=1) * sqrt(365))
    )
    assert found.win_rate == pytest.approx(report.summary.win_rate)
    assert report.summary.average_win is not None
    assert found.average_win == pytest.approx(float(report.summary.average_win))
    assert found.max_drawdown is not None
    assert -report.head.max_drawdown <= found.max_drawdown + 1e-12
    assert to_dict(found)["periods_per_year"] == 365

"""Laws of the trade rules that an evaluation trades by, and of the words that it speaks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.heads import Forecast
from morningstar_strategy.model.judging.findings import Metric
from morningstar_strategy.model.judging.market import exposure
from morningstar_strategy.model.judging.trades import RULES, Rule, one_at_a_time
from morningstar_strategy.model.judging.verdict import SURE_T, WEAK_T, Strength, strength

KELLY = RULES[-1]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=60))
def test_no_two_trades_are_open_at_once_and_none_is_missed(entries: list[tuple[int, int]]) -> None:
    held = dict(entries)
    rows = np.array(sorted(held), dtype=np.int64)
    exits = np.array([row + held[row] for row in sorted(held)], dtype=np.int64)
    taken = one_at_a_time(rows, exits).tolist()
    for before, after in pairwise(taken):
        assert rows[after] > exits[before]
    for at in set(range(len(rows))) - set(taken):
        assert any(rows[each] <= rows[at] <= exits[each] for each in taken)


def forecasts(touch: list[float], direction: list[float]) -> Forecast:
    count = len(touch)
    zeros, table = np.zeros(count), np.zeros((count, 4))
    return Forecast(
        touch=np.array(touch),
        direction=np.array(direction),
        ln_rv=zeros,
        turbulent=zeros,
        mfe_q=table,
        mae_q=table,
    )


PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


@given(PAIRS, st.floats(0, 0.1), st.floats(0, 0.1), st.floats(0, 0.2))
def test_a_dearer_trade_is_never_wanted_where_a_cheaper_one_was_not(
    pairs: list[tuple[float, float]], one: float, other: float, barrier: float
) -> None:
    forecast = forecasts([p for p, _ in pairs], [p for _, p in pairs])
    width: FloatArray = np.full(len(pairs), barrier)
    cheap = KELLY.wants(forecast, width, min(one, other))
    dear = KELLY.wants(forecast, width, max(one, other))
    assert not (dear & ~cheap).any()


@given(PAIRS, st.sampled_from(RULES), st.floats(0, 0.05))
def test_a_mirrored_forecast_is_traded_at_the_same_rows(
    pairs: list[tuple[float, float]], chosen: Rule, cost: float
) -> None:
    touch, up = [p for p, _ in pairs], [round(p, 3) for _, p in pairs]
    width: FloatArray = np.full(len(pairs), 0.03)
    mine = chosen.wants(forecasts(touch, up), width, cost)
    mirrored = chosen.wants(forecasts(touch, [1.0 - p for p in up]), width, cost)
    margin = [abs(max(p, 1 - p) - (chosen.threshold or 0.0)) for p in up]
    gain = [abs(t * abs(2 * p - 1) * 0.03 - cost) for t, p in zip(touch, up, strict=True)]
    clear = np.array(margin if chosen.threshold else gain) > 1e-9  # no rounding decides
    assert np.array_equal(mine[clear], mirrored[clear])


@given(st.floats(-50, 50), st.floats(-20, 20))
def test_skill_is_never_claimed_without_a_gain_and_a_t(skill: float, t: float) -> None:
    metric = Metric(
        family="gbm",
        head="touch",
        name="log_loss",
        value=1.0,
        baseline="prior",
        baseline_value=1.0,
        skill_percent=skill,
        error_percent=1.0,
        t=t,
        count=10,
    )
    found = strength(metric)
    assert (found is Strength.SIGNIFICANT) == (skill > 0 and t > SURE_T)
    assert (found is Strength.WEAK) == (skill > 0 and WEAK_T < t <= SURE_T)
    if found is Strength.WORSE:
        assert skill < 0
        assert t < 0


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10.0))
def test_beta_grows_with_the_stake_and_correlation_does_not(seed: int, stake: float) -> None:
    rng = np.random.default_rng(seed)
    market, own = rng.normal(0, 0.02, 61), rng.normal(0, 0.01, 60)
    one, many = exposure(own, market), exposure(stake * own, market)
    assert one is not None
    assert many is not None
    assert many[0] == pytest.approx(stake * one[0])
    assert many[1] == pytest.approx(one[1])

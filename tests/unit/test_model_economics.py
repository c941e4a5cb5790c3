"""What trade rules earn, against a simulation that walks bar by bar."""

from collections import defaultdict
from dataclasses import replace
from math import exp, expm1, prod, sqrt
from statistics import mean, stdev

import numpy as np
import pytest

from morningstar_strategy.core.sharpe import sharpe_evidence
from morningstar_strategy.model.judging.economics import economics, equity
from morningstar_strategy.model.judging.findings import Economics, TradeResult
from morningstar_strategy.model.judging.market import buy_and_hold, exposure, market_returns
from morningstar_strategy.model.judging.trades import (
    DAY_NS,
    RULES,
    Calendar,
    exit_rows,
    take_trades,
)
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.out_of_sample import OutOfSample
from tests.judged import market_panel, out_of_sample

COST = 0.0014
LEAN = {"gbm": 0.1, "hybrid": 0.0}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return market_panel()


@pytest.fixture(scope="module")
def oos(panel: Panel) -> OutOfSample:
    return out_of_sample(panel, direction=LEAN)


@pytest.fixture(scope="module")
def money(panel: Panel, oos: OutOfSample) -> Economics:
    return economics(panel, oos, champion="gbm", cost=COST, trials=40, seed=3)


def result(money: Economics, family: str, rule: str) -> TradeResult:
    return next(r for r in money.results if (r.family, r.rule) == (family, rule))


def simulated(
    panel: Panel, oos: OutOfSample, family: str, rule: str, cost: float
) -> list[tuple[int, float, float]]:
    """Walk through each instrument's bars and collect (exit moment, side, return of a long)."""
    forecast, at = oos.families[family], {int(row): i for i, row in enumerate(oos.rows)}
    trades: list[tuple[int, float, float]] = []
    for number in range(len(panel.instruments)):
        left = -1
        for row in np.flatnonzero(panel.instrument == number).tolist():
            if row <= left or row not in at:
                continue
            up, touch = float(forecast.direction[at[row]]), float(forecast.touch[at[row]])
            if rule == "kelly":
                odds = abs(touch * up - touch * (1 - up))
                wanted = odds * expm1(panel.labels.barrier[row]) > cost
            else:
                wanted = max(up, 1 - up) > float(rule.removeprefix("above "))
            if wanted:
                left = row + int(panel.labels.hit[row])
                gain = float(panel.labels.ret[row])
                trades.append((int(panel.ts_event[left]), 1.0 if up > 0.5 else -1.0, gain))
    return trades


def daily_of(panel: Panel, oos: OutOfSample, booked: list[tuple[int, float]]) -> list[float]:
    exits = panel.ts_event[oos.rows + panel.labels.hit[oos.rows]]
    first, last = (int(panel.ts_event[oos.rows].min()) - 1) // DAY_NS, (exits.max() - 1) // DAY_NS
    days: dict[int, float] = defaultdict(float)
    for moment, gain in booked:
        days[(moment - 1) // DAY_NS] += gain / len(panel.instruments)
    return [days[day] for day in range(first, int(last) + 1)]


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_trades_and_their_results_are_those_of_a_walk_through_the_bars(
    panel: Panel, oos: OutOfSample, money: Economics, rule: str
) -> None:
    trades = simulated(panel, oos, "gbm", rule, COST)
    found = result(money, "gbm", rule)
    gross = [side * gain for _, side, gain in trades]
    assert found.count == len(trades) > 20
    assert found.candidates >= found.count
    assert found.gross_bp == pytest.approx(1e4 * mean(gross))
    assert found.net_bp == pytest.approx(1e4 * (mean(gross) - COST))
    assert found.cost_bp == pytest.approx(14.0)
    assert found.win_rate == pytest.approx(mean(gain > COST for gain in gross))
    assert found.share_short == pytest.approx(mean(side < 0 for _, side, _ in trades))
    booked = [(moment, side * gain - COST) for moment, side, gain in trades]
    daily = daily_of(panel, oos, booked)
    assert money.days == len(daily)
    assert found.net_sharpe == pytest.approx(mean(daily) / stdev(daily) * sqrt(365))


def test_the_deflated_ratio_weighs_all_rules_of_all_families(
    panel: Panel, oos: OutOfSample, money: Economics
) -> None:
    series = {}
    for family in LEAN:
        for rule in RULES:
            trades = simulated(panel, oos, family, rule.name, COST)
            booked = [(moment, side * gain - COST) for moment, side, gain in trades]
            series[family, rule.name] = daily_of(panel, oos, booked)
    sharpes = [mean(daily) / stdev(daily) for daily in series.values()]
    for (family, name), daily in series.items():
        proof = sharpe_evidence(np.array(daily), trials=40, trial_sharpes=sharpes)
        assert proof is not None
        found = result(money, family, name)
        assert found.probabilistic == pytest.approx(proof.probabilistic)
        assert found.deflated == pytest.approx(proof.deflated)
        assert proof.deflated <= proof.probabilistic


def test_fewer_trials_than_rules_looked_at_are_not_believed(panel: Panel, oos: OutOfSample) -> None:
    found = economics(panel, oos, champion="gbm", cost=COST, trials=1, seed=3)
    assert found.trials_stated == 1
    assert found.trials == len(LEAN) * len(RULES)


def test_a_short_earns_the_simple_return_that_a_long_loses(panel: Panel, oos: OutOfSample) -> None:
    calendar = Calendar.of(panel, oos)
    every = RULES[0]
    forecast = oos.families["gbm"]
    downwards = replace(forecast, direction=np.full(len(oos), 0.2))
    upwards = replace(forecast, direction=np.full(len(oos), 0.8))
    short = take_trades(panel, oos, downwards, every, cost=0.0, calendar=calendar)
    long = take_trades(panel, oos, upwards, every, cost=0.0, calendar=calendar)
    assert np.array_equal(short.gross, -long.gross)
    barrier = float(panel.labels.barrier[oos.rows[0]])  # the same everywhere
    most = float(short.gross.max())
    assert most == pytest.approx(1.0 - exp(-barrier))  # no log return, which would flatter it


def test_kellys_rule_trades_only_above_the_cost_and_everywhere_without_one(
    panel: Panel, oos: OutOfSample
) -> None:
    dear = economics(panel, oos, champion="gbm", cost=0.5, trials=1, seed=3)
    assert result(dear, "gbm", "kelly").count == 0
    assert result(dear, "gbm", "kelly").net_bp is None
    assert result(dear, "gbm", "above 0.50").count > 0
    free = next(r for r in dear.zero_cost if r.rule == "kelly")
    assert free.candidates == len(oos)
    assert free.cost_bp == 0.0
    assert free.net_bp == free.gross_bp


def test_zero_cost_changes_only_the_cost_of_a_threshold_rule(money: Economics) -> None:
    free = next(r for r in money.zero_cost if r.rule == "above 0.52")
    paid = result(money, "gbm", "above 0.52")
    assert (free.count, free.gross_bp, free.share_short) == (
        paid.count,
        paid.gross_bp,
        paid.share_short,
    )
    assert free.net_sharpe == pytest.approx(paid.gross_sharpe)


def test_coin_flips_earn_nothing_but_pay_the_cost(panel: Panel, money: Economics) -> None:
    for flips in money.coin_flips:
        assert flips.count == result(money, "gbm", flips.rule).count
        low, middle, high = flips.net_bp
        assert low < middle < high
        error = 1e4 * float(np.std(panel.labels.ret[panel.labels.valid])) / sqrt(flips.count)
        assert middle == pytest.approx(-14.0, abs=error)
        assert high - low == pytest.approx(2 * 1.645 * error, rel=0.35)
    planted = next(f for f in money.coin_flips if f.rule == "above 0.50")
    assert planted.beaten == 1.0


def test_coins_fall_the_same_way_for_the_same_seed_only(panel: Panel, oos: OutOfSample) -> None:
    def flips(seed: int) -> tuple[float, ...]:
        found = economics(panel, oos, champion="hybrid", cost=COST, trials=1, seed=seed)
        return found.coin_flips[0].net_sharpe

    assert flips(5) == flips(5)
    assert flips(5) != flips(6)


def test_planted_skill_earns_and_ignorance_does_not(money: Economics) -> None:
    skilled, ignorant = result(money, "gbm", "above 0.50"), result(money, "hybrid", "above 0.50")
    assert skilled.gross_t is not None
    assert skilled.gross_t > 3.0
    assert ignorant.gross_t is not None
    assert abs(ignorant.gross_t) < 2.5
    assert ignorant.net_t is not None
    assert ignorant.net_t < -1.64


def test_the_market_is_the_mean_of_the_instruments_daily_returns(
    panel: Panel, oos: OutOfSample, money: Economics
) -> None:
    calendar = Calendar.of(panel, oos)
    closes: dict[int, dict[int, float]] = defaultdict(dict)
    for row in range(len(panel)):
        day = (int(panel.ts_event[row]) - 1) // DAY_NS
        closes[int(panel.instrument[row])][day] = float(panel.close[row])
    days = range(calendar.first, calendar.first + calendar.count)
    naive = [mean(own[day] / own[day - 1] - 1 for own in closes.values()) for day in days]
    market = market_returns(panel, calendar)
    assert market == pytest.approx(naive)
    assert money.buy_and_hold.total_return == pytest.approx(prod(1 + r for r in naive) - 1)
    assert money.buy_and_hold.sharpe == pytest.approx(mean(naive) / stdev(naive) * sqrt(365))
    earlier = market_returns(panel, calendar, lags=1)
    assert earlier[1:] == pytest.approx(market)


def test_a_market_without_a_price_on_a_day_is_flat_that_day() -> None:
    whole = market_panel(instruments=1, bars=240)
    day = (whole.ts_event - 1) // DAY_NS
    kept = day != day[0] + 4
    holed = replace(
        whole,
        features=whole.features[kept],
        instrument=whole.instrument[kept],
        ts_event=whole.ts_event[kept],
        close=whole.close[kept],
        age=whole.age[kept],
        labels=whole.labels.take(kept),
    )
    calendar = Calendar(first=int(day[0]) + 1, count=8)
    full, gap = market_returns(whole, calendar), market_returns(holed, calendar)
    assert gap[3] == 0.0
    assert (1 + gap[3]) * (1 + gap[4]) == pytest.approx((1 + full[3]) * (1 + full[4]))


def test_the_deepest_fall_is_from_the_highest_worth_so_far() -> None:
    held = buy_and_hold(np.array([0.5, -0.2, -0.5, 3.0]))
    assert held.max_drawdown == pytest.approx(0.6)
    assert held.total_return == pytest.approx(1.4)


def test_beta_counts_the_market_of_the_days_a_trade_lay_open() -> None:
    market = np.random.default_rng(4).normal(0.0, 0.02, 401)
    same_day = exposure(2.0 * market[1:] + 0.001, market[1:])
    assert same_day == pytest.approx((2.0, 1.0))
    day_before = exposure(-0.5 * market[:-1], market)
    assert day_before is not None
    assert day_before[0] == pytest.approx(-0.5)
    assert exposure(np.zeros(400), market) is None
    assert exposure(np.ones(2), market[:3]) is None


def test_equity_compounds_the_daily_returns_of_the_first_rule(
    panel: Panel, oos: OutOfSample
) -> None:
    curve = equity(panel, oos, family="gbm", cost=COST)
    trades = simulated(panel, oos, "gbm", "above 0.50", COST)
    net = daily_of(panel, oos, [(at, side * gain - COST) for at, side, gain in trades])
    gross = daily_of(panel, oos, [(at, side * gain) for at, side, gain in trades])
    assert curve.net[-1] == pytest.approx(prod(1 + r for r in net))
    assert curve.gross[-1] == pytest.approx(prod(1 + r for r in gross))
    assert len(curve.market) == len(curve.net) == len(net)


def test_a_trade_that_would_be_left_in_another_instrument_is_refused(panel: Panel) -> None:
    last = np.array([2_399], dtype=np.int64)  # of the first instrument
    hit = np.full(len(panel), 5, np.int32)
    wrong = replace(panel, labels=replace(panel.labels, hit=hit))
    with pytest.raises(ValueError, match="hit must stay within the instrument, was 5"):
        exit_rows(wrong, last)


def test_bars_that_reach_both_barriers_are_counted_as_unclear(
    panel: Panel, oos: OutOfSample
) -> None:
    marked = oos.rows % 7 == 0
    hit, touch = panel.labels.hit.copy(), panel.labels.touch.copy()
    hit[oos.rows[marked]], touch[oos.rows[marked]] = 3, 0
    wide = replace(panel, labels=replace(panel.labels, hit=hit, touch=touch))
    trades = take_trades(
        wide, oos, oos.families["gbm"], RULES[0], cost=COST, calendar=Calendar.of(wide, oos)
    )
    clear = take_trades(
        panel, oos, oos.families["gbm"], RULES[0], cost=COST, calendar=Calendar.of(panel, oos)
    )
    assert 0.02 < trades.unclear.mean() < 0.5
    assert not clear.unclear.any()
    assert (panel.labels.touch[oos.rows] == 0).any()  # left at the horizon: that is clear


def test_senseless_costs_and_trials_are_refused_with_their_value(
    panel: Panel, oos: OutOfSample
) -> None:
    with pytest.raises(ValueError, match=r"cost must be a fraction in \[0, 1\), was 14"):
        economics(panel, oos, champion="gbm", cost=14.0, trials=1, seed=3)
    with pytest.raises(ValueError, match="trials must be at least 1, was 0"):
        economics(panel, oos, champion="gbm", cost=COST, trials=0, seed=3)

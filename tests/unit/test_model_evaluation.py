"""What is measured of forecasts, against calculations that share no code with it."""

from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.model.heads import QUANTILES
from morningstar_strategy.model.judging.evaluation import Evaluation, Metric, OutOfSample, evaluate
from morningstar_strategy.model.judging.findings import HEADS
from morningstar_strategy.model.judging.scores import Scorer
from morningstar_strategy.model.judging.verdict import (
    Strength,
    direction_edge,
    plain_words,
    strength,
)
from morningstar_strategy.model.learning.dataset import Panel
from tests.judged import CONFIG, HOUR_NS, market_panel, out_of_sample

LEAN = {"gbm": 0.3, "hybrid": 0.0, "mlp": -0.3}
BLUR = {"gbm": 0.4, "hybrid": 0.8, "mlp": 1.2}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return market_panel()


@pytest.fixture(scope="module")
def oos(panel: Panel) -> OutOfSample:
    return out_of_sample(panel, direction=LEAN, volatility=BLUR)


@pytest.fixture(scope="module")
def found(panel: Panel, oos: OutOfSample) -> Evaluation:
    return evaluate(panel, oos, champion="gbm", cost=0.0014, trials=40)


def cross_entropy(p: float, event: bool) -> float:
    return -log(p if event else 1.0 - p)


def naive_t(differences: dict[int, list[float]], lag: int) -> float:
    """Add up per moment, then Newey-West with two plain loops."""
    series = [sum(values) for _, values in sorted(differences.items())]
    count, mean = len(series), sum(series) / len(series)
    total = sum((x - mean) ** 2 for x in series)
    for k in range(1, lag + 1):
        weight = 1.0 - k / (lag + 1)
        total += (
            2 * weight * sum((series[i] - mean) * (series[i - k] - mean) for i in range(k, count))
        )
    return mean / (sqrt(total) / count)


def by_moment(panel: Panel, rows: list[int], values: list[float]) -> dict[int, list[float]]:
    grouped: dict[int, list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        grouped.setdefault(int(panel.ts_event[row]), []).append(value)
    return grouped


def test_touch_is_scored_on_all_rows_against_the_prior(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    said, prior = oos.families["gbm"].touch.tolist(), oos.reference.touch.tolist()
    came = [bool(panel.labels.touch[row]) for row in oos.rows]
    mine = [cross_entropy(p, event) for p, event in zip(said, came, strict=True)]
    base = [cross_entropy(p, event) for p, event in zip(prior, came, strict=True)]
    metric = found.metric("gbm", "touch")
    assert metric.name == "log_loss"
    assert metric.baseline == "prior"
    assert metric.count == len(oos)
    assert metric.value == pytest.approx(sum(mine) / len(mine))
    assert metric.baseline_value == pytest.approx(sum(base) / len(base))
    assert metric.skill_percent == pytest.approx(100 * (1 - sum(mine) / sum(base)))
    gain = [b - m for b, m in zip(base, mine, strict=True)]
    grouped = by_moment(panel, oos.rows.tolist(), gain)
    assert metric.t == pytest.approx(naive_t(grouped, 4 * CONFIG.horizon))
    error = 100 * abs(sum(gain) / len(gain) / metric.t) / metric.baseline_value
    assert metric.error_percent == pytest.approx(error)


def test_direction_is_scored_on_touched_rows_only(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    at = [i for i, row in enumerate(oos.rows) if panel.labels.touch[row] == 1]
    up = [bool(panel.labels.up[oos.rows[i]] == 1) for i in at]
    mine = [
        cross_entropy(oos.families["gbm"].direction[i], event)
        for i, event in zip(at, up, strict=True)
    ]
    base = [cross_entropy(oos.reference.direction[i], e) for i, e in zip(at, up, strict=True)]
    metric = found.metric("gbm", "direction")
    assert 0 < metric.count == len(at) < len(oos)
    assert metric.value == pytest.approx(sum(mine) / len(mine))
    assert metric.skill_percent == pytest.approx(100 * (1 - sum(mine) / sum(base)))
    gain = [b - m for b, m in zip(base, mine, strict=True)]
    grouped = by_moment(panel, [int(oos.rows[i]) for i in at], gain)
    assert metric.t == pytest.approx(naive_t(grouped, 4 * CONFIG.horizon))


def test_volatility_is_scored_against_har_and_against_the_exponential_average(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    def loss(row: int, ln_h: float) -> float:
        error = max(-6.0, min(6.0, log(panel.labels.rv[row]) - ln_h))
        return exp(error) - error - 1.0

    def mean(forecast: np.ndarray) -> float:
        return float(np.mean([loss(int(r), h) for r, h in zip(oos.rows, forecast, strict=True)]))

    mine, har = mean(oos.families["gbm"].ln_rv), mean(oos.reference.ln_rv)
    ewma = mean(oos.ewma)
    against = {m.baseline: m for m in found.metrics if (m.family, m.head) == ("gbm", "volatility")}
    assert set(against) == {"har", "ewma"}
    assert against["har"].value == pytest.approx(mine)
    assert against["har"].baseline_value == pytest.approx(har)
    assert against["ewma"].baseline_value == pytest.approx(ewma)
    assert found.metric("har", "volatility", "ewma").value == pytest.approx(har)
    assert found.metric("har", "volatility", "ewma").baseline_value == pytest.approx(ewma)


def test_the_t_of_turbulence_allows_for_its_own_longer_horizon(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    pairs = zip(oos.turbulent.tolist(), oos.reference.turbulent, strict=True)
    base = [cross_entropy(p, event == 1) for event, p in pairs]
    pairs = zip(oos.turbulent.tolist(), oos.families["gbm"].turbulent, strict=True)
    mine = [cross_entropy(p, event == 1) for event, p in pairs]
    gain = [b - m for b, m in zip(base, mine, strict=True)]
    metric = found.metric("gbm", "regime")
    assert metric.baseline == "persistence"
    assert metric.value == pytest.approx(sum(mine) / len(mine))
    grouped = by_moment(panel, oos.rows.tolist(), gain)
    assert metric.t == pytest.approx(naive_t(grouped, 4 * CONFIG.regime_horizon))


def test_the_lag_is_counted_in_steps_of_the_decisions_made(panel: Panel, oos: OutOfSample) -> None:
    chosen = np.flatnonzero((panel.ts_event[oos.rows] // HOUR_NS) % 3 == 0)
    thinned = part(oos, chosen)
    metric = next(m for m in Scorer(panel, thinned).metrics() if m.head == "touch")
    came = panel.labels.touch[thinned.rows] == 1

    def losses(p: np.ndarray) -> np.ndarray:
        return -np.log(np.where(came, p, 1 - p))

    gain = losses(thinned.reference.touch) - losses(thinned.families["gbm"].touch)
    grouped = by_moment(panel, thinned.rows.tolist(), gain.tolist())
    assert metric.t == pytest.approx(naive_t(grouped, 4 * CONFIG.horizon // 3))


def test_excursions_are_scored_by_pinball_and_coverage(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    for head, q in (("mfe", oos.reference.mfe_q), ("mae", oos.reference.mae_q)):
        came = getattr(panel.labels, head)[oos.rows]
        total = 0.0
        for place, level in enumerate(QUANTILES):
            miss = came - q[:, place]
            total += float(np.where(miss > 0, level * miss, (level - 1) * miss).mean()) / 4
            inside = sum(1 for y, limit in zip(came, q[:, place], strict=True) if y <= limit)
            (held,) = [
                c for c in found.coverage if (c.family, c.head, c.nominal) == ("gbm", head, level)
            ]
            assert held.actual == pytest.approx(inside / len(came))
            assert held.count == len(came)
        metric = found.metric("gbm", "mfe" if head == "mfe" else "mae")
        assert metric.value == pytest.approx(total)
        assert metric.baseline == "train quantiles"


def test_a_family_that_repeats_its_baseline_has_no_skill_and_no_t(
    panel: Panel, oos: OutOfSample
) -> None:
    same = replace(oos, families={"copy": oos.reference})
    for metric in Scorer(panel, same).metrics():
        if metric.family == "copy" and metric.baseline != "ewma":
            assert (metric.skill_percent, metric.t, metric.error_percent) == (0.0, 0.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1.0))
def test_t_points_where_the_skill_does(
    panel: Panel, oos: OutOfSample, seed: int, crowded: float
) -> None:
    rng = np.random.default_rng(seed)
    moments, place = np.unique(panel.ts_event[oos.rows], return_inverse=True)
    share = np.where(rng.random(len(moments)) < crowded, 0.9, 0.1)  # of instruments that decide
    thinned = part(oos, np.flatnonzero(rng.random(len(oos)) < share[place]))
    scorer = Scorer(panel, thinned)
    quarterly = [each for quarter in scorer.quarters("hybrid") for each in quarter.metrics]
    for each in (*scorer.metrics(), *quarterly):
        assert each.t == 0.0 or np.sign(each.t) == np.sign(each.skill_percent)
        assert each.error_percent * abs(each.t) == pytest.approx(abs(each.skill_percent))
    for told in scorer.comparisons("hybrid"):
        assert told.t == 0.0 or np.sign(told.t) == np.sign(told.gain)


def test_a_moment_of_many_rows_weighs_as_many_in_skill_and_in_t(
    panel: Panel, oos: OutOfSample
) -> None:
    rng = np.random.default_rng(4)
    moments, place = np.unique(panel.ts_event[oos.rows], return_inverse=True)
    crowded = (rng.random(len(moments)) < 0.5)[place]
    kept = part(oos, np.flatnonzero(crowded | (panel.instrument[oos.rows] == 0)))
    lost = crowded[np.flatnonzero(crowded | (panel.instrument[oos.rows] == 0))]
    came = panel.labels.touch[kept.rows] == 1
    right = np.where(lost, 0.47, 0.55)
    even = replace(kept.reference, touch=np.full(len(kept), 0.5))
    guess = replace(even, touch=np.where(came, right, 1.0 - right))
    judged = replace(kept, reference=even, families={"gbm": guess})
    (metric,) = (m for m in Scorer(panel, judged).metrics() if m.head == "touch")
    gain = [log(p / 0.5) for p in right]
    grouped = by_moment(panel, kept.rows.tolist(), gain)
    assert sum(sum(values) / len(values) for values in grouped.values()) > 0.0
    assert metric.skill_percent == pytest.approx(100 * sum(gain) / len(gain) / log(2))
    assert metric.skill_percent < 0.0
    assert metric.t == pytest.approx(naive_t(grouped, 4 * CONFIG.horizon))


def test_planted_skill_is_found_and_planted_ignorance_is_not_called_skill(
    found: Evaluation,
) -> None:
    assert strength(found.metric("gbm", "direction")) is Strength.SIGNIFICANT
    assert strength(found.metric("hybrid", "direction")) in (Strength.NONE, Strength.WORSE)
    assert strength(found.metric("mlp", "direction")) is Strength.WORSE
    assert strength(found.metric("gbm", "volatility")) is Strength.SIGNIFICANT
    assert strength(found.metric("hybrid", "volatility")) is Strength.NONE
    assert strength(found.metric("mlp", "volatility")) is Strength.WORSE


def test_an_edge_that_pays_is_significant_unless_the_trials_were_a_lottery(
    panel: Panel, found: Evaluation
) -> None:
    alike = out_of_sample(panel, direction={"gbm": 0.3, "mlp": 0.3})
    assert evaluate(panel, alike, champion="gbm", cost=0.0014, trials=40).direction_edge == (
        "significant"
    )
    assert found.direction_edge == "weak"  # its trials spread so far that luck explains the best


def test_an_ignorant_champion_has_no_edge_and_is_told_so(panel: Panel, oos: OutOfSample) -> None:
    found = evaluate(panel, oos, champion="hybrid", cost=0.0014, trials=40)
    assert found.direction_edge == "none"
    assert any(said.startswith("Direction edge: none.") for said in found.plain_words)
    assert not any("can forecast in which direction" in said for said in found.plain_words)


def test_comparisons_are_the_mirror_image_when_the_champion_changes(
    panel: Panel, oos: OutOfSample
) -> None:
    scorer = Scorer(panel, oos)
    one = {(c.family, c.head): c for c in scorer.comparisons("gbm")}
    other = {(c.family, c.head): c for c in scorer.comparisons("mlp")}
    assert set(one) == {(name, head) for name in ("hybrid", "mlp") for head in HEADS}
    for head in HEADS:
        assert one["mlp", head].gain == pytest.approx(-other["gbm", head].gain)
        assert one["mlp", head].t == pytest.approx(-other["gbm", head].t)
    metrics = {(m.family, m.head): m for m in scorer.metrics() if m.baseline != "ewma"}
    difference = metrics["gbm", "touch"].value - metrics["mlp", "touch"].value
    assert one["mlp", "touch"].gain == pytest.approx(difference)


def test_quarters_add_up_to_the_whole(found: Evaluation) -> None:
    assert [quarter.name for quarter in found.quarters] == ["2023Q1", "2023Q2"]
    for whole in (m for m in found.metrics if m.family == "gbm"):
        parts = [
            next(m for m in q.metrics if (m.head, m.baseline) == (whole.head, whole.baseline))
            for q in found.quarters
        ]
        assert sum(part.count for part in parts) == whole.count
        weighted = sum(part.value * part.count for part in parts) / whole.count
        assert weighted == pytest.approx(whole.value)


def test_calibration_tables_hold_every_forecast_once(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    touched = int((panel.labels.touch[oos.rows] == 1).sum())
    for table in found.calibration:
        assert table.count == (len(oos) if table.head == "touch" else touched)
        assert sum(each.count for each in table.bins) == table.count
        miss = sum(each.count * abs(each.forecast - each.observed) for each in table.bins)
        assert table.ece == pytest.approx(miss / table.count)


def test_calibration_sees_a_probability_that_is_too_bold(panel: Panel, oos: OutOfSample) -> None:
    honest = oos.reference
    rows = panel.labels.touch[oos.rows] == 1
    bold = replace(honest, direction=np.full(len(oos), 0.9))
    both = replace(oos, families={"honest": honest, "bold": bold})
    tables = {t.family: t for t in Scorer(panel, both).calibration() if t.head == "direction"}
    share = float((panel.labels.up[oos.rows][rows] == 1).mean())
    assert tables["honest"].ece == pytest.approx(0.0, abs=1e-12)
    assert tables["bold"].ece == pytest.approx(0.9 - share)


def test_an_evaluation_survives_being_written_and_read(found: Evaluation) -> None:
    assert Evaluation.model_validate_json(found.model_dump_json()) == found
    assert found.trials == 40
    with pytest.raises(ValueError, match="family must have been evaluated, was none on touch"):
        found.metric("none", "touch")


def test_forecast_volatility_is_shown_without_overlap(
    panel: Panel, oos: OutOfSample, found: Evaluation
) -> None:
    curve = found.volatility
    assert curve.instrument == "I0"
    assert min(np.diff(curve.ts_event)) >= CONFIG.horizon * HOUR_NS
    row = int(np.flatnonzero(panel.ts_event == curve.ts_event[5])[0])
    assert curve.realised[5] == pytest.approx(sqrt(panel.labels.rv[row]))
    at = int(np.flatnonzero(oos.rows == row)[0])
    assert curve.forecast[5] == pytest.approx(exp(oos.families["gbm"].ln_rv[at] / 2))


def test_unsound_out_of_sample_sets_are_refused(panel: Panel, oos: OutOfSample) -> None:
    with pytest.raises(ValueError, match="rows must be sorted by fold, then row"):
        replace(oos, rows=oos.rows[::-1].copy())
    with pytest.raises(ValueError, match=f"ewma must be of {len(oos)} rows, was of 3"):
        replace(oos, ewma=np.zeros(3))
    with pytest.raises(ValueError, match="fold must be one of 1 folds, reached 1"):
        replace(oos, folds=("2023Q1",))
    with pytest.raises(ValueError, match="families must not be empty"):
        replace(oos, families={})
    unlabelled = np.arange(len(oos), dtype=np.int64)
    with pytest.raises(ValueError, match="rows must have labels, row 0 has none"):
        Scorer(panel, replace(oos, rows=unlabelled, fold=np.zeros(len(oos), np.int16)))
    with pytest.raises(ValueError, match="champion must be one of gbm, hybrid, mlp, was lstm"):
        evaluate(panel, oos, champion="lstm", cost=0.0014, trials=1)


def metric(head: str, t: float, baseline: str = "prior") -> Metric:
    return Metric.model_validate(
        {
            "family": "gbm",
            "head": head,
            "name": "loss",
            "value": 1.0 - 0.01 * t,
            "baseline": baseline,
            "baseline_value": 1.0,
            "skill_percent": t,
            "error_percent": 1.0,
            "t": t,
            "count": 1234,
        }
    )


BASELINES = (
    ("touch", "prior"),
    ("direction", "prior"),
    ("volatility", "har"),
    ("volatility", "ewma"),
    ("regime", "persistence"),
    ("mfe", "train quantiles"),
    ("mae", "train quantiles"),
)


def words(found: Evaluation, t: float) -> str:
    metrics = [metric(head, t, baseline) for head, baseline in BASELINES]
    said = plain_words(metrics, found.coverage, found.economics, champion="gbm", hours=24.0)
    return "\n".join(said)


def test_the_words_follow_the_numbers(found: Evaluation) -> None:
    nothing, sure, worse = words(found, 0.0), words(found, 5.0), words(found, -5.0)
    weak = words(found, 2.0)
    assert nothing.count("It has no significant skill") == 6
    assert "It can forecast" not in nothing + worse + weak
    assert sure.count("It can forecast") == 6
    assert "no significant skill" not in sure
    assert worse.count("It is worse than its baseline at forecasting") == 6
    assert "5.0 % higher than that of HAR" in worse
    assert "5.0 % lower than that of HAR" in sure
    assert weak.count("that may be luck") == 6
    assert "Direction edge: none." in nothing
    assert "Direction edge: none." in worse
    assert "Direction edge: weak." in weak
    assert "t = 5.0, 1,234 forecasts" in sure


def test_a_t_that_contradicts_its_skill_proves_nothing() -> None:
    assert (
        strength(metric("touch", 3.0).model_copy(update={"skill_percent": -1.0})) is Strength.NONE
    )


def test_an_edge_takes_skill_and_money_after_costs(found: Evaluation) -> None:
    money = found.economics.model_copy(
        update={
            "results": tuple(
                r.model_copy(update={"deflated": 0.96}) for r in found.economics.results
            )
        }
    )
    poor = money.model_copy(
        update={"results": tuple(r.model_copy(update={"deflated": 0.5}) for r in money.results)}
    )
    assert direction_edge(metric("direction", 3.0), money) == "significant"
    assert direction_edge(metric("direction", 3.0), poor) == "weak"
    assert direction_edge(metric("direction", 2.0), money) == "weak"
    assert direction_edge(metric("direction", 1.6), money) == "none"
    assert direction_edge(metric("direction", -3.0), money) == "none"
    rich_elsewhere = tuple(
        r.model_copy(update={"deflated": 0.99 if r.family == "mlp" else 0.5}) for r in money.results
    )
    other = money.model_copy(update={"results": rich_elsewhere})
    assert direction_edge(metric("direction", 3.0), other) == "weak"


def test_a_rule_that_never_trades_is_said_to_stay_out(found: Evaluation) -> None:
    quiet = {"count": 0, "candidates": 0, "gross_bp": None, "net_bp": None, "share_short": None}
    results = tuple(r.model_copy(update=quiet) for r in found.economics.results)
    silent = found.economics.model_copy(update={"results": results, "coin_flips": ()})
    metrics = [metric(head, 0.0, baseline) for head, baseline in BASELINES]
    said = " ".join(plain_words(metrics, found.coverage, silent, champion="gbm", hours=24.0))
    assert "so it will not take trades on its own" in said
    assert "It never preferred a side" in said


def part(oos: OutOfSample, at: np.ndarray) -> OutOfSample:
    return OutOfSample(
        rows=oos.rows[at],
        fold=oos.fold[at],
        folds=oos.folds,
        reference=oos.reference.take(at),
        ewma=oos.ewma[at],
        turbulent=oos.turbulent[at],
        families={name: each.take(at) for name, each in oos.families.items()},
    )


def test_the_card_knows_how_much_of_the_span_was_judged(found: Evaluation) -> None:
    step = HOUR_NS
    span = (found.end_ns - found.start_ns) // step + 1
    rows = span * len(found.instruments)
    whole = found.model_copy(update={"count": rows})
    assert whole.coverage_of_span == pytest.approx(1.0)
    half = found.model_copy(update={"count": rows // 2})
    assert half.coverage_of_span == pytest.approx(0.5, abs=1e-3)

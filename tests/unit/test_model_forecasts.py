"""Predictions of a bundle: what they say, when it abstains, and how they are looked up."""

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import WARMUP, batch, index_of
from morningstar_strategy.core.prediction import Forecaster, Prediction, Predictor
from morningstar_strategy.model.bundle import BundleError, MorningstarModel
from morningstar_strategy.model.forecast_table import TOO_EARLY
from morningstar_strategy.model.forecasts import (
    ForecastTable,
    StreamForecaster,
    TableForecaster,
    tabulate,
)
from morningstar_strategy.model.heads import OUTPUTS, QUANTILES
from morningstar_strategy.model.learning.labels import LabelConfig
from morningstar_strategy.model.predictor import BaselinePredictor, BundlePredictor
from morningstar_strategy.model.reading import COLUMNS, Reader
from tests.models import HOUR_NS, START_NS, market, tame_features, tiny_bundle

NAME = "BTCUSDT-PERP.BINANCE"
DAY_NS = 24 * HOUR_NS
EARLY = 2_400  # bars of history, into the strange middle of a market


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> BundlePredictor:
    return BundlePredictor(MorningstarModel(tiny_bundle(tmp_path_factory.mktemp("b") / "one")))


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> BundlePredictor:
    folder = tiny_bundle(tmp_path_factory.mktemp("b") / "four", window=4)
    return BundlePredictor(MorningstarModel(folder))


@pytest.fixture(scope="module")
def strange() -> BarWindow:
    return market(5_000, seed=5, strange=True)


def told(forecaster: Forecaster, bars: BarWindow) -> list[Prediction | None]:
    return [forecaster.absorb(*row) for row in bars.rows()]


def assert_same(one: Prediction | None, other: Prediction | None) -> None:
    if one is None or other is None:
        assert one is other
        return
    names = ("instrument_id", "ts_event", "model", "abstained")
    assert [getattr(one, n) for n in names] == [getattr(other, n) for n in names]
    for name in COLUMNS:
        here, there = getattr(one, name), getattr(other, name)
        assert math.isclose(here, there, rel_tol=1e-6, abs_tol=1e-9), name


@pytest.mark.parametrize("which", ["one", "four"])
@pytest.mark.parametrize("history", [0, 300, EARLY])
def test_stream_and_table_say_the_same_of_every_bar(
    which: str, history: int, strange: BarWindow, request: pytest.FixtureRequest
) -> None:
    predictor: BundlePredictor = request.getfixturevalue(which)
    table = tabulate(predictor, strange)
    streamed = told(StreamForecaster(NAME, predictor, strange[:history]), strange[history:])
    looked_up = told(TableForecaster(NAME, table), strange[history:])
    for stream, lookup in zip(streamed, looked_up, strict=True):
        assert_same(stream, lookup)
    reasons = Counter(each.abstained for each in streamed if each is not None)
    assert set(reasons) == {"", predictor.reasons[1], predictor.reasons[2]}
    assert min(reasons.values()) > 100
    early = sum(each is None for each in streamed)
    assert early == max(WARMUP - 1 + predictor.window - 1 - history, 0)


def test_neither_threads_nor_blocks_change_a_table(
    four: BundlePredictor, strange: BarWindow
) -> None:
    whole = tabulate(four, strange)
    for threads, block in ((1, 1), (1, 100), (2, 37), (3, 1_000), (2, 100_000)):
        bars = strange[:1_500] if block == 1 else strange
        other = tabulate(four, bars, threads=threads, block=block)
        assert np.allclose(other.values, whole.values[: len(bars)], rtol=1e-6, atol=1e-9)
        assert np.array_equal(other.codes, whole.codes[: len(bars)])
    pooled = tabulate(four, strange, threads=2)
    assert np.array_equal(pooled.values, whole.values)


def test_a_table_tells_its_progress(one: BundlePredictor) -> None:
    shares: list[float] = []
    tabulate(one, market(2_000), block=500, threads=2, progress=shares.append)
    assert shares == [0.5, 0.75, 1.0]
    assert len(tabulate(one, market(10)).values) == 10
    with pytest.raises(ValueError, match="threads and block must be at least 1"):
        tabulate(one, market(10), threads=0)


def test_too_few_bars_forecast_nothing(one: BundlePredictor, four: BundlePredictor) -> None:
    bars = market(WARMUP + 5)
    assert (tabulate(one, bars).codes == TOO_EARLY).sum() == WARMUP - 1
    assert (tabulate(four, bars).codes == TOO_EARLY).sum() == WARMUP + 2
    assert (tabulate(four, bars[: WARMUP + 2]).codes == TOO_EARLY).all()


def test_a_prediction_is_the_model_s_outputs_in_the_words_of_a_trade(four: BundlePredictor) -> None:
    window = tame_features()[10:14]
    said = four.predict(NAME, START_NS, 99.5, window)
    answer = four.bundle.predict({"bars": window[None].astype(np.float32)})
    short, flat, long = answer["signal"][0].tolist()
    rise, fall = answer["mfe_q"][0].tolist(), answer["mae_q"][0].tolist()
    scale = window[-1, index_of("volatility_96")] * math.sqrt(24)
    assert said.odds == pytest.approx((short, flat, long), abs=1e-6)
    assert said.confidence == pytest.approx(max(short, long) / (short + long))
    assert said.volatility == pytest.approx(math.sqrt(math.exp(answer["ln_rv"][0]) / 24))
    assert said.turbulence == pytest.approx(answer["regime"][0, 1])
    assert said.barrier == pytest.approx(math.expm1(max(scale, 0.004)))
    assert said.efficiency == window[-1, index_of("efficiency_ratio_96")]
    adverse, favourable = (fall, rise) if long >= short else (rise, fall)
    sign = 1 if long >= short else -1
    stop, target = scale * adverse[QUANTILES.index(0.9)], scale * favourable[QUANTILES.index(0.5)]
    assert said.stop_distance == pytest.approx(-sign * math.expm1(-sign * stop))
    assert said.target_distance == pytest.approx(sign * math.expm1(sign * target))
    assert (said.instrument_id, said.ts_event, said.price) == (NAME, START_NS, 99.5)
    assert said.model == f"tiny-1h-20240101-00000000-{four.bundle.sha256[:12]}"
    assert said.abstained == ""


@pytest.mark.parametrize(
    ("signal", "stop", "target"),
    [
        ((0.2, 0.5, 0.3), -math.expm1(-0.2), math.expm1(0.3)),
        ((0.3, 0.5, 0.2), math.expm1(0.4), -math.expm1(-0.1)),
        ((0.25, 0.5, 0.25), -math.expm1(-0.2), math.expm1(0.3)),
    ],
)
def test_a_short_reads_the_excursions_the_other_way_round(
    signal: tuple[float, float, float], stop: float, target: float
) -> None:
    vector = np.zeros((1, len(tame_features()[0])))
    vector[0, index_of("volatility_96")] = 0.01
    labels = LabelConfig(horizon=100, barrier_sigmas=0.5, min_barrier=0.004)  # scale .1
    values = Reader(labels=labels).values(
        {
            "signal": np.array([signal], np.float32),
            "ln_rv": np.array([math.log(100 * 0.02**2)], np.float32),
            "regime": np.array([[0.4, 0.6]], np.float32),
            "mfe_q": np.array([[1.0, 3.0, 3.5, 4.0]], np.float32),
            "mae_q": np.array([[0.5, 1.0, 1.5, 2.0]], np.float32),
        },
        np.array([10.0]),
        vector,
    )[0]
    said = dict(zip(COLUMNS, values.tolist(), strict=True))
    assert said["stop_distance"] == pytest.approx(stop)
    assert said["target_distance"] == pytest.approx(target)
    assert said["barrier"] == pytest.approx(math.expm1(0.05))
    assert said["volatility"] == pytest.approx(0.02)
    assert said["turbulence"] == pytest.approx(0.6)


def test_a_bundle_abstains_from_its_last_day_on(tmp_path: Path) -> None:
    predictor = BundlePredictor(MorningstarModel(tiny_bundle(tmp_path / "old", life_days=3)))
    last, window = START_NS + 3 * DAY_NS, tame_features()[:1]
    assert predictor.predict(NAME, last, 10.0, window).abstained == ""
    late = predictor.predict(NAME, last + 1, 10.0, window)
    assert late.abstained == "the model expired on 2024-01-04, 3 days after its training ended"
    assert (late.odds, late.confidence) == ((0.0, 1.0, 0.0), 0.0)
    bars = market(WARMUP + 100)
    table = tabulate(predictor, bars)
    assert Counter(table.codes[WARMUP - 1 :].tolist()) == {1: 101}


def test_an_abstaining_model_still_tells_risk(one: BundlePredictor) -> None:
    vector = tame_features()[:1].copy()
    plain = one.predict(NAME, START_NS, 10.0, vector)
    vector[0, [index_of("volume_z_96"), index_of("wick_balance"), index_of("macd")]] = 1e6
    odd = one.predict(NAME, START_NS, 10.0, vector)
    assert (plain.abstained, odd.abstained) == ("", one.reasons[1])
    assert (odd.odds, odd.confidence) == ((0.0, 1.0, 0.0), 0.0)
    assert odd.barrier == plain.barrier > 0.0
    assert odd.volatility > 0.0 < odd.stop_distance


def test_as_many_outliers_as_training_had_are_borne(one: BundlePredictor) -> None:
    vector = tame_features()[:1].copy()
    assert one.bundle.manifest.features.max_outliers == 1
    vector[0, index_of("macd")] = 1e6
    assert one.predict(NAME, START_NS, 10.0, vector).abstained == ""
    vector[0, index_of("wick_balance")] = -1e6
    said = one.predict(NAME, START_NS, 10.0, vector).abstained
    assert said == (
        "more than 1 of the bar's features lie far outside what the model was trained on"
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_vector_with_no_number_in_it_is_refused(one: BundlePredictor, value: float) -> None:
    window = tame_features()[:1].copy()
    window[0, index_of("rsi_14")] = value
    with pytest.raises(BundleError, match=f"rsi_14 in bars must be finite, was {value}"):
        one.predict(NAME, START_NS, 10.0, window)


def test_a_window_of_another_shape_is_refused(four: BundlePredictor) -> None:
    for window in (tame_features()[:3], tame_features()[:4, :39], tame_features()[0]):
        with pytest.raises(BundleError, match="bars must have shape"):
            four.predict(NAME, START_NS, 10.0, window)
    with pytest.raises(ValueError, match="price must be positive"):
        four.predict(NAME, START_NS, 0.0, tame_features()[:4])


def test_odds_that_are_none_are_refused() -> None:
    sound = {name: np.ones((1, 4), np.float32) for name in OUTPUTS} | {"ln_rv": np.ones(1, "f4")}
    for signal in ((0.2, 0.2, 0.2), (-0.1, 0.6, 0.5), (np.nan, 0.5, 0.5)):
        outputs = sound | {"signal": np.array([signal], np.float32)}
        with pytest.raises(ValueError, match="signal must be probabilities that sum to 1"):
            Reader(labels=LabelConfig()).values(outputs, np.ones(1), tame_features()[:1])


def test_a_table_is_walked_in_order(one: BundlePredictor) -> None:
    bars = market(WARMUP + 50)
    forecaster = TableForecaster(NAME, tabulate(one, bars))
    rows = list(bars.rows())
    assert forecaster.absorb(*rows[0]) is None
    said = forecaster.absorb(*rows[700])  # of the bars between none came
    assert said is not None
    assert said.ts_event == rows[700][0]
    with pytest.raises(ValueError, match=f"must be after {rows[700][0]}, was {rows[700][0]}"):
        forecaster.absorb(*rows[700])
    with pytest.raises(ValueError, match=f"must be after {rows[700][0]}, was {rows[5][0]}"):
        forecaster.absorb(*rows[5])
    between = rows[701][0] - 1
    with pytest.raises(ValueError, match=f"must be of a bar in the table, was {between}"):
        forecaster.absorb(between, *rows[701][1:])
    with pytest.raises(ValueError, match="must be of a bar in the table"):
        forecaster.absorb(rows[-1][0] + 1, *rows[701][1:])
    assert forecaster.absorb(*rows[701]) is not None
    ts, open_, high, low, close, volume = rows[702]
    with pytest.raises(ValueError, match=rf"close at {ts} must be {close} as forecast from"):
        forecaster.absorb(ts, open_, high, low, close * 1.001, volume)


def test_a_table_counts_its_abstentions_and_knows_its_best_bar(
    one: BundlePredictor, strange: BarWindow
) -> None:
    table = tabulate(one, strange)
    rows = np.arange(len(table)) >= EARLY
    said = [p for p in told(TableForecaster(NAME, table), strange)[EARLY:] if p is not None]
    counted = Counter(p.abstained for p in said if p.abstained)
    assert table.abstentions(rows) == counted
    best = max(abs(p.p_long - p.p_short) * p.barrier for p in said if not p.abstained)
    assert table.expected_move()[rows].max() == pytest.approx(best)
    assert np.isneginf(table.expected_move()[table.codes != 0]).all()
    assert table.abstentions(np.zeros(len(table), bool)) == {}
    with pytest.raises(ValueError, match=r"column must be one of .*, was luck"):
        table.column("luck")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": np.zeros((2, 3))}, "values must have shape"),
        ({"codes": np.zeros(3, np.int8)}, "codes must have shape"),
        ({"codes": np.array([0, 2], np.int8)}, r"codes must be in \[-1, 1\], was 2 at bar 1$"),
        ({"codes": np.array([-2, 3], np.int8)}, r"codes must be in \[-1, 1\], was -2 at bar 0$"),
        (
            {"ts_event": np.array([2, 2])},
            "ts_event must be strictly increasing, was 2 after 2 at bar 1$",
        ),
    ],
)
def test_a_table_cannot_exist_wrong(change: dict[str, object], words: str) -> None:
    parts: dict[str, object] = {
        "model": "m",
        "reasons": ("why",),
        "ts_event": np.array([1, 2]),
        "values": np.zeros((2, len(COLUMNS))),
        "codes": np.zeros(2, np.int8),
    }
    ForecastTable(**parts)  # type: ignore[arg-type]  # sound ones
    with pytest.raises(ValueError, match=words):
        ForecastTable(**(parts | change))  # type: ignore[arg-type]  # and one that is not


def test_the_baseline_streams_too() -> None:
    predictor: Predictor = BaselinePredictor(BaselineRule())
    bars = market(WARMUP + 600, strange=True)
    vectors = batch(bars)
    streamed = told(StreamForecaster(NAME, predictor, bars[:650]), bars[650:])
    assert predictor.window == 1
    for at, said in enumerate(streamed, start=650):
        if at < WARMUP - 1:
            assert said is None
            continue
        ts, close = int(bars.ts_event[at]), float(bars.close[at])
        assert said == predictor.predict(NAME, ts, close, vectors[at : at + 1])
    assert sum(said is not None for said in streamed) == 601


def test_a_late_or_unsound_bar_changes_no_forecast(four: BundlePredictor) -> None:
    bars = market(WARMUP + 40)
    rows = list(bars.rows())
    plain = StreamForecaster(NAME, four, bars[:WARMUP])
    disturbed = StreamForecaster(NAME, four, bars[:WARMUP])
    for row in rows[WARMUP:]:
        with pytest.raises(ValueError, match="ts_event must be after"):
            disturbed.absorb(*rows[WARMUP - 1])
        with pytest.raises(ValueError, match=r"close|low|high"):
            disturbed.absorb(*row[:4], math.nan, row[5])
        assert disturbed.absorb(*row) == plain.absorb(*row)


def test_serving_a_bundle_needs_no_training_library(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "served", window=4)
    code = (
        "import sys, pathlib\n"
        "from morningstar_strategy.model.bundle import MorningstarModel\n"
        "from morningstar_strategy.model.forecast_cache import ForecastCache\n"
        "from morningstar_strategy.model.forecasts import StreamForecaster\n"
        "from morningstar_strategy.model.predictor import BundlePredictor\n"
        "predictor = BundlePredictor(MorningstarModel(pathlib.Path(sys.argv[1])))\n"
        "StreamForecaster('A.B', predictor)\n"
        "heavy = {'torch', 'onnx', 'lightgbm', 'sklearn', 'onnxscript', 'onnxmltools', 'pandas',\n"
        "         'pyarrow', 'nautilus_trader', 'plotly', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.stdout.strip() == "[]"
    assert ran.stderr == ""

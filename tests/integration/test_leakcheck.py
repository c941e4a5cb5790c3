"""The leak check of a configuration: every detector looks at what is really used, and finds it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import yaml

from backtests.errors import BacktestError
from backtests.leakcheck import main
from backtests.leaks.findings import Check, Clean, Detector, Finding, NotApplicable
from backtests.leaks.lessons import look_at_lessons
from backtests.leaks.looks import look_at_features, look_at_forecasts, look_at_windows
from backtests.leaks.subject import Subject, load_subject, stretch_of
from backtests.leaks.surroundings import look_at_outside
from morningstar_strategy.core.features import FeatureStream
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.learning import baselines, dataset, splits
from morningstar_strategy.model.learning.labels import label
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings
from tests.catalogs import BTC, new, steady
from tests.models import tiny_bundle
from tests.outside import BARS, DVOL, FEAR, HOUR_NS, START_NS, make_catalog

CONFIG: Final = Path(__file__).parents[2] / "config" / "supervised.yaml"
NEWS: Final = "crypto-news"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_catalog(tmp_path_factory.mktemp("leaks") / "catalog")


@pytest.fixture(scope="module")
def settings(catalog: Path) -> Settings:
    """Use everything that there is to use: a model, series from outside, a supervisor."""
    return load_settings(CONFIG, overrides=overrides(catalog))


def overrides(catalog: Path) -> list[str]:
    return [
        f"data.catalog={catalog}",
        f"data.instruments=[{BTC}]",
        "data.interval=1h",
        "data.end=null",
        "predictor=bundle",
        f"data.externals=[{DVOL}, {FEAR}, {NEWS}]",
    ]


def changed(catalog: Path, *others: str) -> list[str]:
    return [part for each in (*overrides(catalog), *others) for part in ("--set", each)]


@pytest.fixture(scope="module")
def subject(settings: Settings) -> Subject:
    return load_subject(settings, bars=700, seed=1)


def leaks(checks: Iterator[Check]) -> set[Detector]:
    return {each.detector for each in checks if isinstance(each.verdict, Finding)}


# ---------------------------------------------------------------- the command


def test_the_command_finds_the_tree_clean_with_every_detector_at_work(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.parent.rglob("*"))
    asked = ["--config", str(CONFIG), *changed(catalog), "--bars", "300", "--json"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clean"] is True
    assert {each["verdict"] for each in told["checks"]} == {"clean"}
    assert {each["detector"] for each in told["checks"]} == {each.value for each in Detector}
    assert all(each["evidence"] for each in told["checks"])
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_leak_is_told_in_a_table_with_its_column_and_ends_with_1(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peeking(monkeypatch)
    monkeypatch.setenv("COLUMNS", "240")
    off = changed(catalog, "supervisor.source=off", "predictor=baseline", "data.externals=[]")
    assert main(["--config", str(CONFIG), *off, "--bars", "300"]) == 1
    told = capsys.readouterr().out
    (line,) = [line for line in told.splitlines() if "prefix_invariance" in line and "40 " in line]
    assert "LEAK" in line
    assert "changes in column momentum_1 when the bars from" in line
    assert " became " in line
    assert "supervisor.source is off: nobody is asked anything" in told
    assert "nothing of it was ever learnt" in told
    assert "data.externals names no series" in told
    assert "LEAKS WERE FOUND." in told


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("data.interval=5m", "holds no 5m bars of BTCUSDT-PERP.BINANCE"),
        ("data.catalog=nowhere", "catalog nowhere holds no 1h bars"),
        ("data.externals=[gone]", "nothing from outside named 'gone'"),
        ("predictor={kind: bundle, bundle: gone}", "bundle must be default, champion, a name in"),
        ("data.end=2023-09-02", "bars that all instruments have in the span must be at least 300"),
        ("data.tart=2023-09-02", "tart"),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence_and_2(
    catalog: Path, other: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(CONFIG), *changed(catalog, other)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("error: ")
    assert sentence in line


@pytest.mark.parametrize(("option", "value"), [("--bars", "299"), ("--seed", "-1")])
def test_an_impossible_option_is_named_with_its_value(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option, value])
    assert ended.value.code == 2
    assert f"{option} must" in capsys.readouterr().err


# ---------------------------------------------------------------- leaks in the tree itself


def peeking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first feature of a series be that of the bar after it."""
    original = FeatureStream.extend

    def extend(self: FeatureStream, bars: Any) -> Any:
        out = original(self, bars)
        out[:-1, 0] = out[1:, 0]
        return out

    monkeypatch.setattr(FeatureStream, "extend", extend)


def test_a_feature_of_ours_that_peeks_is_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert leaks(look_at_features(subject)) == set()
    peeking(monkeypatch)
    assert leaks(look_at_features(subject)) == {
        Detector.PREFIX_INVARIANCE,
        Detector.FUTURE_SHOCK,
        Detector.BATCH_AGAINST_STREAM,
    }


def test_a_forecast_of_ours_that_peeks_is_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = BundlePredictor.read

    def read(self: BundlePredictor, ts: Any, price: Any, vectors: Any, windows: Any) -> Any:
        return original(self, ts, price, vectors, np.roll(windows, -1, axis=0))

    monkeypatch.setattr(BundlePredictor, "read", read)
    assert leaks(look_at_forecasts(subject)) >= {
        Detector.FUTURE_SHOCK,
        Detector.BATCH_AGAINST_STREAM,
    }


def test_windows_that_are_learnt_a_bar_late_are_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = dataset.windows

    def late(panel: Any, rows: Any, length: int) -> Any:
        return original(panel, np.minimum(rows + 1, len(panel) - 1), length)

    assert leaks(look_at_windows(subject)) == set()
    monkeypatch.setattr(dataset, "windows", late)
    assert leaks(look_at_windows(subject)) == {Detector.BATCH_AGAINST_STREAM}


def _unpurged(panel: Any, fold: Any, rows: Any, *, stride: int) -> Any:
    chosen = rows[panel.ts_event[rows] < fold.test_start_ns]
    return chosen[::stride]


def _further(bars: Any, sigma: Any, config: Any) -> Any:
    labels = _LABEL(bars, sigma, config)
    return replace(labels, rv_long=np.append(labels.rv_long[1:], np.nan))


def _of_all_rows(panel: Any, rows: Any, config: Any) -> Any:
    del rows
    return _FIT(panel, dataset.usable(panel, 1), config)


_LABEL: Final = label
_FIT: Final = baselines.fit


@pytest.mark.parametrize(
    ("room", "name", "leaking", "detector"),
    [
        (splits, "train_rows", _unpurged, Detector.EMBARGO),
        (dataset, "label", _further, Detector.LABEL_HORIZON),
        (baselines, "fit", _of_all_rows, Detector.SCALER_WINDOW),
    ],
)
def test_a_training_of_ours_that_knows_the_test_is_found(
    room: Any,
    name: str,
    leaking: Callable[..., Any],
    detector: Detector,
    subject: Subject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, name, leaking)
    assert detector in leaks(look_at_lessons(subject))


def test_what_is_shown_hours_before_it_was_known_is_found(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Timeline.as_of

    def as_of(self: Timeline, ts: int, symbol: str | None = None) -> Any:
        return original(self, ts + 6 * HOUR_NS, symbol)

    assert leaks(look_at_outside(subject)) == set()
    monkeypatch.setattr(Timeline, "as_of", as_of)
    assert leaks(look_at_outside(subject)) == {Detector.KNOWN_AT}


def test_a_number_that_a_prompt_would_show_too_early_is_found_and_ends_no_program(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Timeline.as_of

    def as_of(self: Timeline, ts: int, symbol: str | None = None) -> Any:
        return original(self, ts + 30 * HOUR_NS, symbol)

    monkeypatch.setattr(Timeline, "as_of", as_of)
    words = ("--config", str(CONFIG), *changed(catalog), "--bars", "300", "--json")
    assert main(words) == 1
    told = json.loads(capsys.readouterr().out)["checks"]
    found = [each for each in told if each["verdict"] == "leak"]
    assert {each["detector"] for each in found} >= {"known_at"}
    assert any("was not known yet at" in each["evidence"] for each in found)


def test_series_that_a_model_is_fed_are_looked_at_as_learnt_and_as_served(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"seed": 3, "outside": [DVOL, FEAR, "gone-outside"]}
    folder = tiny_bundle(tmp_path / "tiny", window=2, alt=True, recipe=recipe)
    predictor = settings.predictor.model_copy(update={"bundle": str(folder)})
    fed = load_subject(settings.model_copy(update={"predictor": predictor}), bars=700, seed=1)
    checks = list(look_at_outside(fed))
    assert [each.detector for each in checks] == [
        Detector.KNOWN_AT,
        Detector.KNOWN_AT,
        Detector.BATCH_AGAINST_STREAM,
    ]
    assert all(isinstance(each.verdict, Clean) for each in checks)
    lessons = {each.detector: each.verdict for each in look_at_lessons(fed)}
    assert isinstance(lessons[Detector.LABEL_HORIZON], Clean)
    match lessons[Detector.SCALER_WINDOW]:
        case NotApplicable(reason=reason):
            assert reason.startswith("its training cannot be gone through again: its recipe is")
        case other:
            raise AssertionError(other)
    original = Timeline.column

    def column(self: Timeline, source: str, stamps: Any) -> Any:
        return original(self, source, stamps + 3 * HOUR_NS)

    monkeypatch.setattr(Timeline, "column", column)
    assert leaks(look_at_outside(fed)) == {Detector.KNOWN_AT}


# ---------------------------------------------------------------- which bars are looked at


def test_a_stretch_crosses_a_quarter_where_a_model_can_learn_before_it(settings: Settings) -> None:
    for seed in range(5):
        stretch = stretch_of(settings, bars=700, seed=seed)
        assert stretch.quarter_ns is not None
        assert stretch.start_ns < stretch.quarter_ns < stretch.end_ns
        assert stretch == stretch_of(settings, bars=700, seed=seed)
        assert stretch.end_ns - stretch.start_ns == 700 * HOUR_NS


def test_a_stretch_lies_within_the_span_of_the_settings(catalog: Path) -> None:
    asked = ("data.start=2023-10-20", "data.end=2023-12-20")
    settings = load_settings(CONFIG, overrides=[*overrides(catalog), *asked])
    start, end = settings.data.start, settings.data.end
    assert start is not None
    assert end is not None
    places = {stretch_of(settings, bars=400, seed=seed) for seed in range(8)}
    assert len(places) > 1
    for stretch in places:
        assert stretch.quarter_ns is None
        assert start.timestamp() * 1e9 <= stretch.start_ns
        assert stretch.end_ns <= end.timestamp() * 1e9
    (whole,) = {stretch_of(settings, bars=10**6, seed=seed) for seed in range(3)}
    assert whole.end_ns - whole.start_ns == 61 * 24 * HOUR_NS


def test_all_bars_of_a_short_catalog_are_looked_at(settings: Settings) -> None:
    stretch = stretch_of(settings, bars=10**6, seed=0)
    assert (stretch.start_ns, stretch.end_ns) == (START_NS, START_NS + BARS * HOUR_NS)
    data = settings.data.model_copy(update={"instruments": (BTC, "ETHUSDT-PERP.BINANCE")})
    both = settings.model_copy(update={"data": data})
    with pytest.raises(BacktestError, match=r"holds no 1h bars of ETHUSDT-PERP\.BINANCE"):
        stretch_of(both, bars=400, seed=0)


def test_a_stretch_keeps_clear_of_holes(tmp_path: Path) -> None:
    told = steady(3_000, skip=range(1_200, 1_900))
    new(tmp_path, told)
    asked = [f"data.catalog={tmp_path}", f"data.instruments=[{BTC}]", "data.end=null"]
    settings = load_settings(CONFIG, overrides=asked)
    closes = np.array([bar.ts for bar in told])
    for seed in range(6):
        stretch = stretch_of(settings, bars=400, seed=seed)
        inside = (closes > stretch.start_ns) & (closes <= stretch.end_ns)
        assert inside.sum() >= 380
    with pytest.raises(BacktestError, match="no 2500 bars in a row were found that all"):
        stretch_of(settings, bars=2_500, seed=1)


def test_models_that_only_watch_are_looked_at_too(settings: Settings, tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "watching", window=3)
    predictor = settings.predictor.model_copy(update={"shadows": (str(folder),)})
    both = load_subject(settings.model_copy(update={"predictor": predictor}), bars=300, seed=1)
    names = [each.subject for each in look_at_windows(both)]
    assert len(names) == 2
    assert names[0].endswith("(predictor)")
    assert names[1].endswith(f"(shadow {folder})")
    assert leaks(look_at_forecasts(both)) == leaks(look_at_windows(both)) == set()


def test_a_training_without_a_quarter_is_not_said_to_be_clean(settings: Settings) -> None:
    start, end = (f"2023-{month}-20" for month in (10, 12))
    told = yaml.safe_load(f"[{start}, {end}]")
    data = settings.data.model_validate(
        {**settings.data.model_dump(), "start": told[0], "end": told[1]}
    )
    short = load_subject(settings.model_copy(update={"data": data}), bars=700, seed=1)
    verdicts = {each.detector: each.verdict for each in look_at_lessons(short)}
    assert isinstance(verdicts[Detector.LABEL_HORIZON], Clean)
    for detector in (Detector.EMBARGO, Detector.SCALER_WINDOW):
        match verdicts[detector]:
            case NotApplicable(reason=reason):
                assert "no quarter begins in the stretch" in reason
            case other:
                raise AssertionError(other)

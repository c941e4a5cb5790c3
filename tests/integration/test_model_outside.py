"""A network that is fed series from outside: trained, judged again, and served point in time."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import yaml

from backtests.leaks.learning import scaler_window
from backtests.run import main as backtest
from catalog import ingest
from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.journal import JOURNAL
from morningstar_strategy.model.bundle import MorningstarModel, read_manifest
from morningstar_strategy.model.learning import baselines, fitting
from morningstar_strategy.model.learning.dataset import Panel, usable
from morningstar_strategy.model.learning.hybrid import HybridFamily
from morningstar_strategy.model.learning.hybrid_settings import Alternative, scale_of
from morningstar_strategy.model.learning.recipe import load_recipe
from morningstar_strategy.model.learning.tasks import FitTask
from morningstar_strategy.model.registry import Registry
from morningstar_strategy.model.training import main as training
from morningstar_strategy.model.workshop import load_material
from tests.catalogs import BTC
from tests.outside import DVOL, FEAR, make_catalog
from tests.rows import SMALL, panel

ROOT: Final = Path(__file__).parents[2]
RECIPE: Final[dict[str, Any]] = {
    "instruments": [BTC],
    "interval": "1h",
    "end": "2024-04-12",  # some days before the bars do
    "outside": [DVOL, FEAR],
    "labels": {"horizon": 4, "min_barrier": 0.001, "regime_horizon": 24},
    "walk_forward": {"start": "2024-01-01", "stride": 2, "embargo_bars": 8},
    "families": ["hybrid", "logistic"],
    "champion": "hybrid",
    "options": {"hybrid": {"window": 4, "epochs": 4, "batch": 64}},
}


def told(*pairs: str) -> list[str]:
    return [part for pair in pairs for part in ("--set", pair)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    make_catalog(folder / "catalog")
    places = {name: str(folder / name) for name in ("catalog", "work")}
    text = yaml.safe_dump(RECIPE | places | {"output": str(folder / "registry")})
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def bundle(place: Path) -> Path:
    """Train by the command line and give the champion's folder."""
    assert training(["--config", str(place / "recipe.yaml")]) == 0
    registry = Registry(place / "registry")
    name = registry.channels().of("1h").champion
    assert name is not None
    return registry.bundles / name


def test_the_bundle_says_what_it_is_fed_and_who_learnt_without(bundle: Path) -> None:
    manifest = MorningstarModel(bundle).manifest
    assert manifest.outside == (DVOL, FEAR)
    assert [(each.name, each.shape[1:]) for each in manifest.inputs][1:] == [
        ("alt", (2,)),
        ("alt_mask", (2,)),
    ]
    sentence = (
        f"Beside the bars hybrid learnt from {DVOL}, {FEAR}, as known at each bar's close; "
        "logistic, unable to take more, learnt from bars alone."
    )
    assert manifest.plain_words[-1] == sentence
    assert sentence in (bundle / "card.md").read_text(encoding="utf-8")
    with np.load(bundle / "golden.npz") as golden:
        assert {*golden["in_alt_mask"].ravel().tolist()} == {0.0, 1.0}


def test_a_training_with_series_is_a_trial_on_the_same_bars(bundle: Path, place: Path) -> None:
    recipe = load_recipe(place / "recipe.yaml")
    with_series = load_material(recipe, lambda _what, _share: None)
    bare = recipe.model_copy(update={"outside": ()})
    alone = load_material(bare, lambda _what, _share: None)
    assert with_series.panel.data_sha256 == read_manifest(bundle).data_sha256
    assert with_series.bars_sha256 == alone.bars_sha256 == alone.panel.data_sha256
    assert with_series.panel.data_sha256 != alone.panel.data_sha256
    trials = json.loads((place / "registry" / "trials.json").read_text(encoding="utf-8"))
    assert set(trials) == {alone.panel.data_sha256}


def test_what_was_judged_was_fed_too(bundle: Path) -> None:
    """The index tells when it will be wild, which bars alone do not."""
    skill = {
        metric.family: metric.skill_percent
        for metric in MorningstarModel(bundle).manifest.metrics
        if metric.head == "touch"
    }
    assert skill["hybrid"] > 10.0


def test_an_evaluation_makes_the_same_card_by_a_fit_made_anew_and_scores_later_bars(
    bundle: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (key,) = shutil.copytree(place / "work", tmp_path / "work").iterdir()
    again = key / "2024Q2" / "hybrid"
    shutil.rmtree(again)
    capsys.readouterr()
    here = told(f"catalog={place / 'catalog'}", f"work={tmp_path / 'work'}")
    assert training(["--evaluate", str(bundle), *here, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["holds"] is True
    assert found["same_code"] is True
    assert found["served_difference"] < 1e-5
    assert all(each["card"] == each["now"] for each in found["metrics"])
    assert found["fresh"]["count"] > 50
    kept = place / "work" / key.name / "2024Q2" / "hybrid"
    assert (again / "raw.onnx").read_bytes() == (kept / "raw.onnx").read_bytes()
    assert (again / "seal").read_text() == (kept / "seal").read_text()


def served(place: Path, capsys: pytest.CaptureFixture[str], *pairs: str) -> dict[str, Any]:
    """Run a backtest by the command line; give its report and the touch odds by bar."""
    config = place / "backtest.yaml"
    settings = {
        "extends": str(ROOT / "config" / "base.yaml"),
        "mode": "backtest",
        "data": {"catalog": str(place / "catalog"), "instruments": [BTC], "interval": "1h"},
        "predictor": {"kind": "bundle", "bundle": "champion", "registry": str(place / "registry")},
        "journal": {"assessments": "all"},
    }
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    common = (
        "data.start=2024-04-02",
        f"runs={place / 'runs'}",
        f"predictor.cache={place / 'cache'}",
    )
    capsys.readouterr()
    assert backtest(["--config", str(config), *told(*common, *pairs), "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    lines = (Path(report["run"]) / JOURNAL).read_text(encoding="utf-8").splitlines()
    assessed = [each for each in map(json.loads, lines) if each["kind"] == "assessment"]
    assert len(assessed) > 300
    report["flat"] = np.array([each["p_flat"] for each in assessed])
    return report


def unknown(report: dict[str, Any]) -> Sequence[str]:
    return [line for line in report["model"] if "UNKNOWN" in line or "was unknown" in line]


def test_a_backtest_feeds_what_its_settings_name_and_says_what_is_missing(
    bundle: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = served(place, capsys, f"data.externals=[{FEAR}, {DVOL}]")
    again = served(place, capsys, f"data.externals=[{DVOL}, {FEAR}, crypto-news]")
    part = served(place, capsys, f"data.externals=[{DVOL}]")
    none = served(place, capsys)
    ending = (
        f"which {bundle.name} was trained with beside the bars and data.externals does not name"
    )
    assert unknown(whole) == unknown(again) == []
    assert unknown(part) == [f"UNKNOWN on every bar: {FEAR}, {ending}"]
    assert unknown(none) == [f"UNKNOWN on every bar: {DVOL}, {FEAR}, {ending}"]
    assert np.array_equal(whole["flat"], again["flat"])
    assert np.abs(whole["flat"] - none["flat"]).max() > 0.05
    assert np.abs(part["flat"] - none["flat"]).max() > 0.05
    assert not np.array_equal(whole["flat"], part["flat"])
    assert len(list((place / "cache").iterdir())) == 3  # the second run found what the first made


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("outside=[btc-dvul]", "outside 'btc-dvul' is not in catalog"),
        ("outside=[btc-dvol/close]", "it holds btc-dvol, crypto-fear-greed, crypto-news"),
        ("outside=[crypto-news]", "outside 'crypto-news' must be numbers, is texts in catalog"),
        ("outside=[btc-dvol, btc-dvol]", "names must be distinct, were btc-dvol, btc-dvol"),
        ("outside=['']", "outside '' is not in catalog"),
        ("outside=[funding/NONE.X]", "outside 'funding/NONE.X' is not in catalog"),
        (
            "walk_forward.start=2030-01-01",
            "walk_forward.start must leave at least two quarters of bars",
        ),
        ("options={hybrid: {alternative: x}}", "alternative is no option: name series in outside"),
    ],
)
def test_a_series_that_cannot_be_learnt_from_is_one_sentence_and_leaves_nothing(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, sentence: str
) -> None:
    nowhere = (f"output={tmp_path / 'registry'}", f"work={tmp_path / 'work'}")
    capsys.readouterr()
    assert training(["--config", str(place / "recipe.yaml"), *told(*nowhere, wrong)]) == 2
    *_, error = capsys.readouterr().err.strip().splitlines()
    assert error.startswith("error: ")
    assert sentence in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("2023-11-15", "must be known at some bar, was at none of "),
        ("2024-04-12", "must be known at 5% of the rows that 2024Q1 learns from, was at 0 of "),
    ],
)
def test_a_series_that_was_not_known_in_time_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str, sentence: str
) -> None:
    """Weights that learnt nothing of a series would be fed it once it is known."""
    file = tmp_path / "late-outside.csv"
    file.write_text("ts,ts_known,value\n2023-12-20,2024-01-05,1.5\n", encoding="utf-8")
    assert ingest.main([str(file), "--catalog", str(place / "catalog")]) == 0
    nowhere = (f"output={tmp_path / 'r'}", f"work={tmp_path / 'w'}")
    pairs = told(*nowhere, f"end={end}", "outside=[btc-dvol, late-outside]")
    assert training(["--config", str(place / "recipe.yaml"), *pairs]) == 2
    assert f"error: outside 'late-outside' {sentence}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]


# ---- nothing is learnt from what was told after the training rows

PANEL: Final = panel(3, count=1_100)
ROWS: Final = usable(PANEL, 1)
TRAIN: Final = ROWS[: len(ROWS) // 2]
TINY: Final = HybridFamily(name="mlp", encoder="mlp", window=1, epochs=1, batch=64)


def alternative_of(data: Panel) -> Alternative:
    """Take a series from outside that says what a feature does, so that it has the same future."""
    values = data.features[:, 5:7].copy()
    return Alternative(names=("a", "b"), values=values, known=np.ones(values.shape, np.bool_))


def weights(data: Panel, family: HybridFamily) -> FloatArray:
    simple = baselines.fit(data, TRAIN, SMALL)
    targets = baselines.targets(data, TRAIN, simple)
    task = FitTask(panel=data, rows=TRAIN, targets=targets, baselines=simple, seed=3)
    model, _ = fitting.train(family, task, lambda _share: None)
    return np.concatenate([each.numpy().ravel() for each in model.state_dict().values()]).astype(
        np.float64
    )


def test_a_network_learns_nothing_from_what_is_told_after_its_rows() -> None:
    def fit(data: Panel) -> FloatArray:
        return weights(data, replace(TINY, alternative=alternative_of(data)))

    assert scaler_window(fit, PANEL, TRAIN) is None


def test_a_series_that_is_scaled_by_all_it_ever_told_is_found() -> None:
    def fit(data: Panel) -> FloatArray:
        told_of = alternative_of(data)
        centre, spread = scale_of(told_of.values)
        scaled = ((told_of.values - centre) / spread).astype(np.float32)
        return weights(data, replace(TINY, alternative=replace(told_of, values=scaled)))

    found = scaler_window(fit, PANEL, TRAIN)
    assert found is not None
    assert found.detector == "scaler_window"

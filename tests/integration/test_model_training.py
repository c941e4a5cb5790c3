"""A whole training on a small catalog: train, publish, evaluate, serve, promote."""

import json
import re
import shutil
import tomllib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from backtests.session import run_backtest
from catalog import store
from catalog.kinds import BARS, interval_ns
from catalog.sample import main as make_sample
from morningstar_strategy.journal import JOURNAL, SHADOWS
from morningstar_strategy.model.bundle import MorningstarModel
from morningstar_strategy.model.caveats import caveats
from morningstar_strategy.model.manifest import sealed
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.publishing import LIBRARIES
from morningstar_strategy.model.registry import Registry
from morningstar_strategy.model.training import main as training
from morningstar_strategy.settings.load import load_settings

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = "[BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]"
SMALL: Final = (
    f"instruments={NAMES}",
    *("interval=5m", "start=2024-01-01", "end=null"),
    *("labels.horizon=12", "walk_forward.start=2024-03-10", "walk_forward.stride=12"),
    *("families=[gbm, logistic]", "challengers=[logistic]"),
    "options={gbm: {trees: 12, direction_trees: 6, quantile_trees: 6}}",
)


def told(*pairs: str) -> list[str]:
    return [part for pair in pairs for part in ("--set", pair)]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog") / "sample"
    assert make_sample(["--catalog", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


def places(catalog: Path, workplace: Path) -> Sequence[str]:
    return (
        f"catalog={catalog}",
        f"output={workplace / 'registry'}",
        f"work={workplace / 'work'}",
    )


@pytest.fixture(scope="module")
def trained(catalog: Path, workplace: Path) -> Path:
    """Train once and give the registry."""
    code = training(
        ["--config", str(ROOT / "config/train.yaml"), *told(*SMALL, *places(catalog, workplace))]
    )
    assert code == 0
    return workplace / "registry"


def champion(registry: Path) -> Path:
    found = Registry(registry)
    name = found.channels().of("5m").champion
    assert name is not None
    return found.bundles / name


def test_a_training_publishes_a_champion_and_its_challengers(trained: Path) -> None:
    channel = Registry(trained).channels().of("5m")
    assert channel.champion is not None
    assert channel.champion.startswith("gbm-5m-20240331-")
    assert [name.split("-")[0] for name in channel.challengers] == ["logistic"]
    model = MorningstarModel(champion(trained))
    names = {path.name for path in champion(trained).iterdir()}
    assert names == {"model.onnx", "manifest.json", "golden.npz", "card.md"}
    assert (trained / "cards" / f"{channel.champion}.html").stat().st_size > 1_000_000
    heads = {(metric.family, metric.head) for metric in model.manifest.metrics}
    assert {("gbm", "touch"), ("gbm", "direction"), ("logistic", "volatility")} <= heads
    assert model.manifest.train_end < model.manifest.test_start


def test_the_card_is_reproduced_and_the_bundle_serves_what_was_judged(
    trained: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = told(f"catalog={catalog}")
    capsys.readouterr()
    code = training(["--evaluate", str(champion(trained)), *fresh, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["holds"] is True
    assert found["served_difference"] < 1e-6
    assert found["same_code"] is True
    assert all(each["card"] == pytest.approx(each["now"], abs=1e-9) for each in found["metrics"])
    assert len(found["metrics"]) > 40


def test_the_manifest_writes_every_option_down(trained: Path) -> None:
    options = MorningstarModel(champion(trained)).manifest.recipe["options"]
    assert isinstance(options, dict)
    gbm = options["gbm"]
    assert isinstance(gbm, dict)
    assert (gbm["trees"], gbm["leaves"]) == (12, 15)  # told, and the default


def test_every_library_of_the_manifest_comes_with_the_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    assert {re.split(r"[<>=~]", each)[0] for each in named} >= set(LIBRARIES)


def test_other_bars_are_not_the_cards(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_sample(["--catalog", str(tmp_path / "other"), "--seed", "8"]) == 0
    there = told(f"catalog={tmp_path / 'other'}")
    assert training(["--evaluate", str(champion(trained)), *there]) == 2
    assert "must be those of the card" in capsys.readouterr().err


def test_a_second_training_goes_on_where_the_first_stopped_and_makes_the_same_model(
    trained: Path, catalog: Path, workplace: Path, tmp_path: Path
) -> None:
    here = (*places(catalog, workplace), f"output={tmp_path / 'registry'}")
    recipe = ["--config", str(ROOT / "config/train.yaml")]
    fits = sorted(path for path in (workplace / "work").rglob("raw.onnx"))
    shutil.rmtree(fits[0].parent)  # as if it had been interrupted before this one
    stamps = {path: path.stat().st_mtime_ns for path in fits[1:]}
    assert training([*recipe, *told(*SMALL, *here)]) == 0
    assert {path: path.stat().st_mtime_ns for path in fits[1:]} == stamps
    assert fits[0].exists()
    assert champion(tmp_path / "registry").name == champion(trained).name


def test_the_same_training_again_keeps_what_is_published(
    trained: Path, catalog: Path, workplace: Path
) -> None:
    """As after a kill between publishing and adopting, or after the first of two bundles."""
    before = {path: path.stat().st_mtime_ns for path in trained.glob("bundles/*/*")}
    page = trained / "cards" / f"{champion(trained).name}.html"
    page.unlink()
    recipe = ["--config", str(ROOT / "config/train.yaml")]
    assert training([*recipe, *told(*SMALL, *places(catalog, workplace))]) == 0
    assert {path: path.stat().st_mtime_ns for path in trained.glob("bundles/*/*")} == before
    assert page.exists()
    dearer = (*SMALL, *places(catalog, workplace), "cost_percent=0.3", "champion=gbm")
    assert training([*recipe, *told(*dearer)]) == 0  # judged anew, under another name
    assert len(Registry(trained).models()) == 4


def test_bars_added_later_do_not_touch_the_card_and_are_scored_apart(
    trained: Path, tmp_path: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = tmp_path / "longer"
    shutil.copytree(catalog, longer)
    for name in ("BTCUSDT", "ETHUSDT"):
        kind = f"{name}-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL"
        held = store.read_table(catalog, BARS, kind)
        last = held.slice(held.num_rows - 700).combine_chunks()
        columns = {field: last[field] for field in (*BARS.prices, *BARS.sizes)}
        stamps = np.asarray(last["ts_event"].cast("int64")) + 700 * interval_ns("5m")
        store.write_bars(longer, kind, stamps, columns)
    capsys.readouterr()
    code = training(["--evaluate", str(champion(trained)), *told(f"catalog={longer}"), "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["holds"]
    assert found["fresh"]["count"] > 500


@pytest.mark.parametrize("field", ["direction_edge", "plain_words", "trials", "train_end"])
def test_a_claim_that_was_changed_and_sealed_again_is_found(
    trained: Path, catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    """Seals tell of damage, not of lies; an evaluation finds what is not so."""
    folder = tmp_path / "bundle"
    shutil.copytree(champion(trained), folder)
    manifest = MorningstarModel(folder).manifest
    lies: dict[str, Any] = {
        "direction_edge": "significant",
        "plain_words": ("Direction is forecast perfectly.",),
        "trials": 1,
        "train_end": manifest.train_end - timedelta(days=3),
    }
    lie = manifest.model_copy(update={field: lies[field]})
    (folder / "manifest.json").write_bytes(sealed(lie))
    capsys.readouterr()
    assert training(["--evaluate", str(folder), *told(f"catalog={catalog}"), "--json"]) == 1
    (claim,) = json.loads(capsys.readouterr().out)["claims"]
    assert claim.startswith(f"{field} must be ")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("interval=7x", "setting interval"),
        ("instruments=[NONE.BINANCE]", "no bars of"),
        ("walk_forward.start=2030-01-01", "walk_forward.start must leave at least two quarters"),
        ("families=[logistic]", "champion and challengers must be families, was gbm"),
        ("options={gbm: {branches: 2}}", "options of family gbm must be its settings"),
        ("nonsense=1", "unknown setting nonsense"),
        ("instruments=[A.B, A.B]", "names must be distinct, were A.B, A.B"),
        ("options={gbm: {learning_rate: .nan}}", "learning_rate must be finite, was nan"),
        ("life_days=100000", "setting life_days"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_and_leaves_nothing(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, sentence: str
) -> None:
    pairs = (*SMALL, *places(catalog, tmp_path), wrong)
    assert training(["--config", str(ROOT / "config/train.yaml"), *told(*pairs)]) == 2
    *steps, error = capsys.readouterr().err.strip().splitlines()
    assert error.startswith("error: ")
    assert sentence in error
    assert all("%" in step for step in steps)
    assert not (tmp_path / "registry").exists()


def test_the_champion_is_served_and_the_challenger_watches(
    trained: Path, catalog: Path, tmp_path: Path
) -> None:
    challenger = Registry(trained).channels().of("5m").challengers[0]

    def run(name: str, *more: str) -> Path:
        settings = load_settings(
            ROOT / "config/sample.yaml",
            overrides=[
                *("predictor.kind=bundle", "predictor.bundle=champion"),
                *(f"predictor.registry={trained}", f"predictor.cache={tmp_path / 'cache'}"),
                *(f"data.catalog={catalog}", f"data.instruments={NAMES}"),
                *("data.start=2024-03-28", f"runs={tmp_path / name}", *more),
            ],
        )
        return run_backtest(settings, quiet=True).folder

    plain = run("plain")
    again = run("again", "predictor.threads=2")
    assert (plain / JOURNAL).read_bytes() == (again / JOURNAL).read_bytes()
    watched = run("watched", f"predictor.shadows=[{challenger}]")
    assert (plain / JOURNAL).read_bytes() == (watched / JOURNAL).read_bytes()
    models = {
        forecast["model"].rsplit("-", 1)[0]
        for line in (watched / SHADOWS).read_text().splitlines()
        for forecast in json.loads(line)["forecasts"]
    }
    assert models == {champion(trained).name, challenger}
    reports = [json.loads((folder / "report.json").read_text()) for folder in (plain, watched)]
    assert reports[0]["model"] == reports[1]["model"]  # nothing is counted twice
    assert reports[0]["model"][0] == "direction_edge: none"
    told_of_it = " ".join(reports[0]["model"])
    assert "SYNTHETIC: the model was trained on bars that no market ever traded" in told_of_it
    assert "IN SAMPLE" in told_of_it
    assert reports[0]["model"][-1].startswith("The best move that it expected on any bar: 0.0 bp")


def test_a_backtest_inside_the_training_says_so(trained: Path, catalog: Path) -> None:
    manifest = MorningstarModel(champion(trained)).manifest
    predictor = BundlePredictor(MorningstarModel(champion(trained)))
    start, end = (int(m.timestamp()) * 10**9 for m in (manifest.train_end, manifest.test_end))

    def said(start_ns: int, name: str, *, synthetic: bool) -> str:
        lines = caveats(
            predictor, instruments=[name], start_ns=start_ns, end_ns=end, synthetic=synthetic
        )
        return " ".join(lines)

    assert manifest.synthetic
    assert "IN SAMPLE" in said(start - 1, manifest.instruments[0], synthetic=True)
    assert "IN SAMPLE" not in said(start, manifest.instruments[0], synthetic=True)
    assert "IN SAMPLE" not in said(start - 1, manifest.instruments[0], synthetic=False)
    assert "not trained on DOGE.X" in said(start, "DOGE.X", synthetic=True)
    assert "serves even odds" in said(start, "DOGE.X", synthetic=True)

"""Series from outside: named in a recipe, read from a catalog, provided to a model, or missing."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from backtests.data import load_externals as load_timeline
from catalog.externals import load_externals, write_externals
from catalog.kinds import EXTERNALS
from catalog.store import write_funding
from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.timeline import NUMBER_LIFE_NS, Timeline
from morningstar_strategy.model.bundle import BundleError, MorningstarModel, read_manifest
from morningstar_strategy.model.caveats import unfed
from morningstar_strategy.model.learning.recipe import Recipe
from morningstar_strategy.model.outside import NOTHING, BoolArray, Recorded, columns
from morningstar_strategy.model.outside_files import read_outside
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.workshop import learning_code_sha256
from morningstar_strategy.settings.schema import DataSettings
from tests.catalogs import BTC, JANUARY_NS, new
from tests.models import ALT, tiny_bundle

ROOT: Final = Path(__file__).parents[2]
BUNDLES: Final = sorted((ROOT / "morningstar_strategy/model/bundles").glob("*/manifest.json"))
DAY_NS: Final = 86_400_000_000_000
NAMES: Final = ("a-outside", "b-outside", "c-outside")
RECIPE: Final[dict[str, Any]] = {
    "instruments": ["A.B"],
    "interval": "1h",
    "walk_forward": {"start": "2024-01-01"},
}


def put(
    root: Path, series: str, rows: Sequence[tuple[int, int, float | None]], **same: str
) -> None:
    """Write rows of day stamped, days until known, and value; None is a text."""
    event = [JANUARY_NS + day * DAY_NS for day, _, _ in rows]
    columns: dict[str, Sequence[object]] = {
        "measure": [same.get("measure", "")] * len(rows),
        "item": [same.get("item", "")] * len(rows),
        "symbol": [same.get("symbol", "")] * len(rows),
        "value": [value for _, _, value in rows],
        "text": [None if value is not None else "words" for _, _, value in rows],
        "ts_event": event,
        "ts_init": [ts + lag * DAY_NS for ts, (_, lag, _) in zip(event, rows, strict=True)],
    }
    schema = EXTERNALS.schema(series)
    write_externals(
        root, series, pa.table([pa.array(columns[f.name], f.type) for f in schema], schema=schema)
    )


# ---- the recipe


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.parent.name)
def test_a_recipe_without_series_is_what_it_was_before_there_were_any(path: Path) -> None:
    manifest = read_manifest(path.parent)
    recipe = Recipe.model_validate({**manifest.recipe, "data_licence": manifest.data_licence})
    assert recipe.outside == manifest.outside == ()
    assert json.dumps(recipe.essence()) == json.dumps(manifest.recipe)
    assert manifest.code_sha256 == learning_code_sha256() != learning_code_sha256(outside=True)


def test_series_and_their_order_decide_the_numbers() -> None:
    named: list[list[str]] = [[], ["a"], ["b"], ["a", "b"], ["b", "a"]]
    recipes = [Recipe.model_validate(RECIPE | {"outside": each}) for each in named]
    assert len({each.digest() for each in recipes}) == len(named)
    assert len({each.learning_digest() for each in recipes}) == len(named)


def test_a_recipe_without_a_network_cannot_take_series() -> None:
    told = RECIPE | {"families": ["gbm", "logistic"], "outside": ["a"]}
    with pytest.raises(ValidationError, match="outside takes a network among families, hybrid or"):
        Recipe.model_validate(told)


# ---- the catalog


def test_training_reads_what_a_backtest_reads(tmp_path: Path) -> None:
    root = new(tmp_path)
    put(root, "btc-dvol", [(0, 0, 50.0), (1, 0, 51.5), (40, 2, 49.0)], symbol="BTC")
    put(root, "btc-onchain", [(0, 2, 7.0)], measure="AdrActCnt", symbol="BTC")
    put(root, "btc-onchain", [(0, 2, 9.0)], measure="Fees", symbol="BTC")
    stamps = np.array([JANUARY_NS + n * DAY_NS // 3 for n in range(5)])
    write_funding(root, BTC, stamps, [Decimal(f"0.000{n}1") for n in range(5)])
    names = ("btc-onchain/AdrActCnt", f"funding/{BTC}", "btc-dvol")
    read, loaded = read_outside(root, names), Timeline(load_externals(root, names))
    at = JANUARY_NS + np.arange(0, 60 * DAY_NS, DAY_NS // 4)
    for name in names:
        for one, other in zip(read.column(name, at), loaded.column(name, at), strict=True):
            assert np.array_equal(one, other)
        assert read.column(name, at)[1].any()
    assert read.numbers == loaded.numbers == set(names)


def test_one_name_of_two_series_is_refused_in_training_and_before_a_backtest(
    tmp_path: Path,
) -> None:
    root = new(tmp_path / "catalog")
    put(root, "a-outside", [(0, 0, 1.0)], symbol="BTC")
    put(root, "a-outside", [(0, 0, 2.0)], symbol="ETH", item="2")
    with pytest.raises(ValueError, match="'a-outside' must be one series of numbers, is of BTC, "):
        read_outside(root, ("a-outside",))
    folder = tiny_bundle(tmp_path / "tiny", alt=True, recipe={"outside": list(NAMES)})
    outside = Recorded(timeline=Timeline(load_externals(root, NAMES[:1])), names=NAMES)
    with pytest.raises(ValueError, match="a-outside must name one series of numbers, names 2"):
        BundlePredictor(MorningstarModel(folder), outside)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    root = new(tmp_path)
    put(root, "a-outside", [(0, 0, 1.0)])
    (file,) = (root / "data" / "externals" / "a-outside").iterdir()
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="holds no readable series from outside"):
        read_outside(root, ("a-outside",))


def test_an_empty_catalog_says_that_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'x' is not in catalog .* it holds nothing from"):
        read_outside(tmp_path, ("x",))


def test_a_backtest_begins_with_what_the_whole_series_said(tmp_path: Path) -> None:
    """A late word about an old day stands no higher after a start than it did before it."""
    root = new(tmp_path)
    life = NUMBER_LIFE_NS // DAY_NS
    put(root, "a-outside", [(10, 0, 1.0), (5, 20, 2.0)])  # the 6th is corrected on the 26th
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=10 + life + 2)
    data = DataSettings(catalog=root, externals=("a-outside",), start=start)
    stamps = JANUARY_NS + np.arange(10 + life + 2, 60) * DAY_NS
    cut, whole = load_timeline(data), read_outside(root, ("a-outside",))
    for one, other in zip(
        cut.column("a-outside", stamps), whole.column("a-outside", stamps), strict=True
    ):
        assert np.array_equal(one, other)
    assert not whole.column("a-outside", stamps)[1].any()


# ---- who provides it


class Ticking:
    """Feeds as a live node may have them: known from the moment on that it heard of them."""

    names = NAMES[:2]

    def known(self, name: str, stamps: IntArray) -> tuple[FloatArray, BoolArray]:
        heard = (stamps >= JANUARY_NS) & (name in self.names)
        return np.where(heard, 1.5, 0.0), heard


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> MorningstarModel:
    folder = tmp_path_factory.mktemp("outside") / "tiny"
    return MorningstarModel(tiny_bundle(folder, alt=True, recipe={"outside": list(NAMES)}))


def test_anything_that_knows_by_time_can_feed_a_model(model: MorningstarModel) -> None:
    predictor = BundlePredictor(model, Ticking())
    fed = predictor.fed(np.array([JANUARY_NS - 1, JANUARY_NS]))
    assert fed["alt"].tolist() == [[0.0, 0.0, 0.0], [1.5, 1.5, 0.0]]
    assert fed["alt_mask"].tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    assert {each.dtype for each in fed.values()} == {np.dtype(np.float32)}
    assert predictor.missing == ("c-outside",)


def test_what_nobody_provides_is_unknown_and_said_once(model: MorningstarModel) -> None:
    predictor = BundlePredictor(model)
    assert not predictor.fed(np.array([JANUARY_NS]))["alt_mask"].any()
    (sentence,) = unfed(predictor)
    assert sentence == (
        "UNKNOWN on every bar: a-outside, b-outside, c-outside, which tiny-1h-20240101-00000000 "
        "was trained with beside the bars and data.externals does not name"
    )
    values, known = columns(NOTHING, NAMES, np.array([1, 2]))
    assert values.shape == known.shape == (2, ALT)
    assert not known.any()


def test_a_bundle_of_bars_alone_is_fed_nothing(tmp_path: Path) -> None:
    bars = MorningstarModel(tiny_bundle(tmp_path / "bars", recipe={"outside": list(NAMES)}))
    nameless = MorningstarModel(tiny_bundle(tmp_path / "nameless", alt=True))
    for each in (bars, nameless):
        predictor = BundlePredictor(each, Ticking())
        assert each.manifest.outside == predictor.missing == unfed(predictor) == ()
        assert predictor.fed(np.array([JANUARY_NS])) == {}


def test_a_manifest_that_names_more_or_fewer_series_than_its_graph_takes_is_refused(
    tmp_path: Path,
) -> None:
    for count in (1, 4):
        named = [f"{n}-outside" for n in range(count)]
        with pytest.raises((BundleError, ValidationError), match=f"name 3 series, named {count}"):
            tiny_bundle(tmp_path / f"{count}", alt=True, recipe={"outside": named})

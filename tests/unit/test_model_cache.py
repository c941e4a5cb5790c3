"""Forecasts kept on disk: found again exactly, or not at all."""

from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from morningstar_strategy.core import _steps, features
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.model import (
    bundle,
    drift,
    forecast_table,
    forecasts,
    heads,
    predictor,
    reading,
    runtime,
)
from morningstar_strategy.model.bundle import MorningstarModel, feature_code_sha256
from morningstar_strategy.model.forecast_cache import ForecastCache, key, key_of
from morningstar_strategy.model.forecasts import ForecastTable, tabulate
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.reading import COLUMNS
from tests.models import market, tiny_bundle

KEY = "a1" * 32
OTHER = "b2" * 32
COLUMN_NAMES = [item.name for item in fields(BarWindow)]


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> BundlePredictor:
    return BundlePredictor(MorningstarModel(tiny_bundle(tmp_path_factory.mktemp("b") / "one")))


@pytest.fixture(scope="module")
def table(seer: BundlePredictor) -> ForecastTable:
    return tabulate(seer, market(2_000, seed=5, strange=True))


def small() -> ForecastTable:
    """Return a table of three bars, one of each kind."""
    return ForecastTable(
        model="tiny",
        reasons=("too old", "too odd"),
        ts_event=np.array([1, 2, 4]),
        values=np.linspace(-1.0, 1.0, 3 * len(COLUMNS)).reshape(3, -1),
        codes=np.array([-1, 0, 2], np.int8),
    )


def assert_equal(one: ForecastTable | None, other: ForecastTable) -> None:
    assert one is not None
    assert (one.model, one.reasons) == (other.model, other.reasons)
    for name in ("ts_event", "values", "codes"):
        here, there = getattr(one, name), getattr(other, name)
        assert here.dtype == there.dtype
        assert here.tobytes() == there.tobytes()


def test_what_was_put_is_found_again_to_the_bit(table: ForecastTable, tmp_path: Path) -> None:
    cache = ForecastCache(tmp_path / "not" / "yet")
    assert cache.get(KEY) is None
    cache.put(KEY, table)
    assert_equal(cache.get(KEY), table)
    assert cache.get(OTHER) is None
    assert_equal(ForecastCache(tmp_path / "not" / "yet").get(KEY), table)


def test_a_later_table_takes_the_place_of_an_earlier(table: ForecastTable, tmp_path: Path) -> None:
    cache = ForecastCache(tmp_path)
    cache.put(KEY, small())
    cache.put(KEY, table)
    assert_equal(cache.get(KEY), table)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_table_of_no_bars_is_kept_too(tmp_path: Path) -> None:
    cache = ForecastCache(tmp_path)
    empty = ForecastTable(
        model="tiny",
        reasons=(),
        ts_event=np.empty(0, np.int64),
        values=np.empty((0, len(COLUMNS))),
        codes=np.empty(0, np.int8),
    )
    cache.put(KEY, empty)
    assert_equal(cache.get(KEY), empty)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_is_a_miss(tmp_path: Path, place: float, flip: int) -> None:
    cache = ForecastCache(tmp_path)
    path = tmp_path / f"{KEY}.forecasts"
    if not path.exists():
        cache.put(KEY, small())
        (tmp_path / "whole").write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "whole").read_bytes())
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    assert cache.get(KEY) is None


def test_each_single_byte_matters(tmp_path: Path) -> None:
    cache = ForecastCache(tmp_path)
    path = tmp_path / f"{KEY}.forecasts"
    cache.put(KEY, small())
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get(KEY) is None, at
    for changed in (whole[:-1], whole + b"\0", whole[:40], b""):
        path.write_bytes(changed)
        assert cache.get(KEY) is None
    path.write_bytes(whole)
    assert_equal(cache.get(KEY), small())


def test_a_file_under_another_s_name_is_a_miss(tmp_path: Path) -> None:
    cache = ForecastCache(tmp_path)
    cache.put(KEY, small())
    (tmp_path / f"{KEY}.forecasts").rename(tmp_path / f"{OTHER}.forecasts")
    assert cache.get(OTHER) is None


@pytest.mark.parametrize("wrong", ["", "a1", "../" + "a" * 61, "A1" * 32])
def test_a_key_that_is_no_hash_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="key must be 64 hexadecimal digits"):
        ForecastCache(tmp_path).put(wrong, small())
    with pytest.raises(ValueError, match="key must be 64 hexadecimal digits"):
        ForecastCache(tmp_path).get(wrong)


def test_a_cache_that_cannot_be_written_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.forecasts").mkdir()
    cache = ForecastCache(tmp_path)
    assert cache.put(KEY, small()) is False
    assert cache.get(KEY) is None
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY}.forecasts"]
    assert cache.put(OTHER, small()) is True


def test_a_cache_whose_place_is_a_file_keeps_nothing_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"x")
    for cache in (ForecastCache(tmp_path / "taken"), ForecastCache(tmp_path / "taken" / "below")):
        assert cache.get(KEY) is None
        assert cache.put(KEY, small()) is False
    assert (tmp_path / "taken").read_bytes() == b"x"


def test_a_cache_that_nobody_may_write_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)  # a mode of the folder does not stop root
    assert ForecastCache(tmp_path).put(KEY, small()) is False
    assert list(tmp_path.iterdir()) == []


@given(column=st.sampled_from(COLUMN_NAMES), row=st.integers(0, 49), bit=st.integers(0, 63))
def test_any_changed_bit_of_any_bar_is_another_key(column: str, row: int, bit: int) -> None:
    bars = market(50)
    columns = {name: getattr(bars, name) for name in COLUMN_NAMES}
    changed = columns[column].copy()
    changed.view(np.uint64)[row] ^= np.uint64(1 << bit)
    try:
        other = BarWindow(**(columns | {column: changed}))
    except ValueError:
        return  # no sound bar any more: nobody could ask
    assert key(KEY, OTHER, "A.B", other) != key(KEY, OTHER, "A.B", bars)


def test_bundle_code_instrument_and_length_are_in_the_key(seer: BundlePredictor) -> None:
    bars = market(50)
    keys = [
        key(KEY, OTHER, "A.B", bars),
        key(OTHER, OTHER, "A.B", bars),
        key(KEY, KEY, "A.B", bars),
        key(OTHER, KEY, "A.B", bars),
        key(KEY, OTHER, "A.C", bars),
        key(KEY, OTHER, "A.B", bars[:49]),
        key(KEY, OTHER, "A.B", bars[1:]),
        key_of(seer, "A.B", bars),
    ]
    assert len(set(keys)) == len(keys)
    assert key(KEY, OTHER, "A.B", market(50)) == keys[0]
    code = feature_code_sha256()
    assert key(seer.bundle.sha256, code, "A.B", bars) == keys[-1]


@pytest.mark.parametrize(
    "module",
    [
        _steps,
        features,
        bundle,
        drift,
        forecast_table,
        forecasts,
        heads,
        predictor,
        reading,
        runtime,
    ],
    ids=lambda module: module.__name__.rpartition(".")[2],
)
def test_changed_code_of_features_or_serving_is_another_key(
    module: ModuleType,
    seer: BundlePredictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars = market(50)
    before = key_of(seer, "A.B", bars)
    edited = tmp_path / "edited.py"
    edited.write_bytes(Path(str(module.__file__)).read_bytes() + b"\n")
    monkeypatch.setattr(module, "__file__", str(edited))
    assert key_of(seer, "A.B", bars) != before


def test_another_version_of_the_library_is_another_key(
    seer: BundlePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = market(50)
    before = key_of(seer, "A.B", bars)
    monkeypatch.setattr("onnxruntime.__version__", "1.23.0")
    assert key_of(seer, "A.B", bars) != before
    monkeypatch.undo()
    assert key_of(seer, "A.B", bars) == before


def test_a_bundle_published_anew_with_another_word_is_another_key(
    seer: BundlePredictor, tmp_path: Path
) -> None:
    bars = market(50)
    same = BundlePredictor(MorningstarModel(tiny_bundle(tmp_path / "same")))
    other = BundlePredictor(MorningstarModel(tiny_bundle(tmp_path / "other", life_days=3_649)))
    assert key_of(same, "A.B", bars) == key_of(seer, "A.B", bars)
    assert key_of(other, "A.B", bars) != key_of(seer, "A.B", bars)

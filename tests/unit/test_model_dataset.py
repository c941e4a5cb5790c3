"""Bars from the catalog's files, the panel made of them, and its windows."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import store
from catalog.decimals import from_floats
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import NAMES, WARMUP, batch
from morningstar_strategy.model.learning import barfiles, dataset
from morningstar_strategy.model.learning.barfiles import bar_type, interval_ns, read_bars
from morningstar_strategy.model.learning.dataset import (
    Panel,
    build,
    load,
    usable,
    window_blocks,
    windows,
)
from morningstar_strategy.model.learning.labels import label
from tests.catalogs import definition
from tests.rows import HOUR_NS, SMALL, panel, sigma_of, walk

BTC: Final = "BTCUSDT-PERP.BINANCE"
ETH: Final = "ETHUSDT-PERP.BINANCE"
HOURS: Final = bar_type(BTC, "1h")
PANEL: Final = panel(1, 2, count=WARMUP + 60)


def stored(root: Path, instrument_id: str, seed: int, count: int = WARMUP + 100) -> BarWindow:
    """Store a random walk of hours and give it as the venue would have told it."""
    bars = walk(seed, count)
    store.write_instruments(root, [definition(instrument_id)])
    columns = {
        name: from_floats(getattr(bars, name), 1 if name != "volume" else 3)
        for name in ("open", "high", "low", "close", "volume")
    }
    store.write_bars(root, bar_type(instrument_id, "1h"), bars.ts_event, columns)
    return bars


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Make a catalog of two instruments over two months."""
    stored(tmp_path, BTC, 1)
    stored(tmp_path, ETH, 2)
    return tmp_path


def test_numbers_are_the_engines_own_to_the_last_bit(catalog: Path) -> None:
    bars, _ = read_bars(catalog, HOURS)
    told = store.load_bars(catalog, HOURS)
    assert bars.ts_event.tolist() == [bar.ts_event for bar in told]
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(bars, name).tolist() == [getattr(bar, name).as_double() for bar in told]


def test_big_and_small_numbers_are_the_engines_own_too(tmp_path: Path) -> None:
    store.write_instruments(tmp_path, [definition(BTC, tick="0.00000001")])
    prices = np.array([1e-8, 0.1, 1844.67440737, 1844.67440738, 98_765.4321, 9_999_999.99999999])
    columns = {name: from_floats(prices, 8) for name in ("open", "high", "low", "close", "volume")}
    stamps = np.arange(1, len(prices) + 1, dtype=np.int64) * HOUR_NS
    store.write_bars(tmp_path, HOURS, stamps, columns)
    bars, _ = read_bars(tmp_path, HOURS)
    assert bars.close.tolist() == [b.close.as_double() for b in store.load_bars(tmp_path, HOURS)]
    np.testing.assert_allclose(bars.close, prices, rtol=1e-15)


def test_both_ends_of_a_span_are_included(catalog: Path) -> None:
    whole, all_digest = read_bars(catalog, HOURS)
    start, end = int(whole.ts_event[30]), int(whole.ts_event[750])
    part, digest = read_bars(catalog, HOURS, start_ns=start, end_ns=end)
    assert np.array_equal(part.close, whole.close[30:751])
    assert (part.ts_event[0], part.ts_event[-1]) == (start, end)
    assert digest != all_digest


def test_the_hash_is_of_the_rows_and_not_of_their_files(catalog: Path, tmp_path: Path) -> None:
    _, digest = read_bars(catalog, HOURS)
    for path in (catalog / "data" / "bars" / HOURS).glob("*.parquet"):
        with path.open("rb") as handle:
            table = pq.read_table(handle)
        pq.write_table(table, path, compression="snappy", row_group_size=50)
    assert read_bars(catalog, HOURS)[1] == digest
    last = int(read_bars(catalog, HOURS)[0].ts_event[-1])
    assert read_bars(catalog, HOURS, end_ns=last - 1)[1] != digest
    assert read_bars(catalog, bar_type(ETH, "1h"))[1] != digest


def test_bars_that_are_not_there_are_told_in_one_sentence(catalog: Path) -> None:
    with pytest.raises(ValueError, match=r"has no bars of 'XRPUSDT-PERP\.BINANCE-1-HOUR"):
        read_bars(catalog, bar_type("XRPUSDT-PERP.BINANCE", "1h"))
    with pytest.raises(ValueError, match=r"has no bars of .* between 0 and 5 ns"):
        read_bars(catalog, HOURS, end_ns=5)


def test_files_that_hold_no_bars_are_told_in_one_sentence(catalog: Path) -> None:
    folder = catalog / "data" / "bars" / HOURS
    first = min(folder.glob("*.parquet"))
    content = first.read_bytes()
    first.write_bytes(content[:100])
    with pytest.raises(ValueError, match="holds no readable bars"):
        read_bars(catalog, HOURS)
    first.write_bytes(content)
    first.with_name("bars.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"is not named START_END\.parquet"):
        read_bars(catalog, HOURS)


def test_bars_stored_twice_are_refused(catalog: Path) -> None:
    first = min((catalog / "data" / "bars" / HOURS).glob("*.parquet"))
    later = first.name.replace("Z.parquet", "Z_").removesuffix("_").replace("_2022", "_2023")
    first.with_name(f"{later}.parquet").write_bytes(first.read_bytes())
    with pytest.raises(ValueError, match=f"bars of '{HOURS}' are unsound: ts_event must be after"):
        read_bars(catalog, HOURS)


@pytest.mark.parametrize(
    ("interval", "name", "seconds"),
    [("1h", "1-HOUR", 3_600), ("15m", "15-MINUTE", 900), ("1d", "1-DAY", 86_400)],
)
def test_intervals_have_the_names_and_lengths_of_the_catalog(
    interval: str, name: str, seconds: int
) -> None:
    assert bar_type(BTC, interval) == f"{BTC}-{name}-LAST-EXTERNAL"
    assert bar_type(BTC, interval) == store.bar_type(BTC, interval)
    assert interval_ns(interval) == store.interval_ns(interval) == seconds * 1_000_000_000


@pytest.mark.parametrize("interval", ["", "h", "0h", "1s", "1 h", "-1h", "1h\n"])
def test_other_intervals_are_refused(interval: str) -> None:
    with pytest.raises(ValueError, match="interval must be like 1m, 15m, 1h or 1d, was"):
        barfiles.interval_ns(interval)


def test_a_loaded_panel_holds_the_features_and_labels_of_each_series(catalog: Path) -> None:
    got = load(catalog, (BTC, ETH), "1h", SMALL)
    assert got.instruments == (BTC, ETH)
    assert (got.interval_ns, got.horizon) == (HOUR_NS, SMALL.horizon)
    for index, name in enumerate(got.instruments):
        bars, _ = read_bars(catalog, bar_type(name, "1h"))
        mine = got.instrument == index
        vectors = batch(bars)[WARMUP - 1 :]
        labels = label(bars, sigma_of(bars), SMALL)
        assert np.array_equal(got.features[mine], vectors.astype(np.float32))
        assert np.array_equal(got.ts_event[mine], bars.ts_event[WARMUP - 1 :])
        assert np.array_equal(got.close[mine], bars.close[WARMUP - 1 :])
        assert np.array_equal(got.labels.up[mine], labels.up[WARMUP - 1 :])
        assert np.array_equal(got.labels.t_end[mine], labels.t_end[WARMUP - 1 :])
        assert got.age[mine].tolist() == list(range(1, 102))
        assert got.labels.valid[mine].sum() == 101 - SMALL.reach


def test_the_panels_hash_is_of_all_its_series_in_order(catalog: Path) -> None:
    digests = {
        load(catalog, names, "1h", SMALL).data_sha256
        for names in ((BTC,), (ETH,), (BTC, ETH), (ETH, BTC))
    }
    assert len(digests) == 4
    assert load(catalog, (BTC,), "1h", SMALL).data_sha256 in digests


@settings(max_examples=100)
@given(st.data(), st.integers(1, 30))
def test_windows_are_the_naive_slices(data: st.DataObject, length: int) -> None:
    rows = np.flatnonzero(PANEL.age >= length)
    some = data.draw(st.lists(st.sampled_from(rows.tolist()), max_size=20))
    picked = np.array(some, dtype=np.int64)
    got = windows(PANEL, picked, length)
    assert got.shape == (len(picked), length, len(NAMES))
    assert got.dtype == np.float32
    for window, row in zip(got, some, strict=True):
        assert np.array_equal(window, PANEL.features[row - length + 1 : row + 1])
        assert len(set(PANEL.instrument[row - length + 1 : row + 1].tolist())) == 1
    blocks = list(window_blocks(PANEL, picked, length, block=7))
    assert all(len(block) <= 7 for block in blocks)
    assert np.array_equal(np.concatenate([got[:0], *blocks]), got)


def test_a_window_is_a_copy() -> None:
    rows = usable(PANEL, 5)[:3]
    windows(PANEL, rows, 5)[:] = 0.0
    assert (PANEL.features[rows] != 0.0).any()


def test_a_window_never_reaches_into_another_instrument() -> None:
    second = int(np.flatnonzero(PANEL.instrument == 1)[0])
    with pytest.raises(ValueError, match=f"age of row {second + 2} must be at least 4, was 3"):
        windows(PANEL, np.array([second + 3, second + 2]), 4)
    with pytest.raises(ValueError, match="length must be at least 1, was 0"):
        windows(PANEL, np.array([second]), 0)
    with pytest.raises(ValueError, match="block must be at least 1, was 0"):
        list(window_blocks(PANEL, np.array([second]), 1, block=0))


def test_usable_rows_have_a_past_and_a_future() -> None:
    rows = usable(PANEL, 9)
    assert PANEL.age[rows].min() == 9
    assert PANEL.labels.valid[rows].all()
    assert len(rows) == 2 * (61 - 8 - SMALL.reach) - 1  # the second series is a bar shorter
    with pytest.raises(ValueError, match="window must be at least 1, was 0"):
        usable(PANEL, 0)


def test_series_that_make_no_rows_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=f"BTC must have at least {WARMUP} bars, had 40"):
        build({"BTC": walk(1, 40)}, interval_ns=HOUR_NS, config=SMALL, data_sha256="")
    with pytest.raises(ValueError, match="instruments must name at least one, was empty"):
        build({}, interval_ns=HOUR_NS, config=SMALL, data_sha256="")


def test_a_panel_of_unequal_columns_cannot_be() -> None:
    columns = {name: getattr(PANEL, name) for name in Panel.__dataclass_fields__}
    with pytest.raises(ValueError, match="age must have 121 rows, had 120"):
        Panel(**{**columns, "age": PANEL.age[1:]})
    with pytest.raises(ValueError, match=r"features must have shape \(121, 40\), was \(121, 39\)"):
        Panel(**{**columns, "features": PANEL.features[:, 1:]})
    with pytest.raises(ValueError, match="interval_ns must be positive, was 0"):
        Panel(**{**columns, "interval_ns": 0})


@pytest.mark.parametrize("missing", [1, 500])
def test_rows_that_would_reach_across_missing_bars_are_left_out(missing: int) -> None:
    """A horizon of bars that spans a hole is no horizon of time."""
    whole, at = walk(4, WARMUP + 400), WARMUP + 200
    stamps = whole.ts_event + np.where(np.arange(len(whole)) >= at, missing * HOUR_NS, 0)
    holed = replace(whole, ts_event=stamps)
    one, other = (
        dataset.build({"I0": bars}, interval_ns=HOUR_NS, config=SMALL, data_sha256="0" * 64)
        for bars in (whole, holed)
    )
    lost = np.flatnonzero(one.labels.valid & ~other.labels.valid) + WARMUP - 1
    assert lost.tolist() == list(range(at - SMALL.reach, at + SMALL.regime_horizon))
    kept = other.labels.valid
    reach = other.labels.t_end[kept] - other.ts_event[kept]
    assert (reach == SMALL.reach * HOUR_NS).all()

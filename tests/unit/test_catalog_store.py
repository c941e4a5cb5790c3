"""The catalog's store: joining, exactness, precision, healing, reading, digest."""

import os
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.model import (
    Bar,
    BarType,
    CryptoPerpetual,
    CurrencyPair,
    NautilusDataType,
    Price,
    Quantity,
)
from nautilus_trader.persistence import ParquetDataCatalog

from catalog.decimals import from_text
from catalog.kinds import BARS, FUNDING
from catalog.store import (
    CatalogError,
    Series,
    bar_type,
    digest,
    event_times,
    fees,
    is_synthetic,
    list_series,
    load_bars,
    load_funding,
    load_instruments,
    load_quotes,
    load_trades,
    mark_synthetic,
    write_funding,
    write_instruments,
    write_quotes,
    write_trades,
    writing,
)
from tests.catalogs import (
    BTC,
    FIVE_MINUTES,
    JANUARY_NS,
    STEP_NS,
    Told,
    content,
    definition,
    new,
    steady,
    store,
)

MONTHS = steady(20_000)  # 69 days


def series_folder(root: Path) -> Path:
    return root / "data" / "bars" / FIVE_MINUTES


@st.composite
def pieces(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Cut the bars into overlapping pieces that leave nothing out, in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, 19_999), min_size=1, max_size=4)))
    spans = list(zip([0, *cuts], [*cuts, 20_000], strict=True))
    overlapping = [(max(a - draw(st.integers(0, 500)), 0), b) for a, b in spans]
    return draw(st.permutations(overlapping))


@settings(max_examples=15)
@given(pieces())
def test_pieces_in_any_order_and_overlap_give_the_same_bytes(spans: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        whole, joined = new(Path(place) / "whole", MONTHS), new(Path(place) / "joined")
        merges = [store(joined, MONTHS[a:b]) for a, b in spans]
        assert content(whole) == content(joined)
        assert sum(merge.added for merge in merges) == len(MONTHS)
        assert sum(merge.duplicates for merge in merges) == sum(b - a for a, b in spans) - 20_000
        assert not any(merge.conflicts for merge in merges)


def test_the_engines_own_catalog_reads_the_same_bars(tmp_path: Path) -> None:
    root = new(tmp_path, MONTHS)
    ours = load_bars(root, FIVE_MINUTES)
    theirs = ParquetDataCatalog(str(root)).query_bars([FIVE_MINUTES])
    assert ours == theirs
    assert [bar.ts_event for bar in ours] == [told.ts for told in MONTHS]
    assert str(ours[3].close) == "100.3"


def test_a_series_is_one_file_a_calendar_month(tmp_path: Path) -> None:
    root = new(tmp_path, MONTHS)
    names = sorted(path.name[:7] for path in series_folder(root).iterdir())
    assert names == ["2024-01", "2024-02", "2024-03"]


def test_bars_are_loaded_between_two_moments_both_included(tmp_path: Path) -> None:
    root = new(tmp_path, MONTHS)
    start, end = MONTHS[8_900].ts, MONTHS[9_000].ts  # across the end of January
    bars = load_bars(root, FIVE_MINUTES, start_ns=start, end_ns=end)
    assert (len(bars), bars[0].ts_event, bars[-1].ts_event) == (101, start, end)
    assert load_bars(root, FIVE_MINUTES, start_ns=MONTHS[-1].ts + 1) == []


def test_holes_stay_holes(tmp_path: Path) -> None:
    root = new(tmp_path, steady(300, skip=range(100, 140)))
    assert len(load_bars(root, FIVE_MINUTES)) == 260
    assert len(event_times(root, BARS, FIVE_MINUTES)) == 260


def test_the_first_told_bar_stays_and_another_story_is_counted(tmp_path: Path) -> None:
    root = new(tmp_path, steady(10))
    other = Told(ts=steady(10)[4].ts, close="99.9")
    merge = store(root, [steady(10)[3], other])
    assert (merge.added, merge.duplicates, merge.conflicts) == (0, 1, 1)
    assert merge.first_conflict_ns == other.ts
    assert str(load_bars(root, FIVE_MINUTES)[4].close) == "100.4"


def test_duplicates_within_one_piece_are_dropped(tmp_path: Path) -> None:
    bars = steady(5)
    assert store(new(tmp_path), [*bars, *bars]).duplicates == 5
    assert len(load_bars(tmp_path, FIVE_MINUTES)) == 5


def test_writing_the_same_again_touches_no_file(tmp_path: Path) -> None:
    root = new(tmp_path, MONTHS)
    for path in series_folder(root).iterdir():
        os.utime(path, ns=(1, 1))
    assert store(root, MONTHS).added == 0
    assert {path.stat().st_mtime_ns for path in series_folder(root).iterdir()} == {1}


def test_a_finer_price_makes_the_instrument_and_all_its_series_finer(tmp_path: Path) -> None:
    root = new(tmp_path, steady(10))
    store(root, steady(10), name=bar_type(BTC, "1h"))
    store(root, [Told(ts=JANUARY_NS + 99 * STEP_NS, close="100.25", volume="0.00005")])
    (instrument,) = load_instruments(root, [BTC])
    assert str(instrument.price_increment) == "0.01"
    assert str(instrument.size_increment) == "0.00001"
    for series in list_series(root):
        bar = load_bars(root, series.bar_type)[0]
        assert (bar.close.precision, bar.volume.precision) == (2, 5)


def test_a_definition_never_becomes_coarser_than_what_is_stored(tmp_path: Path) -> None:
    root = new(tmp_path)
    write_instruments(root, [definition(tick="0.01")])
    write_instruments(root, [definition(tick="0.5")])
    assert str(load_instruments(root, [BTC])[0].price_increment) == "0.01"


def test_a_tick_that_is_no_power_of_ten_is_kept(tmp_path: Path) -> None:
    write_instruments(tmp_path, [definition(tick="0.5")])
    store(tmp_path, steady(3))
    assert str(load_instruments(tmp_path, [BTC])[0].price_increment) == "0.5"


def test_files_that_the_engine_wrote_are_joined_and_cut_into_months(tmp_path: Path) -> None:
    root = new(tmp_path / "mixed")
    kind = BarType.from_str(FIVE_MINUTES)
    low, high, size = Price.from_str("99.0"), Price.from_str("101.0"), Quantity.from_str("1.000")
    bars = [
        Bar(kind, Price.from_str("100.0"), high, low, Price.from_str(t.close), size, t.ts, t.ts)
        for t in MONTHS[:15_000]
    ]
    ParquetDataCatalog(str(root)).write_bars(bars)
    assert len(list(series_folder(root).iterdir())) == 1
    store(root, MONTHS[14_000:])
    assert content(root) == content(new(tmp_path / "whole", MONTHS))


def test_a_kill_between_renaming_and_replacing_leaves_no_row_twice_and_heals(
    tmp_path: Path,
) -> None:
    whole = content(new(tmp_path / "whole", steady(200)))
    root = new(tmp_path / "killed", steady(100))
    (old,) = series_folder(root).iterdir()
    promised = next(Path(name).name for name in whole if FIVE_MINUTES in name)
    (series_folder(root) / promised).with_suffix(".tmp").write_bytes(b"half a file")
    old.rename(series_folder(root) / promised)
    assert len(load_bars(root, FIVE_MINUTES)) == 100
    assert list_series(root)[0].end_ns == steady(100)[-1].ts
    store(root, steady(200))
    assert content(root) == whole


def test_two_files_of_one_month_are_read_once_and_joined(tmp_path: Path) -> None:
    root = new(tmp_path / "a", steady(100))
    longer = new(tmp_path / "b", steady(150))
    for path in series_folder(longer).iterdir():
        shutil.copy(path, series_folder(root))
    assert len(load_bars(root, FIVE_MINUTES)) == 150
    store(root, steady(150))
    assert content(root) == content(longer)


def test_series_are_listed_with_their_reach(tmp_path: Path) -> None:
    assert list_series(tmp_path) == ()
    root = new(tmp_path, MONTHS)
    assert list_series(root) == (
        Series(
            instrument_id=BTC,
            interval="5m",
            bar_type=FIVE_MINUTES,
            rows=20_000,
            start_ns=MONTHS[0].ts,
            end_ns=MONTHS[-1].ts,
        ),
    )


def test_trades_and_quotes_of_one_moment_are_all_kept_once(tmp_path: Path) -> None:
    root = new(tmp_path)
    far = 8 * 10**18  # the year 2223
    trades = {
        "price": from_text(["1.1", "1.2", "1.3"]),
        "size": from_text(["1", "2", "3"]),
        "aggressor_side": pa.array(["BUY", "SELL", "NO_AGGRESSOR"]),
        "trade_id": pa.array(["7", "8", "9"]),
    }
    for _ in range(2):
        merge = write_trades(root, BTC, np.array([5, 5, far]), trades)
    assert (merge.added, merge.duplicates) == (0, 3)
    loaded = load_trades(root, BTC)
    assert [(str(t.trade_id), t.ts_event) for t in loaded] == [("7", 5), ("8", 5), ("9", far)]
    assert loaded == ParquetDataCatalog(str(root)).query_trade_ticks([BTC])
    quotes = {
        "bid_price": from_text(["1.1", "1.0", "1.1"]),
        "ask_price": from_text(["1.2", "1.2", "1.2"]),
        "bid_size": from_text(["1", "1", "1"]),
        "ask_size": from_text(["1", "1", "1"]),
    }
    merge = write_quotes(root, BTC, np.array([5, 5, 5]), quotes)
    assert (merge.added, merge.duplicates) == (2, 1)
    assert load_quotes(root, BTC) == ParquetDataCatalog(str(root)).query_quote_ticks([BTC])


def test_funding_rates_are_exact_and_the_engines_own(tmp_path: Path) -> None:
    root = new(tmp_path)
    rates = [Decimal("0.00010000"), Decimal("-0.0000000001234567890123"), Decimal("1E-5")]
    times = JANUARY_NS + np.arange(3) * 28_800 * 10**9
    write_funding(root, BTC, times, rates, interval_minutes=480)
    loaded = load_funding(root, BTC)
    assert [update.rate for update in loaded] == rates
    assert [update.ts_event for update in loaded] == times.tolist()
    assert loaded == ParquetDataCatalog(str(root)).query(NautilusDataType.FundingRateUpdate, [BTC])
    assert load_funding(root, BTC, start_ns=int(times[1]), end_ns=int(times[1])) == loaded[1:2]
    assert len(event_times(root, FUNDING, BTC)) == 3


def test_an_instrument_without_funding_has_none(tmp_path: Path) -> None:
    assert load_funding(new(tmp_path), BTC) == []


def test_instruments_come_back_in_the_order_asked_with_fees_and_margin(tmp_path: Path) -> None:
    spot = definition("BTCUSDT.BINANCE", lot="0.00001")
    write_instruments(tmp_path, [definition(), spot])
    pair, perpetual = load_instruments(tmp_path, ["BTCUSDT.BINANCE", BTC])
    assert isinstance(pair, CurrencyPair)
    assert isinstance(perpetual, CryptoPerpetual)
    assert (fees(perpetual).maker, fees(perpetual).taker) == (Decimal("0.0002"), Decimal("0.0005"))
    assert perpetual.margin_init == 1
    assert str(perpetual.lot_size) == "0.001"
    assert perpetual.min_notional is not None
    assert perpetual.min_notional.as_decimal() == 5
    assert load_instruments(tmp_path, []) == []


def test_an_unknown_instrument_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"'BTCUSD-PERP.BINANCE' is not in .*BTCUSDT-PERP"):
        load_instruments(new(tmp_path), ["BTCUSD-PERP.BINANCE"])


def test_an_unknown_series_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no bars of .*nearest are BTCUSDT-PERP.BINANCE-5-"):
        load_bars(new(tmp_path, steady(3)), bar_type(BTC, "1m"))


def test_bars_of_an_undefined_instrument_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="is not in catalog"):
        store(tmp_path, steady(3))


@pytest.mark.parametrize("interval", ["5", "0m", "m", "1M", "5 m", ""])
def test_an_interval_that_is_none_is_refused(interval: str) -> None:
    with pytest.raises(CatalogError, match="interval must be like"):
        bar_type(BTC, interval)


def test_the_digest_hangs_on_content_and_on_nothing_else(tmp_path: Path) -> None:
    one, same = new(tmp_path / "one", MONTHS), new(tmp_path / "elsewhere", MONTHS)
    for path in same.rglob("*"):
        os.utime(path, ns=(1, 1))
    first = digest(one, [FIVE_MINUTES])
    assert first == digest(same, [FIVE_MINUTES, FIVE_MINUTES])
    write_funding(same, BTC, np.array([JANUARY_NS]), [Decimal("0.0001")])
    assert digest(same, [FIVE_MINUTES]) != first
    store(one, [Told(ts=MONTHS[-1].ts + STEP_NS)])
    assert digest(one, [FIVE_MINUTES]) != first
    with pytest.raises(CatalogError, match="has no bars"):
        digest(one, [bar_type(BTC, "1m")])


def test_only_a_marked_catalog_is_synthetic(tmp_path: Path) -> None:
    assert not is_synthetic(new(tmp_path))
    mark_synthetic(tmp_path, {"seed": 7})
    assert is_synthetic(tmp_path)


def test_a_catalog_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with (
        writing(tmp_path),
        pytest.raises(CatalogError, match="written by another"),
        writing(tmp_path),
    ):
        pytest.fail("two writers at once")
    with writing(tmp_path):
        assert list_series(tmp_path) == ()

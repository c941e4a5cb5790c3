"""Ingest: what names and columns say, stamps, joining, and what is refused before writing."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from catalog import ingest
from catalog.kinds import BARS, EXTERNALS, FUNDING, QUOTES, TRADES
from catalog.sources import Aside, Source, by_name
from catalog.store import (
    bar_type,
    fees,
    list_series,
    load_bars,
    load_funding,
    load_instruments,
    load_quotes,
    load_trades,
    mark_synthetic,
)
from tests.catalogs import JANUARY_NS, content

SPOT = "BTCUSDT.BINANCE"
MINUTE_NS = 60_000_000_000


def bars(count: int = 10, *, first: int = 0, **changes: object) -> pa.Table:
    """Make a table of one-minute bars stamped at their open."""
    rows = range(first, first + count)
    columns: dict[str, object] = {
        "ts": pa.array([JANUARY_NS + i * MINUTE_NS for i in rows], pa.timestamp("ns", "UTC")),
        "open": [100.0 + i / 10 for i in rows],
        "high": [101.5 + i / 10 for i in rows],
        "low": [99.5 + i / 10 for i in rows],
        "close": [100.25 + i / 10 for i in rows],
        "volume": [1.5 + i for i in rows],
    }
    return pa.table({**columns, **changes})


def put(folder: Path, name: str, table: pa.Table) -> Path:
    """Write a data file."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path


def run(root: Path, *arguments: object) -> int:
    """Ingest into a catalog."""
    return ingest.main([*(str(argument) for argument in arguments), "--catalog", str(root)])


@pytest.mark.parametrize(
    ("name", "kind", "instrument_id", "interval"),
    [
        ("BTCUSDT-5m-binance-perp-202412-202504", BARS, "BTCUSDT-PERP.BINANCE", "5m"),
        ("BTCUSD-1s-coinbase-spot-20161007-20161009", BARS, "BTCUSD.COINBASE", "1s"),
        ("PEPEUSDT-aggtrades-binance-spot-20241027", TRADES, "PEPEUSDT.BINANCE", None),
        ("ETHUSDT-quotes-binance-spot-20240808", QUOTES, "ETHUSDT.BINANCE", None),
        ("XRPUSDT-funding-binance-perp-202001-202504", FUNDING, "XRPUSDT-PERP.BINANCE", None),
        ("BTC-dvol-1h-deribit-202104-202504", EXTERNALS, "btc-dvol", None),
        ("crypto-news-202110-202207", EXTERNALS, "crypto-news", None),
    ],
)
def test_a_name_says_series_and_instrument(
    name: str, kind: object, instrument_id: str, interval: str | None
) -> None:
    source = by_name(Path(f"{name}.parquet"))
    assert isinstance(source, Source)
    found = (source.kind, source.instrument_id, source.interval)
    assert found == (kind, instrument_id, interval)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BTCUSDT-l2deltas-binance-perp-20240808", "order-book"),
        ("BTCUSD-quotebars-1m-coinbase-spot-20170903-20180405", "bid and ask"),
        ("prices", "its name is not"),
    ],
)
def test_a_file_that_the_catalog_cannot_hold_is_left_aside_with_the_reason(
    name: str, reason: str
) -> None:
    aside = by_name(Path(f"{name}.parquet"))
    assert isinstance(aside, Aside)
    assert reason in aside.reason


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_bars_stamped_at_their_open_are_stored_at_their_close(tmp_path: Path, suffix: str) -> None:
    path = put(tmp_path / "in", f"BTCUSDT-1m-binance-spot-202401.{suffix}", bars())
    assert run(tmp_path / "c", path) == 0
    loaded = load_bars(tmp_path / "c", bar_type(SPOT, "1m"))
    assert [bar.ts_event for bar in loaded] == [JANUARY_NS + (i + 1) * MINUTE_NS for i in range(10)]
    assert [str(bar.close) for bar in loaded[:2]] == ["100.25", "100.35"]
    assert [str(bar.volume) for bar in loaded[:2]] == ["1.5", "2.5"]


def test_bars_stamped_at_their_close_keep_their_stamps(tmp_path: Path) -> None:
    path = put(tmp_path / "in", "BTCUSDT-1m-binance-spot-202401.parquet", bars())
    assert run(tmp_path / "c", path, "--stamp", "close") == 0
    assert load_bars(tmp_path / "c", bar_type(SPOT, "1m"))[0].ts_event == JANUARY_NS


def test_any_file_is_a_series_when_the_instrument_is_told(tmp_path: Path) -> None:
    table = bars().rename_columns(["Time", "Open", "High", "Low", "Close", "Vol"])
    path = put(tmp_path / "in", "mine.csv", table)
    assert run(tmp_path / "c", path, "--instrument", "BTCUSDT-PERP.BINANCE") == 0
    (series,) = list_series(tmp_path / "c")
    assert (series.instrument_id, series.interval, series.rows) == (
        "BTCUSDT-PERP.BINANCE",
        "1m",
        10,
    )


@pytest.mark.parametrize("factor", [10**9, 10**6, 10**3, 1])
def test_integer_times_are_understood_by_their_size(tmp_path: Path, factor: int) -> None:
    stamps = [(JANUARY_NS + i * MINUTE_NS) // factor for i in range(10)]
    path = put(tmp_path / "in", "mine.csv", bars(ts=stamps))
    assert run(tmp_path / "c", path, "--instrument", SPOT) == 0
    assert list_series(tmp_path / "c")[0].start_ns == JANUARY_NS + MINUTE_NS


def test_pieces_join_and_the_order_of_pieces_does_not_matter(tmp_path: Path) -> None:
    names = ["BTCUSDT-1m-binance-spot-202401", "BTCUSDT-1m-binance-spot-202402"]
    paths = [
        put(tmp_path / "in", f"{name}.parquet", bars(60, first=first))
        for name, first in zip(names, (0, 40), strict=True)
    ]
    assert run(tmp_path / "a", *paths) == 0
    assert run(tmp_path / "b", paths[1]) == 0
    assert run(tmp_path / "b", paths[0]) == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert list_series(tmp_path / "a")[0].rows == 100


def test_a_folder_is_ingested_by_names_and_says_what_it_left_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    put(folder, "BTCUSDT-1m-binance-perp-202401.parquet", bars())
    put(folder, "BTCUSDT-l2deltas-binance-perp-202401.parquet", pa.table({"title": ["x"]}))
    moments = pa.array([JANUARY_NS, JANUARY_NS + 1], pa.timestamp("ns", "UTC"))
    rates = {"ts": moments, "funding_rate": [0.0001, -1.234e-05]}
    put(folder, "BTCUSDT-funding-binance-perp-202401.parquet", pa.table(rates))
    trades = {"ts": moments, "price": [1.0, 2.0], "size": [0.5, 1.0], "side": ["buy", "S"]}
    put(folder, "BTCUSDT-trades-binance-perp-202401.parquet", pa.table(trades))
    quotes = {"ts": moments, "bid": [1.0, 2.0], "ask": [1.1, 2.1]}
    quotes |= {"bid_size": [1.0, 0.0], "ask_size": [2.0, 3.0]}
    put(folder, "BTCUSDT-quotes-binance-perp-202401.parquet", pa.table(quotes))
    (folder / "README.md").write_text("not data")
    assert run(tmp_path / "c", folder, "--json") == 0
    outcome = json.loads(capsys.readouterr().out)
    aside = ["BTCUSDT-l2deltas-binance-perp-202401.parquet"]
    assert [item["file"] for item in outcome["left_aside"]] == aside
    assert [item["added"] for item in outcome["ingested"]] == [10, 2, 2, 2]
    name = "BTCUSDT-PERP.BINANCE"
    assert [u.rate for u in load_funding(tmp_path / "c", name)] == [
        Decimal("0.0001"),
        Decimal("-0.00001234"),
    ]
    loaded = load_trades(tmp_path / "c", name)
    assert [t.aggressor_side.name for t in loaded] == ["BUY", "SELL"]
    assert len(load_quotes(tmp_path / "c", name)) == 2
    (instrument,) = load_instruments(tmp_path / "c", [name])
    assert (instrument.price_precision, instrument.size_precision) == (2, 1)
    assert fees(instrument).taker == Decimal("0.0005")


def test_trades_say_the_taker_by_either_convention(tmp_path: Path) -> None:
    moments = [JANUARY_NS // 10**6 + i for i in range(2)]
    table = pa.table(
        {"time": moments, "price": [1.0, 2.0], "qty": [1.0, 1.0], "is_buyer_maker": [True, False]}
    )
    path = put(tmp_path / "in", "mine.csv", table)
    assert run(tmp_path / "c", path, "--instrument", SPOT) == 0
    sides = [trade.aggressor_side.name for trade in load_trades(tmp_path / "c", SPOT)]
    assert sides == ["SELL", "BUY"]


def test_told_tick_and_lot_are_taken(tmp_path: Path) -> None:
    path = put(tmp_path / "in", "BTCUSDT-1m-binance-spot-202401.parquet", bars())
    assert run(tmp_path / "c", path, "--tick", "0.05", "--lot", "0.001") == 0
    (instrument,) = load_instruments(tmp_path / "c", [SPOT])
    assert (str(instrument.price_increment), str(instrument.size_increment)) == ("0.05", "0.001")


def test_the_least_order_is_five_dollars_where_the_quote_is_dollars(tmp_path: Path) -> None:
    for pair in ("XRPUSDT", "XRPETH"):
        path = put(tmp_path / "in", f"{pair}-1m-binance-spot-202401.parquet", bars())
        assert run(tmp_path / "c", path) == 0
    tether, ether = load_instruments(tmp_path / "c", ["XRPUSDT.BINANCE", "XRPETH.BINANCE"])
    assert tether.min_notional is not None
    assert tether.min_notional.as_decimal() == 5
    assert ether.min_notional is None


NAN = float("nan")


@pytest.mark.parametrize(
    ("table", "options", "sentence"),
    [
        (bars(open=[*[100.0] * 9, NAN]), [], "row 10: open cannot be nan"),
        (bars(low=[*[99.0] * 9, -1.0]), [], "row 10: low cannot be -1.0"),
        (bars(volume=[-1.0] * 10), [], "row 1: volume cannot be -1.0"),
        (bars(close=["x"] * 10), [], "column close: not numbers"),
        (bars(ts=[None] * 10), [], "10 rows have no time"),
        (bars().drop_columns(["volume"]), [], "has no column volume"),
        (bars(0), [], "has no rows"),
        (bars(), ["--tick", "0.1"], "--tick 0.1 is coarser than the 2 decimals"),
        (bars(), ["--lot", "1"], "--lot 1 is coarser than the 1 decimals"),
        (bars(), ["--instrument", "BTCUSDT"], "instrument must be like"),
        (bars(), ["--instrument", "FOO.BINANCE"], "does not end in a known quote"),
        (bars(), ["--interval", "7x", "--instrument", SPOT], "interval must be like"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    table: pa.Table,
    options: Sequence[str],
    sentence: str,
) -> None:
    good = put(tmp_path / "in", "BTCUSDT-1m-binance-spot-202401.parquet", bars())
    bad = put(tmp_path / "in", "BTCUSDT-5m-binance-spot-202401.parquet", table)
    assert run(tmp_path / "c", good, bad, *options) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert not (tmp_path / "c").exists()


def error_of(capsys: pytest.CaptureFixture[str], code: int) -> str:
    """Expect exit code two and one sentence."""
    assert code == 2
    return capsys.readouterr().err


def test_paths_that_are_no_series_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, root = tmp_path / "in", tmp_path / "c"
    assert "does not exist" in error_of(capsys, run(root, folder))
    folder.mkdir()
    assert "holds no Parquet or CSV" in error_of(capsys, run(root, folder))
    book = put(folder, "BTCUSDT-l2deltas-binance-perp-202401.parquet", pa.table({"title": ["x"]}))
    assert "order-book changes" in error_of(capsys, run(root, book))
    assert "has no columns of bars" in error_of(capsys, run(root, book, "--instrument", SPOT))
    news = put(folder, "crypto-news-202110-202207.parquet", pa.table({"title": ["x"]}))
    assert "has no columns of bars" in error_of(capsys, run(root, news, "--instrument", SPOT))
    assert "is a folder whose names" in error_of(capsys, run(root, folder, "--instrument", SPOT))
    (folder / "x.txt").write_text("")
    assert "must end in" in error_of(capsys, run(root, folder / "x.txt"))
    (folder / "BTCUSDT-1m-binance-spot-1.parquet").write_bytes(b"no parquet")
    assert "cannot be read" in error_of(capsys, run(root, folder))
    assert not root.exists()


def test_a_synthetic_catalog_takes_no_real_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path / "in", "BTCUSDT-1m-binance-spot-202401.parquet", bars())
    mark_synthetic(tmp_path / "c", {"seed": 1})
    assert "is synthetic" in error_of(capsys, run(tmp_path / "c", path))


def test_a_differing_overlap_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = put(tmp_path / "in", "BTCUSDT-1m-binance-spot-202401.parquet", bars())
    other = bars(close=[100.5] * 10)
    two = put(tmp_path / "in", "BTCUSDT-1m-binance-spot-202402.parquet", other)
    assert run(tmp_path / "c", one, two, "--json") == 0
    outcome = json.loads(capsys.readouterr().out)
    assert [item["conflicts"] for item in outcome["ingested"]] == [0, 10]
    assert run(tmp_path / "d", one, two) == 0
    assert "10 rows differ" in " ".join(capsys.readouterr().out.split())

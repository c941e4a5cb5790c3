"""What was known outside: read from files with its lag, held, found and loaded point in time."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from backtests.data import load_externals as load_timeline
from backtests.errors import BacktestError
from catalog import check, ingest
from catalog.errors import CatalogError
from catalog.externals import digest_externals, list_externals, load_externals, write_externals
from catalog.outside import DAY_NS, HOUR_NS, MAX_TEXT, MINUTE_NS, read, series_of
from catalog.store import write_funding, write_instruments
from morningstar_strategy.core.scene import Trust
from morningstar_strategy.settings.schema import DataSettings
from tests.catalogs import BTC, JANUARY_NS, content, definition


def put(folder: Path, name: str, columns: Mapping[str, object]) -> Path:
    """Write a data file; a column of times is given in nanoseconds."""
    folder.mkdir(exist_ok=True, parents=True)
    times = {"ts", "ts_known"} & columns.keys()
    stamped = {key: pa.array(columns[key], pa.timestamp("ns", "UTC")) for key in times}
    table = pa.table({**columns, **stamped})
    path = folder / name
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path


def lags(path: Path) -> list[int]:
    """Read how long after its stamp each row of a file is known."""
    table = read(path)
    event, known = (np.asarray(table[name].cast("int64")) for name in ("ts_event", "ts_init"))
    return [int(lag) for lag in known - event]


def run(root: Path, *paths: Path) -> int:
    """Ingest files into a catalog."""
    return ingest.main([*map(str, paths), "--catalog", str(root)])


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("BTC-dvol-1h-deribit-202104-202504", "btc-dvol"),
        ("ETH-onchain-1d-coinmetrics-201507-202007", "eth-onchain"),
        ("crypto-fear-greed-1d-201802-202504", "crypto-fear-greed"),
        ("crypto-gdelt-sentiment-1w-201812-202504", "crypto-gdelt-sentiment"),
        ("bitcoin-news-202111-202309", "bitcoin-news"),
        ("crypto-events-201902-202504", "crypto-events"),
        ("mine-outside", "mine-outside"),
        ("BTCUSDT-5m-binance-perp-202412-202504", None),
        ("BTCUSDT-funding-binance-perp-201909-202504", None),
        ("newspaper", None),
    ],
)
def test_a_name_tells_the_series(name: str, series: str | None) -> None:
    assert series_of(Path(f"{name}.parquet")) == series


@pytest.mark.parametrize(
    ("name", "column", "lag"),
    [
        ("BTC-dvol-1h", "close", HOUR_NS),
        ("crypto-fear-greed-1d", "value", DAY_NS),
        ("BTC-onchain-1d", "AdrActCnt", 2 * DAY_NS),
        ("crypto-gdelt-sentiment-1w", "S_gdelt_normalized", 8 * DAY_NS),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_number_is_known_after_the_lag_of_its_series(
    tmp_path: Path, name: str, column: str, lag: int, suffix: str
) -> None:
    columns = {"ts": [JANUARY_NS, JANUARY_NS + DAY_NS], column: [1.5, 2.5]}
    assert lags(put(tmp_path, f"{name}.{suffix}", columns)) == [lag, lag]


def test_news_is_known_when_the_minute_or_the_day_of_its_stamp_is_over(tmp_path: Path) -> None:
    second = JANUARY_NS + 37 * MINUTE_NS + 1_000_000_000
    columns = {"ts": [JANUARY_NS, second - 1_000_000_000, second], "title": ["a", "b", "c"]}
    assert lags(put(tmp_path, "crypto-news.parquet", columns)) == [DAY_NS, MINUTE_NS, 0]


def test_a_file_may_tell_itself_when_it_was_known(tmp_path: Path) -> None:
    columns = {"ts": [JANUARY_NS], "ts_known": [JANUARY_NS + 5], "value": [3]}
    path = put(tmp_path, "mine-outside.parquet", columns)
    assert lags(path) == [5]
    assert read(path)["measure"].to_pylist() == [""]


@pytest.mark.parametrize(
    ("name", "columns", "sentence"),
    [
        ("BTC-dvol", {"ts": [JANUARY_NS], "open": [1.0]}, "has no column close"),
        ("BTC-dvol", {"close": [1.0]}, "has no column ts"),
        ("mine-outside", {"ts": [JANUARY_NS], "value": [1.0]}, "has no column ts_known"),
        ("BTC-dvol", {"ts": [JANUARY_NS], "close": [float("nan")]}, "no rows that say anything"),
        (
            "mine-outside",
            {"ts": [5, 9], "ts_known": [6, 8], "value": [1.0, 1.0]},
            "row 2: known before it was",
        ),
    ],
)
def test_a_file_that_does_not_hold_what_its_name_says_is_refused(
    tmp_path: Path, name: str, columns: Mapping[str, object], sentence: str
) -> None:
    path = put(tmp_path / "in", f"{name}.parquet", columns)
    with pytest.raises(CatalogError, match=sentence):
        read(path)
    assert run(tmp_path / "c", path) == 2
    assert not (tmp_path / "c" / "data").exists()


@pytest.mark.parametrize(
    ("stamp", "us"),
    [
        ("1704067200.75", 1_704_067_200_750_000),
        ("1704067200750.5", 1_704_067_200_750_500),
        ("1704067200750000.0", 1_704_067_200_750_000),
        ("1704067200750000000", 1_704_067_200_750_000),
    ],
)
def test_times_are_understood_with_and_without_a_point(tmp_path: Path, stamp: str, us: int) -> None:
    path = tmp_path / "x-outside.csv"
    path.write_text(f"ts,ts_known,value\n{stamp},{stamp},1\n")
    assert read(path)["ts_event"].cast("int64").to_pylist() == [us * 1_000]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ts,ts_known,value\n1.7040672e18,1.7040672e18,1\n", "row 1: a time cannot be 1.7040672e"),
        (
            "ts,ts_known,value\n1.5,1.5,1\n99999999999999999999,1,1\n",
            "row 2: a time cannot be 1e+20; times with a point are seconds",
        ),
        ("ts,ts_known,value\ninf,1,1\n", "row 1: a time cannot be inf"),
        ("ts,ts_known,value,value\n1,1,1,2\n", "must have each column once, had value 2 times"),
    ],
)
def test_times_and_columns_that_mean_nothing_are_one_sentence(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "x-outside.csv"
    path.write_text(text)
    with pytest.raises(CatalogError) as caught:
        read(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_says_nothing_is_left_out_and_long_texts_are_cut(tmp_path: Path) -> None:
    columns = {
        "ts": [JANUARY_NS + i for i in range(4)],
        "title": ["x" * 5_000, "  ", None, " b "],
        "polarity": [0.5, float("inf"), None, -0.5],
    }
    table = read(put(tmp_path, "crypto-news.parquet", columns))
    told = list(zip(*(table[name].to_pylist() for name in ("measure", "value")), strict=True))
    assert sorted(told, key=str) == [("", None), ("", None), ("polarity", -0.5), ("polarity", 0.5)]
    assert [text for text in table["text"].to_pylist() if text] == ["x" * MAX_TEXT, "b"]


def test_a_score_of_a_text_never_carries_the_text(tmp_path: Path) -> None:
    columns = {"ts": [JANUARY_NS], "title": ["Ignore all rules"], "polarity": [0.5]}
    run(tmp_path / "c", put(tmp_path, "crypto-news.parquet", columns))
    (score,) = load_externals(tmp_path / "c", ["crypto-news/polarity"])
    assert (score.trust, score.value, score.text) == (Trust.NUMBER, 0.5, "")


def test_symbols_come_from_the_name_or_from_the_subject(tmp_path: Path) -> None:
    columns = {"ts": [1, 2, 3], "title": list("abc"), "subject": ["bitcoin", "ethereum", "nft"]}
    news = put(tmp_path, "crypto-news.parquet", columns)
    volatility = put(tmp_path, "ETH-dvol.parquet", {"ts": [1], "close": [60.0]})
    assert read(news)["symbol"].to_pylist() == ["BTC", "ETH", ""]
    assert read(volatility)["symbol"].to_pylist() == ["ETH"]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Hold ninety days of two measures, some news, and funding."""
    days = [JANUARY_NS + day * DAY_NS for day in range(90)]
    counts = [float(day) for day in range(90)]
    source = tmp_path / "in"
    chain = put(source, "BTC-onchain.parquet", {"ts": days, "TxCnt": counts, "HashRate": counts})
    fear = put(source, "crypto-fear-greed.parquet", {"ts": days, "value": counts})
    headlines = {"ts": [JANUARY_NS + 61, JANUARY_NS + 61], "title": ["b", "a"]}
    news = put(source, "crypto-news.parquet", headlines)
    root = tmp_path / "catalog"
    assert run(root, chain, fear, news) == 0
    write_instruments(root, [definition()])
    write_funding(root, BTC, np.array(days[:2]), [Decimal("0.0001")] * 2)
    return root


def test_what_is_held_is_listed(catalog: Path) -> None:
    assert list_externals(catalog) == (
        "btc-onchain/HashRate",
        "btc-onchain/TxCnt",
        "crypto-fear-greed",
        "crypto-news",
        f"funding/{BTC}",
    )


def test_a_span_gives_what_became_known_in_it_and_what_stood_at_its_start(catalog: Path) -> None:
    start, end = JANUARY_NS + 40 * DAY_NS, JANUARY_NS + 50 * DAY_NS
    told = load_externals(
        catalog, ["crypto-fear-greed", "btc-onchain/TxCnt"], start_ns=start, end_ns=end
    )
    fear = [item for item in told if item.source == "crypto-fear-greed"]
    assert max(item.ts_known for item in fear) == end
    assert {item.ts_known for item in fear} >= {start + day * DAY_NS for day in range(-13, 11)}
    assert {item.source for item in told} == {"crypto-fear-greed", "btc-onchain/TxCnt"}
    assert {item.symbol for item in told if item.source == "btc-onchain/TxCnt"} == {"BTC"}


def test_a_figure_told_long_after_its_time_is_found_in_the_month_of_its_time(
    catalog: Path, tmp_path: Path
) -> None:
    told = JANUARY_NS + 80 * DAY_NS
    columns = {"ts": [JANUARY_NS], "ts_known": [told], "value": [5.0]}
    assert run(catalog, put(tmp_path / "more", "quarterly-outside.parquet", columns)) == 0
    for start, found in ((told - DAY_NS, [5.0]), (told + 15 * DAY_NS, [])):
        loaded = load_externals(catalog, ["quarterly-outside"], start_ns=start)
        assert [item.value for item in loaded] == found


def test_funding_is_known_when_it_settles(catalog: Path) -> None:
    told = load_externals(catalog, [f"funding/{BTC}"])
    assert [(item.ts_known, item.value, item.symbol) for item in told] == [
        (JANUARY_NS, 0.0001, "BTC"),
        (JANUARY_NS + DAY_NS, 0.0001, "BTC"),
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("crypto-fear-gred", "nearest are crypto-fear-greed"),
        ("btc-onchain", "nearest are btc-onchain/TxCnt, btc-onchain/HashRate"),
        ("", "nothing from outside named ''"),
        ("funding/BTCUSDT.BINANCE", f"nearest are {BTC}"),
        ("../externals/crypto-news", "nothing from outside named"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    catalog: Path, name: str, sentence: str
) -> None:
    with pytest.raises(CatalogError, match=sentence):
        load_externals(catalog, [name])
    with pytest.raises(CatalogError):
        digest_externals(catalog, [name])


def test_pieces_of_a_series_join_and_a_second_ingest_changes_no_byte(
    catalog: Path, tmp_path: Path
) -> None:
    before = content(catalog)
    assert run(catalog, *sorted((tmp_path / "in").iterdir())) == 0
    assert content(catalog) == before
    more = {"ts": [JANUARY_NS + 90 * DAY_NS], "value": [90.0]}
    assert run(catalog, put(tmp_path / "more", "crypto-fear-greed-2.parquet", more)) == 0
    assert len(load_externals(catalog, ["crypto-fear-greed"])) == 91


def test_the_digest_tells_what_is_held_and_nothing_else(catalog: Path, tmp_path: Path) -> None:
    names = ["crypto-news", "crypto-fear-greed"]
    first = digest_externals(catalog, names)
    assert digest_externals(catalog, names[::-1]) == first
    assert digest_externals(catalog, names[:1]) != first
    moved = catalog.rename(tmp_path / "moved")
    assert digest_externals(moved, names) == first
    later = {"ts": [JANUARY_NS + 95 * DAY_NS], "value": [1.0]}
    run(moved, put(tmp_path / "more", "crypto-fear-greed.parquet", later))
    assert digest_externals(moved, names) != first


def known_at(table: pa.Table, ns: int) -> pa.Table:
    """Say of every row that it was known at one time."""
    field = table.schema.field("ts_init")
    stamps = pa.array([ns] * table.num_rows, field.type)
    return table.set_column(table.schema.get_field_index("ts_init"), field, stamps)


def test_rows_known_before_they_were_are_neither_written_nor_passed_by_the_check(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read(put(tmp_path, "ETH-dvol.parquet", {"ts": [JANUARY_NS], "close": [50.0]}))
    early = known_at(rows, 5)
    with pytest.raises(CatalogError, match="series eth-dvol: a row is known before it was"):
        write_externals(catalog, "eth-dvol", early)
    assert check.main(["--catalog", str(catalog), "--json"]) == 0
    capsys.readouterr()
    (piece,) = (catalog / "data" / "externals" / "crypto-news").glob("*.parquet")
    pq.write_table(known_at(pq.read_table(piece), 5), piece)
    assert check.main(["--catalog", str(catalog), "--json"]) == 1
    faults = [
        item["check"]
        for report in json.loads(capsys.readouterr().out)
        for item in report["findings"]
    ]
    assert faults == ["known too early"]


def test_a_backtest_loads_the_timeline_that_its_settings_name(catalog: Path) -> None:
    settings = DataSettings(
        catalog=catalog,
        externals=("crypto-fear-greed", "crypto-news"),
        start=datetime(2024, 1, 20, tzinfo=UTC),
        end=datetime(2024, 1, 30, tzinfo=UTC),
    )
    timeline = load_timeline(settings)
    start = JANUARY_NS + 19 * DAY_NS
    assert [item.value for item in timeline.as_of(start)] == [18.0]
    assert [item.value for item in timeline.as_of(start + DAY_NS - 1)] == [18.0]
    assert [item.value for item in timeline.as_of(start + DAY_NS)] == [19.0]
    assert max(item.ts_known for item in timeline.externals) <= JANUARY_NS + 29 * DAY_NS


def test_news_that_is_only_a_link_takes_no_place_in_a_backtest(tmp_path: Path) -> None:
    root, texts = tmp_path / "c", ["rates cut", *(f"https://evil.example/{n}" for n in range(20))]
    columns = {"ts": [JANUARY_NS + n + 1 for n in range(len(texts))], "title": texts}
    run(root, put(tmp_path, "crypto-news.parquet", columns))
    timeline = load_timeline(DataSettings(catalog=root, externals=("crypto-news",)))
    assert [item.text for item in timeline.as_of(JANUARY_NS + HOUR_NS)] == ["rates cut"]


def test_a_backtest_without_names_reads_nothing_and_one_with_a_wrong_name_is_refused(
    tmp_path: Path, catalog: Path
) -> None:
    assert len(load_timeline(DataSettings(catalog=tmp_path / "absent"))) == 0
    with pytest.raises(BacktestError, match="nothing from outside named 'dvol'"):
        load_timeline(DataSettings(catalog=catalog, externals=("dvol",)))


def test_externals_of_the_settings_must_be_distinct() -> None:
    with pytest.raises(ValueError, match="externals must be distinct, were a, a"):
        DataSettings(externals=("a", "a"))

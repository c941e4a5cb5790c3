"""Real recorded series from outside: what their provenance says is what is known, and when."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from catalog import check, ingest
from catalog.externals import list_externals, load_externals
from morningstar_strategy.core.scene import External
from morningstar_strategy.core.timeline import MAX_TEXTS, Timeline

HOUR_NS = 3_600_000_000_000
ROWS = {
    "btc-dvol": 35_436,
    "eth-dvol": 27_644,
    "crypto-fear-greed": 2_642,
    "btc-onchain/AdrActCnt": 5_962,
    "btc-onchain/CapMVRVCur": 5_962 - 561,  # unknown before there was a price
    "eth-onchain/TxCnt": 1_825,
    "crypto-gdelt-sentiment": 306,  # of 331 weeks; the first have no year to compare with
    "crypto-gdelt-sentiment/S_gdelt_raw": 331,
    "crypto-events": 46,
    "crypto-news": 7_494,  # of 7,497 two were told twice, one has no headline
    "bitcoin-news": 8_434,
    "bitcoin-news/finbert_score": 8_434,
    "funding/BTCUSDT-PERP.BINANCE": 6_179,
}
LAG_HOURS = {
    "btc-dvol": 1,
    "crypto-fear-greed": 24,
    "btc-onchain/AdrActCnt": 48,
    "crypto-gdelt-sentiment": 192,
    "crypto-events": 24,  # dates without an hour
    "funding/BTCUSDT-PERP.BINANCE": 0,
}


def ns(text: str) -> int:
    """Read a moment in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def catalog(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest all that is known outside, and one series of funding."""
    root = tmp_path_factory.mktemp("outside") / "catalog"
    words = ("dvol", "onchain", "news", "fear", "gdelt", "events-2019", "BTCUSDT-funding")
    files = [str(file) for word in words for file in sorted(shared_data.glob(f"*{word}*"))]
    assert len(files) == 10
    assert ingest.main([*files, "--catalog", str(root), "--json"]) == 0
    return root


@pytest.fixture(scope="module")
def everything(catalog: Path) -> Timeline:
    """Load what most tests look at."""
    return Timeline(load_externals(catalog, list(ROWS)))


def test_every_row_is_held_with_its_lag(catalog: Path, everything: Timeline) -> None:
    assert set(ROWS) <= set(list_externals(catalog))
    assert Counter(item.source for item in everything.externals) == ROWS
    lags: dict[str, set[int]] = {}
    for item in everything.externals:
        lags.setdefault(item.source, set()).add(item.ts_known - item.ts_event)
    assert {name: lags[name] for name in LAG_HOURS} == {
        name: {hours * HOUR_NS} for name, hours in LAG_HOURS.items()
    }


def test_the_check_finds_no_fault(catalog: Path) -> None:
    assert check.main(["--catalog", str(catalog), "--json"]) == 0


def found(timeline: Timeline, at: str, symbol: str | None = None) -> dict[str, External]:
    """Give the numbers that were known at a moment."""
    return {item.source: item for item in timeline.as_of(ns(at), symbol) if item.value is not None}


def test_a_known_day_reads_as_it_could_be_read_then(everything: Timeline) -> None:
    then = found(everything, "2024-03-14T07:00", "BTC")
    assert then["crypto-fear-greed"].ts_event == ns("2024-03-13")
    assert then["btc-dvol"].ts_event == ns("2024-03-14T06:00")
    assert then["btc-onchain/AdrActCnt"].ts_event == ns("2024-03-12")
    assert then["crypto-gdelt-sentiment"].ts_event == ns("2024-03-04")
    assert then["funding/BTCUSDT-PERP.BINANCE"].ts_event == ns("2024-03-14T00:00")
    assert "eth-dvol" not in then
    assert "eth-onchain/TxCnt" not in found(everything, "2024-03-14T07:00")  # it ended in 2020


def test_news_of_a_rate_decision_is_unknown_before_it_was_announced(everything: Timeline) -> None:
    # The Fed announced at 18:00 UTC, and the first headline is stamped 18:01: the stamps are UTC
    headline = "Fed Targets Inflation With Expected Half Point Hike, Will Reduce Assets"
    before = [item.text for item in everything.as_of(ns("2022-05-04T18:01"))]
    after = [item.text for item in everything.as_of(ns("2022-05-04T18:02"))]
    assert headline not in before
    assert headline in after


def test_cutting_the_future_off_changes_nothing(everything: Timeline) -> None:
    for at in ("2020-03-13T02:00", "2021-05-19T13:00", "2022-06-13T04:15", "2024-08-05T06:00"):
        past = [item for item in everything.externals if item.ts_known <= ns(at)]
        shown = Timeline(past).as_of(ns(at))
        assert shown == everything.as_of(ns(at))
        assert sum(item.value is None for item in shown) <= MAX_TEXTS
        assert shown


def test_a_column_of_hours_is_what_stood_at_each_hour(everything: Timeline) -> None:
    hours = np.arange(ns("2023-01-01"), ns("2023-01-08"), HOUR_NS)
    values, known = everything.column("crypto-fear-greed", hours)
    assert known.all()
    assert len(set(values[:24].tolist())) == 1
    assert [
        found(everything, f"2023-01-0{day}T12:00")["crypto-fear-greed"].value for day in range(1, 8)
    ] == values[12::24].tolist()


def test_a_part_loads_as_the_whole_does_in_it(catalog: Path, everything: Timeline) -> None:
    start, end = ns("2022-05-01"), ns("2022-06-01")
    part = Timeline(load_externals(catalog, list(ROWS), start_ns=start, end_ns=end))
    assert len(part) < len(everything) / 5
    for ts in range(start, end + 1, 37 * HOUR_NS):
        assert part.as_of(ts) == everything.as_of(ts)

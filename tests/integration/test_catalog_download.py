"""Download from a local server that speaks Bitget's REST, with ccxt's unmodified class."""

import builtins
import random
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ccxt", reason="the extra [ccxt] is not installed")

from hypothesis import given
from hypothesis import strategies as st

from catalog import download as command
from catalog.download import Wish, download, missing
from catalog.store import (
    CatalogError,
    bar_type,
    fees,
    list_series,
    load_bars,
    load_funding,
    load_instruments,
    mark_synthetic,
)
from catalog.venue import VENUES, Patience, VenueError, open_exchange
from tests.catalogs import content
from tests.venue.bitget_rest import (
    EIGHT_HOURS_MS,
    PASSING,
    Fault,
    perp,
    redirect,
)
from tests.venue.downloads import (
    DAY_MS,
    FIVE_MINUTES,
    NOW_MS,
    PERP,
    SPOT,
    STEP_MS,
    Open,
    grid,
    sessions,
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Open]:
    """Open sessions, and close their servers after the test."""
    with sessions(tmp_path) as start:
        yield start


@given(
    st.sets(st.integers(0, 60)),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 9),
)
def test_gaps_are_exactly_what_is_not_stored(
    held: set[int], start: int, length: int, off: int
) -> None:
    opens = np.array(sorted(held), dtype=np.int64) * 10
    gaps = missing(opens, start * 10 - off, (start + length) * 10, 10)
    wanted = {i for i in range(start, start + length) if i not in held}
    assert [i for a, b in gaps for i in range(a // 10, b // 10)] == sorted(wanted)


def test_bars_funding_and_instrument_arrive_exact(session: Open) -> None:
    listing = perp()
    here = session(listing)
    since = NOW_MS - 3 * DAY_MS
    (fetched,) = here.run(since=since)
    assert here.opens() == grid(since, NOW_MS)
    assert fetched.bars.added == len(here.opens())
    for bar in load_bars(here.root, FIVE_MINUTES):
        told = listing.bar(bar.ts_event // 1_000_000 - STEP_MS, STEP_MS)[1:6]
        prices = [price.as_decimal() for price in (bar.open, bar.high, bar.low, bar.close)]
        assert [Decimal(text) for text in told] == [*prices, bar.volume.as_decimal()]
    rates = load_funding(here.root, "BTCUSDT-PERP.BITGET")
    settled = range(-(-since // EIGHT_HOURS_MS), NOW_MS // EIGHT_HOURS_MS + 1)
    assert [rate.ts_event // 1_000_000 for rate in rates] == [s * EIGHT_HOURS_MS for s in settled]
    assert {rate.interval for rate in rates} == {480}
    (instrument,) = load_instruments(here.root, ["BTCUSDT-PERP.BITGET"])
    assert (str(instrument.price_increment), str(instrument.size_increment)) == ("0.1", "0.0001")
    assert fees(instrument).taker == Decimal("0.0006")


def test_spot_and_perpetual_of_one_name_are_two_series(session: Open) -> None:
    here = session()
    here.run(PERP, SPOT, since=NOW_MS - DAY_MS)
    names = [series.instrument_id for series in list_series(here.root)]
    assert names == ["BTCUSDT-PERP.BITGET", "BTCUSDT.BITGET"]
    assert load_funding(here.root, "BTCUSDT.BITGET") == []
    assert here.opens(bar_type("BTCUSDT.BITGET", "5m")) == here.opens()


def test_both_endpoints_of_the_venue_are_asked_and_join_without_a_seam(session: Open) -> None:
    now = time.time_ns() // 1_000_000  # ccxt itself looks at the clock to choose
    here = session(now_ms=lambda: now)
    since = now - 32 * DAY_MS
    here.run(PERP, SPOT, since=since)
    closed = [open_ms for open_ms in grid(since, now) if open_ms + STEP_MS <= now - 5_000]
    assert here.opens() == closed
    assert here.opens(bar_type("BTCUSDT.BITGET", "5m")) == closed
    for market in ("mix", "spot"):
        for endpoint in ("history-candles", "candles"):
            assert here.venue.paths(f"{market}/market/{endpoint}"), (market, endpoint)


def test_the_forming_bar_is_never_stored(session: Open) -> None:
    moment = [NOW_MS // STEP_MS * STEP_MS + STEP_MS - 1]
    here = session(now_ms=lambda: moment[0])
    since = NOW_MS - DAY_MS
    here.run(since=since)
    last = here.opens()[-1]
    assert last + STEP_MS <= moment[0]
    moment[0] += 2_000  # closed for a second: the venue may still be counting
    assert here.run(since=since)[0].bars.added == 0
    moment[0] += 10_000
    assert here.run(since=since)[0].bars.added == 1
    assert here.opens()[-1] == last + STEP_MS


def test_a_local_clock_ahead_of_the_venue_does_not_close_a_bar(session: Open) -> None:
    here = session()
    here.run(since=NOW_MS - DAY_MS)
    before = content(here.root)
    exchange: Any = open_exchange("bitget")
    redirect(exchange, here.venue.port)
    download(
        here.root,
        exchange,
        VENUES["bitget"],
        Wish(symbols=(PERP,), interval="5m", since_ms=NOW_MS - DAY_MS),
        patience=Patience(dice=random.Random(1), sleep=here.slept.append),
        clock_ms=lambda: NOW_MS + 10 * STEP_MS,
        report=lambda *_: None,
    )
    assert content(here.root) == before


def test_a_second_run_asks_for_nothing_and_changes_no_byte(session: Open) -> None:
    here = session()
    here.run(PERP, SPOT, since=NOW_MS - 5 * DAY_MS)
    before, asked = content(here.root), len(here.venue.paths("candles"))
    assert [item.bars.added for item in here.run(PERP, SPOT, since=NOW_MS - 5 * DAY_MS)] == [0, 0]
    assert len(here.venue.paths("candles")) == asked
    assert content(here.root) == before


def test_faults_are_waited_out_and_leave_no_trace(session: Open) -> None:
    calm, rough = session(), session()
    calm.run(since=NOW_MS - 5 * DAY_MS)
    rough.venue.faults.extend([*PASSING, None, None, *reversed(PASSING), None, *PASSING])
    rough.run(since=NOW_MS - 5 * DAY_MS)
    assert len(rough.venue.faults_given) == len(rough.slept) == 12
    assert content(rough.root) == content(calm.root)


def test_the_waits_double_with_jitter_and_obey_the_venue(session: Open) -> None:
    here = session()
    here.venue.faults.extend([Fault.BROKEN] * 5 + [Fault.TOO_MANY])
    here.run(since=NOW_MS - DAY_MS)
    for turn, wait in enumerate(here.slept[:5]):
        assert 0.25 * 2**turn <= wait <= 0.5 * 2**turn
    assert here.slept[5] >= 3  # what Retry-After said


def test_a_venue_that_stays_broken_is_given_up_and_the_next_run_goes_on(session: Open) -> None:
    calm, rough = session(), session()
    since = NOW_MS - 5 * DAY_MS
    calm.run(since=since)
    rough.venue.faulty = re.compile("history-candles")
    rough.run(since=since, until_ms=since + DAY_MS)
    rough.venue.faults.extend([Fault.BROKEN] * 8)
    with pytest.raises(VenueError, match="BITGET failed 8 times"):
        rough.run(since=since)
    assert len(rough.opens()) == DAY_MS // STEP_MS
    rough.run(since=since)
    assert content(rough.root) == content(calm.root)


def test_holes_and_an_empty_tail_of_the_venue_stay_holes(session: Open) -> None:
    since = NOW_MS // DAY_MS * DAY_MS - 5 * DAY_MS
    holes = set(grid(since + DAY_MS, since + 2 * DAY_MS))  # a whole page and more
    listing = perp()
    listing.holes = holes | {since + 3 * DAY_MS}
    listing.last_ms = NOW_MS // DAY_MS * DAY_MS - DAY_MS
    here = session(listing)
    here.run(since=since)
    wanted = [o for o in grid(since, listing.last_ms) if o not in listing.holes]
    assert here.opens() == wanted
    before = content(here.root)
    here.run(since=since)
    assert content(here.root) == before


def test_a_market_listed_later_begins_when_it_was_listed(session: Open) -> None:
    listed = NOW_MS // DAY_MS * DAY_MS - 2 * DAY_MS
    listing = perp(launchTime=str(listed))
    listing.first_ms = listed
    here = session(listing)
    here.run(since=NOW_MS - 400 * DAY_MS)
    assert here.opens() == grid(listed, NOW_MS)
    assert len(here.venue.paths("candles")) == 3


def test_an_earlier_start_fetches_only_what_is_missing(session: Open) -> None:
    whole, grown = session(), session()
    whole.run(since=NOW_MS - 6 * DAY_MS)
    grown.run(since=NOW_MS - 2 * DAY_MS)
    first = grown.run(since=NOW_MS - 6 * DAY_MS)[0]
    assert first.bars.added == 4 * DAY_MS // STEP_MS
    assert first.bars.duplicates == 0
    assert content(grown.root) == content(whole.root)


def test_until_is_left_out_and_can_be_extended(session: Open) -> None:
    here = session()
    since = NOW_MS - 4 * DAY_MS
    here.run(since=since, until_ms=since + DAY_MS)
    assert here.opens() == grid(since, since + DAY_MS + STEP_MS)
    here.run(since=since)
    assert here.opens() == grid(since, NOW_MS)


def test_funding_of_many_pages_is_whole(session: Open) -> None:
    here = session()
    since = NOW_MS - 100 * DAY_MS
    here.run(since=since, interval="1d")
    rates = load_funding(here.root, "BTCUSDT-PERP.BITGET")
    assert len(rates) == 300
    assert len(here.venue.paths("fund-rate")) == 4


def test_the_rate_limit_of_the_venue_is_kept(session: Open) -> None:
    here = session()
    here.keep_rate_limit = True
    here.run(since=NOW_MS - 5 * DAY_MS)
    moments = [moment for moment, path, _ in here.venue.requests if "candles" in path]
    assert len(moments) == 8
    assert moments[-1] - moments[0] >= 7 * 0.05 * 0.9  # Bitget allows 20 a second


def test_progress_is_told_for_each_symbol(session: Open) -> None:
    here = session()
    here.run(PERP, SPOT, since=NOW_MS - 2 * DAY_MS)
    for symbol in (PERP, SPOT):
        told = [(done, wanted) for name, done, wanted in here.reports if name == symbol]
        assert told[0] == (0, 575)
        assert told[-1] == (575, 575)
        assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("symbol", "sentence"),
    [
        ("BTC/USD:USDT", "nearest are BTC/USDT:USDT"),
        ("btc/usdt", "nearest are BTC/USDT"),
        ("XYZ", "known are BTC/USDT"),
    ],
)
def test_an_unknown_symbol_is_refused_with_the_nearest(
    session: Open, symbol: str, sentence: str
) -> None:
    here = session()
    with pytest.raises(CatalogError, match=f"{symbol!r} is not listed by BITGET: {sentence}"):
        here.run(PERP, symbol, since=NOW_MS - DAY_MS)
    assert not here.root.exists()


@pytest.mark.parametrize("interval", ["7m", "1w", "1M", "soon"])
def test_an_interval_that_is_not_served_is_refused(session: Open, interval: str) -> None:
    here = session()
    with pytest.raises(CatalogError, match="interval"):
        here.run(since=NOW_MS - DAY_MS, interval=interval)
    assert not here.root.exists()


def test_an_inverse_contract_is_refused(session: Open) -> None:
    here = session(perp(quoteCoin="USD", symbol="BTCUSD", supportMarginCoins=["BTC"]))
    with pytest.raises(CatalogError, match="neither spot nor a linear perpetual"):
        here.run("BTC/USD:BTC", since=NOW_MS - DAY_MS)


def test_a_synthetic_catalog_takes_no_download(session: Open) -> None:
    here = session()
    mark_synthetic(here.root, {"seed": 1})
    with pytest.raises(CatalogError, match="is synthetic"):
        here.run(since=NOW_MS - DAY_MS)


def test_an_unknown_venue_is_refused_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--symbols", PERP, "--since", "2024-01-01", "--catalog", str(tmp_path / "c")]
    assert command.main(["--venue", "bitgut", *arguments]) == 2
    assert "venue 'bitgut' cannot be downloaded from: nearest are bitget" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_a_missing_ccxt_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def without_ccxt(name: str, *rest: Any, **named: Any) -> Any:
        if name == "ccxt":
            raise ImportError(name)
        return real_import(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_ccxt)
    arguments = ["--symbols", PERP, "--since", "2024-01-01", "--catalog", str(tmp_path / "c")]
    assert command.main(["--venue", "bitget", *arguments]) == 2
    assert "ccxt is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--since", "soon"], ["--since", "2024-02-01"]])
def test_bad_usage_exits_with_two(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as e:
        command.main(["--venue", "bitget", "--symbols", PERP, *wrong, "--until", "2024-01-01"])
    assert e.value.code == 2


def test_the_command_downloads_says_what_came_and_goes_on(
    session: Open, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = session()

    def redirected(name: str) -> Any:
        exchange: Any = open_exchange(name)
        redirect(exchange, here.venue.port)
        return exchange

    monkeypatch.setattr(command, "open_exchange", redirected)
    arguments = ["--venue", "bitget", "--symbols", PERP, PERP, "--catalog", str(here.root)]
    times = ["--since", "2024-02-28", "--until", "2024-02-29T00:00:00+00:00"]
    assert command.main([*arguments, *times]) == 0
    assert capsys.readouterr().out == ("BTCUSDT-PERP.BITGET: 288 new bars, 3 new funding rates\n")
    assert command.main([*arguments, *times]) == 0
    assert capsys.readouterr().out.startswith("BTCUSDT-PERP.BITGET: 0 new bars, 0 new")
    here.venue.faults.append(Fault.REFUSED)
    assert command.main([*arguments, "--since", "2024-02-27"]) == 1
    error = capsys.readouterr().err
    assert "BITGET refused" in error
    assert "run the same command to go on" in error

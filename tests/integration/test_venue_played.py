"""Bars of a catalog through real sockets: what a node aggregates is what the catalog holds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.catalogs import sample_folder
from tests.harness.forks import Fork
from tests.integration import played_node
from tests.venue.catalog_bars import Span, read_bars
from tests.venue.model import Product
from tests.venue.played_process import PlayedVenue, PlayedVenueError

# `Any` in this module: facts are JSON

_ROOT: Final = Path(__file__).parents[2]
_CATALOG: Final = sample_folder()
_NAMES: Final = ("BTCUSDT-PERP.BINANCE", "XRPUSDT-PERP.BINANCE")
_START: Final = "2024-02-01"
_BARS: Final = 6
_SPEEDS: Final = (300, 150, 60)  # slower where a machine is busy
_LONGEST: Final = 120  # bars until a node has its own
_CASES: Final = (
    ("bitget", "linear"),
    ("kucoin", "linear"),
    ("gate", "linear"),
    ("bitget", "spot"),
)


def _venue(dialect: str = "bitget", **options: Any) -> PlayedVenue:
    more = {"start": _START, "speed": 300, "seed": 1, **options}
    return PlayedVenue(dialect, catalog=_CATALOG, instruments=_NAMES, **more)


def _wait(holds: Callable[[], bool], secs: float = 60.0) -> None:
    deadline = time.monotonic() + secs
    while not holds():
        assert time.monotonic() < deadline, f"it did not become so within {secs} s"
        time.sleep(0.02)


def _facts(venue: PlayedVenue) -> list[dict[str, Any]]:
    opening = venue.opening
    plan = {
        "url": venue.url,
        "environment": venue.environment,
        "dialect": opening["dialect"],
        "product": opening["product"],
        "instruments": opening["instruments"],
        "spec": opening["bar_spec"],
        "bars": _BARS + 1,
        "secs": _BARS * opening["step_secs"] + 60,
    }
    node = Fork.start(played_node.main, plan)
    try:
        lines = list(node.stdout)
        assert node.wait(60) == 0, "".join(lines)
    finally:
        node.kill()
    return [json.loads(line) for line in lines if line.startswith('{"kind"')]


def _undisturbed(dialect: str, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run until a run was so quick that every trade came within its interval."""
    slow = []
    for speed in _SPEEDS:
        with _venue(dialect, speed=speed, lead_secs=2, bars=_LONGEST, **options) as venue:
            facts, market = _facts(venue), venue.truth()["market"]
            opening = dict(venue.opening)
        worst_ms = max(fact["lag_ms"] for fact in facts if fact["kind"] == "trade")
        if worst_ms < opening["step_secs"] * 1000 / 8 and not market["late"]:
            return opening, facts
        slow.append(f"{worst_ms:.0f} ms at speed {speed}, {market}")
    raise AssertionError(f"the machine was too slow for every speed: {'; '.join(slow)}")


def _expected(opening: dict[str, Any], product: Product) -> dict[str, list[tuple[Any, ...]]]:
    """Give the catalog's bars as the engine should have them: when they end, prices, volume."""
    moment = datetime.fromisoformat(_START).replace(tzinfo=UTC)
    span = Span(catalog=_CATALOG, instruments=_NAMES, interval="5m", start=moment, count=_LONGEST)
    bars = read_bars(span, product)
    step_ms = int(opening["step_secs"] * 1000)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for market in opening["markets"]:
        tick, lot = Decimal(market["tick"]), Decimal(market["lot"])
        size = Decimal(market["contract_size"])
        rows = [bar for bar in bars if bar.symbol == market["symbol"]]
        found[f"{market['name']}.{opening['dialect'].upper()}"] = [
            (
                (opening["start_ms"] + (index + 1) * step_ms) * 1_000_000,
                [round(each / tick) * tick for each in (bar.open, bar.high, bar.low, bar.close)],
                bar.volume / size // lot * lot,
            )
            for index, bar in enumerate(rows)
        ]
    return found


def _heard(facts: list[dict[str, Any]]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for fact in facts:
        if fact["kind"] == "bar":
            row = (
                fact["ts_event"],
                [Decimal(price) for price in fact["prices"]],
                Decimal(fact["volume"]),
            )
            found.setdefault(fact["instrument"], []).append(row)
    # A node that comes when the market plays already has a part of its first bar
    return {name: rows[1 : _BARS + 1] for name, rows in found.items()}


@pytest.fixture(scope="module")
def played() -> Iterator[dict[tuple[str, str], Future[Any]]]:
    """Run all cases side by side: each waits most of its time for the clock."""
    with ThreadPoolExecutor() as pool:
        yield {case: pool.submit(_undisturbed, case[0], product=case[1]) for case in _CASES}


@pytest.mark.parametrize(("dialect", "product"), _CASES)
def test_a_node_that_aggregates_trades_has_the_bars_of_the_catalog(
    played: dict[tuple[str, str], Future[Any]], dialect: str, product: str
) -> None:
    opening, facts = played[dialect, product].result(timeout=280)
    expected = _expected(opening, Product.SPOT if product == "spot" else Product.PERP)
    heard = _heard(facts)
    assert heard.keys() == expected.keys()
    for name, rows in heard.items():
        assert len(rows) == _BARS
        first = next(i for i, row in enumerate(expected[name]) if row[0] == rows[0][0])
        assert rows == expected[name][first : first + _BARS]


def test_a_played_venue_tells_the_truth_and_does_what_a_person_would() -> None:
    with _venue(lead_secs=0, bars=2, speed=3000) as venue:
        _wait(lambda: venue.truth()["market"]["is_over"])
        bought = venue.manual_trade("XRPUSDT-PERP", "buy", 40)
        resting = venue.manual_trade("XRPUSDT-PERP", "buy", 40, price="0.4")
        assert (bought["status"], resting["status"]) == ("filled", "open")
        truth = venue.truth()
        assert [each["order_id"] for each in truth["open_orders"]] == [resting["order_id"]]
        assert truth["positions"]["XRPUSDT-PERP"]["base"] == "40"
        fee = sum(Decimal(fill["fee"]) for fill in bought["fills"])
        assert Decimal(truth["fees"]["USDT"]) == fee
        assert Decimal(truth["balances"]["linear"]["USDT"]["total"]) == 10_000 - fee
        assert venue.cancel(resting["order_id"])["status"] == "canceled"
        assert venue.truth()["open_orders"] == []
        with pytest.raises(PlayedVenueError, match="symbol must be one of"):
            venue.manual_trade("DOGEUSDT-PERP", "buy", 1)
        assert venue.drop("public") == 0
        assert venue.truth()["market"]["trades"] == 2 * 4 * len(_NAMES)
        _check_faults(venue)
        before = venue.truth()["balances"]
        venue.restart()
        assert venue.truth()["balances"] == before


def _check_faults(venue: PlayedVenue) -> None:
    address = f"{venue.url}/api.bitget.com/api/v2/public/time"
    with urlopen(address, timeout=60) as answer:
        assert json.load(answer)["code"] == "00000"
    venue.add_faults({"kind": "status_502_before"})
    with pytest.raises(HTTPError, match="502"):
        urlopen(address, timeout=60)
    assert [each["kind"] for each in venue.truth()["faults"]] == ["status_502_before"]


def test_a_venue_that_dies_is_told_of_with_its_complaints() -> None:
    with pytest.raises(PlayedVenueError, match=r"status 2: error: .*NONE"):
        PlayedVenue("bitget", catalog=_CATALOG, instruments=["NONE"]).__enter__()
    venue = _venue()
    with pytest.raises(PlayedVenueError, match="ended with status -9"), venue:
        _ask_the_dead(venue)


def test_without_a_parent_it_lives_until_it_is_terminated(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    command = [
        sys.executable,
        "-m",
        "tests.venue.play",
        "--dialect",
        "gate",
        "--record",
        str(record),
    ]
    command += ["--catalog", str(_CATALOG), "--instruments", _NAMES[0]]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with urlopen(f"{url}/api.gateio.ws/api/v4/spot/time", timeout=60) as answer:
            assert json.load(answer)["server_time"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert record.exists()


def _ask_the_dead(venue: PlayedVenue) -> None:
    os.kill(venue.pid, signal.SIGKILL)
    _wait(lambda: not venue.truth())  # it raises once the child is gone

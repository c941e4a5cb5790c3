"""The local exchange's server and every fault it can do, over real sockets."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any  # ccxt and JSON have no types

import aiohttp
import ccxt
import pytest

from tests.venue.__main__ import main
from tests.venue.calls import RateLimit
from tests.venue.clients import ccxt_client, run, until
from tests.venue.exchange import Exchange
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import PublicTrade, Side

SPOT = "BTC/USDT"
OPTIONS = {"uta": False}
TRADE = {"instType": "SPOT", "channel": "trade", "instId": "BTCUSDT"}
BOOK = {"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"}
BOOK5 = {"instType": "SPOT", "channel": "books5", "instId": "BTCUSDT"}


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue("bitget", prices={SPOT: Decimal(50_000)}) as running:
        yield running


def tick(price: str) -> Callable[[Exchange], PublicTrade]:
    return lambda exchange: exchange.tick(SPOT, Decimal(price), Decimal("0.5"), Side.BUY)


# ---- requests ----


async def placed(venue: LocalVenue, **config: Any) -> tuple[Any, type[BaseException] | None]:
    """Place one order of client id `once`; return ccxt's answer or the class it raised."""
    async with ccxt_client(venue, "bitget", options=OPTIONS, **config) as client:
        try:
            order = await client.create_order(
                SPOT, "limit", "buy", "0.01", "40000", {"clientOrderId": "once"}
            )
        except ccxt.BaseError as e:
            return None, type(e)
        return order, None


@pytest.mark.parametrize(
    ("kind", "raised", "exists"),
    [
        (FaultKind.DROP_REQUEST, ccxt.ExchangeNotAvailable, False),
        (FaultKind.RESET_BEFORE, ccxt.ExchangeNotAvailable, False),
        (FaultKind.RESET_AFTER, ccxt.ExchangeNotAvailable, True),
        (FaultKind.STATUS_429, ccxt.DDoSProtection, False),
        (FaultKind.STATUS_502_BEFORE, ccxt.ExchangeNotAvailable, False),
        (FaultKind.STATUS_502_AFTER, ccxt.ExchangeNotAvailable, True),
        (FaultKind.MAINTENANCE, ccxt.OnMaintenance, False),
        (FaultKind.HTML_200_BEFORE, None, False),  # ccxt takes a web page for success
        (FaultKind.HTML_200_AFTER, None, True),
        (FaultKind.EMPTY_JSON_AFTER, None, True),
    ],
)
def test_a_fault_of_an_order_hides_whether_it_exists(
    venue: LocalVenue, kind: FaultKind, raised: type[BaseException] | None, exists: bool
) -> None:
    venue.faults.add(Fault(kind=kind, where="order"))
    order, error = run(placed(venue))
    assert error is raised
    assert (order is None) == (raised is not None)
    assert order is None or order["id"] is None
    assert venue.call(lambda x: x.truth.accepted["once"]) == int(exists)
    assert [one.kind for one in venue.faults.log] == [kind]
    assert [one.fault for one in venue.requests if one.purpose == "order"] == [kind]


def test_an_order_answered_too_late_exists(venue: LocalVenue) -> None:
    venue.faults.add(Fault(kind=FaultKind.TIMEOUT_AFTER, where="order"))
    assert run(placed(venue, timeout=300)) == (None, ccxt.RequestTimeout)
    assert venue.call(lambda x: x.truth.accepted["once"]) == 1


def test_a_delayed_order_is_accepted_after_the_client_gave_up(venue: LocalVenue) -> None:
    venue.faults.add(Fault(kind=FaultKind.DELAY, where="order", delay_secs=0.6))

    async def check() -> None:
        assert await placed(venue, timeout=200) == (None, ccxt.RequestTimeout)
        assert venue.call(lambda x: x.truth.accepted["once"]) == 0
        accepted = lambda: venue.call(lambda x: x.truth.accepted["once"] == 1)  # noqa: E731
        await until(accepted, what="the order")

    run(check())


def test_an_answer_may_come_late_but_come(venue: LocalVenue) -> None:
    venue.faults.add(Fault(kind=FaultKind.TIMEOUT_AFTER, where="order", delay_secs=0.05))
    order, error = run(placed(venue))
    assert error is None
    assert order["id"] is not None


def test_a_skewed_clock_refuses_the_signature_of_one_request(venue: LocalVenue) -> None:
    venue.faults.add(Fault(kind=FaultKind.CLOCK_SKEW, where="order", delay_secs=60))
    assert run(placed(venue)) == (None, ccxt.InvalidNonce)
    assert run(placed(venue))[1] is None
    assert venue.call(lambda x: x.truth.accepted["once"]) == 1


def test_a_stale_answer_is_the_one_before(venue: LocalVenue) -> None:
    async def check() -> None:
        async with ccxt_client(venue, "bitget", options=OPTIONS) as client:
            assert await client.fetch_open_orders(SPOT) == []
            order = await client.create_order(SPOT, "limit", "buy", "0.01", "40000")
            venue.faults.add(Fault(kind=FaultKind.STALE_SNAPSHOT, where="GET /unfilled-orders"))
            assert await client.fetch_open_orders(SPOT) == []
            opened = await client.fetch_open_orders(SPOT)
            assert [one["id"] for one in opened] == [order["id"]]

    run(check())


def test_requests_beyond_the_limit_are_refused_in_the_venues_words() -> None:
    async def check(venue: LocalVenue) -> None:
        async with ccxt_client(venue, "bitget", options=OPTIONS) as client:
            with pytest.raises(ccxt.DDoSProtection):
                await asyncio.gather(*(client.fetch_time() for _ in range(8)))

    with LocalVenue("bitget", rate_limit=RateLimit(requests=15, per_secs=60)) as venue:
        run(check(venue))
        statuses = [one.status for one in venue.requests]
        assert statuses == [200] * 15 + [429] * 2


def test_an_address_without_a_host_is_told_what_to_ask(venue: LocalVenue) -> None:
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(f"{venue.url}/", timeout=5)
    assert e.value.code == 404
    assert b"the venue's own host" in e.value.read()


# ---- pushes ----


@asynccontextmanager
async def subscribed(
    venue: LocalVenue, *args: dict[str, str]
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a public websocket and read until all subscriptions are acknowledged and greeted."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{venue.url}/ws.bitget.com/v2/ws/public") as ws,
    ):
        await ws.send_json({"op": "subscribe", "args": list(args)})
        for _ in args:
            assert (await ws.receive_json())["event"] == "subscribe"
            assert (await ws.receive_json())["action"] == "snapshot"
        yield ws


async def price(ws: aiohttp.ClientWebSocketResponse) -> str:
    frame = await ws.receive_json()
    assert frame["action"] == "update"
    return str(frame["data"][0]["price"])


async def prices_after(venue: LocalVenue, fault: Fault, *told: str) -> list[str]:
    """Trade at 50001, 50002, ... with a fault in force; read as many prices as told."""
    async with subscribed(venue, TRADE) as ws:
        venue.faults.add(fault)
        for step in range(1, 4):
            venue.call(tick(str(50_000 + step)))
        return [await price(ws) for _ in told]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (FaultKind.PUSH_DROP, ("50002", "50003")),
        (FaultKind.PUSH_DUPLICATE, ("50001", "50001", "50002", "50003")),
        (FaultKind.PUSH_REORDER, ("50002", "50001", "50003")),
        (FaultKind.PUSH_DELAY, ("50002", "50003", "50001")),
    ],
)
def test_a_push_is_lost_doubled_overtaken_or_late(
    venue: LocalVenue, kind: FaultKind, told: tuple[str, ...]
) -> None:
    fault = Fault(kind=kind, where="trades", delay_secs=0.2)
    assert run(prices_after(venue, fault, *told)) == list(told)


def test_a_reordered_push_that_none_follows_is_sent_after_all(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, TRADE) as ws:
            venue.faults.add(Fault(kind=FaultKind.PUSH_REORDER, where="trades", delay_secs=0.1))
            venue.call(tick("50001"))
            assert await price(ws) == "50001"

    run(check())


def test_a_malformed_push_is_no_trade_and_the_next_one_is(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, TRADE) as ws:
            venue.faults.add(Fault(kind=FaultKind.PUSH_MALFORMED, where="trades"))
            venue.call(tick("50001"))
            venue.call(tick("50002"))
            assert '"price":"50001"' not in await ws.receive_str()
            assert await price(ws) == "50002"

    run(check())


def test_a_lost_increment_leaves_a_gap_in_the_sequence(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, BOOK) as ws:
            venue.faults.add(Fault(kind=FaultKind.SEQUENCE_GAP))
            sequence = venue.call(lambda x: x.book(SPOT).sequence)
            venue.call(tick("50001"))
            venue.call(tick("50002"))
            frame = await ws.receive_json()
            assert frame["data"][0]["seq"] == sequence + 2

    run(check())


def test_a_stale_whole_push_is_the_one_before(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, BOOK5) as ws:
            venue.call(tick("50001"))
            first = await ws.receive_str()
            venue.faults.add(Fault(kind=FaultKind.STALE_SNAPSHOT, where="book"))
            venue.call(tick("50002"))
            assert await ws.receive_str() == first
            venue.call(tick("50003"))
            assert await ws.receive_str() != first

    run(check())


def test_a_silent_stream_leaves_the_others_and_the_pongs(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, TRADE, BOOK5) as ws:
            venue.faults.add(Fault(kind=FaultKind.STREAM_SILENT, where="trades"))
            for step in range(1, 4):
                venue.call(tick(str(50_000 + step)))
            channels = [(await ws.receive_json())["arg"]["channel"] for _ in range(3)]
            assert channels == ["books5"] * 3
            await ws.send_str("ping")
            assert await ws.receive_str() == "pong"

    run(check())


def test_an_aborted_socket_ends_and_a_new_one_is_served(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, TRADE) as ws:
            venue.faults.add(Fault(kind=FaultKind.SOCKET_ABORT, where="trades"))
            venue.call(tick("50001"))
            assert (await ws.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        async with subscribed(venue, TRADE) as ws:
            venue.call(tick("50002"))
            assert await price(ws) == "50002"

    run(check())


def test_a_half_open_socket_answers_nothing_not_even_pings(venue: LocalVenue) -> None:
    async def check() -> None:
        async with subscribed(venue, TRADE) as ws:
            venue.faults.add(Fault(kind=FaultKind.SOCKET_HALF_OPEN, where="trades"))
            venue.call(tick("50001"))
            await ws.send_str("ping")
            await ws.ping()
            venue.call(tick("50002"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ws.receive(), 0.3)
            assert [one.half_open for one in venue.sockets] == [True]

    run(check())


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (FaultKind.STATUS_502_BEFORE, aiohttp.WSServerHandshakeError),
        (FaultKind.STATUS_429, aiohttp.WSServerHandshakeError),
        (FaultKind.MAINTENANCE, aiohttp.WSServerHandshakeError),
        (FaultKind.RESET_BEFORE, aiohttp.ClientConnectionError),
        (FaultKind.DROP_REQUEST, aiohttp.ClientConnectionError),
    ],
)
def test_a_dial_may_fail(venue: LocalVenue, kind: FaultKind, raised: type[BaseException]) -> None:
    async def check() -> None:
        # aiohttp itself asks once more for whatever is not a POST
        count = 2 if raised is aiohttp.ClientConnectionError else 1
        venue.faults.add(Fault(kind=kind, where="connect", count=count))
        with pytest.raises(raised):
            async with subscribed(venue, TRADE):
                pass
        async with subscribed(venue, TRADE):
            pass

    run(check())


# ---- the venue itself ----


def test_dropping_private_sockets_spares_public_ones(venue: LocalVenue) -> None:
    async def check() -> None:
        async with ccxt_client(venue, "bitget", options=OPTIONS) as client:
            trades = asyncio.ensure_future(client.watch_trades(SPOT))
            orders = asyncio.ensure_future(client.watch_orders(SPOT))
            await until(lambda: venue.frames["ack"] == 3, what="login and two subscriptions")
            assert venue.drop("private") == 1
            with pytest.raises(ccxt.NetworkError):
                await orders
            assert await trades
            assert [one.private for one in venue.sockets] == [False]

    run(check())


def test_a_restart_keeps_orders_and_port_and_resets_every_connection(venue: LocalVenue) -> None:
    async def check() -> None:
        async with ccxt_client(venue, "bitget", options=OPTIONS) as client:
            order = await client.create_order(SPOT, "limit", "buy", "0.01", "40000")
            watch = asyncio.ensure_future(client.watch_orders(SPOT))
            await until(lambda: venue.frames["ack"] == 2, what="login and subscription")
            url = venue.url
            venue.restart(downtime_secs=0.3)
            with pytest.raises(ccxt.NetworkError):
                await watch
            with pytest.raises(ccxt.ExchangeNotAvailable):
                await client.fetch_open_orders(SPOT)

            async def answered() -> list[Any]:
                while True:
                    try:
                        return list(await client.fetch_open_orders(SPOT))
                    except ccxt.ExchangeNotAvailable:
                        await asyncio.sleep(0.02)

            assert [one["id"] for one in await answered()] == [order["id"]]
            assert venue.url == url

    run(check())


def test_call_runs_on_the_venues_thread_and_raises_what_was_raised(venue: LocalVenue) -> None:
    assert venue.call(lambda x: x.book(SPOT).symbol) == SPOT
    with pytest.raises(ValueError, match="symbol must be listed, was X/Y"):
        venue.call(lambda x: x.tick("X/Y", Decimal(1), Decimal(1), Side.BUY))


def test_a_venue_that_broke_itself_fails_the_test_that_used_it() -> None:
    def broken(event: object) -> None:
        raise RuntimeError("ours")

    venue = LocalVenue("bitget").__enter__()
    venue.call(lambda _: setattr(venue.dialect, "happened", broken))
    venue.call(tick("50001"))
    with pytest.raises(ExceptionGroup) as e:
        venue.__exit__(None, None, None)
    assert {str(one) for one in e.value.exceptions} == {"ours"}


def test_a_venue_that_cannot_listen_says_so_and_leaves_no_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        venue = LocalVenue("bitget", port=port)
        with pytest.raises(OSError, match="in use"):
            venue.__enter__()
    assert not venue._thread.is_alive()


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match="dialect must be one of bitget, kucoin, gate, was 'okx'"):
        LocalVenue("okx")


def test_the_command_serves_until_interrupted(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {kind: maintenance, where: public, count: 1}\n")
    command = [sys.executable, "-m", "tests.venue", "--dialect", "bitget", "--speed", "20"]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "adapters")))}
    with subprocess.Popen(
        [*command, "--faults", str(faults)], cwd=root, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        path = f"{told['url']}/api.bitget.com/api/v2/public/time"
        with pytest.raises(urllib.error.HTTPError) as e:
            urllib.request.urlopen(path, timeout=5)
        assert json.load(e.value)["code"] == "40200"
        with urllib.request.urlopen(path, timeout=5) as answer:
            assert json.load(answer)["code"] == "00000"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_the_command_refuses_an_unknown_market(capsys: pytest.CaptureFixture[str]) -> None:
    for market in ("walks", "bars:", "trades", "walk:x"):
        assert main(["--dialect", "bitget", "--market", market]) == 2
        told = "market must be walk, bars:FILE[,FILE] or trades:FILE[,FILE]"
        assert f"{told}, was {market!r}" in capsys.readouterr().err

"""The local exchange's server and every fault it can do to a request, over real sockets."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any  # ccxt and JSON have no types

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
    assert run(placed(venue, timeout=2_000)) == (None, ccxt.RequestTimeout)
    assert venue.call(lambda x: x.truth.accepted["once"]) == 1


def test_a_delayed_order_is_accepted_after_the_client_gave_up(venue: LocalVenue) -> None:
    venue.faults.add(Fault(kind=FaultKind.DELAY, where="order", delay_secs=4.0))

    async def check() -> None:
        assert await placed(venue, timeout=2_000) == (None, ccxt.RequestTimeout)
        assert venue.call(lambda x: x.truth.accepted["once"]) == 0
        await until(lambda: venue.call(lambda x: x.truth.accepted["once"] == 1), what="the order")

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
        urllib.request.urlopen(f"{venue.url}/", timeout=60)
    assert e.value.code == 404
    assert b"the venue's own host" in e.value.read()


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
            urllib.request.urlopen(path, timeout=60)
        assert json.load(e.value)["code"] == "40200"
        with urllib.request.urlopen(path, timeout=60) as answer:
            assert json.load(answer)["code"] == "00000"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_the_command_refuses_an_unknown_market(capsys: pytest.CaptureFixture[str]) -> None:
    for market in ("walks", "bars:", "trades", "walk:x"):
        assert main(["--dialect", "bitget", "--market", market]) == 2
        told = "market must be walk, bars:FILE[,FILE] or trades:FILE[,FILE]"
        assert f"{told}, was {market!r}" in capsys.readouterr().err

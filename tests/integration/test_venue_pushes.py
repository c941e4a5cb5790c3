"""Every fault that the local exchange can do to a websocket, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest

from tests.venue.clients import run
from tests.venue.exchange import Exchange
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import PublicTrade, Side

SPOT = "BTC/USDT"
TRADE = {"instType": "SPOT", "channel": "trade", "instId": "BTCUSDT"}
BOOK = {"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"}
BOOK5 = {"instType": "SPOT", "channel": "books5", "instId": "BTCUSDT"}


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue("bitget", prices={SPOT: Decimal(50_000)}) as running:
        yield running


def tick(price: str) -> Callable[[Exchange], PublicTrade]:
    return lambda exchange: exchange.tick(SPOT, Decimal(price), Decimal("0.5"), Side.BUY)


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
        venue.call(lambda exchange: [tick(f"{50_000 + step}")(exchange) for step in range(1, 4)])
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


def test_a_ping_of_the_protocol_is_answered_with_its_words_and_pushes_go_on(
    venue: LocalVenue,
) -> None:
    async def check() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{venue.url}/ws.bitget.com/v2/ws/public", autoping=False) as ws,
        ):
            await ws.send_json({"op": "subscribe", "args": [TRADE]})
            for _ in range(2):
                await ws.receive_json()
            for step, words in enumerate((b"", b"hello"), start=1):
                await ws.ping(words)
                pong = await ws.receive()
                assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, words)
                venue.call(tick(f"{50_000 + step}"))
                assert await price(ws) == f"{50_000 + step}"

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

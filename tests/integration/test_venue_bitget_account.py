"""Unmodified ccxt.pro.bitget against the local exchange over real sockets: refusals, accounts."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import ccxt
import pytest

from tests.integration.bitget_client import BOTH, PERP, SPOT, opened, priced_venue
from tests.venue.clients import ccxt_client, run
from tests.venue.clock import VenueClock
from tests.venue.local import LocalVenue
from tests.venue.model import Product
from tests.venue.wire import Keys


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with priced_venue() as running:
        yield running


# ---- what is refused ----


@pytest.mark.parametrize(
    ("symbol", "amount", "price", "code", "raised"),
    [
        (SPOT, "10", "49000", "43012", ccxt.InsufficientFunds),
        (PERP, "90", "49000", "40762", ccxt.InsufficientFunds),
        (SPOT, "0.00001", "49000", "45110", ccxt.InvalidOrder),
        (PERP, "0.0001", "10000", "45110", ccxt.InvalidOrder),
    ],
)
def test_an_order_is_refused_in_the_venues_words(
    venue: LocalVenue, symbol: str, amount: str, price: str, code: str, raised: type[Exception]
) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            with pytest.raises(raised, match=code):
                await client.create_order(symbol, "limit", "buy", amount, price)

    run(check())


@BOTH
def test_a_client_id_is_taken_only_while_its_order_is_open(venue: LocalVenue, symbol: str) -> None:
    code = "43118" if symbol == SPOT else "40786"

    async def check() -> None:
        async with opened(venue) as client:
            once = {"clientOrderId": "once"}
            order = await client.create_order(symbol, "limit", "buy", "0.01", "40000", once)
            with pytest.raises(ccxt.ExchangeError, match=code):
                await client.create_order(symbol, "limit", "buy", "0.01", "40000", once)
            await client.cancel_order(order["id"], symbol)
            await client.create_order(symbol, "limit", "buy", "0.01", "40000", once)

    run(check())


@BOTH
def test_closed_and_missing_orders_are_told_apart(venue: LocalVenue, symbol: str) -> None:
    closed, missing = ("43004", "43001") if symbol == SPOT else ("22001", "40768")

    async def check() -> None:
        async with opened(venue) as client:
            order = await client.create_order(symbol, "limit", "buy", "0.01", "40000")
            await client.cancel_order(order["id"], symbol)
            with pytest.raises(ccxt.BaseError, match=closed):
                await client.cancel_order(order["id"], symbol)
            with pytest.raises(ccxt.OrderNotFound, match=missing):
                await client.cancel_order("5", symbol)
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order("5", symbol)

    run(check())


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (Keys(key="other"), "40006"),
        (Keys(secret="other"), "40009"),
        (Keys(passphrase="other"), "40012"),
    ],
)
def test_a_wrong_key_is_refused_by_rest_and_websocket(
    venue: LocalVenue, keys: Keys, code: str
) -> None:
    async def check() -> None:
        wrong = {"apiKey": keys.key, "secret": keys.secret, "password": keys.passphrase}
        async with opened(venue, **wrong) as client:
            with pytest.raises(ccxt.AuthenticationError, match=code):
                await client.fetch_balance()
            with pytest.raises(ccxt.AuthenticationError):
                await client.watch_orders(SPOT)

    run(check())


def test_a_clock_that_is_wrong_by_six_seconds_is_refused() -> None:
    async def check(venue: LocalVenue) -> None:
        async with opened(venue) as client:
            with pytest.raises(ccxt.InvalidNonce, match="40008"):
                await client.fetch_balance()
            client.options["timeDifference"] = client.milliseconds() - await client.fetch_time()
            assert (await client.fetch_balance())["USDT"]["total"] == "100000"

    with LocalVenue("bitget", clock=VenueClock(skew_ms=6_000)) as venue:
        run(check(venue))


# ---- accounts ----


@BOTH
def test_fills_are_read_by_page_and_by_window(venue: LocalVenue, symbol: str) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            for _ in range(7):
                await client.create_order(symbol, "market", "sell", "0.01")
            truth = [fill.trade_id for fill in venue.call(lambda x: x.fills(symbol=symbol))]
            newest = await client.fetch_my_trades(symbol, limit=3)
            assert [x["id"] for x in newest] == truth[-3:]
            older = {"idLessThan": newest[0]["id"]}
            page = await client.fetch_my_trades(symbol, limit=3, params=older)
            assert [x["id"] for x in page] == truth[-6:-3]
            last_ms = venue.call(lambda x: x.fills()[-1].ts_ms)
            assert await client.fetch_my_trades(symbol, since=last_ms + 1) == []
            days = 91 if symbol == SPOT else 8
            with pytest.raises(ccxt.BadRequest, match="00001"):
                await client.fetch_my_trades(
                    symbol, since=last_ms - days * 86_400_000, params={"until": last_ms}
                )
            with pytest.raises(ccxt.BadRequest, match="40017"):
                await client.fetch_my_trades(symbol, limit=101)

    run(check())


def test_balances_are_the_exchanges(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            await client.create_order(SPOT, "limit", "buy", "0.01", "40000")
            await client.create_order(SPOT, "market", "sell", "0.5")
            await client.create_order(PERP, "market", "buy", "0.1")
            told = await client.fetch_balance()
            for coin, balance in venue.call(lambda x: x.balances(Product.SPOT)).items():
                assert Decimal(told[coin]["free"]) == balance.free
                assert Decimal(told[coin]["used"]) == balance.held
                assert Decimal(told[coin]["total"]) == balance.total
            wallet = (await client.fetch_balance({"type": "swap"}))["USDT"]
            margin = venue.call(lambda x: x.balances(Product.PERP))["USDT"]
            held = venue.call(lambda x: x.position(PERP))
            profit = (venue.call(lambda x: x.mark(PERP)) - held.entry_price) * held.quantity
            assert Decimal(wallet["total"]) == margin.total + profit
            assert Decimal(wallet["free"]) == margin.free + min(profit, Decimal(0))

    run(check())


@pytest.mark.parametrize("kind", ["spot", "swap"])
def test_a_balance_is_pushed_first_and_on_every_change(venue: LocalVenue, kind: str) -> None:
    symbol = SPOT if kind == "spot" else PERP

    async def check() -> None:
        async with opened(venue) as client:
            first = await client.watch_balance({"type": kind})
            assert first["USDT"]["free"] == "100000"
            watch = asyncio.ensure_future(client.watch_balance({"type": kind}))
            await asyncio.sleep(0)
            await client.create_order(symbol, "limit", "buy", "0.01", "40000")
            assert Decimal((await watch)["USDT"]["free"]) < 100_000

    run(check())


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_position_opens_grows_and_closes(venue: LocalVenue, side: str) -> None:
    other = "sell" if side == "buy" else "buy"

    async def check() -> None:
        async with opened(venue) as client:
            assert await client.watch_positions([PERP]) == []
            watch = asyncio.ensure_future(client.watch_positions([PERP]))
            await asyncio.sleep(0)
            await client.create_order(PERP, "market", side, "0.1")
            (told,) = await watch
            (read,) = await client.fetch_positions([PERP])
            truth = venue.call(lambda x: x.position(PERP))
            for one in (told, read):
                assert one["side"] == ("long" if side == "buy" else "short")
                assert (one["contracts"], one["hedged"]) == ("0.1", False)
                assert Decimal(one["entryPrice"]) == truth.entry_price
            await client.create_order(PERP, "market", other, "0.1")
            assert await client.fetch_positions([PERP]) == []
            fills = await client.fetch_my_trades(PERP)
            profit = sum(Decimal(x["info"]["profit"]) for x in fills)
            assert profit == venue.call(lambda x: x.position(PERP)).realised != 0

    run(check())


def test_leverage_margin_mode_and_position_mode_are_set_and_read(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            await client.set_leverage(7, PERP)
            assert (await client.fetch_leverage(PERP))["longLeverage"] == 7
            await client.set_margin_mode("isolated", PERP)
            assert (await client.fetch_margin_mode(PERP))["marginMode"] == "isolated"
            with pytest.raises(ccxt.BadRequest):
                await client.set_leverage(1000, PERP)
            await client.set_position_mode(True, PERP)
            with pytest.raises(ccxt.BadRequest, match="hedge"):
                await client.create_order(PERP, "market", "buy", "0.1")
            await client.set_position_mode(False, PERP)
            await client.create_order(PERP, "market", "buy", "0.1")
            with pytest.raises(ccxt.ExchangeError, match="45117"):
                await client.set_margin_mode("cross", PERP)
            with pytest.raises(ccxt.ExchangeError, match="40920"):
                await client.set_position_mode(True, PERP)

    run(check())


def test_hedge_mode_words_are_refused_in_one_way_mode(venue: LocalVenue) -> None:
    async def check() -> None:
        async with opened(venue) as client:
            with pytest.raises(ccxt.InvalidOrder, match="40774"):
                await client.create_order(PERP, "market", "buy", "0.1", None, {"hedged": True})

    run(check())


def test_the_unified_account_is_not_this_account(venue: LocalVenue) -> None:
    async def check() -> None:
        async with ccxt_client(venue, "bitget") as client:  # asks which account it is
            await client.fetch_balance()
            assert client.options["uta"] is False

    run(check())
    assert [x.status for x in venue.requests if x.path.startswith("/api/v3/")] == [400]

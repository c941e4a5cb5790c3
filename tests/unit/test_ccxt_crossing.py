"""A trigger that comes too late is refused where the venue would turn it round."""

import asyncio
from decimal import Decimal

import pytest

from ccxt_nt.errors import Rejected, Unknown
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.crossing import is_rising, refuse_passed, was_overtaken
from ccxt_nt.values import OrderKind, Product, Side, Ticket
from ccxt_nt.venues import PROFILES

SYMBOL = "BTC/USDT:USDT"
BITGET = PROFILES["BITGET", Product.LINEAR]
GATE = PROFILES["GATE", Product.LINEAR]


class Ticker:
    """Tells one last price, or fails."""

    def __init__(self, last: str | None) -> None:
        self.last = last
        self.asked: list[Urgency] = []

    async def ask(
        self,
        method: str,
        *args: object,
        urgency: Urgency = Urgency.NORMAL,
        wrote: bool = False,
        deadline_secs: float | None = None,
    ) -> object:
        assert (method, args, wrote) == ("fetch_ticker", (SYMBOL,), False)
        self.asked.append(urgency)
        if self.last is None:
            raise Unknown("no answer")
        return {"symbol": SYMBOL, "last": self.last}


def stop(side: Side, kind: OrderKind = OrderKind.STOP_MARKET) -> Ticket:
    return Ticket(
        symbol=SYMBOL,
        client_order_id="a",
        side=side,
        kind=kind,
        quantity=Decimal(1),
        trigger_price=Decimal(100),
        reduce_only=True,
    )


@pytest.mark.parametrize(
    ("side", "kind", "rising"),
    [
        (Side.SELL, OrderKind.STOP_MARKET, False),
        (Side.BUY, OrderKind.STOP_LIMIT, True),
        (Side.SELL, OrderKind.TAKE_PROFIT_MARKET, True),
        (Side.BUY, OrderKind.TAKE_PROFIT_LIMIT, False),
    ],
)
def test_stops_go_with_the_loss_and_targets_with_the_profit(
    side: Side, kind: OrderKind, rising: bool
) -> None:
    assert is_rising(stop(side, kind)) is rising


@pytest.mark.parametrize(
    ("side", "last", "passed"),
    [
        (Side.SELL, "101", False),
        (Side.SELL, "100", True),
        (Side.SELL, "99.9", True),
        (Side.BUY, "99", False),
        (Side.BUY, "100", True),
    ],
)
def test_a_trigger_that_the_price_has_reached_is_refused(
    side: Side, last: str, passed: bool
) -> None:
    ticker, ticket = Ticker(last), stop(side)

    async def send() -> bool:
        await refuse_passed(ticker, BITGET, ticket, ticket.trigger_price)
        return await was_overtaken(ticker, BITGET, ticket)

    if passed:
        with pytest.raises(Rejected, match=f"reached already, the last price is {last}"):
            asyncio.run(send())
    else:
        assert asyncio.run(send()) is False
    assert set(ticker.asked) == {Urgency.PROTECTIVE}


def test_a_price_that_overtook_the_order_on_its_way_is_noticed() -> None:
    assert asyncio.run(was_overtaken(Ticker("99"), BITGET, stop(Side.SELL)))


def test_a_stop_is_sent_where_the_price_cannot_be_had() -> None:
    asyncio.run(refuse_passed(Ticker(None), BITGET, stop(Side.SELL), Decimal(100)))


def test_nothing_is_asked_where_the_direction_is_sent_along() -> None:
    ticker = Ticker("99")
    asyncio.run(refuse_passed(ticker, GATE, stop(Side.SELL), Decimal(100)))
    assert not asyncio.run(was_overtaken(ticker, GATE, stop(Side.SELL)))
    assert ticker.asked == []

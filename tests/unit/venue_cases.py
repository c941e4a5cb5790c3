"""A small exchange with one spot market and one perpetual, and orders for it."""

from decimal import Decimal

import pytest

from tests.venue.assembly import Shape
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.model import (
    Ask,
    Force,
    Kind,
    Listing,
    Product,
    Refusal,
    Refused,
    Side,
    Status,
    Trigger,
)

D = Decimal
START_MS = 1_700_000_000_000
SPOT = Listing(
    base="BTC",
    quote="USDT",
    product=Product.SPOT,
    tick=D("0.1"),
    lot=D("0.001"),
    min_quantity=D("0.002"),
    min_notional=D(5),
    maker_fee=D("0.001"),
    taker_fee=D("0.002"),
)
PERP = Listing(
    base="BTC",
    quote="USDT",
    product=Product.PERP,
    tick=D("0.1"),
    lot=D(1),
    contract_size=D("0.01"),
    maker_fee=D("0.001"),
    taker_fee=D("0.002"),
)
BTC, BTCP = SPOT.symbol, PERP.symbol


def exchange(**options: bool) -> Exchange:
    made = Exchange(
        (SPOT, PERP),
        Shape(level_notional=1000),
        clock=VenueClock(start_ms=START_MS, speed=0),
        balances={
            Product.SPOT: {"USDT": D(10_000), "BTC": D(10)},
            Product.PERP: {"USDT": D(10_000)},
        },
        **options,
    )
    for symbol in (BTC, BTCP):
        made.tick(symbol, D(100), D(1), Side.BUY)
    return made


def limit(
    side: Side,
    quantity: str,
    price: str,
    *,
    symbol: str = BTC,
    force: Force = Force.GTC,
    reduce_only: bool = False,
    trigger: Trigger | None = None,
    client_id: str | None = None,
) -> Ask:
    return Ask(
        symbol=symbol,
        side=side,
        kind=Kind.LIMIT,
        quantity=D(quantity),
        price=D(price),
        force=force,
        reduce_only=reduce_only,
        trigger=trigger,
        client_id=client_id,
    )


def market(
    side: Side,
    quantity: str,
    *,
    symbol: str = BTC,
    reduce_only: bool = False,
    trigger: Trigger | None = None,
    client_id: str | None = None,
) -> Ask:
    return Ask(
        symbol=symbol,
        side=side,
        kind=Kind.MARKET,
        quantity=D(quantity),
        reduce_only=reduce_only,
        trigger=trigger,
        client_id=client_id,
    )


def falling(price: str) -> Trigger:
    return Trigger(price=D(price), rising=False)


def refusal(made: Exchange, ask: Ask) -> Refusal:
    with pytest.raises(Refused) as caught:
        made.place(ask)
    return caught.value.refusal


def status(made: Exchange, order_id: str) -> Status:
    order = made.order(order_id=order_id)
    assert order is not None
    return order.status

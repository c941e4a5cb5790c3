"""Crowded random sessions on a small exchange: what may happen, and how it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from tests.venue.assembly import Shape
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.model import (
    Ask,
    Force,
    Kind,
    Listing,
    Product,
    Refused,
    Side,
    Status,
    Trigger,
)

D = Decimal
ZERO = D(0)
SPOT = Listing(
    base="BTC", quote="USDT", product=Product.SPOT, tick=D("0.1"), lot=D("0.001"), min_notional=D(5)
)
PERP = Listing(
    base="BTC",
    quote="USDT",
    product=Product.PERP,
    tick=D("0.1"),
    lot=D(1),
    contract_size=D("0.001"),
    max_leverage=20,
)
LISTINGS = (SPOT, PERP)
START = {
    Product.SPOT: {"USDT": D(350), "BTC": D(3)},
    Product.PERP: {"USDT": D(60)},
}
LONGEST = 120
SYMBOLS = tuple(listing.symbol for listing in LISTINGS)
LEGAL = {
    None: {Status.OPEN, Status.WAITING},
    Status.WAITING: {
        Status.WAITING,
        Status.OPEN,
        Status.FIRED,
        Status.FAILED,
        Status.CANCELED,
    },
    Status.OPEN: {Status.OPEN, Status.FILLED, Status.CANCELED},
}

type Act = Callable[[Exchange], None]


# ---- what may happen ----


def _price(offset: int) -> Decimal:
    return D(100) + offset * D("0.1")


def _quantity(symbol: str, count: int) -> Decimal:
    return count * next(one.lot for one in LISTINGS if one.symbol == symbol)


@dataclass(frozen=True)
class Tick:
    symbol: str
    price: Decimal
    quantity: Decimal
    side: Side

    def __call__(self, exchange: Exchange) -> None:
        exchange.tick(self.symbol, self.price, self.quantity, self.side)


@dataclass(frozen=True)
class Placing:
    ask: Ask

    def __call__(self, exchange: Exchange) -> None:
        exchange.place(self.ask)


@dataclass(frozen=True)
class Canceling:
    index: int

    def __call__(self, exchange: Exchange) -> None:
        exchange.cancel(_any_order(exchange, self.index))


@dataclass(frozen=True)
class Amending:
    index: int
    count: int | None
    price: Decimal | None
    trigger_price: Decimal | None

    def __call__(self, exchange: Exchange) -> None:
        order_id = _any_order(exchange, self.index)
        order = exchange.order(order_id=order_id)
        symbol = SPOT.symbol if order is None else order.ask.symbol
        exchange.amend(
            order_id,
            quantity=None if self.count is None else _quantity(symbol, self.count),
            price=self.price,
            trigger_price=self.trigger_price,
        )


@dataclass(frozen=True)
class Turning:
    ms: int

    def __call__(self, exchange: Exchange) -> None:
        exchange.clock.turn(self.ms)
        exchange.roll()


@dataclass(frozen=True)
class FundingSettled:
    rate: Decimal

    def __call__(self, exchange: Exchange) -> None:
        exchange.settle_funding(PERP.symbol, self.rate)


@dataclass(frozen=True)
class Leveraging:
    leverage: int

    def __call__(self, exchange: Exchange) -> None:
        exchange.set_leverage(PERP.symbol, self.leverage)


def _any_order(exchange: Exchange, index: int) -> str:
    """Prefer an open one, so that acts on orders mostly have something to act on."""
    orders = exchange.orders(open_only=index % 8 != 0)
    return orders[index % len(orders)].order_id if orders else "none"


def _tick(chance: Random) -> Act:
    symbol = chance.choice(SYMBOLS)
    quantity = _quantity(symbol, chance.randint(1, 800))
    return Tick(symbol, _price(chance.randint(-12, 12)), quantity, chance.choice(list(Side)))


def _placing(chance: Random) -> Act:
    symbol, kind = chance.choice(SYMBOLS), chance.choice([*[Kind.LIMIT] * 3, Kind.MARKET])
    by_cost = symbol == SPOT.symbol and kind is Kind.MARKET and chance.random() < 0.5
    trigger = None
    if chance.random() < 0.25:
        price = _price(chance.randint(-12, 12))
        trigger = Trigger(price=price, rising=chance.random() < 0.5)
    forces = [*Force, *[Force.GTC] * 6] if kind is Kind.LIMIT else [Force.GTC]
    ask = Ask(
        symbol=symbol,
        side=Side.BUY if by_cost else chance.choice(list(Side)),
        kind=kind,
        quantity=None if by_cost else _quantity(symbol, chance.randint(50, 2000)),
        cost=D(chance.randint(1, 300)) if by_cost else None,
        price=_price(chance.randint(-12, 12)) if kind is Kind.LIMIT else None,
        force=chance.choice(forces),
        reduce_only=symbol == PERP.symbol and chance.random() < 0.4,
        trigger=trigger,
        client_id=str(chance.randint(0, 200)) if chance.random() < 0.7 else None,
    )
    return Placing(ask)


def _amending(chance: Random) -> Act:
    count = chance.choice([None, chance.randint(50, 2000)])
    price = chance.choice([None, _price(chance.randint(-12, 12))])
    trigger_price = chance.choice([None, None, _price(chance.randint(-12, 12))])
    return Amending(chance.randint(0, 99), count, price, trigger_price)


def _canceling(chance: Random) -> Act:
    return Canceling(chance.randint(0, 99))


def _rare(chance: Random) -> Act:
    acts: list[Act] = [
        Turning(chance.choice([1, 9_999, 60_000, 9 * 3_600_000])),
        FundingSettled(chance.randint(-50, 50) * D("0.0001")),
        Leveraging(chance.randint(1, 20)),
    ]
    return chance.choice(acts)


@st.composite
def scripts(draw: st.DrawFn) -> list[Act]:
    """Draw a crowded session; a failing one shrinks to its shortest beginning that fails."""
    chance = Random(draw(st.integers(0, 2**32), label="seed"))
    kinds: list[Callable[[Random], Act]] = [_tick, _placing, _amending, _canceling, _rare]
    session = [kind(chance) for kind in chance.choices(kinds, [30, 50, 8, 5, 7], k=LONGEST)]
    return session[: draw(st.integers(1, LONGEST), label="length")]


options = st.fixed_dictionaries(
    {
        name: st.booleans()
        for name in (
            "fires_in_place",
            "fired_keeps_client_id",
            "fee_in_received",
            "unique_client_ids",
            "post_only_cancels",
            "fok_cancels",
        )
    }
)


def make(chosen: dict[str, bool], seed: int = 0) -> Exchange:
    shape = Shape(seed=seed, level_notional=60, book_levels=6, book_step=2)
    exchange = Exchange(
        LISTINGS,
        shape,
        clock=VenueClock(start_ms=1_000_000_000_000, speed=0),
        balances=START,
        **chosen,
    )
    for symbol in SYMBOLS:
        exchange.tick(symbol, D(100), D(1), Side.BUY)
    return exchange


def attempt(exchange: Exchange, act: Act) -> bool:
    try:
        act(exchange)
    except Refused:
        return False
    return True

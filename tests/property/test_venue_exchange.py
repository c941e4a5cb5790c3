"""Laws of the local exchange, whatever market and client do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venue.assembly import Shape
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.model import (
    Ask,
    Balance,
    BalanceChanged,
    Book,
    BookChanged,
    Event,
    Fill,
    Force,
    Kind,
    Listing,
    Order,
    OrderChanged,
    PositionChanged,
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
# Long scripts, fewer of them: it takes a crowd of orders before the rare things happen
fewer = settings(max_examples=max(settings().max_examples // 4, 20))


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


# ---- what a listener must always see ----


@dataclass
class Witness:
    """Believes nothing but the events, and checks each against those before it."""

    exchange: Exchange
    events: list[Event] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    balances: dict[tuple[Product, str], Balance] = field(default_factory=dict)
    held: Decimal = ZERO  # the position, counted from fills
    books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal], int]] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        for product in Product:
            for coin, balance in self.exchange.balances(product).items():
                self.balances[product, coin] = balance
        for symbol in SYMBOLS:
            book = self.exchange.book(symbol)
            self.books[symbol] = (*_sides(book), book.sequence)

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case OrderChanged(order=order, fill=fill):
                self._saw_order(order, fill)
            case BalanceChanged(product=product, balances=changed):
                for coin, balance in changed.items():
                    assert 0 <= balance.held <= max(balance.total, ZERO)
                    assert balance.total >= 0 or product is Product.PERP  # nobody is liquidated
                    self.balances[product, coin] = balance
            case PositionChanged(position=position):
                assert position.quantity == self.held
            case BookChanged():
                self._saw_book(event)
            case _:
                pass

    def _saw_order(self, order: Order, fill: Fill | None) -> None:
        before = self.orders.get(order.order_id)
        status = None if before is None else before.status
        assert order.status in LEGAL.get(status, set()), f"{status} -> {order.status}"
        known = ZERO if before is None else before.filled
        assert order.filled == known + (ZERO if fill is None else fill.quantity)
        if order.quantity is not None:
            assert order.filled <= order.quantity
            assert (order.status is Status.FILLED) == (order.filled == order.quantity)
        if fill is not None:
            self._saw_fill(order, fill)
        self.orders[order.order_id] = order

    def _saw_fill(self, order: Order, fill: Fill) -> None:
        assert fill.order_id == order.order_id
        assert fill.quantity > 0
        self.fills.append(fill)
        if order.price is not None:
            assert (fill.price - order.price) * fill.side.sign <= 0
        if order.ask.force is Force.POST_ONLY:
            assert fill.maker
        if fill.symbol != PERP.symbol:
            return
        before, self.held = self.held, self.held + fill.side.sign * fill.quantity
        if order.ask.reduce_only:
            assert before * fill.side.sign < 0
            assert before * self.held >= 0

    def _saw_book(self, event: BookChanged) -> None:
        bids, asks_, sequence = self.books[event.symbol]
        assert event.first_sequence == event.last_sequence == sequence + 1
        for known, levels in ((bids, event.bids), (asks_, event.asks)):
            for level in levels:
                if level.quantity:
                    known[level.price] = level.quantity
                else:
                    del known[level.price]
        self.books[event.symbol] = (bids, asks_, event.last_sequence)
        assert not bids or not asks_ or max(bids) < min(asks_)

    def check_against(self, exchange: Exchange) -> None:
        """Compare what was told with what the exchange answers when asked."""
        for symbol in SYMBOLS:
            book = exchange.book(symbol)
            assert (*_sides(book), book.sequence) == self.books[symbol]
            assert list(book.bids) == sorted(book.bids, key=lambda level: -level.price)
            assert list(book.asks) == sorted(book.asks, key=lambda level: level.price)
        for product in Product:
            for coin, balance in exchange.balances(product).items():
                assert self.balances[product, coin] == balance
        assert {order.order_id: order for order in exchange.orders()} == self.orders
        assert exchange.fills() == self.fills
        assert exchange.position(PERP.symbol).quantity == self.held


def _sides(book: Book) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
    return (
        {level.price: level.quantity for level in book.bids},
        {level.price: level.quantity for level in book.asks},
    )


def witnessed(chosen: dict[str, bool], seed: int = 0) -> tuple[Exchange, Witness]:
    exchange = make(chosen, seed)
    witness = Witness(exchange)
    exchange.listen(witness)
    return exchange, witness


# ---- laws ----


@fewer
@given(options, scripts())
def test_every_event_is_legal_and_adds_up_to_what_the_exchange_answers(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange, witness = witnessed(chosen)
    for act in script:
        attempt(exchange, act)
        witness.check_against(exchange)


@fewer
@given(options, scripts())
def test_spot_wallets_are_the_start_plus_what_fills_moved(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
    wallets = dict(START[Product.SPOT])
    for fill in exchange.fills(symbol=SPOT.symbol):
        wallets["BTC"] += fill.side.sign * fill.quantity
        wallets["USDT"] -= fill.side.sign * fill.quantity * fill.price
        wallets[fill.fee_coin] -= fill.fee
    assert {c: b.total for c, b in exchange.balances(Product.SPOT).items()} == wallets


@fewer
@given(options, scripts())
def test_perpetual_cash_and_position_are_worth_what_fills_fees_and_funding_left(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
    cash, quantity = START[Product.PERP]["USDT"], ZERO
    for fill in exchange.fills(symbol=PERP.symbol):
        signed = fill.side.sign * fill.quantity
        cash -= signed * PERP.contract_size * fill.price + fill.fee
        quantity += signed
    cash -= sum((paid for _, _, paid in exchange.truth.funding), ZERO)
    position = exchange.position(PERP.symbol)
    total = exchange.balances(Product.PERP)["USDT"].total
    assert position.quantity == quantity
    if quantity:
        cost = quantity * PERP.contract_size * position.entry_price
        assert abs(total - cost - cash) < D("1e-18")  # the entry price is a rounded quotient
    else:
        assert total == cash


@fewer
@given(options, scripts())
def test_spot_holds_are_exactly_what_open_orders_may_cost(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    fee = 1 if chosen["fee_in_received"] else 1 + SPOT.taker_fee
    for act in script:
        attempt(exchange, act)
        held = {"USDT": ZERO, "BTC": ZERO}
        for order in exchange.orders(symbol=SPOT.symbol, open_only=True, triggers=False):
            assert order.price is not None
            if order.ask.side is Side.BUY:
                held["USDT"] += order.left * order.price * fee
            else:
                held["BTC"] += order.left
        assert {c: b.held for c, b in exchange.balances(Product.SPOT).items()} == held


@fewer
@given(options, scripts())
def test_margin_held_covers_the_worse_of_all_buys_and_all_sells(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        position, wallet = exchange.position(PERP.symbol), exchange.balances(Product.PERP)["USDT"]
        basis = position.quantity * PERP.contract_size * position.entry_price
        reach = {Side.BUY: ZERO, Side.SELL: ZERO}
        for order in exchange.orders(symbol=PERP.symbol, open_only=True, triggers=False):
            if not order.ask.reduce_only and order.price is not None:
                reach[order.ask.side] += order.left * PERP.contract_size * order.price
        worst = max(abs(basis), basis + reach[Side.BUY], reach[Side.SELL] - basis)
        expected = min(worst / position.leverage, max(wallet.total, ZERO))
        assert abs(wallet.held - expected) <= D("1e-8")


@fewer
@given(options, scripts())
def test_what_is_refused_changes_nothing_and_says_nothing(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange, witness = witnessed(chosen)
    for act in script:
        before = _state(exchange)
        heard = len(witness.events)
        if not attempt(exchange, act):
            assert _state(exchange) == before
            assert len(witness.events) == heard


def _state(exchange: Exchange) -> object:
    return (
        exchange.orders(),
        exchange.fills(),
        exchange.positions(),
        [exchange.balances(product) for product in Product],
        [exchange.book(symbol) for symbol in SYMBOLS],
        [exchange.trades(symbol) for symbol in SYMBOLS],
    )


@fewer
@given(options, scripts(), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_events_and_listeners_change_nothing(
    chosen: dict[str, bool], script: list[Act], seed: int
) -> None:
    first, witness = witnessed(chosen, seed)
    second, again = witnessed(chosen, seed)
    deaf = make(chosen, seed)
    for act in script:
        assert len({attempt(exchange, act) for exchange in (first, second, deaf)}) == 1
    assert witness.events == again.events
    assert deaf.fills() == first.fills()
    assert deaf.orders() == first.orders()
    for symbol in SYMBOLS:
        ours, theirs = deaf.book(symbol), first.book(symbol)
        assert (ours.bids, ours.asks) == (theirs.bids, theirs.asks)


@fewer
@given(options, scripts())
def test_a_trigger_fires_at_most_once_and_only_at_its_price(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange, witness = witnessed(chosen)
    for act in script:
        attempt(exchange, act)
    waiting = {o.order_id for o in witness.orders.values() if o.ask.trigger is not None}
    told = [e.order for e in witness.events if isinstance(e, OrderChanged)]
    for order_id in waiting:
        fates = [o for o in told if o.order_id == order_id and o.status is Status.FIRED]
        children = [o for o in witness.orders.values() if o.fired_from == order_id]
        assert len(fates) <= 1
        assert len(children) == len(fates)
        assert [child.order_id for child in children] == [fate.fired_as for fate in fates]
    for order in exchange.orders(open_only=True, triggers=True):
        assert order.trigger is not None
        last = exchange.last(order.ask.symbol)
        assert last is not None
        assert (
            (last < order.trigger.price) if order.trigger.rising else (last > order.trigger.price)
        )


@fewer
@given(options, scripts())
def test_a_force_does_what_it_says(chosen: dict[str, bool], script: list[Act]) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        for order in exchange.orders(triggers=False):
            if order.ask.kind is Kind.MARKET or order.ask.force in (Force.IOC, Force.FOK):
                assert order.status.is_closed
            if order.ask.force is Force.FOK and not order.ask.reduce_only:
                assert order.filled in (ZERO, order.quantity)
            if order.ask.cost is not None:
                assert order.cost <= order.ask.cost


@fewer
@given(options, scripts())
def test_a_public_trade_leaves_no_limit_order_behind(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        if not isinstance(act, Tick):
            continue
        for order in exchange.orders(symbol=act.symbol, open_only=True, triggers=False):
            if order.ask.trigger is None and order.fired_from is None:  # else fired by this trade
                assert order.price is not None
                assert (order.price - act.price) * order.ask.side.sign <= 0


@fewer
@given(options, scripts())
def test_client_ids_are_as_unique_as_the_venue_says(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        placed = [order for order in exchange.orders() if order.fired_from is None]
        named = [o for o in placed if o.ask.client_id is not None]
        if not chosen["unique_client_ids"]:
            named = [o for o in named if not o.status.is_closed]
        assert len({o.ask.client_id for o in named}) == len(named)
    assert exchange.truth.accepted <= exchange.truth.requests


@fewer
@given(options, scripts())
def test_candles_of_every_interval_hold_all_that_was_traded(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
    for listing in LISTINGS:
        tape = exchange.trades(listing.symbol, 10_000)
        volume = sum((trade.quantity for trade in tape), ZERO) * listing.contract_size
        for interval_ms in (10_000, 60_000, 3_600_000, 604_800_000):
            candles = exchange.candles(listing.symbol, interval_ms)
            assert sum((candle.volume for candle in candles), ZERO) == volume
            opened = [candle.open_ms for candle in candles]
            assert opened == sorted(set(opened))
            assert max(c.high for c in candles) == max(trade.price for trade in tape)
            assert min(c.low for c in candles) == min(trade.price for trade in tape)
            assert candles[-1].close == tape[-1].price

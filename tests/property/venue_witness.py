"""A listener that believes nothing but the events, and checks each against those before it."""

from dataclasses import dataclass, field
from decimal import Decimal

from tests.property.venue_sessions import LEGAL, PERP, SYMBOLS, ZERO, make
from tests.venue.exchange import Exchange
from tests.venue.model import (
    Balance,
    BalanceChanged,
    Book,
    BookChanged,
    Event,
    Fill,
    Force,
    Order,
    OrderChanged,
    PositionChanged,
    Product,
    Status,
)


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

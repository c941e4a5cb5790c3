"""What only Bitget distinguishes and the exchange does not keep, and small sums for its rows."""

from decimal import Decimal
from typing import Any, Final

from tests.venue.exchange import Exchange
from tests.venue.model import Fill, Listing, Order, Position

type Row = dict[str, Any]  # JSON

ZERO: Final = Decimal(0)
USER: Final = "7264631750"


class Memory:
    """Trigger types as asked for, and the profit that each fill of a perpetual realised."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.trigger_types: dict[str, str] = {}  # by plan order id
        self._profits: dict[str, Decimal] = {}  # by trade id
        self._earned: dict[str, Decimal] = {}  # by order id
        self._held: dict[str, tuple[Decimal, Decimal]] = {}  # quantity and entry price, by symbol

    def realise(self, fill: Fill) -> None:
        """Work out what a fill of a perpetual realised."""
        held, entry = self._held.get(fill.symbol, (ZERO, ZERO))
        signed = fill.side.sign * fill.quantity
        now = held + signed
        closed = min(abs(held), abs(signed)) if held * signed < 0 else ZERO
        size = self.exchange.listings[fill.symbol].contract_size
        profit = (fill.price - entry) * closed * size * (1 if held > 0 else -1)
        if not now:
            entry = ZERO
        elif held * signed >= 0:
            entry = (entry * abs(held) + fill.price * abs(signed)) / abs(now)
        elif held * now < 0:
            entry = fill.price
        self._held[fill.symbol] = (now, entry)
        self._profits[fill.trade_id] = rounded(profit)
        self._earned[fill.order_id] = self._earned.get(fill.order_id, ZERO) + rounded(profit)

    def profit(self, fill: Fill) -> Decimal:
        """Tell what a fill realised."""
        return self._profits.get(fill.trade_id, ZERO)

    def earned(self, order: Order) -> Decimal:
        """Tell what all fills of an order realised."""
        return self._earned.get(order.order_id, ZERO)

    def trigger_type(self, order: Order) -> str:
        """Tell which price a plan was to watch."""
        return self.trigger_types.get(order.order_id, "mark_price")

    def listing(self, order: Order) -> Listing:
        """Find the market of an order."""
        return self.exchange.listings[order.ask.symbol]

    def order(self, fill: Fill) -> Order:
        """Find the order that was filled."""
        order = self.exchange.order(order_id=fill.order_id)
        assert order is not None
        return order

    def average(self, order: Order) -> Decimal:
        """Average an order's price, 0 where nothing filled."""
        return rounded(order.average or ZERO)

    def margin(self, listing: Listing) -> Row:
        """Write leverage and margin mode of a market."""
        held = self.exchange.position(listing.symbol)
        mode = "crossed" if held.cross else "isolated"
        return {"leverage": str(held.leverage), "marginMode": mode}

    def worth(self, held: Position) -> Decimal:
        """Tell what closing a position at the mark price would realise."""
        if not held.quantity:
            return ZERO
        size = self.exchange.listings[held.symbol].contract_size
        return (self.exchange.mark(held.symbol) - held.entry_price) * held.quantity * size


def rounded(number: Decimal) -> Decimal:
    """Cut the digits that no venue shows."""
    return number.quantize(Decimal("1e-12"))


def trigger_price(order: Order) -> Decimal:
    """Tell the trigger price of a plan order."""
    assert order.trigger is not None
    return order.trigger.price

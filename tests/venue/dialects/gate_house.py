"""What all of the Gate dialect shares: the exchange, the keys, and the venue's own memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_words import GateError, market_id, refused
from tests.venue.exchange import Exchange
from tests.venue.model import Ask, Listing, Order, Product, Refusal, Refused
from tests.venue.wire import Keys

# How long a closed order is still found by its text
_TEXT_SECS: Final = {Product.SPOT: 3600, Product.PERP: 60}


@dataclass(slots=True)
class Memory:
    """What the exchange below does not know."""

    finished_wall_ms: dict[str, int] = field(default_factory=dict)  # by order id
    expires_ms: dict[str, int] = field(default_factory=dict)  # of trigger orders, market time
    expiration_secs: dict[str, int] = field(default_factory=dict)
    arriving_secs: int = 0  # the expiration of the trigger order that is being placed
    arriving_text: str = ""  # the text of the twin that is being placed
    expired: set[str] = field(default_factory=set)
    newest: dict[str, str] = field(default_factory=dict)  # order id by text
    twins: dict[str, str] = field(default_factory=dict)  # texts that another open order has, by id
    totals: dict[tuple[Product, str], Decimal] = field(default_factory=dict)  # as last pushed
    held: dict[tuple[Product, str], Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)  # paid by perpetuals, by coin
    seen: set[str] = field(default_factory=set)  # orders whose creation was pushed
    updates: int = 0  # a counter for update ids
    connections: int = 0


@dataclass(slots=True, kw_only=True)
class House:
    """The exchange behind one account."""

    exchange: Exchange
    keys: Keys
    memory: Memory = field(default_factory=Memory)

    def listings(self, product: Product) -> list[Listing]:
        """List what is traded in one product."""
        return [one for one in self.exchange.listings.values() if one.product is product]

    def listing(self, product: Product, name: str) -> Listing:
        """Find a market by the venue's name for it; raise GateError where there is none."""
        for one in self.listings(product):
            if market_id(one) == name:
                return one
        raise refused(Refused(Refusal.UNKNOWN_SYMBOL, f"unknown market {name}"), product)

    def listing_of(self, order: Order) -> Listing:
        """Tell what an order trades."""
        return self.exchange.listings[order.ask.symbol]

    def place(self, ask: Ask) -> Order:
        """Place an order and remember its text; raise GateError where it is refused."""
        try:
            order = self._placed(ask)
        except Refused as e:
            raise refused(e, self.exchange.listings[ask.symbol].product) from e
        if ask.client_id is not None:
            self.memory.newest[ask.client_id] = order.order_id
        return order

    def text(self, order_id: str, client_id: str | None, default: str) -> str:
        """Tell an order's text."""
        twin = self.memory.twins.get(order_id)
        return twin or client_id or self.memory.arriving_text or default

    def expiration_secs(self, order: Order) -> int:
        """Tell how long a price order waits (0: for ever)."""
        return self.memory.expiration_secs.get(order.order_id, self.memory.arriving_secs)

    def place_trigger(self, ask: Ask, expiration_secs: int) -> Order:
        """Place a price order that gives up after some seconds (0: never)."""
        self.memory.arriving_secs = expiration_secs
        order = self.place(ask)
        self.memory.expiration_secs[order.order_id] = expiration_secs
        if expiration_secs:
            self.memory.expires_ms[order.order_id] = order.created_ms + expiration_secs * 1000
        return order

    def amend(self, order: Order, *, quantity: Decimal | None, price: Decimal | None) -> Order:
        """Change an order; raise GateError where it is refused."""
        try:
            return self.exchange.amend(order.order_id, quantity=quantity, price=price)
        except Refused as e:
            raise refused(e, self.listing_of(order).product) from e

    def cancel(self, order: Order) -> Order:
        """Cancel an order; raise GateError where it is closed."""
        try:
            return self.exchange.cancel(order.order_id)
        except Refused as e:
            raise refused(e, self.listing_of(order).product) from e

    def order(self, product: Product, key: str) -> Order:
        """Find a plain order by its id or its text; raise GateError where there is none."""
        if key.startswith("t-"):
            return self._by_text(product, key)
        order = self.exchange.order(order_id=key)
        if order is None or self._is_elsewhere(order, product) or order.trigger is not None:
            raise GateError(404, "ORDER_NOT_FOUND", "Order not found")
        return order

    def trigger_order(self, product: Product, key: str) -> Order:
        """Find a price order by its id; raise GateError where there is none."""
        order = self.exchange.order(order_id=key)
        if order is None or self._is_elsewhere(order, product) or order.trigger is None:
            raise GateError(404, "ORDER_NOT_FOUND", "Order not found")
        return order

    def orders(
        self, product: Product, *, symbol: str | None, triggers: bool, opened: bool
    ) -> list[Order]:
        """List orders of a product, newest first: the open ones or the closed ones."""
        found = self.exchange.orders(symbol=symbol, triggers=triggers)
        return [
            order
            for order in reversed(found)
            if not self._is_elsewhere(order, product) and order.status.is_closed is not opened
        ]

    def expire(self) -> None:
        """Cancel price orders that waited for too long."""
        now = self.exchange.clock.now_ms()
        due = [key for key, at_ms in self.memory.expires_ms.items() if at_ms <= now]
        for key in due:
            del self.memory.expires_ms[key]
            order = self.exchange.order(order_id=key)
            if order is not None and not order.status.is_closed:
                self.memory.expired.add(key)
                self.exchange.cancel(key)

    def _placed(self, ask: Ask) -> Order:
        """Place an order; this venue does not mind another one with the same text."""
        try:
            return self.exchange.place(ask)
        except Refused as e:
            if e.refusal is not Refusal.DUPLICATE_CLIENT_ID or ask.client_id is None:
                raise
        self.memory.arriving_text = ask.client_id
        try:
            order = self.exchange.place(replace(ask, client_id=None))
        finally:
            self.memory.arriving_text = ""
        self.memory.twins[order.order_id] = ask.client_id
        return order

    def _by_text(self, product: Product, key: str) -> Order:
        order_id = self.memory.newest.get(key)
        order = None if order_id is None else self.exchange.order(order_id=order_id)
        if order is not None and order.trigger is not None:
            order = self._fired(order)
        if (
            order is None
            or self._is_elsewhere(order, product)
            or (order.status.is_closed and self._is_forgotten(order, product))
        ):
            raise GateError(404, "CLIENT_ID_NOT_FOUND", f"Order with client ID {key} not found")
        return order

    def _fired(self, order: Order) -> Order | None:
        return None if order.fired_as is None else self.exchange.order(order_id=order.fired_as)

    def _is_elsewhere(self, order: Order, product: Product) -> bool:
        return self.listing_of(order).product is not product

    def _is_forgotten(self, order: Order, product: Product) -> bool:
        finished = self.memory.finished_wall_ms.get(order.order_id)
        if finished is None:
            return False
        return self.exchange.clock.wall_ms() - finished > _TEXT_SECS[product] * 1000


def page[T](rows: Iterable[T], *, limit: int, offset: int = 0) -> list[T]:
    """Cut one page out of a list."""
    return list(rows)[offset : offset + limit]

"""What both kinds of KuCoin's spot account do with orders: read, place, cancel, find."""

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_rows import is_active, is_trigger
from tests.venue.dialects.kucoin_wire import Fields, KuCoinError, spot_error, week
from tests.venue.model import Ask, Fill, Force, Kind, Order, Product, Refused, Side, Trigger

_CLOSED = "order_not_exist_or_not_allow_to_cancel"  # which of the two, the venue does not say


def spot_ask(fields: Fields, house: House, trigger: Trigger | None = None) -> Ask:
    """Read what a client asks for; raise the venue's own error where it is nonsense."""
    listing = house.listing(fields.need("symbol"), Product.SPOT)
    client_id = fields.text("clientOid")
    if not client_id or len(client_id) > 40:
        raise KuCoinError("400100", "validation.createOrder.clientOidIsRequired")
    side, kind = fields.need("side"), fields.text("type", "limit")
    if side not in ("buy", "sell") or kind not in ("limit", "market"):
        raise KuCoinError("400100", "validation.createOrder.typeOrSideInvalid")
    size, funds = fields.decimal("size"), fields.decimal("funds")
    price = fields.decimal("price")
    if kind == "limit" and (price is None or size is None):
        raise KuCoinError("400100", "validation.createOrder.priceOrSizeIsRequired")
    if kind == "market" and (size is None) == (funds is None):
        raise KuCoinError("400100", "validation.createOrder.sizeOrFundsIsRequired")
    return Ask(
        symbol=listing.symbol,
        side=Side(side),
        kind=Kind(kind),
        quantity=size,
        cost=funds if size is None else None,
        price=price if kind == "limit" else None,
        force=force_of(fields, kind),
        trigger=trigger,
        client_id=client_id,
    )


def force_of(fields: Fields, kind: str) -> Force:
    """Read how long an order stays."""
    if fields.flag("postOnly"):
        return Force.POST_ONLY
    force = fields.text("timeInForce", "GTC").lower()
    if kind == "market" or force == "gtt":
        return Force.GTC
    if force not in ("gtc", "ioc", "fok"):
        raise KuCoinError("400100", "timeInForce is invalid")
    return Force(force)


class SpotDesk:
    """Does with spot orders what both kinds of account may ask for; stops are not its business."""

    def __init__(self, house: House) -> None:
        self._house = house

    def place(self, fields: Fields) -> Order:
        """Place an order."""
        try:
            return self._house.exchange.place(spot_ask(fields, self._house))
        except Refused as e:
            raise spot_error(e) from e

    def cancel(self, order: Order | None) -> Order:
        """Cancel an order."""
        if order is None or not self._is_here(order):
            raise KuCoinError("400100", _CLOSED)
        try:
            return self._house.exchange.cancel(order.order_id)
        except Refused as e:
            raise KuCoinError("400100", _CLOSED) from e

    def of_client(self, client_id: str) -> Order | None:
        """Find an order by its client's id."""
        return self._house.order_of_client(client_id, triggers=False)

    def existing(self, order: Order | None) -> Order:
        """Raise the venue's own error unless there is such an order."""
        if order is None or not self._is_here(order):
            raise KuCoinError("400100", "order not exist.")
        return order

    def all(self, name: str) -> list[Order]:
        """List the orders of one market or of all, newest first."""
        symbol = self._house.listing(name, Product.SPOT).symbol if name else None
        orders = self._house.exchange.orders(symbol=symbol, triggers=False)
        return [order for order in reversed(orders) if self._is_here(order)]

    def open(self, name: str) -> list[Order]:
        """List the open orders of one market or of all, newest first."""
        symbol = self._house.listing(name, Product.SPOT).symbol if name else None
        orders = self._house.exchange.orders(symbol=symbol, open_only=True, triggers=False)
        return [order for order in reversed(orders) if self._is_here(order)]

    def done(self, name: str, query: Fields) -> list[Order]:
        """List the closed orders within the window, newest first."""
        start, end = week(query, self._house.now_ms())
        return [
            order
            for order in self.all(name)
            if not is_active(order) and start <= order.created_ms <= end
        ]

    def filled(self, query: Fields, name: str) -> list[Fill]:
        """List the fills within the window, newest first."""
        start, end = week(query, self._house.now_ms())
        symbol = self._house.listing(name, Product.SPOT).symbol if name else None
        order_id = query.text("orderId") or None
        fills = self._house.exchange.fills(symbol=symbol, order_id=order_id, since_ms=start)
        return [
            fill
            for fill in reversed(fills)
            if fill.ts_ms <= end and self._house.listing_of(fill.symbol).product is Product.SPOT
        ]

    def _is_here(self, order: Order) -> bool:
        product = self._house.listing_of(order.ask.symbol).product
        return product is Product.SPOT and not is_trigger(order)

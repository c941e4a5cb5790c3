"""KuCoin's spot stop orders, which live apart from other orders until they fire."""

from dataclasses import replace

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_rows import is_trigger, stop_order
from tests.venue.dialects.kucoin_spot_desk import spot_ask
from tests.venue.dialects.kucoin_wire import (
    SPOT_HOST,
    Call,
    Fields,
    Handler,
    KuCoinError,
    Route,
    page,
    spot_error,
)
from tests.venue.model import Ask, Order, Product, Refusal, Refused, Status, Trigger
from tests.venue.wire import Json, Purpose

_MISSING = "order not exist."
_CLOSED = "order_not_exist_or_not_allow_to_cancel"


def place_stop(house: House, ask: Ask) -> Order:
    """Place a stop; one whose price was passed already goes out at once."""
    try:
        return house.exchange.place(ask)
    except Refused as e:
        if e.refusal is not Refusal.BAD_TRIGGER:
            raise
    return house.exchange.place(replace(ask, trigger=None))


class SpotStops:
    """Takes, cancels and shows stop orders."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        """List the endpoints."""
        stops = "/api/v1/stop-order"
        listed: list[tuple[str, str, Handler, Purpose]] = [
            ("POST", stops, self._place, "order"),
            ("DELETE", f"{stops}/cancelOrderByClientOid", self._cancel_of_client, "cancel"),
            ("DELETE", f"{stops}/cancel", self._cancel_all, "cancel"),
            ("DELETE", f"{stops}/{{}}", self._cancel, "cancel"),
            ("GET", stops, self._list, "read"),
            ("GET", f"{stops}/queryOrderByClientOid", self._show_of_client, "read"),
            ("GET", f"{stops}/{{}}", self._show, "read"),
        ]
        return [
            Route(method=method, host=SPOT_HOST, path=path, handler=handler, purpose=purpose)
            for method, path, handler, purpose in listed
        ]

    def _place(self, call: Call) -> Json:
        fields = call.body
        price = fields.decimal("stopPrice")
        stop = fields.text("stop", "loss")  # the venue's own default
        if price is None or stop not in ("loss", "entry"):
            raise KuCoinError("400100", "stopPrice or stop is invalid")
        trigger = Trigger(price=price, rising=stop == "entry")
        try:
            order = place_stop(self._house, spot_ask(fields, self._house, trigger))
        except Refused as e:
            raise spot_error(e) from e
        return {"orderId": order.order_id, "clientOid": order.ask.client_id}

    def _stops(self, query: Fields) -> list[Order]:
        """List stops that wait, newest first."""
        name = query.text("symbol")
        symbol = self._house.listing(name, Product.SPOT).symbol if name else None
        wanted = {one for one in query.text("orderIds").split(",") if one}
        return [
            order
            for order in reversed(
                self._house.exchange.orders(symbol=symbol, open_only=True, triggers=True)
            )
            if order.status is Status.WAITING
            and self._house.listing_of(order.ask.symbol).product is Product.SPOT
            and (not wanted or order.order_id in wanted)
        ]

    def _stop(self, order_id: str) -> Order | None:
        order = self._house.exchange.order(order_id=order_id)
        return order if order is not None and is_trigger(order) else None

    def _stops_of_client(self, client_id: str) -> list[Order]:
        orders = self._house.exchange.orders(triggers=True)
        return [order for order in orders if order.ask.client_id == client_id]

    def _cancel_id(self, order: Order | None) -> str:
        if order is None or order.status is not Status.WAITING:
            raise KuCoinError("400100", _CLOSED)
        self._house.exchange.cancel(order.order_id)
        return order.order_id

    def _cancel(self, call: Call) -> Json:
        return {"cancelledOrderIds": [self._cancel_id(self._stop(call.args[0]))]}

    def _cancel_of_client(self, call: Call) -> Json:
        client_id = call.query.need("clientOid")
        found = [
            order for order in self._stops_of_client(client_id) if order.status is Status.WAITING
        ]
        order_id = self._cancel_id(found[-1] if found else None)
        return {"cancelledOrderId": order_id, "clientOid": client_id}

    def _cancel_all(self, call: Call) -> Json:
        return {"cancelledOrderIds": [self._cancel_id(one) for one in self._stops(call.query)]}

    def _list(self, call: Call) -> Json:
        rows = [stop_order(order, self._house) for order in self._stops(call.query)]
        return page(rows, call.query)

    def _show(self, call: Call) -> Json:
        order = self._stop(call.args[0])
        if order is None:
            raise KuCoinError("400100", _MISSING)
        return stop_order(order, self._house)

    def _show_of_client(self, call: Call) -> Json:
        orders = self._stops_of_client(call.query.need("clientOid"))
        if not orders:
            raise KuCoinError("400100", _MISSING)
        return [stop_order(order, self._house) for order in reversed(orders)]

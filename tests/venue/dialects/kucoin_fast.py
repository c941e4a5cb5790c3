"""KuCoin's spot orders and fills as the high-frequency account places and reads them."""

from dataclasses import replace

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_rows import high_frequency_order, spot_fill
from tests.venue.dialects.kucoin_spot_desk import SpotDesk
from tests.venue.dialects.kucoin_wire import (
    SPOT_HOST,
    Call,
    Fields,
    Handler,
    Route,
    spot_error,
)
from tests.venue.model import Order, Refused
from tests.venue.wire import Json, Purpose

_MOST_ROWS = 100


class FastOrders:
    """Takes, changes, cancels and shows orders; most questions need a symbol here."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._desk = SpotDesk(house)

    def routes(self) -> list[Route]:
        """List the endpoints."""
        orders = "/api/v1/hf/orders"
        listed: list[tuple[str, str, Handler, Purpose]] = [
            ("POST", orders, self._place, "order"),
            ("POST", f"{orders}/alter", self._alter, "amend"),
            ("DELETE", f"{orders}/cancelAll", self._cancel_all, "cancel"),
            ("DELETE", f"{orders}/client-order/{{}}", self._cancel_of_client, "cancel"),
            ("DELETE", f"{orders}/{{}}", self._cancel, "cancel"),
            ("DELETE", orders, self._cancel_symbol, "cancel"),
            ("GET", f"{orders}/active", self._active, "read"),
            ("GET", f"{orders}/done", self._done, "read"),
            ("GET", f"{orders}/client-order/{{}}", self._show_of_client, "read"),
            ("GET", f"{orders}/{{}}", self._show, "read"),
            ("GET", "/api/v1/hf/fills", self._fills, "read"),
        ]
        return [
            Route(method=method, host=SPOT_HOST, path=path, handler=handler, purpose=purpose)
            for method, path, handler, purpose in listed
        ]

    def _place(self, call: Call) -> Json:
        order = self._desk.place(call.body)
        return {"orderId": order.order_id, "clientOid": order.ask.client_id}

    def _alter(self, call: Call) -> Json:
        """Cancel an open order and place another in its stead, as the venue does."""
        order_id, client_id = call.body.text("orderId"), call.body.text("clientOid")
        found = self._house.order(order_id) if order_id else self._desk.of_client(client_id)
        old = self._desk.cancel(self._desk.existing(found))
        size, price = call.body.decimal("newSize"), call.body.decimal("newPrice")
        ask = replace(old.ask, quantity=size or old.left, price=price or old.price)
        try:
            order = self._house.exchange.place(ask)
        except Refused as e:
            raise spot_error(e) from e
        return {"newOrderId": order.order_id, "clientOid": order.ask.client_id}

    def _cancel(self, call: Call) -> Json:
        return {"orderId": self._desk.cancel(self._house.order(call.args[0])).order_id}

    def _cancel_of_client(self, call: Call) -> Json:
        self._desk.cancel(self._desk.of_client(call.args[0]))
        return {"clientOid": call.args[0]}

    def _cancel_symbol(self, call: Call) -> Json:
        for order in self._desk.open(call.query.need("symbol")):
            self._desk.cancel(order)
        return "success"

    def _cancel_all(self, _: Call) -> Json:
        orders = [self._desk.cancel(order) for order in self._desk.open("")]
        done = sorted({self._house.name(order.ask.symbol) for order in orders})
        return {"succeedSymbols": done, "failedSymbols": []}

    def _row(self, order: Order) -> dict[str, Json]:
        return high_frequency_order(order, self._house)

    def _active(self, call: Call) -> Json:
        return [self._row(order) for order in self._desk.open(call.query.need("symbol"))]

    def _done(self, call: Call) -> Json:
        orders = self._desk.done(call.query.need("symbol"), call.query)
        return _after([self._row(order) for order in orders], call.query)

    def _show(self, call: Call) -> Json:
        return self._row(self._desk.existing(self._house.order(call.args[0])))

    def _show_of_client(self, call: Call) -> Json:
        return self._row(self._desk.existing(self._desk.of_client(call.args[0])))

    def _fills(self, call: Call) -> Json:
        fills = self._desk.filled(call.query, call.query.need("symbol"))
        rows = [{**spot_fill(fill, self._house), "tradeType": "TRADE"} for fill in fills]
        return _after(rows, call.query)


def _after(rows: list[dict[str, Json]], query: Fields) -> Json:
    """Cut what comes after `lastId`; the rows count down to the oldest."""
    numbered = [(len(rows) - position, row) for position, row in enumerate(rows)]
    last = query.whole("lastId", len(rows) + 1)
    limit = min(query.whole("limit", 20), _MOST_ROWS)
    chosen = [(number, row) for number, row in numbered if number < last][:limit]
    return {
        "items": [row for _, row in chosen],
        "lastId": chosen[-1][0] if chosen else 0,
    }

"""KuCoin's spot orders and fills as the classic account places and reads them."""

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_rows import classic_order, spot_fill
from tests.venue.dialects.kucoin_spot_desk import SpotDesk
from tests.venue.dialects.kucoin_wire import (
    SPOT_HOST,
    Call,
    Fields,
    Handler,
    KuCoinError,
    Route,
    page,
)
from tests.venue.wire import Json, Purpose

_MOST_AT_ONCE = 5


class SpotOrders:
    """Takes, cancels and shows orders that do not wait for a price."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._desk = SpotDesk(house)

    def routes(self) -> list[Route]:
        """List the endpoints."""
        orders, of_client = "/api/v1/orders", "/api/v1/order/client-order/{}"
        listed: list[tuple[str, str, Handler, Purpose]] = [
            ("POST", orders, self._place, "order"),
            ("POST", f"{orders}/multi", self._place_many, "order"),
            ("DELETE", f"{orders}/{{}}", self._cancel, "cancel"),
            ("DELETE", of_client, self._cancel_of_client, "cancel"),
            ("DELETE", orders, self._cancel_all, "cancel"),
            ("GET", orders, self._list, "read"),
            ("GET", f"{orders}/{{}}", self._show, "read"),
            ("GET", of_client, self._show_of_client, "read"),
            ("GET", "/api/v1/fills", self._fills, "read"),
        ]
        return [
            Route(method=method, host=SPOT_HOST, path=path, handler=handler, purpose=purpose)
            for method, path, handler, purpose in listed
        ]

    def _place(self, call: Call) -> Json:
        return {"orderId": self._desk.place(call.body).order_id}

    def _place_many(self, call: Call) -> Json:
        wanted = call.body.content.get("orderList") or []
        if not 0 < len(wanted) <= _MOST_AT_ONCE:
            raise KuCoinError("400100", "The number of orders must be between 1 and 5")
        symbol = call.body.need("symbol")
        return {"data": [self._place_one(Fields({"symbol": symbol, **row})) for row in wanted]}

    def _place_one(self, fields: Fields) -> Json:
        row: dict[str, Json] = {
            "symbol": fields.text("symbol"),
            "type": fields.text("type", "limit"),
            "side": fields.text("side"),
            "price": fields.text("price"),
            "size": fields.text("size"),
            "funds": None,
            "stp": "",
            "stop": "",
            "stopPrice": None,
            "timeInForce": fields.text("timeInForce", "GTC"),
            "cancelAfter": 0,
            "postOnly": fields.flag("postOnly"),
            "hidden": False,
            "iceberge": False,
            "iceberg": False,
            "visibleSize": None,
            "channel": "API",
        }
        outcome: dict[str, Json] = {"status": "success", "failMsg": None}
        try:
            outcome = {"id": self._desk.place(fields).order_id, **outcome}
        except KuCoinError as e:
            outcome = {"id": None, "status": "fail", "failMsg": e.message}
        return {**row, **outcome, "clientOid": fields.text("clientOid")}

    def _cancel(self, call: Call) -> Json:
        order = self._desk.cancel(self._house.order(call.args[0]))
        return {"cancelledOrderIds": [order.order_id]}

    def _cancel_of_client(self, call: Call) -> Json:
        order = self._desk.cancel(self._desk.of_client(call.args[0]))
        return {
            "cancelledOrderId": order.order_id,
            "clientOid": call.args[0],
            "cancelledOcoOrderIds": None,
        }

    def _cancel_all(self, call: Call) -> Json:
        orders = self._desk.open(call.query.text("symbol"))
        return {"cancelledOrderIds": [self._desk.cancel(order).order_id for order in orders]}

    def _show(self, call: Call) -> Json:
        order = self._desk.existing(self._house.order(call.args[0]))
        return classic_order(order, self._house)

    def _show_of_client(self, call: Call) -> Json:
        order = self._desk.existing(self._desk.of_client(call.args[0]))
        return classic_order(order, self._house)

    def _list(self, call: Call) -> Json:
        name = call.query.text("symbol")
        is_done = call.query.text("status", "done") != "active"
        orders = self._desk.done(name, call.query) if is_done else self._desk.open(name)
        return page([classic_order(order, self._house) for order in orders], call.query)

    def _fills(self, call: Call) -> Json:
        fills = self._desk.filled(call.query, call.query.text("symbol"))
        return page([spot_fill(fill, self._house) for fill in fills], call.query)

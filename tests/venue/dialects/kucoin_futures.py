"""KuCoin's private futures endpoints: orders, stops among them, and fills."""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Final

from tests.venue.dialects.kucoin_futures_rows import futures_fill, futures_order
from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_spot_desk import force_of
from tests.venue.dialects.kucoin_stops import place_stop
from tests.venue.dialects.kucoin_wire import (
    FUTURES_HOST,
    Call,
    Fields,
    Handler,
    KuCoinError,
    Route,
    futures_error,
    page,
    week,
)
from tests.venue.model import Ask, Kind, Listing, Order, Product, Refused, Side, Status, Trigger
from tests.venue.wire import Json, Purpose

_STUCK = ("100004", "Order is in not cancelable state")
_PRICE_TYPES: Final = ("TP", "MP", "IP")
_MOST_AT_ONCE = 20


class FuturesOrders:
    """Takes, cancels and shows orders; a stop is an order like any other here."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        """List the endpoints."""
        orders = "/api/v1/orders"
        listed: list[tuple[str, str, Handler, Purpose]] = [
            ("POST", orders, lambda call: self._place(call.body), "order"),
            ("POST", f"{orders}/multi", self._place_many, "order"),
            ("DELETE", f"{orders}/multi-cancel", self._cancel_many, "cancel"),
            ("DELETE", f"{orders}/client-order/{{}}", self._cancel_of_client, "cancel"),
            ("DELETE", f"{orders}/{{}}", self._cancel, "cancel"),
            ("DELETE", orders, self._cancel_all(stops=False), "cancel"),
            ("DELETE", "/api/v1/stopOrders", self._cancel_all(stops=True), "cancel"),
            ("GET", orders, self._list, "read"),
            ("GET", "/api/v1/stopOrders", self._list_stops, "read"),
            ("GET", f"{orders}/byClientOid", self._show_of_client, "read"),
            ("GET", f"{orders}/{{}}", self._show, "read"),
            ("GET", "/api/v1/fills", self._fills, "read"),
        ]
        return [
            Route(method=method, host=FUTURES_HOST, path=path, handler=handler, purpose=purpose)
            for method, path, handler, purpose in listed
        ]

    # ---- placing ----

    def _place(self, fields: Fields) -> Json:
        one = self._house.listing(fields.need("symbol"), Product.PERP)
        leverage = self._check_margin(fields, one)
        ask = self._ask(fields, one)
        before = self._house.exchange.position(one.symbol).leverage
        try:
            if not self._house.is_cross(one.symbol):  # an isolated order brings its own leverage
                self._house.exchange.set_leverage(one.symbol, int(leverage))
            order = place_stop(self._house, ask)
        except Refused as e:
            if self._house.exchange.position(one.symbol).leverage != before:
                self._house.exchange.set_leverage(one.symbol, before)
            raise futures_error(e) from e
        self._house.order_leverage[order.order_id] = fields.text("leverage")
        if ask.trigger is not None:
            self._house.stop_types[order.order_id] = fields.text("stopPriceType", "TP")
        return {"orderId": order.order_id, "clientOid": order.ask.client_id}

    def _check_margin(self, fields: Fields, one: Listing) -> Decimal:
        """Refuse an order whose margin or position mode is not the account's."""
        mode = fields.text("marginMode", "ISOLATED").upper()
        if mode != self._house.margin_mode(one.symbol):
            words = "The order's margin mode does not match the selected one."
            raise KuCoinError("330005", f"{words} Please switch and try again.")
        if self._house.exchange.hedged:
            words = "Your order is in One-Way Mode, while your account is set to Hedge Mode."
            raise KuCoinError("330012", words)
        if fields.text("positionSide", "BOTH") != "BOTH":
            words = "The order's position mode does not match your selected mode."
            raise KuCoinError("330011", f"{words} Please switch modes and try again.")
        leverage = fields.decimal("leverage")
        if leverage is None and mode == "ISOLATED":
            raise KuCoinError("100001", "Leverage parameter invalid.")
        return Decimal(1) if leverage is None else leverage

    def _ask(self, fields: Fields, one: Listing) -> Ask:
        client_id = fields.text("clientOid")
        if not client_id or len(client_id) > 40:
            raise KuCoinError("100001", "clientOid parameter invalid.")
        if fields.flag("closeOrder"):
            return self._closing(one, client_id)
        side, kind = fields.need("side"), fields.text("type", "limit")
        if side not in ("buy", "sell") or kind not in ("limit", "market"):
            raise KuCoinError("100001", "side or type parameter invalid.")
        return Ask(
            symbol=one.symbol,
            side=Side(side),
            kind=Kind(kind),
            quantity=self._size(fields, one),
            price=fields.decimal("price") if kind == "limit" else None,
            force=force_of(fields, kind),
            reduce_only=fields.flag("reduceOnly"),
            trigger=_trigger(fields),
            client_id=client_id,
        )

    def _size(self, fields: Fields, one: Listing) -> Decimal:
        size, value = fields.decimal("size"), fields.decimal("valueQty")
        if size is not None:
            return size
        if value is None:
            raise KuCoinError("100001", "Quantity parameter invalid.")
        price = fields.decimal("price") or self._house.last(one.symbol)
        lots = value / (price * one.contract_size * one.lot)
        return lots.to_integral_value(ROUND_DOWN) * one.lot

    def _closing(self, one: Listing, client_id: str) -> Ask:
        held = self._house.exchange.position(one.symbol).quantity
        if not held:
            raise KuCoinError("300009", "No open positions to close.")
        return Ask(
            symbol=one.symbol,
            side=Side.SELL if held > 0 else Side.BUY,
            kind=Kind.MARKET,
            quantity=abs(held),
            reduce_only=True,
            client_id=client_id,
        )

    def _place_many(self, call: Call) -> Json:
        if not 0 < len(call.rows) <= _MOST_AT_ONCE:
            raise KuCoinError("100001", "The number of orders must be between 1 and 20")
        return [self._place_one(fields) for fields in call.rows]

    def _place_one(self, fields: Fields) -> Json:
        order_id, code, message = None, "200000", "success"
        try:
            order_id = self._place(fields)["orderId"]
        except KuCoinError as e:
            code, message = e.code, e.message
        return {
            "orderId": order_id,
            "clientOid": fields.text("clientOid"),
            "symbol": fields.text("symbol"),
            "code": code,
            "msg": message,
        }

    # ---- cancelling ----

    def _cancel_one(self, order: Order | None) -> str:
        if order is None:
            raise KuCoinError(*_STUCK)
        try:
            self._house.exchange.cancel(order.order_id)
        except Refused as e:
            raise KuCoinError(*_STUCK) from e
        return self._house.shown_id(order)

    def _cancel(self, call: Call) -> Json:
        return {"cancelledOrderIds": [self._cancel_one(self._perp(call.args[0]))]}

    def _cancel_of_client(self, call: Call) -> Json:
        self._house.listing(call.query.need("symbol"), Product.PERP)
        self._cancel_one(self._house.order_of_client(call.args[0]))
        return {"clientOid": call.args[0]}

    def _cancel_all(self, *, stops: bool) -> Callable[[Call], Json]:
        def answer(call: Call) -> Json:
            orders = self._open(call.query.text("symbol"), stops=stops)
            return {"cancelledOrderIds": [self._cancel_one(order) for order in orders]}

        return answer

    def _cancel_many(self, call: Call) -> Json:
        rows = []
        for order_id in call.body.content.get("orderIdsList") or []:
            outcome = self._outcome(self._perp(str(order_id)))
            rows.append({"orderId": str(order_id), "clientOid": None, **outcome})
        for named in call.body.content.get("clientOidsList") or []:
            client_id = str(named.get("clientOid"))
            outcome = self._outcome(self._house.order_of_client(client_id))
            rows.append({"orderId": None, "clientOid": client_id, **outcome})
        return rows

    def _outcome(self, order: Order | None) -> dict[str, Json]:
        try:
            self._cancel_one(order)
        except KuCoinError as e:
            return {"code": e.code, "msg": e.message}
        return {"code": "200", "msg": "success"}

    # ---- showing ----

    def _is_perp(self, order: Order) -> bool:
        return self._house.listing_of(order.ask.symbol).product is Product.PERP

    def _perp(self, order_id: str) -> Order | None:
        order = self._house.order(order_id)
        return order if order is not None and self._is_perp(order) else None

    def _all(self, name: str, *, open_only: bool) -> list[Order]:
        """List orders of one market or of all, newest first; a fired stop is listed once."""
        symbol = self._house.listing(name, Product.PERP).symbol if name else None
        return [
            order
            for order in reversed(self._house.exchange.orders(symbol=symbol, open_only=open_only))
            if self._is_perp(order) and order.status is not Status.FIRED
        ]

    def _open(self, name: str, *, stops: bool) -> list[Order]:
        orders = self._all(name, open_only=True)
        return [order for order in orders if (order.status is Status.WAITING) == stops]

    def _rows(self, orders: list[Order], query: Fields) -> Json:
        return page([futures_order(order, self._house) for order in orders], query)

    def _list(self, call: Call) -> Json:
        name = call.query.text("symbol")
        if call.query.text("status") == "active":
            return self._rows(self._open(name, stops=False), call.query)
        start, end = week(call.query, self._house.now_ms())
        done = [
            order
            for order in self._all(name, open_only=False)
            if order.status.is_closed and start <= order.created_ms <= end
        ]
        return self._rows(done, call.query)

    def _list_stops(self, call: Call) -> Json:
        return self._rows(self._open(call.query.text("symbol"), stops=True), call.query)

    def _shown(self, order: Order | None) -> Json:
        if order is None or not self._is_perp(order):
            raise KuCoinError("100001", "error.getOrder.orderNotExist")
        return futures_order(order, self._house)

    def _show(self, call: Call) -> Json:
        return self._shown(self._house.order(call.args[0]))

    def _show_of_client(self, call: Call) -> Json:
        return self._shown(self._house.order_of_client(call.query.need("clientOid")))

    def _fills(self, call: Call) -> Json:
        query = call.query
        start, end = week(query, self._house.now_ms())
        name, asked = query.text("symbol"), query.text("orderId")
        symbol = self._house.listing(name, Product.PERP).symbol if name else None
        fills = [
            fill
            for fill in reversed(self._house.exchange.fills(symbol=symbol, since_ms=start))
            if fill.ts_ms <= end
            and self._house.listing_of(fill.symbol).product is Product.PERP
            and asked in ("", self._house.fill_order_id(fill))
        ]
        return page([futures_fill(fill, self._house) for fill in fills], query)


def _trigger(fields: Fields) -> Trigger | None:
    stop, price = fields.text("stop"), fields.decimal("stopPrice")
    if not stop:
        return None
    if stop not in ("up", "down") or price is None:
        raise KuCoinError("100001", "stop or stopPrice parameter invalid.")
    if fields.text("stopPriceType") not in _PRICE_TYPES:
        raise KuCoinError("100001", "stopPriceType parameter invalid.")
    return Trigger(price=price, rising=stop == "up")

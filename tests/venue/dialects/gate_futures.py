"""The private endpoints of Gate's REST interface for USDT-settled perpetuals."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_asks import futures_ask, futures_trigger_ask
from tests.venue.dialects.gate_futures_rows import fill_row, order_row, price_order_row
from tests.venue.dialects.gate_house import House, page
from tests.venue.dialects.gate_margin_rows import account_row, position_row
from tests.venue.dialects.gate_routes import FOREVER_MS, Call, Handler, Route
from tests.venue.dialects.gate_words import USER_ID, GateError, Row, decimal, refused
from tests.venue.model import Fill, Order, Product, Refused
from tests.venue.wire import Purpose

_BATCH: Final = 10


def _account(call: Call) -> Row:
    exchange = call.house.exchange
    return account_row(call.house, exchange.balances(Product.PERP)["USDT"], exchange.positions())


# ---- plain orders ----


def _place(call: Call) -> Row:
    order = call.house.place(futures_ask(call.house, call.body()))
    return order_row(call.house, order, call.style)


def _place_batch(call: Call) -> list[Row]:
    bodies = call.rows()
    if len(bodies) > _BATCH:
        raise GateError(400, "TOO_MANY_ORDERS", f"at most {_BATCH} orders")
    rows: list[Row] = []
    for body in bodies:
        try:
            order = call.house.place(futures_ask(call.house, body))
            rows.append(order_row(call.house, order, call.style) | {"succeeded": True})
        except GateError as e:
            row = {"succeeded": False, "label": e.label, "detail": e.message}
            rows.append({"text": body.get("text")} | row)
    return rows


def _one(call: Call) -> Row:
    return order_row(call.house, call.house.order(Product.PERP, call.named["id"]), call.style)


def _orders(call: Call) -> list[Row]:
    status = call.get("status")
    if status not in ("open", "finished"):
        raise GateError(400, "INVALID_PARAM_VALUE", "invalid argument: status")
    found = call.house.orders(
        Product.PERP, symbol=_symbol(call), triggers=False, opened=status == "open"
    )
    last_id = call.count("last_id", 0, most=10**18)
    if last_id:
        found = [one for one in found if int(one.order_id) < last_id]
    return _page(call, found)


def _orders_between(call: Call) -> list[Row]:
    start, end = call.moment_ms("from", 0), call.moment_ms("to", FOREVER_MS) + 999
    found = call.house.orders(Product.PERP, symbol=_symbol(call), triggers=False, opened=False)
    return _page(call, [one for one in found if start <= one.created_ms <= end])


def _page(call: Call, found: list[Order]) -> list[Row]:
    limit, offset = call.count("limit", 100), call.count("offset", 0)
    shown = page(found, limit=limit, offset=offset)
    return [order_row(call.house, one, call.style) for one in shown]


def _amend(call: Call) -> Row:
    house, body = call.house, call.body()
    order = house.order(Product.PERP, call.named["id"])
    _check_open(order)
    quantity = _amended_quantity(order, body.get("size"))
    price = decimal(body["price"], "price") if body.get("price") else None
    if quantity in (None, order.quantity) and price in (None, order.price):
        raise GateError(400, "NO_CHANGE", "No change is made")
    return order_row(house, house.amend(order, quantity=quantity, price=price), call.style)


def _amended_quantity(order: Order, size: object) -> Decimal | None:
    if not size:
        return None
    signed = decimal(size, "size")
    if signed * order.ask.side.sign <= order.filled:
        raise GateError(400, "INVALID_PARAM_VALUE", "invalid argument: size")
    return abs(signed)


def _cancel(call: Call) -> Row:
    order = call.house.order(Product.PERP, call.named["id"])
    _check_open(order)
    return order_row(call.house, call.house.cancel(order), call.style)


def _cancel_all(call: Call) -> list[Row]:
    house = call.house
    found = house.orders(Product.PERP, symbol=_symbol(call), triggers=False, opened=True)
    if call.has("side"):
        wanted = {"bid": 1, "ask": -1}.get(call.get("side"))
        found = [one for one in found if one.ask.side.sign == wanted]
    return [order_row(house, house.cancel(one), call.style) for one in found]


def _cancel_batch(call: Call) -> list[Row]:
    return [_cancel_one(call.house, str(key)) for key in call.rows()]


def _cancel_one(house: House, key: str) -> Row:
    row: Row = {"user_id": USER_ID, "id": key, "succeeded": True, "message": ""}
    try:
        order = house.order(Product.PERP, key)
        _check_open(order)
        house.cancel(order)
    except GateError as e:
        return row | {"succeeded": False, "message": e.label}
    return row


# ---- fills ----


def _my_trades(call: Call) -> list[Row]:
    """List fills as the older endpoint does: with another name for their id."""
    rows = _my_trades_between(call)
    return [{"id": int(row.pop("trade_id"))} | row for row in rows]


def _my_trades_between(call: Call) -> list[Row]:
    start, end = call.moment_ms("from", 0), call.moment_ms("to", FOREVER_MS) + 999
    found = [
        one
        for one in reversed(_fills(call))
        if start <= one.ts_ms <= end and call.get("order") in ("", one.order_id)
    ]
    limit, offset = call.count("limit", 100), call.count("offset", 0)
    shown = page(found, limit=limit, offset=offset)
    return [fill_row(call.house, one, call.style) for one in shown]


def _fills(call: Call) -> list[Fill]:
    listings = call.house.exchange.listings
    found = call.house.exchange.fills(symbol=_symbol(call))
    return [one for one in found if listings[one.symbol].product is Product.PERP]


# ---- price orders ----


def _place_trigger(call: Call) -> Row:
    ask, expiration = futures_trigger_ask(call.house, call.body())
    order = call.house.place_trigger(ask, expiration)
    return {"id": int(order.order_id), "id_string": order.order_id}


def _one_trigger(call: Call) -> Row:
    order = call.house.trigger_order(Product.PERP, call.named["id"])
    return price_order_row(call.house, order, call.style)


def _triggers(call: Call) -> list[Row]:
    opened = call.get("status") == "open"
    if not opened and call.get("status") != "finished":
        raise GateError(400, "INVALID_PARAM_VALUE", "invalid argument: status")
    found = call.house.orders(Product.PERP, symbol=_symbol(call), triggers=True, opened=opened)
    limit, offset = call.count("limit", 100), call.count("offset", 0)
    shown = page(found, limit=limit, offset=offset)
    return [price_order_row(call.house, one, call.style) for one in shown]


def _cancel_trigger(call: Call) -> Row:
    order = call.house.trigger_order(Product.PERP, call.named["id"])
    _check_open(order)
    return price_order_row(call.house, call.house.cancel(order), call.style, micros=True)


def _cancel_triggers(call: Call) -> list[Row]:
    house = call.house
    found = house.orders(Product.PERP, symbol=_symbol(call), triggers=True, opened=True)
    return [price_order_row(house, house.cancel(one), call.style, micros=True) for one in found]


# ---- positions ----


def _positions(call: Call) -> list[Row]:
    found = call.house.exchange.positions()
    if call.get("holding") == "true":
        found = [one for one in found if one.quantity]
    listings = call.house.exchange.listings
    return [position_row(call.house, listings[one.symbol], one, call.style) for one in found]


def _position(call: Call) -> Row:
    listing = call.house.listing(Product.PERP, call.named["name"])
    position = call.house.exchange.position(listing.symbol)
    return position_row(call.house, listing, position, call.style)


def _set_leverage(call: Call) -> Row:
    listing = call.house.listing(Product.PERP, call.named["name"])
    isolated = call.count("leverage", 0, most=10**6)
    leverage = isolated or call.count("cross_leverage_limit", 0, most=10**6)
    try:
        if leverage:
            call.house.exchange.set_leverage(listing.symbol, leverage)
        call.house.exchange.set_cross(listing.symbol, not isolated)
    except Refused as e:
        label = "LEVERAGE_TOO_HIGH" if leverage > listing.max_leverage else None
        raise GateError(400, label, e.detail) if label else refused(e, Product.PERP) from e
    return _position(call)


def _set_dual_mode(call: Call) -> Row:
    house = call.house
    wanted = call.get("dual_mode").lower() == "true"
    if wanted is house.exchange.hedged:
        raise GateError(400, "NO_CHANGE", "no change")
    if any(one.quantity for one in house.exchange.positions()):
        raise GateError(400, "POSITION_HOLDING", "Operation forbidden with holding position")
    if house.orders(Product.PERP, symbol=None, triggers=False, opened=True):
        raise GateError(400, "ORDER_PENDING", "Operation forbidden with pending orders")
    house.exchange.hedged = wanted
    return _account(call)


# ---- shared ----


def _symbol(call: Call) -> str | None:
    if not call.has("contract"):
        return None
    return call.house.listing(Product.PERP, call.get("contract")).symbol


def _check_open(order: Order) -> None:
    if order.status.is_closed:
        raise GateError(400, "ORDER_FINISHED", "Order already finished")


def _route(method: str, path: str, purpose: Purpose, handle: Handler, status: int = 200) -> Route:
    full = f"/futures/usdt{path}"
    return Route(method=method, path=full, purpose=purpose, handle=handle, status=status)


FUTURES_ROUTES: Final[tuple[Route, ...]] = (
    _route("GET", "/accounts", "read", _account),
    _route("POST", "/orders", "order", _place, 201),
    _route("POST", "/batch_orders", "order", _place_batch),
    _route("GET", "/orders", "read", _orders),
    _route("GET", "/orders_timerange", "read", _orders_between),
    _route("GET", "/orders/{id}", "read", _one),
    _route("PUT", "/orders/{id}", "amend", _amend),
    _route("DELETE", "/orders", "cancel", _cancel_all),
    _route("DELETE", "/orders/{id}", "cancel", _cancel),
    _route("POST", "/batch_cancel_orders", "cancel", _cancel_batch),
    _route("GET", "/my_trades", "read", _my_trades),
    _route("GET", "/my_trades_timerange", "read", _my_trades_between),
    _route("POST", "/price_orders", "order", _place_trigger, 201),
    _route("GET", "/price_orders", "read", _triggers),
    _route("GET", "/price_orders/{id}", "read", _one_trigger),
    _route("DELETE", "/price_orders", "cancel", _cancel_triggers),
    _route("DELETE", "/price_orders/{id}", "cancel", _cancel_trigger),
    _route("GET", "/positions", "read", _positions),
    _route("GET", "/positions/{name}", "read", _position),
    _route("POST", "/positions/{name}/leverage", "read", _set_leverage),
    _route("POST", "/dual_mode", "read", _set_dual_mode),
)

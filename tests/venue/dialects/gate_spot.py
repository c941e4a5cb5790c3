"""The private spot endpoints of Gate's REST interface."""

from collections.abc import Callable
from typing import Final

from tests.venue.dialects.gate_asks import Body, spot_ask, spot_trigger_ask
from tests.venue.dialects.gate_house import House, page
from tests.venue.dialects.gate_keys import key_rows
from tests.venue.dialects.gate_routes import FOREVER_MS, Call, Handler, Route
from tests.venue.dialects.gate_spot_rows import fill_row, order_row, price_order_row
from tests.venue.dialects.gate_words import USER_ID, GateError, Row, decimal, market_id, text
from tests.venue.model import Fill, Order, Product, Status
from tests.venue.wire import Purpose

_MONTH_MS: Final = 30 * 86_400_000
_WEEK_MS: Final = 7 * 86_400_000
_BATCH: Final = 10  # orders, of one pair


def _detail(call: Call) -> Row:
    return {
        "user_id": USER_ID,
        "ip_whitelist": [],
        "currency_pairs": [],
        "key": {"mode": 1},
        "tier": 0,
        "tier_expire_time": "0001-01-01T00:00:00Z",
        "copy_trading_role": 0,
    }


def _fees(call: Call) -> Row:
    spot = call.house.listings(Product.SPOT)[0]
    perp = call.house.listings(Product.PERP)[0]
    return {
        "user_id": USER_ID,
        "taker_fee": text(spot.taker_fee),
        "maker_fee": text(spot.maker_fee),
        "gt_discount": False,
        "gt_taker_fee": "0",
        "gt_maker_fee": "0",
        "loan_fee": "0.18",
        "point_type": "0",
        "futures_taker_fee": text(perp.taker_fee),
        "futures_maker_fee": text(perp.maker_fee),
    }


def _accounts(call: Call) -> list[Row]:
    wallets = call.house.exchange.balances(Product.SPOT).values()
    return [
        {
            "currency": one.coin,
            "available": text(one.free),
            "locked": text(one.held),
            "update_id": call.house.memory.updates,
        }
        for one in wallets
        if not call.has("currency") or one.coin == call.get("currency")
    ]


# ---- plain orders ----


def _place(call: Call) -> Row:
    return order_row(call.house, call.house.place(spot_ask(call.house, call.body())))


def _place_batch(call: Call) -> list[Row]:
    bodies = call.rows()
    if len(bodies) > 4 * _BATCH:
        raise GateError(400, "TOO_MANY_ORDERS", "too many orders")
    return [_tried(call, _placed, body) for body in bodies]


def _placed(house: House, body: Body) -> Row:
    if not body.get("text"):
        raise GateError(400, "MISSING_REQUIRED_PARAM", "text")
    return order_row(house, house.place(spot_ask(house, body)))


def _tried(call: Call, act: Callable[[House, Body], Row], body: Body) -> Row:
    """Do one of a batch and say how it went."""
    known = {name: body.get(name) for name in ("text", "id", "currency_pair") if body.get(name)}
    try:
        return act(call.house, body) | {"succeeded": True, "label": "", "message": ""}
    except GateError as e:
        return known | {"succeeded": False, "label": e.label, "message": e.message}


def _one(call: Call) -> Row:
    order = call.house.order(Product.SPOT, call.named["id"])
    _check_pair(call, order)
    return order_row(call.house, order)


def _open_orders(call: Call) -> list[Row]:
    limit, number = call.count("limit", 100), call.count("page", 1)
    rows: list[Row] = []
    for listing in call.house.listings(Product.SPOT):
        found = call.house.orders(Product.SPOT, symbol=listing.symbol, triggers=False, opened=True)
        shown = page(found, limit=limit, offset=(number - 1) * limit)
        if shown:
            orders = [order_row(call.house, one) for one in shown]
            name = market_id(listing)
            rows.append({"currency_pair": name, "total": len(found), "orders": orders})
    return rows


def _orders(call: Call) -> list[Row]:
    status = call.get("status")
    if status not in ("open", "finished"):
        raise GateError(400, "INVALID_PARAM_VALUE", "invalid argument: status")
    if status == "open" and not call.has("currency_pair"):
        raise GateError(400, "MISSING_REQUIRED_PARAM", "Missing required parameter: currency_pair")
    found = call.house.orders(
        Product.SPOT, symbol=_symbol(call), triggers=False, opened=status == "open"
    )
    start, end = call.moment_ms("from", 0), call.moment_ms("to", FOREVER_MS) + 999
    found = [
        one
        for one in found
        if start <= one.created_ms <= end and call.get("side") in ("", one.ask.side.value)
    ]
    limit, number = call.count("limit", 100), call.count("page", 1)
    return [
        order_row(call.house, one) for one in page(found, limit=limit, offset=limit * (number - 1))
    ]


def _amend(call: Call) -> Row:
    house, body = call.house, call.body()
    order = house.order(Product.SPOT, call.named["id"])
    _check_open(order)
    quantity = decimal(body["amount"], "amount") if body.get("amount") else None
    price = decimal(body["price"], "price") if body.get("price") else None
    if quantity in (None, order.quantity) and price in (None, order.price):
        raise GateError(400, "NO_CHANGE", "No change is made")
    if quantity is not None and quantity <= order.filled:
        raise GateError(400, "INVALID_PARAM_VALUE", "invalid argument: amount")
    return order_row(house, house.amend(order, quantity=quantity, price=price))


def _cancel(call: Call) -> Row:
    order = call.house.order(Product.SPOT, call.named["id"])
    _check_pair(call, order)
    _check_open(order)
    return order_row(call.house, call.house.cancel(order))


def _cancel_all(call: Call) -> list[Row]:
    house = call.house
    found = house.orders(Product.SPOT, symbol=_symbol(call), triggers=False, opened=True)
    if call.has("side"):
        found = [one for one in found if one.ask.side.value == call.get("side")]
    said = {"succeeded": True, "label": "", "message": ""}
    return [order_row(house, house.cancel(one)) | said for one in found]


def _cancel_batch(call: Call) -> list[Row]:
    return [_tried(call, _canceled, body) for body in call.rows()]


def _canceled(house: House, body: Body) -> Row:
    order = house.order(Product.SPOT, str(body.get("id")))
    _check_open(order)
    order = house.cancel(order)
    return {
        "currency_pair": market_id(house.listing_of(order)),
        "id": order.order_id,
        "text": house.text(order.order_id, order.ask.client_id, "apiv4"),
        "account": "spot",
    }


# ---- fills ----


def _my_trades(call: Call) -> list[Row]:
    now = call.house.exchange.clock.now_ms()
    end = call.moment_ms("to", now) + 999
    start = call.moment_ms("from", 0 if call.has("order_id") else max(0, end - _WEEK_MS))
    if call.has("from") and end - start > _MONTH_MS + 999:
        raise GateError(400, "INVALID_PARAM_VALUE", "time range exceeds 30 days")
    if call.has("order_id") and not call.has("currency_pair"):
        raise GateError(400, "MISSING_REQUIRED_PARAM", "Missing required parameter: currency_pair")
    found = [
        one
        for one in reversed(_fills(call))
        if start <= one.ts_ms <= end and call.get("order_id") in ("", one.order_id)
    ]
    limit, number = call.count("limit", 100), call.count("page", 1)
    return [
        fill_row(call.house, one) for one in page(found, limit=limit, offset=limit * (number - 1))
    ]


def _fills(call: Call) -> list[Fill]:
    listings = call.house.exchange.listings
    found = call.house.exchange.fills(symbol=_symbol(call))
    return [one for one in found if listings[one.symbol].product is Product.SPOT]


# ---- price orders ----


def _place_trigger(call: Call) -> Row:
    ask, expiration = spot_trigger_ask(call.house, call.body())
    return {"id": int(call.house.place_trigger(ask, expiration).order_id)}


def _one_trigger(call: Call) -> Row:
    return price_order_row(call.house, call.house.trigger_order(Product.SPOT, call.named["id"]))


def _triggers(call: Call) -> list[Row]:
    opened = call.get("status") == "open"
    if not opened and call.get("status") != "finished":
        raise GateError(400, "INVALID_PARAM_VALUE", "invalid argument: status")
    symbol = _symbol(call, "market")
    found = call.house.orders(Product.SPOT, symbol=symbol, triggers=True, opened=opened)
    limit, offset = call.count("limit", 100), call.count("offset", 0)
    return [price_order_row(call.house, one) for one in page(found, limit=limit, offset=offset)]


def _cancel_trigger(call: Call) -> Row:
    order = call.house.trigger_order(Product.SPOT, call.named["id"])
    return price_order_row(call.house, call.house.cancel(order))


def _cancel_triggers(call: Call) -> list[Row]:
    symbol = _symbol(call, "market")
    found = call.house.orders(Product.SPOT, symbol=symbol, triggers=True, opened=True)
    return [price_order_row(call.house, call.house.cancel(one)) for one in found]


# ---- shared ----


def _symbol(call: Call, name: str = "currency_pair") -> str | None:
    return call.house.listing(Product.SPOT, call.get(name)).symbol if call.has(name) else None


def _check_pair(call: Call, order: Order) -> None:
    if call.get("currency_pair") != market_id(call.house.listing_of(order)):
        raise GateError(404, "ORDER_NOT_FOUND", "Order not found")


def _check_open(order: Order) -> None:
    if order.status is Status.CANCELED:
        raise GateError(400, "ORDER_CANCELLED", "Order already cancelled")
    if order.status.is_closed:
        raise GateError(400, "ORDER_CLOSED", "Order already closed")


def _route(method: str, path: str, purpose: Purpose, handle: Handler, status: int = 200) -> Route:
    return Route(method=method, path=path, purpose=purpose, handle=handle, status=status)


SPOT_ROUTES: Final[tuple[Route, ...]] = (
    _route("GET", "/account/detail", "read", _detail),
    _route("GET", "/account/main_keys", "read", key_rows),
    _route("GET", "/wallet/fee", "read", _fees),
    _route("GET", "/spot/accounts", "read", _accounts),
    _route("POST", "/spot/orders", "order", _place, 201),
    _route("POST", "/spot/batch_orders", "order", _place_batch),
    _route("GET", "/spot/open_orders", "read", _open_orders),
    _route("GET", "/spot/orders", "read", _orders),
    _route("GET", "/spot/orders/{id}", "read", _one),
    _route("PATCH", "/spot/orders/{id}", "amend", _amend),
    _route("DELETE", "/spot/orders", "cancel", _cancel_all),
    _route("DELETE", "/spot/orders/{id}", "cancel", _cancel),
    _route("POST", "/spot/cancel_batch_orders", "cancel", _cancel_batch),
    _route("GET", "/spot/my_trades", "read", _my_trades),
    _route("POST", "/spot/price_orders", "order", _place_trigger, 201),
    _route("GET", "/spot/price_orders", "read", _triggers),
    _route("GET", "/spot/price_orders/{id}", "read", _one_trigger),
    _route("DELETE", "/spot/price_orders", "cancel", _cancel_triggers),
    _route("DELETE", "/spot/price_orders/{id}", "cancel", _cancel_trigger),
)

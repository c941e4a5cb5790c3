"""Perpetual orders, fills and price orders in Gate's shapes."""

from dataclasses import dataclass
from decimal import Decimal

from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_words import (
    USER_ID,
    ZERO,
    Row,
    average,
    finished_as,
    market_id,
    number,
    seconds,
    size,
    text,
)
from tests.venue.model import Fill, Force, Kind, Order, Status

_TIF = {Force.GTC: "gtc", Force.IOC: "ioc", Force.FOK: "fok", Force.POST_ONLY: "poc"}
_CENT = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one client wants contracts written."""

    decimals: bool

    def size(self, value: Decimal) -> str | int:
        """Write contracts."""
        return size(value, decimals=self.decimals)


def tif(order: Order) -> str:
    """Name how long an order stays; a market order never does."""
    if order.ask.kind is Kind.MARKET and order.ask.force is Force.GTC:
        return "ioc"
    return _TIF[order.ask.force]


def order_row(house: House, order: Order, style: Style) -> Row:
    """Show a plain order over REST."""
    listing = house.listing_of(order)
    is_closed = order.status.is_closed
    return {
        "id": int(order.order_id),
        "id_string": order.order_id,
        "contract": market_id(listing),
        "mkfr": text(listing.maker_fee),
        "tkfr": text(listing.taker_fee),
        "tif": tif(order),
        "is_reduce_only": order.ask.reduce_only,
        "create_time": seconds(order.created_ms),
        "update_time": seconds(order.updated_ms),
        **({"finish_time": seconds(order.updated_ms)} if is_closed else {}),
        "price": text(order.price or ZERO),
        "size": style.size(_signed(order, order.quantity or ZERO)),
        "refr": "0",
        "left": style.size(_signed(order, order.left)),
        "text": house.text(order.order_id, order.ask.client_id, "api"),
        "fill_price": text(average(order, listing.contract_size)),
        "user": USER_ID,
        **({"finish_as": finished_as(order)} if is_closed else {}),
        "status": "finished" if is_closed else "open",
        "is_liq": False,
        "refu": 0,
        "is_close": False,
        "iceberg": style.size(ZERO),
        "stp_id": 0,
        "stp_act": "-",
        "amend_text": "-",
    }


def order_push(house: House, order: Order, style: Style, *, is_new: bool) -> Row:
    """Show a plain order on its channel, where numbers are floats."""
    listing = house.listing_of(order)
    finish = "_new" if is_new else "_update"
    return {
        "contract": market_id(listing),
        "create_time": order.created_ms // 1000,
        "create_time_ms": order.created_ms,
        "fill_price": number(average(order, listing.contract_size)),
        "finish_as": finished_as(order) if order.status.is_closed else finish,
        "finish_time": order.updated_ms // 1000,
        "finish_time_ms": order.updated_ms,
        "iceberg": style.size(ZERO),
        "id": int(order.order_id),
        "id_string": order.order_id,
        "is_close": False,
        "is_liq": False,
        "is_reduce_only": order.ask.reduce_only,
        "left": style.size(_signed(order, order.left)),
        "mkfr": number(listing.maker_fee),
        "price": number(order.price or ZERO),
        "refr": 0,
        "refu": 0,
        "size": style.size(_signed(order, order.quantity or ZERO)),
        "status": "finished" if order.status.is_closed else "open",
        "text": house.text(order.order_id, order.ask.client_id, "api"),
        "tif": tif(order),
        "tkfr": number(listing.taker_fee),
        "user": str(USER_ID),
        "update_id": house.memory.updates,
        "update_time": order.updated_ms,
        "stp_id": "0",
        "stp_act": "-",
        "amend_text": "-",
    }


def fill_row(house: House, fill: Fill, style: Style) -> Row:
    """Show a fill over REST (by time range)."""
    return {
        "trade_id": fill.trade_id,
        "create_time": seconds(fill.ts_ms),
        "contract": market_id(house.exchange.listings[fill.symbol]),
        "order_id": fill.order_id,
        "size": style.size(fill.side.sign * fill.quantity),
        "close_size": style.size(ZERO),
        "price": text(fill.price),
        "role": "maker" if fill.maker else "taker",
        "text": house.text(fill.order_id, fill.client_id, "api"),
        "fee": text(fill.fee),
        "point_fee": "0",
    }


def fill_push(house: House, fill: Fill, style: Style) -> Row:
    """Show a fill on its channel."""
    return {
        "id": fill.trade_id,
        "create_time": fill.ts_ms // 1000,
        "create_time_ms": fill.ts_ms,
        "contract": market_id(house.exchange.listings[fill.symbol]),
        "order_id": fill.order_id,
        "size": style.size(fill.side.sign * fill.quantity),
        "price": text(fill.price),
        "role": "maker" if fill.maker else "taker",
        "text": house.text(fill.order_id, fill.client_id, "api"),
        "fee": number(fill.fee),
        "point_fee": 0,
    }


def price_order_row(house: House, order: Order, style: Style, *, micros: bool = False) -> Row:
    """Show a price order, over REST and on its channel; a cancellation tells microseconds."""
    assert order.trigger is not None
    expired = order.order_id in house.memory.expired
    row: Row = {
        "user": USER_ID,
        "trigger": {
            "strategy_type": 0,
            "price_type": 0,
            "price": text(order.trigger.price),
            "rule": 1 if order.trigger.rising else 2,
            "expiration": house.expiration_secs(order),
        },
        "initial": {
            "contract": market_id(house.listing_of(order)),
            "size": style.size(_signed(order, order.quantity or ZERO)),
            "price": text(order.price or ZERO),
            "tif": tif(order),
            "text": house.text(order.order_id, order.ask.client_id, ""),
            "iceberg": style.size(ZERO),
            "is_close": False,
            "is_reduce_only": order.ask.reduce_only,
            "auto_size": "",
        },
        "id": int(order.order_id),
        "id_string": order.order_id,
        "trade_id": int(order.fired_as or 0),
        "status": "finished" if order.status.is_closed else "open",
        "reason": order.cancel_reason if order.status is Status.FAILED else "",
        "create_time": order.created_ms * 1000 if micros else order.created_ms // 1000,
        "finish_time": order.updated_ms * 1000 if micros else order.updated_ms // 1000,
        "is_stop_order": False,
        "stop_trigger": {"rule": 0, "trigger_price": "", "order_price": ""},
        "me_order_id": 0,
        "order_type": "",
    }
    if order.status.is_closed:
        row["finish_as"] = "expired" if expired else _PRICE_ORDER_ENDS[order.status]
    return row


_PRICE_ORDER_ENDS = {
    Status.FIRED: "succeeded",
    Status.FILLED: "succeeded",
    Status.CANCELED: "cancelled",
    Status.FAILED: "failed",
}


def _signed(order: Order, quantity: Decimal) -> Decimal:
    return order.ask.side.sign * quantity

"""Spot orders, fills, price orders and balances in Gate's shapes."""

from decimal import Decimal

from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_words import (
    USER_ID,
    ZERO,
    Row,
    average,
    finished_as,
    market_id,
    text,
)
from tests.venue.model import Balance, Fill, Force, Kind, Order, Side, Status

_TIF = {Force.GTC: "gtc", Force.IOC: "ioc", Force.FOK: "fok", Force.POST_ONLY: "poc"}
_PRICE_ORDER_STATUS = {
    Status.WAITING: "open",
    Status.OPEN: "open",
    Status.FIRED: "finish",
    Status.FILLED: "finish",
    Status.CANCELED: "canceled",
    Status.FAILED: "failed",
}


def amount(order: Order) -> Decimal:
    """Tell what was asked for: quote coins where a buy was placed by cost."""
    if order.quantity is not None:
        return order.quantity
    return order.ask.cost or ZERO


def left(order: Order) -> Decimal:
    """Tell what is not filled, in what was asked for."""
    return order.left if order.quantity is not None else amount(order) - order.cost


def status(order: Order) -> str:
    """Tell where a plain order stands."""
    if order.status is Status.OPEN:
        return "open"
    return "closed" if order.status is Status.FILLED else "cancelled"


def order_row(house: House, order: Order) -> Row:
    """Show a plain order over REST."""
    row: Row = {
        "id": order.order_id,
        "text": house.text(order.order_id, order.ask.client_id, "apiv4"),
        "amend_text": "-",
        "create_time": str(order.created_ms // 1000),
        "update_time": str(order.updated_ms // 1000),
        "create_time_ms": order.created_ms,
        "update_time_ms": order.updated_ms,
        "status": status(order),
        "currency_pair": market_id(house.listing_of(order)),
        **_order_body(order),
        "iceberg": "0",
        "left": text(left(order)),
        "filled_amount": text(order.filled),
        "fill_price": text(order.cost),
        "filled_total": text(order.cost),
    }
    if order.filled:
        row["avg_deal_price"] = text(average(order))
    row |= _fees(house, order) | {
        "gt_maker_fee": "0",
        "gt_taker_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": _other_coin(house, order),
        "finish_as": "open" if order.status is Status.OPEN else finished_as(order),
    }
    return row


def order_push(house: House, order: Order, event: str) -> Row:
    """Show a plain order on its channel."""
    return {
        "id": order.order_id,
        "text": house.text(order.order_id, order.ask.client_id, "apiv4"),
        "create_time": str(order.created_ms // 1000),
        "update_time": str(order.updated_ms // 1000),
        "currency_pair": market_id(house.listing_of(order)),
        **_order_body(order),
        "left": text(left(order)),
        "filled_amount": text(order.filled),
        "filled_total": text(order.cost),
        "avg_deal_price": text(average(order)),
        **_fees(house, order),
        "rebated_fee": "0",
        "rebated_fee_currency": _other_coin(house, order),
        "create_time_ms": str(order.created_ms),
        "update_time_ms": str(order.updated_ms),
        "user": USER_ID,
        "event": event,
        "stp_id": 0,
        "stp_act": "-",
        "finish_as": "open" if order.status is Status.OPEN else finished_as(order),
        "biz_info": "-",
        "amend_text": "-",
    }


def fill_row(house: House, fill: Fill) -> Row:
    """Show a fill over REST."""
    return {
        "id": fill.trade_id,
        "create_time": str(fill.ts_ms // 1000),
        "create_time_ms": f"{fill.ts_ms}.000000",
        "currency_pair": market_id(house.exchange.listings[fill.symbol]),
        "side": fill.side.value,
        "role": "maker" if fill.maker else "taker",
        "amount": text(fill.quantity),
        "price": text(fill.price),
        "order_id": fill.order_id,
        "fee": text(fill.fee),
        "fee_currency": fill.fee_coin,
        "point_fee": "0",
        "gt_fee": "0",
        "amend_text": "-",
        "sequence_id": fill.trade_id,
        "text": house.text(fill.order_id, fill.client_id, "apiv4"),
    }


def fill_push(house: House, fill: Fill) -> Row:
    """Show a fill on its channel."""
    return {
        "id": int(fill.trade_id),
        "user_id": USER_ID,
        "order_id": fill.order_id,
        "currency_pair": market_id(house.exchange.listings[fill.symbol]),
        "create_time": fill.ts_ms // 1000,
        "create_time_ms": f"{fill.ts_ms}.000000",
        "side": fill.side.value,
        "amount": text(fill.quantity),
        "role": "maker" if fill.maker else "taker",
        "price": text(fill.price),
        "fee": text(fill.fee),
        "fee_currency": fill.fee_coin,
        "point_fee": "0",
        "gt_fee": "0",
        "text": house.text(fill.order_id, fill.client_id, "apiv4"),
        "amend_text": "-",
        "biz_info": "-",
        "id_market": int(fill.trade_id),
    }


def price_order_status(house: House, order: Order) -> str:
    """Tell where a price order stands."""
    if order.order_id in house.memory.expired:
        return "expired"
    return _PRICE_ORDER_STATUS[order.status]


def price_order_row(house: House, order: Order) -> Row:
    """Show a price order over REST; no text of the client's comes back."""
    assert order.trigger is not None
    row: Row = {
        "market": market_id(house.listing_of(order)),
        "user": USER_ID,
        "trigger": {
            "price": text(order.trigger.price),
            "rule": ">=" if order.trigger.rising else "<=",
            "expiration": house.expiration_secs(order),
        },
        "put": {
            "type": order.ask.kind.value,
            "side": order.ask.side.value,
            "price": text(order.price or ZERO),
            "amount": f"{amount(order):.20f}",
            "account": "normal",
            "time_in_force": _TIF[order.ask.force],
            "auto_borrow": False,
            "auto_repay": False,
            "text": "api",
        },
        "id": int(order.order_id),
        "ctime": order.created_ms // 1000,
        "status": price_order_status(house, order),
    }
    if order.status.is_closed:
        row["ftime"] = order.updated_ms // 1000
        row["fired_order_id"] = int(order.fired_as or 0)
        row["reason"] = order.cancel_reason if order.status is Status.FAILED else ""
    return row


def price_order_push(house: House, order: Order) -> Row:
    """Show a price order on its channel: flat, and unlike its REST row."""
    assert order.trigger is not None
    listing = house.listing_of(order)
    return {
        "market": market_id(listing),
        "uid": str(USER_ID),
        "id": order.order_id,
        "currency_type": listing.base,
        "exchange_type": listing.quote,
        "reason": price_order_status(house, order) if order.status.is_closed else "",
        "err_msg": order.cancel_reason if order.status is Status.FAILED else "",
        "fired_order_id": int(order.fired_as or 0),
        "instant_cancel": False,
        "trigger_price": text(order.trigger.price),
        "trigger_rule": ">=" if order.trigger.rising else "<=",
        "trigger_expiration": house.expiration_secs(order),
        "price": text(order.price or ZERO),
        "amount": text(amount(order)),
        "source": "api",
        "order_type": order.ask.kind.value,
        "side": order.ask.side.value,
        "engine_type": "normal",
        "is_stop_order": False,
        "stop_trigger_price": "",
        "stop_trigger_rule": "",
        "stop_price": "",
        "ctime": str(order.created_ms),
        "ftime": str(order.updated_ms) if order.status.is_closed else "-62135596800000",
    }


def balance_push(balance: Balance, *, change: Decimal, froze: Decimal, ts_ms: int) -> Row:
    """Show a wallet on its channel."""
    kind = "order-match" if change else "order-create" if froze > 0 else "order-update"
    return {
        "timestamp": str(ts_ms // 1000),
        "timestamp_ms": str(ts_ms),
        "user": str(USER_ID),
        "currency": balance.coin,
        "change": text(change),
        "total": text(balance.total),
        "available": text(balance.free),
        "freeze": text(balance.held),
        "freeze_change": text(froze),
        "change_type": kind,
    }


def _order_body(order: Order) -> Row:
    is_market = order.ask.kind is Kind.MARKET
    tif = Force.IOC if is_market and order.ask.force is Force.GTC else order.ask.force
    return {
        "type": order.ask.kind.value,
        "account": "spot",
        "side": order.ask.side.value,
        "amount": text(amount(order)),
        "price": "0" if is_market else text(order.price or ZERO),
        "time_in_force": _TIF[tif],
    }


def _fees(house: House, order: Order) -> Row:
    listing = house.listing_of(order)
    coin = listing.base if order.ask.side is Side.BUY else listing.quote
    return {
        "fee": text(order.fees.get(coin, ZERO)),
        "fee_currency": coin,
        "point_fee": "0",
        "gt_fee": "0",
    }


def _other_coin(house: House, order: Order) -> str:
    listing = house.listing_of(order)
    return listing.quote if order.ask.side is Side.BUY else listing.base

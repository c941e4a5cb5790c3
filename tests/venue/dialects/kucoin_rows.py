"""Orders and fills of KuCoin's spot interface, as the venue writes them."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_wire import USER_ID, padded, text
from tests.venue.model import Fill, Force, Kind, Order, Status, Trigger
from tests.venue.wire import Json

FORCES: Final = {Force.GTC: "GTC", Force.IOC: "IOC", Force.FOK: "FOK", Force.POST_ONLY: "GTC"}
_NOTHING = Decimal(0)


def is_trigger(order: Order) -> bool:
    """Say whether an order waits for a price, or did."""
    return order.trigger is not None and order.fired_from is None


def is_active(order: Order) -> bool:
    """Say whether an order may still fill."""
    return order.status is Status.OPEN


def was_cut(order: Order) -> bool:
    """Say whether something of an order was cancelled."""
    return order.status is Status.CANCELED


def size_text(order: Order) -> str:
    """Write what was asked for; a buy by cost has no size."""
    return text(order.quantity if order.quantity is not None else _NOTHING)


def fee_of(order: Order) -> Decimal:
    """Sum up what an order paid."""
    return sum(order.fees.values(), _NOTHING)


def stop_side(trigger: Trigger) -> str:
    """Spell the direction of a spot stop."""
    return "entry" if trigger.rising else "loss"


def _common(order: Order, house: House) -> dict[str, Json]:
    listing = house.listing_of(order.ask.symbol)
    return {
        "id": house.shown_id(order),
        "symbol": house.name(order.ask.symbol),
        "opType": "DEAL",
        "type": order.ask.kind.value,
        "side": order.ask.side.value,
        "price": text(order.price or _NOTHING),
        "size": size_text(order),
        "funds": text(order.ask.cost or _NOTHING),
        "dealFunds": text(order.cost),
        "dealSize": text(order.filled),
        "fee": text(fee_of(order)),
        "feeCurrency": listing.quote,
    }


def _flags(order: Order) -> dict[str, Json]:
    return {
        "timeInForce": FORCES[order.ask.force],
        "postOnly": order.ask.force is Force.POST_ONLY,
        "hidden": False,
        "iceberg": False,
        "visibleSize": "0",
        "cancelAfter": 0,
        "channel": "API",
        "clientOid": order.ask.client_id or "",
        "remark": None,
        "tags": "partner:ccxt",
    }


def classic_order(order: Order, house: House) -> dict[str, Json]:
    """Write an order of the classic account."""
    trigger = house.trigger_of(order)
    return {
        **_common(order, house),
        "stp": "",
        "stop": stop_side(trigger) if trigger else "",
        "stopTriggered": trigger is not None,
        "stopPrice": text(trigger.price) if trigger else "0",
        **_flags(order),
        "isActive": is_active(order),
        "cancelExist": was_cut(order),
        "createdAt": order.created_ms,
        "tradeType": "TRADE",
    }


def _cut_funds(order: Order) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Count what is left and what was cancelled: sizes and funds."""
    funds = (order.price or _NOTHING) * (order.quantity or _NOTHING)
    left_funds = (order.ask.cost or funds) - order.cost
    if order.ask.kind is Kind.MARKET and order.ask.cost is None:
        left_funds = _NOTHING
    if was_cut(order):
        return _NOTHING, _NOTHING, order.left, left_funds
    return order.left, left_funds, _NOTHING, _NOTHING


def high_frequency_order(order: Order, house: House) -> dict[str, Json]:
    """Write an order of the high-frequency account."""
    left, left_funds, cut, cut_funds = _cut_funds(order)
    funds = order.ask.cost or (order.price or _NOTHING) * (order.quantity or _NOTHING)
    return {
        **_common(order, house),
        "funds": text(funds),
        "stp": None,
        **_flags(order),
        "cancelExist": was_cut(order),
        "createdAt": order.created_ms,
        "lastUpdatedAt": order.updated_ms,
        "tradeType": "TRADE",
        "inOrderBook": is_active(order),
        "cancelledSize": text(cut),
        "cancelledFunds": text(cut_funds),
        "remainSize": text(left),
        "remainFunds": text(left_funds),
        "active": is_active(order),
    }


_STOP_STATUS: Final = {
    Status.WAITING: "NEW",
    Status.FIRED: "TRIGGERED",
    Status.FAILED: "TRIGGERED",
    Status.CANCELED: "CANCELLED",
}


def stop_order(order: Order, house: House) -> dict[str, Json]:
    """Write a stop order of the spot interface."""
    listing = house.listing_of(order.ask.symbol)
    assert order.trigger is not None
    is_waiting = order.status is Status.WAITING
    return {
        "id": order.order_id,
        "symbol": house.name(order.ask.symbol),
        "userId": USER_ID,
        "status": _STOP_STATUS.get(order.status, "TRIGGERED"),
        "type": order.ask.kind.value,
        "side": order.ask.side.value,
        "price": None if order.price is None else padded(order.price),
        "size": None if order.quantity is None else padded(order.quantity),
        "funds": None if order.ask.cost is None else padded(order.ask.cost),
        "stp": None,
        "timeInForce": FORCES[order.ask.force],
        "cancelAfter": -1,
        "postOnly": order.ask.force is Force.POST_ONLY,
        "hidden": False,
        "iceberg": False,
        "visibleSize": None,
        "channel": "API",
        "clientOid": order.ask.client_id or "",
        "remark": None,
        "tags": "partner:ccxt",
        "relatedNo": None,
        "orderTime": order.created_ms * 1_000_000,
        "domainId": "kucoin",
        "tradeSource": "USER",
        "tradeType": "TRADE",
        "feeCurrency": listing.quote,
        "takerFeeRate": padded(listing.taker_fee),
        "makerFeeRate": padded(listing.maker_fee),
        "createdAt": order.created_ms,
        "stop": stop_side(order.trigger),
        "stopTriggerTime": None if is_waiting else order.updated_ms,
        "stopPrice": padded(order.trigger.price),
    }


def spot_fill(fill: Fill, house: House) -> dict[str, Json]:
    """Write one fill of the classic account."""
    listing = house.listing_of(fill.symbol)
    order = house.exchange.order(order_id=fill.order_id)
    return {
        "symbol": house.name(fill.symbol),
        "tradeId": fill.trade_id,
        "orderId": house.fill_order_id(fill),
        "counterOrderId": f"c{fill.trade_id}",
        "side": fill.side.value,
        "liquidity": "maker" if fill.maker else "taker",
        "forceTaker": not fill.maker,
        "price": text(fill.price),
        "size": text(fill.quantity),
        "funds": text(fill.price * fill.quantity),
        "fee": text(fill.fee),
        "feeRate": text(listing.maker_fee if fill.maker else listing.taker_fee),
        "feeCurrency": fill.fee_coin,
        "stop": "",
        "type": order.ask.kind.value if order else "limit",
        "createdAt": fill.ts_ms,
    }

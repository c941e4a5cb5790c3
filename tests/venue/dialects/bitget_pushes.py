"""Bitget's order rows as its private channels write them."""

from typing import Final

from tests.venue.dialects.bitget_memory import ZERO, Memory, Row, trigger_price
from tests.venue.dialects.bitget_words import (
    client_oid_of,
    is_buy_by_cost,
    native,
    negative,
    plan_status_of,
    status_of,
    text,
)
from tests.venue.model import Fill, Order, Product, Side, Status

# What the spot channel leaves out
_ONLY_MIX_PLAN: Final = (
    *("triggerTime", "tradeSide", "posSide", "marginCoin", "posMode"),
    *("stopSurplusTriggerType", "stopLossTriggerType"),
)
# The venue sorts what belongs to the last fill into what follows accBaseVolume
_SORTED_LAST: Final = ("accBaseVolume", "feeDetail", "notionalUsd", "status", "uTime")


def spot_push(m: Memory, order: Order, fill: Fill | None) -> Row:
    """Write a spot order as the orders channel does."""
    ask = order.ask
    size = ask.cost if is_buy_by_cost(order) else order.quantity
    price = order.price or m.average(order)
    quote = ask.cost if is_buy_by_cost(order) else price * (order.quantity or ZERO)
    filled = {} if fill is None else _last_fill(fill)
    return {
        "instId": native(m.listing(order)),
        "orderId": order.order_id,
        "clientOid": client_oid_of(order),
        **({} if order.price is None else {"price": text(order.price)}),
        "size": text(quote if ask.side is Side.BUY else size),
        "newSize": text(size),
        "notional": text(quote),
        "orderType": ask.kind.value,
        "force": ask.force.value,
        "side": ask.side.value,
        **filled,
        "accBaseVolume": text(order.filled),
        "priceAvg": text(m.average(order)),
        "status": status_of(order, canceled="cancelled"),
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
        "stpMode": "none",
        "feeDetail": [{"feeCoin": c, "fee": negative(fee)} for c, fee in order.fees.items()],
        "enterPointSource": "API",
    }


def mix_push(m: Memory, order: Order, fill: Fill | None) -> Row:
    """Write a futures order as the orders channel does."""
    ask, listing = order.ask, m.listing(order)
    margin = m.margin(listing)
    price = order.price or m.average(order) or m.exchange.mark(ask.symbol)
    fees = negative(sum(order.fees.values(), ZERO))
    row = {
        "cTime": str(order.created_ms),
        "cancelReason": "normal_cancel" if order.status is Status.CANCELED else "",
        "clientOid": client_oid_of(order),
        "enterPointSource": "API",
        "force": ask.force.value,
        "instId": native(listing),
        "leverage": margin["leverage"],
        "marginCoin": listing.quote,
        "marginMode": margin["marginMode"],
        "orderId": order.order_id,
        "orderType": ask.kind.value,
        "posMode": "one_way_mode",
        "posSide": "net",
        "presetStopLossExecutePrice": "",
        "presetStopLossType": "",
        "presetStopSurplusExecutePrice": "",
        "presetStopSurplusType": "",
        "price": text(order.price or ZERO),
        "reduceOnly": "yes" if ask.reduce_only else "no",
        "side": ask.side.value,
        "size": text(order.quantity),
        "stpMode": "none",
        "totalProfits": text(m.earned(order)),
        "tradeSide": f"{ask.side.value}_single",
        "accBaseVolume": text(order.filled),
        "feeDetail": [{"feeCoin": listing.quote, "fee": fees}],
        "notionalUsd": text((order.quantity or ZERO) * price),
        "status": status_of(order, canceled="canceled"),
        "uTime": str(order.updated_ms),
    }
    if fill is None:
        return row
    last = _last_fill(fill) | {
        "fillNotionalUsd": text(fill.price * fill.quantity),
        "pnl": text(m.profit(fill)),
        "priceAvg": text(m.average(order)),
    }
    first = [key for key in row if key not in _SORTED_LAST]
    return {key: row[key] for key in first} | dict(
        sorted(({key: row[key] for key in _SORTED_LAST} | last).items())
    )


def plan_push(m: Memory, order: Order) -> Row:
    """Write a plan order as the orders-algo channel does."""
    ask, listing = order.ask, m.listing(order)
    row = {
        "instId": native(listing),
        "orderId": order.order_id,
        "clientOid": client_oid_of(order),
        "triggerPrice": text(trigger_price(order)),
        "triggerType": m.trigger_type(order),
        "triggerTime": str(order.updated_ms),
        "planType": "pl",
        "price": text(order.price or trigger_price(order)),
        "executePrice": text(order.price or ZERO),
        "size": text(ask.cost if is_buy_by_cost(order) else order.quantity),
        "actualSize": "0",
        "orderType": ask.kind.value,
        "side": ask.side.value,
        "tradeSide": f"{ask.side.value}_single",
        "posSide": "net",
        "marginCoin": listing.quote,
        "status": plan_status_of(order),
        "posMode": "one_way_mode",
        "enterPointSource": "API",
        "stopSurplusTriggerType": "fill_price",
        "stopLossTriggerType": "fill_price",
        "stpMode": "none",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }
    if listing.product is Product.SPOT:
        row["planType"] = "total" if is_buy_by_cost(order) else "amount"
        for key in _ONLY_MIX_PLAN:
            del row[key]
    return row


def _last_fill(fill: Fill) -> Row:
    return {
        "fillPrice": text(fill.price),
        "tradeId": fill.trade_id,
        "baseVolume": text(fill.quantity),
        "fillTime": str(fill.ts_ms),
        "fillFee": negative(fill.fee),
        "fillFeeCoin": fill.fee_coin,
        "tradeScope": "M" if fill.maker else "T",
    }

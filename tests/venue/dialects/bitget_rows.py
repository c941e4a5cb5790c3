"""Bitget's order rows as its REST interface writes them: plain orders and plans."""

from typing import Final

from tests.venue.dialects.bitget_memory import USER, ZERO, Memory, Row, trigger_price
from tests.venue.dialects.bitget_words import (
    client_oid_of,
    is_buy_by_cost,
    native,
    negative,
    plan_status_of,
    status_of,
    text,
)
from tests.venue.model import Kind, Order

_LISTED: Final = (
    *("symbol", "size", "orderId", "clientOid", "baseVolume", "fee", "price", "priceAvg"),
    *("status", "side", "force", "totalProfits", "posSide", "marginCoin", "quoteVolume"),
    *("leverage", "marginMode", "enterPointSource", "tradeSide", "posMode", "orderType"),
    *("orderSource", "presetStopSurplusPrice", "presetStopLossPrice", "reduceOnly"),
    *("cTime", "uTime"),
)


def spot_order(m: Memory, order: Order) -> Row:
    """Write a spot order as orderInfo and history-orders do."""
    ask, listing = order.ask, m.listing(order)
    return {
        "userId": USER,
        "symbol": native(listing),
        "orderId": order.order_id,
        "clientOid": client_oid_of(order),
        "price": text(order.price or ZERO),
        "size": text(ask.cost if is_buy_by_cost(order) else order.quantity),
        "orderType": ask.kind.value,
        "side": ask.side.value,
        "status": status_of(order, canceled="cancelled"),
        "priceAvg": text(m.average(order)),
        "baseVolume": text(order.filled),
        "quoteVolume": text(order.cost),
        "enterPointSource": "API",
        "feeDetail": _fee_detail(order),
        "orderSource": "normal" if ask.kind is Kind.LIMIT else "market",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def spot_open_order(m: Memory, order: Order) -> Row:
    """Write a spot order as unfilled-orders does: priceAvg is the limit price there."""
    row = spot_order(m, order)
    del row["feeDetail"]
    row["basePrice"] = row.pop("priceAvg")
    row["priceAvg"] = row.pop("price")
    keys = [key for key in row if key not in ("basePrice", "priceAvg")]
    keys.insert(keys.index("size"), "priceAvg")
    keys.insert(keys.index("baseVolume"), "basePrice")
    return {key: row[key] for key in keys}


def mix_order(m: Memory, order: Order) -> Row:
    """Write a futures order as detail does."""
    ask, listing = order.ask, m.listing(order)
    return {
        "symbol": native(listing),
        "size": text(order.quantity),
        "orderId": order.order_id,
        "clientOid": client_oid_of(order),
        "baseVolume": text(order.filled),
        "fee": negative(sum(order.fees.values(), ZERO)),
        "price": text(order.price),
        "priceAvg": text(m.average(order)) if order.filled else "",
        "state": status_of(order, canceled="canceled"),
        "side": ask.side.value,
        "force": ask.force.value,
        "totalProfits": text(m.earned(order)),
        "posSide": "net",
        "marginCoin": listing.quote,
        "presetStopSurplusPrice": "",
        "presetStopLossPrice": "",
        "quoteVolume": text(order.cost),
        "orderType": ask.kind.value,
        **m.margin(listing),
        "reduceOnly": "YES" if ask.reduce_only else "NO",
        "enterPointSource": "API",
        "tradeSide": f"{ask.side.value}_single",
        "posMode": "one_way_mode",
        "orderSource": "normal",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def mix_listed_order(m: Memory, order: Order) -> Row:
    """Write a futures order as the lists do: another word for its state, another order of keys."""
    row = mix_order(m, order)
    row["status"] = row.pop("state")
    return {key: row[key] for key in _LISTED}


def spot_plan(m: Memory, order: Order) -> Row:
    """Write a spot plan order as REST does."""
    ask = order.ask
    return {
        "orderId": order.order_id,
        "clientOid": client_oid_of(order),
        "symbol": native(m.listing(order)),
        "size": text(ask.cost if is_buy_by_cost(order) else order.quantity),
        "planType": "TOTAL" if is_buy_by_cost(order) else "AMOUNT",
        "executePrice": text(order.price or ZERO),
        "triggerPrice": text(trigger_price(order)),
        "status": plan_status_of(order),
        "orderType": ask.kind.value,
        "side": ask.side.value,
        "triggerType": m.trigger_type(order),
        "enterPointSource": "API",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def mix_plan(m: Memory, order: Order) -> Row:
    """Write a waiting futures plan order as REST does."""
    ask, listing = order.ask, m.listing(order)
    return {
        "planType": "normal_plan",
        "symbol": native(listing),
        "size": text(order.quantity),
        "orderId": order.order_id,
        "clientOid": client_oid_of(order),
        "price": text(order.price),
        "executePrice": text(order.price),
        "callbackRatio": "",
        "triggerPrice": text(trigger_price(order)),
        "triggerType": m.trigger_type(order),
        "planStatus": plan_status_of(order),
        "side": ask.side.value,
        "posSide": "net",
        "marginCoin": listing.quote,
        "marginMode": m.margin(listing)["marginMode"],
        "enterPointSource": "API",
        "tradeSide": f"{ask.side.value}_single",
        "posMode": "one_way_mode",
        "orderType": ask.kind.value,
        "stopSurplusTriggerPrice": "",
        "stopSurplusExecutePrice": "",
        "stopSurplusTriggerType": "fill_price",
        "stopLossTriggerPrice": "",
        "stopLossExecutePrice": "",
        "stopLossTriggerType": "fill_price",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def mix_closed_plan(m: Memory, order: Order) -> Row:
    """Write a closed futures plan order, and what it became, as REST does."""
    row = mix_plan(m, order)
    fired = m.exchange.order(order_id=order.fired_as) if order.fired_as else None
    ids = ("planType", "symbol", "size", "orderId", "clientOid", "planStatus", "price")
    first = {key: row.pop(key) for key in ids}
    became = {
        "feeDetail": None,
        "baseVolume": text(fired.filled if fired else ZERO),
        "executeOrderId": order.fired_as or "",
        "priceAvg": text(m.average(fired)) if fired else "",
    }
    return first | became | row


def _fee_detail(order: Order) -> str:
    """Write the fees as the venue does: JSON as a text, numbers bare."""
    if not order.fees:
        return ""
    total = negative(sum(order.fees.values(), ZERO))
    new = f'"c":0,"d":0,"deduction":false,"r":{total},"t":{total},"totalDeductionFee":0'
    coins = (
        f'"{coin}":{{"deduction":false,"feeCoinCode":"{coin}","totalDeductionFee":0,'
        f'"totalFee":{negative(fee)}}}'
        for coin, fee in order.fees.items()
    )
    return f'{{"newFees":{{{new}}},{",".join(coins)}}}'

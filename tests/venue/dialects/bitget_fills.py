"""Bitget's fill rows, as its REST interface and its fill channel write them."""

from typing import Final

from tests.venue.dialects.bitget_memory import USER, Memory, Row
from tests.venue.dialects.bitget_words import client_oid_of, native, negative, text
from tests.venue.model import Fill

_SPOT_PUSH: Final = (
    *("orderId", "tradeId", "symbol", "orderType", "side", "priceAvg", "size", "amount"),
    *("tradeScope", "feeDetail", "cTime", "uTime"),
)


def spot_fill(m: Memory, fill: Fill) -> Row:
    """Write a spot fill as REST does."""
    return {
        "userId": USER,
        "symbol": native(m.exchange.listings[fill.symbol]),
        "orderId": fill.order_id,
        "tradeId": fill.trade_id,
        "orderType": m.order(fill).ask.kind.value,
        "side": fill.side.value,
        "priceAvg": text(fill.price),
        "size": text(fill.quantity),
        "amount": text(fill.price * fill.quantity),
        "feeDetail": _fee(fill, left_out=""),
        "tradeScope": "maker" if fill.maker else "taker",
        "cTime": str(fill.ts_ms),
        "uTime": str(fill.ts_ms),
    }


def spot_fill_push(m: Memory, fill: Fill) -> Row:
    """Write a spot fill as the fill channel does: no user, and a list of fees."""
    row = spot_fill(m, fill) | {"feeDetail": [_fee_push(fill)]}
    return {key: row[key] for key in _SPOT_PUSH}


def mix_fill(m: Memory, fill: Fill) -> Row:
    """Write a futures fill as REST does."""
    return {
        "tradeId": fill.trade_id,
        "symbol": native(m.exchange.listings[fill.symbol]),
        "orderId": fill.order_id,
        "price": text(fill.price),
        "baseVolume": text(fill.quantity),
        "feeDetail": [_fee(fill, left_out=None)],
        "side": fill.side.value,
        "quoteVolume": text(fill.price * fill.quantity),
        "profit": text(m.profit(fill)),
        "enterPointSource": "API",
        "tradeSide": f"{fill.side.value}_single",
        "posMode": "one_way_mode",
        "tradeScope": "maker" if fill.maker else "taker",
        "cTime": str(fill.ts_ms),
    }


def mix_fill_push(m: Memory, fill: Fill) -> Row:
    """Write a futures fill as the fill channel does."""
    order = m.order(fill)
    return {
        "orderId": fill.order_id,
        "tradeId": fill.trade_id,
        "symbol": native(m.exchange.listings[fill.symbol]),
        "orderType": order.ask.kind.value,
        "side": fill.side.value,
        "price": text(fill.price),
        "baseVolume": text(fill.quantity),
        "quoteVolume": text(fill.price * fill.quantity),
        "profit": text(m.profit(fill)),
        "tradeSide": f"{fill.side.value}_single",
        "posMode": "one_way_mode",
        "tradeScope": "maker" if fill.maker else "taker",
        "feeDetail": [_fee_push(fill)],
        "cTime": str(fill.ts_ms),
        "uTime": str(fill.ts_ms),
        "clientOid": client_oid_of(order),
    }


def _fee(fill: Fill, *, left_out: str | None) -> Row:
    return {
        "deduction": "no",
        "feeCoin": fill.fee_coin,
        "totalDeductionFee": left_out,
        "totalFee": negative(fill.fee),
    }


def _fee_push(fill: Fill) -> Row:
    return {
        "feeCoin": fill.fee_coin,
        "deduction": "no",
        "totalDeductionFee": "0",
        "totalFee": negative(fill.fee),
    }

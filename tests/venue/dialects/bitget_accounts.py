"""Bitget's balances and positions, as its REST interface and its private channels write them."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.bitget_memory import ZERO, Memory, Row, rounded
from tests.venue.dialects.bitget_words import native, text
from tests.venue.model import Balance, Position

KEEP_MARGIN: Final = Decimal("0.004")


def spot_balance(m: Memory, balance: Balance) -> Row:
    """Write one coin of the spot wallet as REST does."""
    return {
        "coin": balance.coin,
        "available": text(balance.free),
        "limitAvailable": "0",
        "frozen": text(balance.held),
        "locked": "0",
        "uTime": str(m.exchange.clock.now_ms()),
    }


def spot_balance_push(m: Memory, balance: Balance) -> Row:
    """Write one coin of the spot wallet as the account channel does."""
    row = spot_balance(m, balance)
    keys = ("coin", "available", "frozen", "locked", "limitAvailable", "uTime")
    return {key: row[key] for key in keys}


def mix_account(m: Memory, balance: Balance) -> Row:
    """Write the futures wallet as accounts does."""
    profit = unrealised(m)
    equity, free = text(balance.total + profit), text(balance.free + min(profit, ZERO))
    return {
        "marginCoin": balance.coin,
        "locked": "0",
        "available": free,
        "crossedMaxAvailable": free,
        "isolatedMaxAvailable": free,
        "maxTransferOut": free,
        "accountEquity": equity,
        "usdtEquity": equity,
        "btcEquity": "0",
        "crossedRiskRate": "0",
        "unrealizedPL": text(profit),
        "coupon": "0",
        "crossedUnrealizedPL": text(profit),
        "isolatedUnrealizedPL": None,
    }


def mix_account_push(m: Memory, balance: Balance) -> Row:
    """Write the futures wallet as the account channel does."""
    profit = unrealised(m)
    equity, free = text(balance.total + profit), text(balance.free + min(profit, ZERO))
    return {
        "marginCoin": balance.coin,
        "frozen": text(balance.held),
        "available": free,
        "maxOpenPosAvailable": free,
        "maxTransferOut": free,
        "equity": equity,
        "usdtEquity": equity,
    }


def unrealised(m: Memory) -> Decimal:
    """Tell the profit of all positions at the mark prices."""
    return sum((m.worth(one) for one in m.exchange.positions()), ZERO)


def position(m: Memory, held: Position) -> Row:
    """Write a position as REST does."""
    listing = m.exchange.listings[held.symbol]
    mark = m.exchange.mark(held.symbol)
    size = abs(held.quantity)
    return {
        "marginCoin": listing.quote,
        "symbol": native(listing),
        "holdSide": "long" if held.quantity > 0 else "short",
        "openDelegateSize": "0",
        "marginSize": text(rounded(size * held.entry_price / held.leverage)),
        "available": text(size),
        "locked": "0",
        "total": text(size),
        "leverage": str(held.leverage),
        "achievedProfits": text(held.realised),
        "openPriceAvg": text(rounded(held.entry_price)),
        "marginMode": "crossed" if held.cross else "isolated",
        "posMode": "one_way_mode",
        "unrealizedPL": text(rounded(m.worth(held))),
        "liquidationPrice": "0",
        "keepMarginRate": text(KEEP_MARGIN),
        "markPrice": text(mark),
        "marginRatio": "0",
        "cTime": str(held.updated_ms),
    }


def position_push(m: Memory, held: Position) -> Row:
    """Write a position as the positions channel does."""
    row = position(m, held)
    margin = Decimal(row["marginSize"])
    profit = m.worth(held)
    return {
        "posId": "926036334386778112",
        "instId": row["symbol"],
        "marginCoin": row["marginCoin"],
        "marginSize": row["marginSize"],
        "marginMode": row["marginMode"],
        "holdSide": row["holdSide"],
        "posMode": "one_way_mode",
        "total": row["total"],
        "available": row["available"],
        "frozen": "0",
        "openPriceAvg": row["openPriceAvg"],
        "leverage": held.leverage,
        "achievedProfits": row["achievedProfits"],
        "unrealizedPL": row["unrealizedPL"],
        "unrealizedPLR": text(rounded(profit / margin)) if margin else "0",
        "liquidationPrice": "0",
        "keepMarginRate": row["keepMarginRate"],
        "marginRate": "0",
        "cTime": row["cTime"],
        "uTime": str(held.updated_ms),
        "autoMargin": "off",
    }

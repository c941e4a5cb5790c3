"""Positions and the wallet of Gate's perpetuals, in the venue's shapes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_futures_rows import Style
from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_words import USER_ID, ZERO, Row, market_id, number, text
from tests.venue.model import Balance, Listing, Position

_CENT: Final = Decimal("1e-12")
_MAINTENANCE: Final = Decimal("0.005")


def position_row(house: House, listing: Listing, position: Position, style: Style) -> Row:
    """Show a position over REST."""
    mark = house.exchange.mark(listing.symbol) if position.quantity else ZERO
    value = abs(position.quantity) * listing.contract_size * mark
    basis = position.quantity * listing.contract_size * position.entry_price
    profit = position.quantity * listing.contract_size * mark - basis
    margin = abs(basis) / position.leverage
    opened = house.exchange.orders(symbol=listing.symbol, open_only=True, triggers=False)
    return {
        "value": text(value),
        "leverage": "0" if position.cross else str(position.leverage),
        "mode": "single",
        "realised_point": "0",
        "contract": market_id(listing),
        "entry_price": text(position.entry_price.quantize(_CENT)),
        "mark_price": text(house.exchange.mark(listing.symbol)),
        "history_point": "0",
        "realised_pnl": text(position.realised),
        "close_order": None,
        "size": style.size(position.quantity),
        "cross_leverage_limit": str(position.leverage) if position.cross else "0",
        "pending_orders": len(opened),
        "adl_ranking": 5 if position.quantity else 6,
        "maintenance_rate": "0.005",
        "unrealised_pnl": text(profit.quantize(_CENT)),
        "user": USER_ID,
        "leverage_max": str(listing.max_leverage),
        "history_pnl": "0",
        "risk_limit": "1000000",
        "margin": text(margin.quantize(_CENT)),
        "last_close_pnl": "0",
        "liq_price": "0",
        "update_time": position.updated_ms // 1000,
        "update_id": house.memory.updates,
        "initial_margin": text(margin.quantize(_CENT)),
        "maintenance_margin": text((value * _MAINTENANCE).quantize(_CENT)),
        "open_time": position.updated_ms // 1000 if position.quantity else 0,
        "trade_max_size": "0",
        "pos_margin_mode": "cross" if position.cross else "isolated",
        "lever": str(position.leverage),
    }


def position_push(house: House, position: Position, style: Style) -> Row:
    """Show a position on its channel."""
    listing = house.exchange.listings[position.symbol]
    basis = abs(position.quantity) * listing.contract_size * position.entry_price
    return {
        "contract": market_id(listing),
        "cross_leverage_limit": position.leverage if position.cross else 0,
        "entry_price": number(position.entry_price),
        "history_pnl": 0,
        "history_point": 0,
        "last_close_pnl": 0,
        "leverage": 0 if position.cross else position.leverage,
        "leverage_max": listing.max_leverage,
        "liq_price": 0,
        "maintenance_rate": 0.005,
        "margin": number((basis / position.leverage).quantize(_CENT)),
        "mode": "single",
        "realised_pnl": number(position.realised),
        "realised_point": 0,
        "risk_limit": 1000000,
        "size": style.size(position.quantity),
        "time": position.updated_ms // 1000,
        "time_ms": position.updated_ms,
        "update_id": house.memory.updates,
        "user": str(USER_ID),
    }


def account_row(house: House, balance: Balance, positions: Sequence[Position]) -> Row:
    """Show the wallet over REST."""
    margin = unrealised = ZERO
    for one in positions:
        units = one.quantity * house.exchange.listings[one.symbol].contract_size
        margin += abs(units) * one.entry_price / one.leverage
        if units:
            unrealised += units * (house.exchange.mark(one.symbol) - one.entry_price)
    margin = min(margin, balance.held).quantize(_CENT)
    return {
        "order_margin": text(balance.held - margin),
        "point": "0",
        "bonus": "0",
        "history": _history(house, balance, positions),
        "unrealised_pnl": text(unrealised.quantize(_CENT)),
        "total": text(balance.total),
        "available": text(balance.free),
        "in_dual_mode": house.exchange.hedged,
        "enable_credit": False,
        "position_mode": "dual" if house.exchange.hedged else "single",
        "margin_mode": 0,
        "currency": balance.coin,
        "position_margin": text(margin),
        "user": USER_ID,
    }


def balance_push(total: Decimal, *, change: Decimal, kind: str, about: str, ts_ms: int) -> Row:
    """Show one movement of the wallet on its channel."""
    return {
        "balance": number(total),
        "change": number(change),
        "text": about,
        "time": ts_ms // 1000,
        "time_ms": ts_ms,
        "type": kind,
        "user": str(USER_ID),
    }


def _history(house: House, balance: Balance, positions: Sequence[Position]) -> Row:
    fees = house.memory.fees.get(balance.coin, ZERO)
    realised = sum((one.realised for one in positions), ZERO)
    kinds = ("refr", "point_fee", "fund", "bonus_dnw", "point_refr", "bonus_offset")
    return {
        "dnw": text(balance.total + fees - realised),
        "pnl": text(realised),
        **dict.fromkeys(kinds, "0"),
        "fee": text(-fees),
        "point_dnw": "0",
    }

"""Bitget's v2 orders, where ccxt's unified fields are wrong or silent."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ccxt_nt.parsing.fields import (
    Raw,
    flag,
    info,
    optional_number,
    optional_positive,
    optional_text,
)
from ccxt_nt.parsing.told import (
    CANCELED,
    FILLED,
    OPEN,
    REJECTED,
    TRIGGERED,
    Spot,
    Told,
    some_id,
    word,
)
from ccxt_nt.values import OrderStatus

_BITGET_WORDS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "new": OPEN,
        "init": OPEN,
        "live": OPEN,
        "not_trigger": OPEN,
        "executing": OPEN,
        "partial_fill": OPEN,
        "partially_fill": OPEN,
        "partially_filled": OPEN,
        "filled": FILLED,
        "full_fill": FILLED,
        "cancel": CANCELED,
        "canceled": CANCELED,
        "cancelled": CANCELED,
        "executed": TRIGGERED,
        "triggered": TRIGGERED,
        "fail_execute": REJECTED,
        "fail_trigger": REJECTED,
    }
)


def bitget(order: Raw, spot: Spot) -> Told:
    """Read Bitget's orders: its pushed `baseVolume`, ccxt's `filled`, is the last fill only."""
    i = info(order)
    pushed, trigger = "instId" in i, optional_text(i, "planType") is not None
    market_buy = spot and optional_text(i, "orderType") == "market" and i.get("side") == "buy"
    if trigger:
        filled: Decimal | None = Decimal(0)
    elif "accBaseVolume" in i or pushed:
        filled = optional_number(i, "accBaseVolume")
    else:
        filled = optional_number(i, "baseVolume")
    size = "newSize" if pushed and spot and ("newSize" in i or not trigger) else "size"
    force = optional_text(i, "force")
    return Told(
        status=word(i, ("status", "state", "planStatus"), _BITGET_WORDS),
        quantity=None if market_buy else optional_positive(i, size),
        filled=filled,
        price=_bitget_price(i, pushed=pushed, trigger=trigger),
        average=optional_positive(i, "basePrice" if "basePrice" in i else "priceAvg"),
        client_id=optional_text(i, "clientOid"),
        is_limit=optional_text(i, "orderType") == "limit",
        post_only=force is not None and force.lower() == "post_only",
        reduce_only=flag(i, "reduceOnly"),
        force=force,
        updated=i.get("uTime"),
        fired_id=some_id(i, "executeOrderId"),
    )


def _bitget_price(i: Raw, *, pushed: bool, trigger: bool) -> Decimal | None:
    if optional_text(i, "orderType") == "market":
        return None
    if trigger:
        # A pushed trigger order repeats its trigger price as `price`
        named = optional_positive(i, "executePrice")
        return named if named is not None or pushed else optional_positive(i, "price")
    if "price" not in i and "basePrice" in i:
        return optional_positive(i, "priceAvg")  # so in the list of open spot orders
    return optional_positive(i, "price")

"""Gate's v4 orders, where ccxt's unified fields are wrong or silent."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    flag,
    info,
    optional_number,
    optional_positive,
    optional_text,
    text,
)
from ccxt_nt.parsing.told import (
    CANCELED,
    EXPIRED,
    FILLED,
    OPEN,
    REJECTED,
    TRIGGERED,
    Spot,
    Told,
    some_id,
)
from ccxt_nt.values import OrderStatus

_GATE_OPEN: Final = frozenset({"open", "_new", "_update", "put", "update"})
_GATE_TRIGGERS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "open": OPEN,
        "cancelled": CANCELED,
        "canceled": CANCELED,
        "finish": TRIGGERED,
        "succeeded": TRIGGERED,
        "failed": REJECTED,
        "invalid": REJECTED,
        "inactive": REJECTED,
        "expired": EXPIRED,
    }
)


def gate(order: Raw, spot: Spot) -> Told:
    """Read Gate's orders, which count what is left, and which sign contracts by their side."""
    i = info(order)
    return _gate_trigger(i) if "put" in i or "initial" in i else _gate_plain(i, order, spot=spot)


def _gate_plain(i: Raw, order: Raw, *, spot: bool) -> Told:
    market = optional_text(order, "type") == "market"
    size, left = optional_number(i, "amount" if spot else "size"), optional_number(i, "left")
    quantity = None if size is None else abs(size)
    filled = None if quantity is None or left is None else quantity - abs(left)
    over = left is not None and left == 0
    if spot and market and i.get("side") == "buy":
        quantity, filled = None, optional_number(i, "filled_amount")  # amount and left are quote
    word = optional_text(i, "finish_as") or text(i, "status")
    if word in _GATE_OPEN:
        status = OPEN
    elif word == "expired":
        status = EXPIRED
    else:
        status = FILLED if word == "filled" or over else CANCELED
    force = optional_text(i, "time_in_force") or optional_text(i, "tif")
    text_, average = optional_text(i, "text"), "avg_deal_price" if spot else "fill_price"
    return Told(
        status=status,
        quantity=quantity or None,
        filled=filled,
        price=None if market else optional_positive(i, "price"),
        average=optional_positive(i, average),
        client_id=gate_client_id(text_),
        is_limit=not market,
        post_only=force == "poc",
        reduce_only=flag(i, "is_reduce_only") or flag(i, "reduce_only"),
        force=force,
        updated=i.get("update_time_ms") or i.get("finish_time_ms"),
        fired_from=text_[3:] if text_ is not None and text_.startswith("ao-") else None,
    )


def _gate_trigger(i: Raw) -> Told:
    inside = i.get("put") or i.get("initial")
    trigger = i.get("trigger")
    if not isinstance(inside, Mapping) or not isinstance(trigger, Mapping):
        raise Unreadable("trigger", trigger, "must be a dictionary beside put or initial")
    size = optional_number(inside, "amount") or optional_number(inside, "size")
    price = optional_positive(inside, "price")
    force = optional_text(inside, "time_in_force") or optional_text(inside, "tif")
    fired = some_id(i, "fired_order_id") or some_id(i, "trade_id")
    word = optional_text(i, "finish_as") or text(i, "status")
    if word == "finished":
        status = TRIGGERED if fired else CANCELED
    elif word in _GATE_TRIGGERS:
        status = _GATE_TRIGGERS[word]
    else:
        raise Unreadable("status", word, "must be a known one")
    named = (optional_text(part, "text") for part in (i, inside, trigger))
    rule = optional_text(trigger, "rule")
    return Told(
        status=status,
        quantity=None if size is None else abs(size) or None,
        filled=Decimal(0),
        price=None if optional_text(inside, "type") == "market" else price,
        average=None,
        client_id=next((t for t in map(gate_client_id, named) if t), None),
        is_limit=optional_text(inside, "type") != "market" and price is not None,
        post_only=force == "poc",
        reduce_only=flag(inside, "is_reduce_only") or flag(inside, "reduce_only"),
        force=force,
        rising=None if rule is None else rule in (">=", "1"),
        fired_id=fired,
    )


def gate_client_id(told: str | None) -> str | None:
    """Keep a text that a client chose; others name where the order came from."""
    return told if told is not None and told.startswith("t-") else None

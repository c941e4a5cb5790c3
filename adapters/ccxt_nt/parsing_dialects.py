"""What each venue's own order dictionaries say, where ccxt's unified fields are wrong or silent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ccxt_nt.parsing_fields import (
    Raw,
    Unreadable,
    flag,
    info,
    optional_number,
    optional_positive,
    optional_text,
    text,
)
from ccxt_nt.values import OrderStatus

_OPEN, _FILLED, _CANCELED = OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELED
_EXPIRED, _REJECTED, _TRIGGERED = (
    OrderStatus.EXPIRED,
    OrderStatus.REJECTED,
    OrderStatus.TRIGGERED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one dictionary says of an order, as far as dialects differ."""

    status: OrderStatus
    quantity: Decimal | None
    filled: Decimal | None
    price: Decimal | None
    average: Decimal | None
    client_id: str | None
    is_limit: bool
    post_only: bool
    reduce_only: bool
    force: str | None
    updated: object = None  # a time in any unit, where ccxt drops it
    rising: bool | None = None  # fires at or above its trigger price; None where not told
    fired_id: str | None = None
    fired_from: str | None = None
    triggered: bool = False


type Reader = Callable[[Raw, "Spot"], Told]
type Spot = bool  # whether the order is of a spot market


def unified(order: Raw, spot: Spot) -> Told:
    """Believe ccxt; the venue has no reader of its own."""
    del spot
    quantity = optional_positive(order, "amount")
    filled = optional_number(order, "filled")
    force = optional_text(order, "timeInForce")
    words = {
        "open": _OPEN,
        "canceling": _OPEN,
        "canceled": _CANCELED,
        "cancelled": _CANCELED,
        "expired": _EXPIRED,
        "rejected": _REJECTED,
        "triggered": _TRIGGERED,
    }
    told = text(order, "status")
    if told == "closed":
        status = closed(quantity, filled)
    elif told in words:
        status = words[told]
    else:
        raise Unreadable("status", told, "must be a known one")
    return Told(
        status=status,
        quantity=quantity,
        filled=filled,
        price=optional_positive(order, "price"),
        average=optional_positive(order, "average"),
        client_id=optional_text(order, "clientOrderId"),
        is_limit=optional_text(order, "type") == "limit",
        post_only=flag(order, "postOnly") or force == "PO",
        reduce_only=flag(order, "reduceOnly"),
        force=force,
    )


def closed(quantity: Decimal | None, filled: Decimal | None) -> OrderStatus:
    """Tell filled from cancelled, for an order of which only the end is known."""
    if quantity is not None and filled is not None and filled < quantity:
        return _CANCELED
    return _FILLED


# --------------------------------------------------------------------------- Bitget v2

_BITGET_WORDS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "new": _OPEN,
        "init": _OPEN,
        "live": _OPEN,
        "not_trigger": _OPEN,
        "executing": _OPEN,
        "partial_fill": _OPEN,
        "partially_fill": _OPEN,
        "partially_filled": _OPEN,
        "filled": _FILLED,
        "full_fill": _FILLED,
        "cancel": _CANCELED,
        "canceled": _CANCELED,
        "cancelled": _CANCELED,
        "executed": _TRIGGERED,
        "triggered": _TRIGGERED,
        "fail_execute": _REJECTED,
        "fail_trigger": _REJECTED,
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
        status=_word(i, ("status", "state", "planStatus"), _BITGET_WORDS),
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
        fired_id=_id(i, "executeOrderId"),
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


# --------------------------------------------------------------------------- KuCoin

_KUCOIN_PUSHED: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "received": _OPEN,
        "open": _OPEN,
        "match": _OPEN,
        "update": _OPEN,
        "filled": _FILLED,
        "cancel": _CANCELED,
        "canceled": _CANCELED,
        "triggered": _TRIGGERED,
        "TRIGGERED": _TRIGGERED,
    }
)
_KUCOIN_RISING: Final[Mapping[str, bool]] = MappingProxyType(
    {"up": True, "entry": True, "down": False, "loss": False}
)


def kucoin(order: Raw, spot: Spot) -> Told:
    """Read KuCoin's orders: `done` may be filled or cancelled, and ccxt calls fired stops so."""
    i = info(order)
    quantity = optional_positive(i, "size")  # none or zero for an order by funds
    filled = _first_number(i, ("filledSize", "dealSize"))
    trigger = optional_positive(i, "stopPrice") is not None
    status, triggered = _kucoin_status(i, quantity, filled), False
    if trigger and filled is None:
        filled = Decimal(0)
    if trigger and not spot:
        # A futures stop keeps its id when it fires: it is an open order from then on
        triggered = status is _TRIGGERED or flag(i, "stopTriggered")
        status = _OPEN if status is _TRIGGERED else status
    price = optional_positive(i, "price")
    if price is None:
        price = optional_positive(i, "orderPrice")
    kind = optional_text(i, "orderType") or optional_text(i, "type")
    return Told(
        status=status,
        quantity=quantity,
        filled=filled,
        price=price,
        average=optional_positive(order, "average"),
        client_id=optional_text(i, "clientOid"),
        is_limit=kind != "market" and price is not None,
        post_only=flag(i, "postOnly"),
        reduce_only=flag(i, "reduceOnly"),
        force=optional_text(i, "timeInForce"),
        updated=i.get("ts") or i.get("updatedAt") or i.get("lastUpdatedAt"),
        rising=_KUCOIN_RISING.get(optional_text(i, "stop") or ""),
        triggered=triggered,
    )


def _kucoin_status(i: Raw, quantity: Decimal | None, filled: Decimal | None) -> OrderStatus:
    if "orderType" in i:  # pushed: `type` is what happened
        status = _word(i, ("type",), _KUCOIN_PUSHED)
        return _REJECTED if i.get("triggerSuccess") is False else status
    if optional_text(i, "status") in ("NEW", "TRIGGERED"):  # a spot stop order
        return _OPEN if i["status"] == "NEW" else _TRIGGERED
    if optional_text(i, "status") == "fail":
        return _REJECTED
    active = i.get("isActive", i.get("active"))
    if not isinstance(active, bool):
        raise Unreadable("isActive", active, "must be a boolean")
    if active:
        return _OPEN
    if quantity is None or filled is None:
        return _CANCELED if flag(i, "cancelExist") else _FILLED
    return closed(quantity, filled)


# --------------------------------------------------------------------------- Gate v4

_GATE_OPEN: Final = frozenset({"open", "_new", "_update", "put", "update"})
_GATE_TRIGGERS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "open": _OPEN,
        "cancelled": _CANCELED,
        "canceled": _CANCELED,
        "finish": _TRIGGERED,
        "succeeded": _TRIGGERED,
        "failed": _REJECTED,
        "invalid": _REJECTED,
        "inactive": _REJECTED,
        "expired": _EXPIRED,
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
        status = _OPEN
    elif word == "expired":
        status = _EXPIRED
    else:
        status = _FILLED if word == "filled" or over else _CANCELED
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
    fired = _id(i, "fired_order_id") or _id(i, "trade_id")
    word = optional_text(i, "finish_as") or text(i, "status")
    if word == "finished":
        status = _TRIGGERED if fired else _CANCELED
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


# --------------------------------------------------------------------------- shared


def _word(i: Raw, keys: tuple[str, ...], words: Mapping[str, OrderStatus]) -> OrderStatus:
    for key in keys:
        told = optional_text(i, key)
        if told is not None:
            if told not in words:
                raise Unreadable(key, told, "must be a known one")
            return words[told]
    raise Unreadable(keys[0], None, "must be told")


def _first_number(i: Raw, keys: tuple[str, ...]) -> Decimal | None:
    for key in keys:
        value = optional_number(i, key)
        if value is not None:
            return value
    return None


def _id(i: Raw, key: str) -> str | None:
    told = optional_text(i, key)
    return None if told in (None, "0") else told


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {"unified": unified, "bitget": bitget, "kucoin": kucoin, "gate": gate}
)

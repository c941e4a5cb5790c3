"""KuCoin's orders, where ccxt's unified fields are wrong or silent."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    flag,
    info,
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
    closed,
    first_number,
    word,
)
from ccxt_nt.values import OrderStatus

_KUCOIN_PUSHED: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "received": OPEN,
        "open": OPEN,
        "match": OPEN,
        "update": OPEN,
        "filled": FILLED,
        "cancel": CANCELED,
        "canceled": CANCELED,
        "triggered": TRIGGERED,
        "TRIGGERED": TRIGGERED,
    }
)
# What a spot stop order says when it is asked for
_KUCOIN_STOPS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {"NEW": OPEN, "TRIGGERED": TRIGGERED, "CANCELLED": CANCELED}
)
_KUCOIN_RISING: Final[Mapping[str, bool]] = MappingProxyType(
    {"up": True, "entry": True, "down": False, "loss": False}
)


def kucoin(order: Raw, spot: Spot) -> Told:
    """Read KuCoin's orders: `done` may be filled or cancelled, and ccxt calls fired stops so."""
    i = info(order)
    quantity = optional_positive(i, "size")  # none or zero for an order by funds
    filled = first_number(i, ("filledSize", "dealSize"))
    trigger = optional_positive(i, "stopPrice") is not None
    status, triggered = _kucoin_status(i, quantity, filled), False
    if trigger and filled is None:
        filled = Decimal(0)
    if trigger and not spot:
        # A futures stop keeps its id when it fires: it is an open order from then on
        triggered = status is TRIGGERED or flag(i, "stopTriggered")
        status = OPEN if status is TRIGGERED else status
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
        was_trigger=spot and flag(i, "stopTriggered"),  # what a spot stop became repeats its terms
    )


def _kucoin_status(i: Raw, quantity: Decimal | None, filled: Decimal | None) -> OrderStatus:
    if "orderType" in i:  # pushed: `type` is what happened
        status = word(i, ("type",), _KUCOIN_PUSHED)
        return REJECTED if i.get("triggerSuccess") is False else status
    if optional_text(i, "status") in _KUCOIN_STOPS:
        return _KUCOIN_STOPS[str(i["status"])]
    if optional_text(i, "status") == "fail":
        return REJECTED
    active = i.get("isActive", i.get("active"))
    if not isinstance(active, bool):
        raise Unreadable("isActive", active, "must be a boolean")
    if active:
        return OPEN
    if quantity is None or filled is None:
        return CANCELED if flag(i, "cancelExist") else FILLED
    return closed(quantity, filled)

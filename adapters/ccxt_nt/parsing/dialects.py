"""Who reads whose orders: ccxt is believed where a venue has no reader of its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ccxt_nt.parsing.bitget import bitget
from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    flag,
    optional_number,
    optional_positive,
    optional_text,
    text,
)
from ccxt_nt.parsing.gate import gate
from ccxt_nt.parsing.kucoin import kucoin
from ccxt_nt.parsing.told import (
    CANCELED,
    EXPIRED,
    OPEN,
    REJECTED,
    TRIGGERED,
    Reader,
    Spot,
    Told,
    closed,
)


def unified(order: Raw, spot: Spot) -> Told:
    """Believe ccxt; the venue has no reader of its own."""
    del spot
    quantity = optional_positive(order, "amount")
    filled = optional_number(order, "filled")
    force = optional_text(order, "timeInForce")
    words = {
        "open": OPEN,
        "canceling": OPEN,
        "canceled": CANCELED,
        "cancelled": CANCELED,
        "expired": EXPIRED,
        "rejected": REJECTED,
        "triggered": TRIGGERED,
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


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {"unified": unified, "bitget": bitget, "kucoin": kucoin, "gate": gate}
)

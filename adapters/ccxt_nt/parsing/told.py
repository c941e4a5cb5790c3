"""What one order dictionary tells, and how its words are read, whoever the venue is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    optional_number,
    optional_text,
)
from ccxt_nt.values import OrderStatus

OPEN: Final = OrderStatus.OPEN
FILLED: Final = OrderStatus.FILLED
CANCELED: Final = OrderStatus.CANCELED
EXPIRED: Final = OrderStatus.EXPIRED
REJECTED: Final = OrderStatus.REJECTED
TRIGGERED: Final = OrderStatus.TRIGGERED


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
    was_trigger: bool = False  # it has a trigger price, and waits for nothing
    triggered: bool = False


type Reader = Callable[[Raw, "Spot"], Told]
type Spot = bool  # whether the order is of a spot market


def closed(quantity: Decimal | None, filled: Decimal | None) -> OrderStatus:
    """Tell filled from cancelled, for an order of which only the end is known."""
    if quantity is not None and filled is not None and filled < quantity:
        return CANCELED
    return FILLED


def word(i: Raw, keys: tuple[str, ...], words: Mapping[str, OrderStatus]) -> OrderStatus:
    """Translate the first word that is told; a word that nobody knows is refused."""
    for key in keys:
        told = optional_text(i, key)
        if told is not None:
            if told not in words:
                raise Unreadable(key, told, "must be a known one")
            return words[told]
    raise Unreadable(keys[0], None, "must be told")


def first_number(i: Raw, keys: tuple[str, ...]) -> Decimal | None:
    """Read the first number that is told."""
    for key in keys:
        value = optional_number(i, key)
        if value is not None:
            return value
    return None


def some_id(i: Raw, key: str) -> str | None:
    """Read an id; None for zero, which venues write for none."""
    told = optional_text(i, key)
    return None if told in (None, "0") else told

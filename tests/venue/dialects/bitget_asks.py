"""Bitget's order requests, read strictly."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from tests.venue.dialects.bitget_words import Names, ProblemError, bad, check_product
from tests.venue.model import Ask, Force, Kind, Listing, Product, Side
from tests.venue.wire import Json

type Asked = Mapping[str, Json]

_CLIENT_OID: Final = re.compile(r"[\w.:/#-]{1,64}", re.ASCII)
_NOT_SERVED: Final = (
    *("presetStopSurplusPrice", "presetStopLossPrice"),
    *("presetTakeProfitPrice", "stopSurplusTriggerPrice", "stopLossTriggerPrice"),
)


def ask_of(names: Names, product: Product, asked: Asked) -> Ask:
    """Read an order; raise ProblemError naming what is wrong with it."""
    listing = listing_of(names, product, asked)
    if used := [key for key in _NOT_SERVED if asked.get(key)]:
        raise bad(f"{used[0]} is not served by the local exchange")
    kind = _read_word(Kind, asked, "orderType")
    side = _read_word(Side, asked, "side")
    size = read_number(asked, "size")
    by_cost = product is Product.SPOT and kind is Kind.MARKET and side is Side.BUY
    return Ask(
        symbol=listing.symbol,
        side=side,
        kind=kind,
        quantity=None if by_cost else size,
        cost=size if by_cost else None,
        price=read_number(asked, "price") if kind is Kind.LIMIT else None,
        force=_read_force(asked, kind),
        reduce_only=product is Product.PERP and _is_reducing(asked),
        client_id=read_client_oid(asked, "clientOid"),
    )


def listing_of(names: Names, product: Product, asked: Asked) -> Listing:
    """Find the market meant."""
    if product is Product.PERP:
        check_one_way(asked)
    return names.listing(product, str(asked.get("symbol", "")))


def check_one_way(asked: Asked) -> None:
    """Refuse other futures, and the words of hedge mode."""
    check_product(asked)
    if asked.get("tradeSide"):
        raise ProblemError(
            "40774",
            "The order type for unilateral position must also be the unilateral position type.",
        )


def read_number(asked: Asked, key: str) -> Decimal:
    """Read a number that must be there."""
    given = asked.get(key)
    if given in (None, ""):
        raise ProblemError("40019", f"Parameter {key} cannot be empty")
    try:
        return Decimal(str(given))
    except InvalidOperation:
        raise bad(f"{key} {given}") from None


def _read_word[T: (Kind, Side)](words: type[T], asked: Asked, key: str) -> T:
    try:
        return words(str(asked.get(key, "")).lower())
    except ValueError:
        raise bad(f"{key} {asked.get(key)}") from None


def _read_force(asked: Asked, kind: Kind) -> Force:
    given = str(asked.get("force") or "gtc").lower()
    if kind is Kind.MARKET:
        return Force.GTC  # the venue ignores it
    try:
        return Force(given)
    except ValueError:
        raise bad(f"force {given}") from None


def _is_reducing(asked: Asked) -> bool:
    return str(asked.get("reduceOnly") or "no").lower() == "yes"


def read_client_oid(asked: Asked, key: str) -> str | None:
    """Read the client's own id, if any."""
    given = asked.get(key)
    if not given:
        return None
    if not _CLIENT_OID.fullmatch(str(given)):
        raise ProblemError("40305", f"{key} length cannot greater than 64, was {given}")
    return str(given)

"""Orders: from ccxt's dictionaries to rows, with the venue's own fields where ccxt's mislead."""

from typing import Final

from ccxt_nt.parsing.dialects import READERS
from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    expect_symbol,
    first_time,
    identifier,
    info,
    mapping,
    optional_positive,
    optional_text,
)
from ccxt_nt.parsing.gate import gate_client_id
from ccxt_nt.parsing.market import side
from ccxt_nt.parsing.told import Told
from ccxt_nt.profiles import FilledRule, Profile
from ccxt_nt.values import Force, OrderKind, OrderRow, Product, Side

_NO_IDS: Final = frozenset({"0", "-1", "null", "none", "nil", "undefined", "nan"})
_CLIENT_ID_KEYS: Final = ("clientOrderId", "clientOid", "text")


def order_row(
    order: object, profile: Profile, *, symbol: str | None = None, received_ns: int | None = None
) -> OrderRow:
    """Read one order, pushed or asked for.

    A trigger order whose direction the venue does not tell is read as a stop, and a force that
    it does not tell as GTC: compare with the order you sent, where you sent it.
    """
    o = mapping(order, "order")
    told = READERS[profile.dialect](o, profile.product is Product.SPOT)
    told_side = side(o)
    trigger = None if told.was_trigger else optional_positive(o, "triggerPrice")
    _check(told)
    return OrderRow(
        symbol=expect_symbol(o, symbol),
        venue_order_id=identifier(o, "id"),
        client_order_id=told.client_id,
        side=told_side,
        kind=_kind(told, told_side, is_trigger=trigger is not None),
        force=_force(told.force),
        post_only=told.post_only,
        reduce_only=told.reduce_only,
        status=told.status,
        quantity=told.quantity,
        filled=None if profile.filled_rule is FilledRule.NEVER else told.filled,
        average=told.average,
        price=told.price if told.is_limit else None,
        trigger_price=trigger,
        fired_id=told.fired_id,
        created_ns=first_time((o.get("timestamp"), "timestamp"), received_ns=received_ns),
        updated_ns=first_time(
            (told.updated, "updated"),
            (o.get("lastUpdateTimestamp"), "lastUpdateTimestamp"),
            (o.get("lastTradeTimestamp"), "lastTradeTimestamp"),
            (o.get("timestamp"), "timestamp"),
            received_ns=received_ns,
        ),
        fired_from=told.fired_from,
        triggered=told.triggered,
    )


def placed_id(answer: object) -> str:
    """Find the venue's order id in an answer to placing or changing.

    An answer without an id is no answer: a page of HTML comes back from ccxt like that.
    """
    told = identifier(mapping(answer, "answer"), "id")
    if told.lower() in _NO_IDS:
        raise Unreadable("id", told, "must name an order")
    return told


def client_id(row: Raw) -> str | None:
    """Find the client order id of a fill, as the venue has it."""
    for part in (row, info(row)):
        for key in _CLIENT_ID_KEYS:
            told = optional_text(part, key)
            if told is not None:
                return gate_client_id(told) if key == "text" else told
    return None


def _check(told: Told) -> None:
    if told.filled is not None and told.filled < 0:
        raise Unreadable("filled", told.filled, "must not be negative")
    if told.quantity is not None and told.filled is not None and told.filled > told.quantity:
        raise Unreadable("filled", told.filled, f"must not exceed the quantity {told.quantity}")


def _kind(told: Told, told_side: Side, *, is_trigger: bool) -> OrderKind:
    if not is_trigger:
        return OrderKind.LIMIT if told.is_limit else OrderKind.MARKET
    takes_profit = told.rising is not None and told.rising is (told_side is Side.SELL)
    if takes_profit:
        return OrderKind.TAKE_PROFIT_LIMIT if told.is_limit else OrderKind.TAKE_PROFIT_MARKET
    return OrderKind.STOP_LIMIT if told.is_limit else OrderKind.STOP_MARKET


def _force(told: str | None) -> Force:
    match (told or "").upper():
        case "IOC":
            return Force.IOC
        case "FOK":
            return Force.FOK
        case _:
            return Force.GTC

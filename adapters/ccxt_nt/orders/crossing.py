"""Triggers whose direction a venue takes from its price: one that is late would wait for ever."""

from decimal import Decimal
from typing import Any

from ccxt_nt.errors import Rejected, Unknown, VenueError
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.inquiry import Asks
from ccxt_nt.parsing import Unreadable, last_price
from ccxt_nt.profiles import Profile
from ccxt_nt.values import Side, Ticket

# `Any` in this module: ccxt's answers have no types


def is_rising(ticket: Ticket) -> bool:
    """Say whether a trigger order goes out at or above its price, else at or below."""
    return (ticket.side is Side.BUY) is not ticket.kind.takes_profit


async def refuse_passed(
    asks: Asks, profile: Profile, ticket: Ticket, trigger_price: Decimal | None
) -> None:
    """Raise Rejected, before anything is sent, for a trigger that the price has reached already.

    Only where the venue takes the direction from its price: it would turn such a stop into an
    order that waits on the wrong side. A price that cannot be had stops nothing: an unprotected
    position would be worse, and `was_overtaken` looks again.
    """
    stops = profile.stops
    if trigger_price is None or not ticket.kind.is_trigger:
        return
    if stops is None or not stops.direction_implied:
        return
    try:
        last = await _last(asks, ticket.symbol)
    except VenueError:
        return
    if _reached(last, trigger_price, rising=is_rising(ticket)):
        raise Rejected(
            f"trigger price {trigger_price} is reached already, the last price is {last}:"
            " the venue would wait for the other side"
        )


async def was_overtaken(asks: Asks, profile: Profile, ticket: Ticket) -> bool:
    """Say whether the price reached the trigger of an order that was sent a moment ago."""
    stops, price = profile.stops, ticket.trigger_price
    if stops is None or not stops.direction_implied or not ticket.kind.is_trigger or price is None:
        return False
    return _reached(await _last(asks, ticket.symbol), price, rising=is_rising(ticket))


def _reached(last: Decimal, trigger: Decimal, *, rising: bool) -> bool:
    return last >= trigger if rising else last <= trigger


async def _last(asks: Asks, symbol: str) -> Decimal:
    answer: Any = await asks.ask("fetch_ticker", symbol, urgency=Urgency.PROTECTIVE)
    try:
        return last_price(answer, symbol=symbol)
    except Unreadable as e:
        raise Unknown(f"fetch_ticker could not be read: {e}") from e

"""The account: its balance, and how positions are held and margined."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ccxt_nt.errors import Unauthorised, VenueError
from ccxt_nt.line.client import Line
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.looks import is_hedged
from ccxt_nt.orders.terms import InForce, TermsOffice
from ccxt_nt.values import MarketRow, Product
from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.settings.schema import Settings

__all__ = ["balance", "leverage", "margin", "position_mode", "terms"]

_HUNDRED: Final = Decimal(100)


async def balance(
    settings: Settings, account: Line, *, venue: str
) -> tuple[Finding, Decimal | None]:
    """Ask for the account's money; this first signed question also proves the keys."""
    inquiry = Inquiry(account.profile, account, now_ms=lambda: account.venue_clock.now_ms)
    try:
        rows = await inquiry.balances()
    except Unauthorised as e:
        return about("keys", Level.RED, f"the venue refuses the keys: {e}", venue=venue), None
    except VenueError as e:
        return about("balance", Level.RED, f"it could not be asked: {e}", venue=venue), None
    held = {row.currency: row for row in rows}.get(settings.currency)
    total = Decimal(0) if held is None else held.total
    free = Decimal(0) if held is None else held.free
    enough = total >= settings.capital
    text = f"{total:f} {settings.currency}, capital is {settings.capital:f}"
    level = Level.OK if enough else Level.RED
    return about("balance", level, text, venue=venue, total=f"{total:f}", free=f"{free:f}"), total


async def position_mode(account: Line, market: MarketRow, *, venue: str) -> Finding:
    """Check that an instrument has one position, not a long one and a short one."""
    if account.profile.product is Product.SPOT:
        return about("position mode", Level.OK, "spot has no positions", venue=venue)

    async def ask() -> Finding:
        hedged = await is_hedged(account, account.profile, market.symbol)
        if hedged is None:
            text = "unknown: the venue does not tell it before there is a position"
            return about("position mode", Level.UNKNOWN, text, venue=venue)
        if hedged:
            text = "the account is in hedge mode: switch it to one-way mode"
            return about("position mode", Level.RED, text, venue=venue)
        return about("position mode", Level.OK, "one-way", venue=venue)

    return (await _asked("position mode", venue, ask))[0]


async def terms(
    settings: Settings, account: Line, market: MarketRow, *, venue: str, instrument: str
) -> tuple[Finding, ...]:
    """Read margin mode and leverage of an instrument; nothing is set."""
    if account.profile.product is Product.SPOT:
        return ()
    name = instrument.rpartition(".")[0]
    asked = replace(account.settings, instruments=(name,), leverage={name: 1})  # the wish to know
    office = TermsOffice(account, account.profile, asked, account.symbols, note=lambda text: None)

    async def ask() -> tuple[Finding, ...]:
        found = await office.look(market.symbol)
        named = account.settings.leverage.get(name)
        return (
            margin(found, account.settings.margin_mode, venue=venue, instrument=instrument),
            leverage(settings, found, market, named=named, venue=venue, instrument=instrument),
        )

    return await _asked("margin", venue, ask)


def margin(found: InForce, wanted: str | None, *, venue: str, instrument: str) -> Finding:
    """Judge a margin mode: what the settings name is put into force at the start."""
    if found.mode is None and wanted is None:
        text = f"{instrument}: unknown, the venue does not tell its margin mode"
        return about("margin", Level.UNKNOWN, text, venue=venue, instrument=instrument)
    text = f"{instrument}: {found.mode} margin"
    level = Level.OK
    if wanted is not None and wanted != found.mode:
        level = Level.WARN
        text += f", the node will switch it to {wanted} at its start"
    return about("margin", level, text, venue=venue, instrument=instrument, mode=found.mode)


def leverage(
    settings: Settings,
    found: InForce,
    market: MarketRow,
    *,
    named: int | None,
    venue: str,
    instrument: str,
) -> Finding:
    """Judge a leverage against what the settings name, reckon with, and need for their exposure."""
    now, most = found.leverage, market.max_leverage
    needed = settings.risk.max_exposure_percent / _HUNDRED
    planned = settings.venue.leverage
    will_be = now if named is None else Decimal(named)
    if named is not None and most is not None and named > most:
        level, text = Level.RED, f"{named} is named, the venue allows {most:f}"
    elif will_be is None:
        level, text = Level.UNKNOWN, "unknown, it is told with each order or not at all"
    elif will_be < needed:
        level, text = Level.RED, f"{will_be:f} is too little for an exposure of {needed:f}"
    elif will_be != now:
        level, text = Level.WARN, f"{now or 'unknown'}, the node will set {will_be:f} at its start"
    elif will_be != planned:
        level, text = Level.WARN, f"{will_be:f}, venue.leverage reckons with {planned:f}"
    else:
        level, text = Level.OK, f"{will_be:f}"
    return about(
        "leverage",
        level,
        f"{instrument}: {text}",
        venue=venue,
        instrument=instrument,
        leverage=now,
        named=named,
    )


async def _asked(
    name: str, venue: str, ask: Callable[[], Awaitable[Finding | tuple[Finding, ...]]]
) -> tuple[Finding, ...]:
    """Ask; what could not be asked is red, for nobody knows what it would have been."""
    try:
        found = await ask()
    except VenueError as e:
        return (about(name, Level.RED, f"it could not be asked: {e}", venue=venue),)
    return found if isinstance(found, tuple) else (found,)

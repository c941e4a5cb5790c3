"""Leverage, margin mode and position mode: set, then read back, before any order is sent."""

from collections.abc import Callable
from typing import Any, Protocol

from ccxt_nt.desk import Terms
from ccxt_nt.errors import Rejected, Unauthorised, Unsupported, VenueError
from ccxt_nt.lanes import Urgency
from ccxt_nt.profiles import Profile
from ccxt_nt.settings import Settings
from ccxt_nt.symbols import Symbols
from ccxt_nt.values import PositionRow, Product

# `Any` in this module: ccxt's answers have no types


class Account(Protocol):
    """What is needed of a line."""

    async def ask(
        self, method: str, *args: object, urgency: Urgency = Urgency.NORMAL, wrote: bool = False
    ) -> Any:
        """Make one call; raises kinds of VenueError only."""

    def offers(self, method: str) -> bool:
        """Say whether ccxt has a call for this venue."""


async def settle_terms(
    account: Account,
    profile: Profile,
    settings: Settings,
    symbols: Symbols,
    *,
    note: Callable[[str], None],
) -> Terms:
    """Put the settings into force; Unsupported names what the venue would not take."""
    if profile.product is Product.SPOT:
        return Terms()
    leverage = {symbols.symbol(name): times for name, times in settings.leverage.items()}
    mode = settings.margin_mode or "cross"
    named = {symbols.symbol(name) for name in settings.instruments or ()} | set(leverage)
    if profile.position_mode:
        await _one_way(account, profile, sorted(named), note=note)
    for symbol in sorted(named):
        if profile.margin_mode:
            await _try(account, note, "set_margin_mode", mode, symbol)
        if profile.leverage and symbol in leverage:
            sent = {"marginMode": mode}
            await _try(account, note, "set_leverage", leverage[symbol], symbol, sent)
        if profile.margin_mode or symbol in leverage:
            await _verify(account, profile, symbol, mode=mode, leverage=leverage.get(symbol))
    return Terms(margin_mode=mode if profile.margin_mode_in_order else None, leverage=leverage)


def refuse_hedged(positions: tuple[PositionRow, ...]) -> None:
    """Refuse an account that holds long and short apart: positions here are net."""
    hedged = [row.symbol for row in positions if row.hedged]
    if hedged:
        raise Unsupported(
            f"position of {hedged[0]} is in hedge mode: close it and switch to one-way mode"
        )


async def _one_way(
    account: Account, profile: Profile, symbols: list[str], *, note: Callable[[str], None]
) -> None:
    symbol = symbols[0] if symbols else None
    await _try(account, note, "set_position_mode", False, symbol)
    if not account.offers("fetch_position_mode"):
        return  # positions tell, see `refuse_hedged`
    answer = await account.ask("fetch_position_mode", symbol)
    if answer.get("hedged"):
        raise Unsupported(f"{profile.key} is in hedge mode and did not leave it: switch by hand")


async def _try(
    account: Account, note: Callable[[str], None], method: str, *args: object
) -> None:
    """Set something; a refusal counts only if reading it back shows another value."""
    try:
        await account.ask(method, *args, wrote=True)
    except Unauthorised:
        raise
    except VenueError as e:
        note(f"{method}{args} was not taken, reading it back: {e}")


async def _verify(
    account: Account, profile: Profile, symbol: str, *, mode: str, leverage: int | None
) -> None:
    if not account.offers("fetch_leverage"):
        return
    try:
        answer = await account.ask("fetch_leverage", symbol, {"marginMode": mode})
    except Rejected as e:
        raise Unsupported(f"{profile.key} did not tell the leverage of {symbol}: {e}") from e
    found_mode, long = answer.get("marginMode"), answer.get("longLeverage")
    if profile.margin_mode and found_mode is not None and found_mode != mode:
        raise Unsupported(
            f"margin_mode of {symbol} is {found_mode!r} and could not be set to {mode!r}:"
            " close its position and orders first, or change the setting"
        )
    if leverage is not None and long is not None and float(long) != leverage:
        raise Unsupported(f"leverage of {symbol} is {long} and could not be set to {leverage}")

"""Leverage, margin mode and position mode: set, then read back, before any order is sent."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from ccxt_nt.errors import Rejected, Unauthorised, Unsupported, VenueError
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.desk import Terms
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


class TermsOffice:
    """Puts the settings into force: those of the account once, those of a symbol once each."""

    def __init__(
        self,
        account: Account,
        profile: Profile,
        settings: Settings,
        symbols: Symbols,
        *,
        note: Callable[[str], None],
    ) -> None:
        self._account = account
        self._profile = profile
        self._note = note
        self._mode = settings.margin_mode or "cross"
        self._leverage = {symbols.symbol(name): n for name, n in settings.leverage.items()}
        self._named = {symbols.symbol(name) for name in settings.instruments or ()}
        self._settled: set[str] = set()
        self._turn = asyncio.Lock()

    async def begin(self) -> Terms:
        """Settle what is named; Unsupported says what the venue would not take."""
        profile = self._profile
        if profile.product is Product.SPOT:
            return Terms()
        named = sorted(self._named | set(self._leverage))
        if profile.position_mode:
            await self._one_way(named)
        for symbol in named:
            await self.settle(symbol)
        mode = self._mode if profile.margin_mode_in_order else None
        return Terms(margin_mode=mode, leverage=self._leverage)

    async def settle(self, symbol: str) -> None:
        """Settle one symbol, before its first order; a second call does nothing."""
        profile, leverage = self._profile, self._leverage.get(symbol)
        if profile.product is Product.SPOT:
            return
        async with self._turn:
            if symbol in self._settled:
                return
            if profile.margin_mode:
                await self._try("set_margin_mode", self._mode, symbol)
            if profile.leverage and leverage is not None:
                await self._try("set_leverage", leverage, symbol, {"marginMode": self._mode})
            if profile.margin_mode or leverage is not None:
                await self._verify(symbol, leverage=leverage)
            self._settled.add(symbol)

    async def _one_way(self, symbols: list[str]) -> None:
        symbol = symbols[0] if symbols else None
        await self._try("set_position_mode", False, symbol)
        if not self._account.offers("fetch_position_mode"):
            return  # positions tell, see `refuse_hedged`
        answer = await self._account.ask("fetch_position_mode", symbol)
        if answer.get("hedged"):
            key = self._profile.key
            raise Unsupported(f"{key} is in hedge mode and did not leave it: switch by hand")

    async def _try(self, method: str, *args: object) -> None:
        """Set something; a refusal counts only if reading it back shows another value."""
        try:
            await self._account.ask(method, *args, wrote=True)
        except Unauthorised:
            raise
        except VenueError as e:
            if e.code not in self._profile.codes.unchanged:
                self._note(f"{method}{args} was not taken, reading it back: {e}")

    async def _verify(self, symbol: str, *, leverage: int | None) -> None:
        if not self._account.offers("fetch_leverage"):
            return
        profile, mode = self._profile, self._mode
        try:
            answer = await self._account.ask("fetch_leverage", symbol, {"marginMode": mode})
        except Rejected as e:
            raise Unsupported(f"{profile.key} did not tell the leverage of {symbol}: {e}") from e
        found_mode, long = answer.get("marginMode"), answer.get("longLeverage")
        if profile.margin_mode and self._account.offers("fetch_margin_mode"):
            # The leverage of a mode is told whether that mode is in force or not
            told = await self._account.ask("fetch_margin_mode", symbol)
            found_mode = told.get("marginMode") or found_mode
        if profile.margin_mode and found_mode is not None and found_mode != mode:
            raise Unsupported(
                f"margin_mode of {symbol} is {found_mode!r} and could not be set to {mode!r}:"
                " close its position and orders first, or change the setting"
            )
        if leverage is not None and long is not None and float(long) != leverage:
            raise Unsupported(f"leverage of {symbol} is {long} and could not be set to {leverage}")


def refuse_hedged(positions: tuple[PositionRow, ...]) -> None:
    """Refuse an account that holds long and short apart: positions here are net."""
    hedged = [row.symbol for row in positions if row.hedged]
    if hedged:
        raise Unsupported(
            f"position of {hedged[0]} is in hedge mode: close it and switch to one-way mode"
        )

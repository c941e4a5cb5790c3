"""Leverage, margin mode and position mode: in force and known before any order is sent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from ccxt_nt.errors import Rejected, Unauthorised, Unknown, Unsupported, VenueError
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.desk import Terms
from ccxt_nt.parsing import Unreadable, position_row
from ccxt_nt.parsing.fields import decimal
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


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """How a symbol is margined at the venue; None where it was not told."""

    mode: str | None
    leverage: Decimal | None


class TermsOffice:
    """Settles the account once and each symbol once: sets what the user named, reads the rest."""

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
        self._mode = settings.margin_mode
        self._leverage = {symbols.symbol(name): n for name, n in settings.leverage.items()}
        self._named = {symbols.symbol(name) for name in settings.instruments or ()}
        self._modes: dict[str, str] = {}  # by symbol, sent with orders where the venue wants it
        self._settled: set[str] = set()
        self._turns: dict[str, asyncio.Lock] = {}  # one symbol never waits for another

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
        return Terms(leverage=self._leverage, margin_modes=self._modes)

    async def settle(self, symbol: str) -> None:
        """Settle one symbol, before its first order; a second call does nothing."""
        if self._profile.product is Product.SPOT or symbol in self._settled:
            return
        async with self._turns.setdefault(symbol, asyncio.Lock()):
            if symbol in self._settled:
                return
            leverage = self._leverage.get(symbol) if self._profile.leverage else None
            if self._mode is not None or leverage is not None or self._wants_mode:
                mode = await self._put_into_force(symbol, leverage)
                if self._wants_mode:
                    self._modes[symbol] = mode
            self._settled.add(symbol)

    @property
    def _wants_mode(self) -> bool:
        return self._profile.margin_mode_in_order

    async def _put_into_force(self, symbol: str, leverage: int | None) -> str:
        """Set what the user named and is not so yet, read it back, and give the margin mode."""
        found = await self._in_force(symbol)
        mode = self._mode or found.mode
        if mode is None:
            raise Unsupported(
                f"{self._profile.key} did not tell the margin mode of {symbol}: set margin_mode"
            )
        named = None if leverage is None else Decimal(leverage)
        if found.mode == mode and named in (None, found.leverage):
            return mode
        if found.mode != mode:
            await self._switch(symbol, mode, leverage)
        if leverage is not None and not self._travels(mode):
            await self._try("set_leverage", leverage, symbol, {"marginMode": mode})
        self._verify(symbol, await self._in_force(symbol), mode=mode, leverage=named)
        return mode

    async def _switch(self, symbol: str, mode: str, leverage: int | None) -> None:
        """Set the margin mode by itself, where the venue does not set it with the leverage."""
        if self._profile.margin_mode:
            await self._try("set_margin_mode", mode, symbol)
        elif leverage is None:
            raise Unsupported(
                f"margin_mode of {symbol} is set together with its leverage at {self._profile.key}:"
                " name its leverage too, or leave margin_mode out"
            )

    def _travels(self, mode: str) -> bool:
        """Say whether the leverage of a mode is not kept by the venue, but told by each order."""
        return mode == "isolated" and self._profile.leverage_in_order

    def _verify(self, symbol: str, found: InForce, *, mode: str, leverage: Decimal | None) -> None:
        if found.mode != mode:
            raise Unsupported(
                f"margin_mode of {symbol} is {found.mode!r} and could not be set to {mode!r}:"
                " close its position and orders first, or leave margin_mode out"
            )
        if leverage is not None and found.leverage not in (None, leverage):
            raise Unsupported(
                f"leverage of {symbol} is {found.leverage} and could not be set to {leverage}"
            )

    # ---- reading ----

    async def look(self, symbol: str) -> InForce:
        """Read how a symbol is margined; nothing is set."""
        return await self._in_force(symbol)

    async def _in_force(self, symbol: str) -> InForce:
        """Read mode and leverage; Unsupported where the venue refuses to tell them."""
        try:
            if self._profile.terms_from_position:
                return _of_position(await self._account.ask("fetch_position", symbol), symbol)
            mode = None
            if self._account.offers("fetch_margin_mode"):
                # The leverage of a mode is told whether that mode is in force or not
                mode = _mode(await self._account.ask("fetch_margin_mode", symbol))
            return await self._with_leverage(symbol, mode)
        except Rejected as e:
            raise Unsupported(f"{self._profile.key} did not tell the terms of {symbol}: {e}") from e
        except Unreadable as e:
            raise Unknown(f"the terms of {symbol} could not be read: {e}") from e

    async def _with_leverage(self, symbol: str, mode: str | None) -> InForce:
        told = self._mode or mode or "cross"
        if self._travels(told) or not self._account.offers("fetch_leverage"):
            return InForce(mode=mode, leverage=None)
        if mode is not None and symbol not in self._leverage:
            return InForce(mode=mode, leverage=None)  # nobody wants to know
        answer = await self._account.ask("fetch_leverage", symbol, {"marginMode": told})
        long = answer.get("longLeverage")
        return InForce(
            mode=mode or _mode(answer),
            leverage=None if long is None else decimal(long, "longLeverage"),
        )

    # ---- setting ----

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


def refuse_hedged(positions: tuple[PositionRow, ...]) -> None:
    """Refuse an account that holds long and short apart: positions here are net."""
    hedged = [row.symbol for row in positions if row.hedged]
    if hedged:
        raise Unsupported(
            f"position of {hedged[0]} is in hedge mode: close it and switch to one-way mode"
        )


def _of_position(answer: Any, symbol: str) -> InForce:
    row = position_row(answer, symbol=symbol, received_ns=0)
    mode = None if row.cross is None else "cross" if row.cross else "isolated"
    return InForce(mode=mode, leverage=row.leverage)


def _mode(answer: Any) -> str | None:
    mode = answer.get("marginMode") if isinstance(answer, dict) else None
    if mode not in (None, "cross", "isolated"):
        raise Unreadable("marginMode", mode, "must be cross or isolated")
    return mode

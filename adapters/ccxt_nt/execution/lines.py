"""The lines of one account, and the clock they share: without keys, for questions, for orders."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

from ccxt_nt.line.client import Line, Role
from ccxt_nt.line.clock import ClockKeeper, VenueClock
from ccxt_nt.line.credentials import Credentials
from ccxt_nt.profiles import Profile
from ccxt_nt.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Separate connections and budgets, so that questions never keep an order waiting."""

    public: Line
    account: Line
    orders: Line
    clock: VenueClock
    keeper: ClockKeeper

    @classmethod
    def of(
        cls,
        row: Profile,
        settings: Settings,
        *,
        environment: Mapping[str, str],
        log: Callable[[str], None],
    ) -> Self:
        """Make them; raises CredentialsError where the environment lacks a key."""
        clock, keys = VenueClock(), Credentials.from_environment(row, environment)
        made = partial(Line, row, settings, log=log, venue_clock=clock)
        public = made(role=Role.DATA)
        return cls(
            public=public,
            account=made(credentials=keys, role=Role.ACCOUNT),
            orders=made(credentials=keys, role=Role.ORDERS),
            clock=clock,
            keeper=ClockKeeper(clock, public.look_at_clock, note=log),
        )

    def count_errors(self, count: Callable[[str], None]) -> None:
        """Have every error of a call counted by its kind."""
        for line in (self.public, self.account, self.orders):
            line.on_error = count

    async def open(self) -> None:
        """Make them ready; nothing is sent yet."""
        for line in (self.public, self.account, self.orders):
            line.on_lost = self.keeper.hurry
            await line.open()

    async def share(self) -> None:
        """Hand the markets on that the public line loaded, and learn the time and the user."""
        await self.account.adopt(self.public)
        await self.orders.adopt(self.public)
        await self.public.look_at_clock()
        await self.account.know_user()

    async def close(self) -> None:
        """Close them side by side: one whose peer does not answer any more takes its time."""
        lines = (self.orders, self.account, self.public)
        closed = await asyncio.gather(*(line.close() for line in lines), return_exceptions=True)
        for each in closed:
            if isinstance(each, BaseException):
                raise each

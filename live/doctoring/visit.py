"""One venue from its clock to its account, asked through the adapter's own lines."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from decimal import Decimal

from ccxt_nt.config import CcxtExecutionClientConfig
from ccxt_nt.errors import VenueError
from ccxt_nt.line.client import Line, Role
from ccxt_nt.line.credentials import Credentials
from ccxt_nt.parsing import Unreadable
from ccxt_nt.parsing.fields import decimal
from ccxt_nt.values import MarketRow
from ccxt_nt.venues import profile
from live.doctoring import account, keys, markets
from live.doctoring.finding import Finding, Level, about
from live.doctoring.natives import needless
from live.doctoring.sizes import size
from live.venues import Link
from morningstar_strategy.settings.schema import Settings

__all__ = ["visit"]


def visit(
    settings: Settings, link: Link, *, environ: Mapping[str, str], now_ns: int
) -> tuple[Finding, ...]:
    """Ask a venue all that can be asked without sending an order or changing a setting."""
    return asyncio.run(_Visit(settings, link, environ, now_ns).findings())


class _Visit:
    """Walks through one venue and collects what it finds."""

    def __init__(
        self, settings: Settings, link: Link, environ: Mapping[str, str], now_ns: int
    ) -> None:
        config = link.clients.execution_config
        assert isinstance(config, CcxtExecutionClientConfig)
        self._settings = settings
        self._link = link
        self._environ = environ
        self._now_ns = now_ns
        self._client = client = config.settings
        self._row = profile(client.venue, client.product, allow_untested=client.allow_untested)
        self._found: list[Finding] = []

    async def findings(self) -> tuple[Finding, ...]:
        """Ask in order; what the answer to one makes pointless is not asked."""
        credentials = self._keys()
        async with AsyncExitStack() as opened:
            public = await self._opened(opened, role=Role.DATA)
            try:
                await public.look_at_clock()
                await public.load_markets()
            except VenueError as e:
                self._say("venue", Level.RED, f"the venue does not answer: {e}")
                return tuple(self._found)
            self._market(public)
            listed = self._instruments(public)
            equity = self._settings.capital
            if credentials is not None and listed:
                private = await self._opened(
                    opened, role=Role.ACCOUNT, credentials=credentials, clock_of=public
                )
                told = await self._account(private, public, credentials, listed)
                equity = equity if told is None else told
            await self._sizes(public, listed, equity)
        return tuple(self._found)

    def _say(self, name: str, level: Level, text: str) -> None:
        self._found.append(about(name, level, text, venue=self._link.venue))

    def _keys(self) -> Credentials | None:
        venue = self._link.venue
        if self._settings.mode == "paper":
            self._found.append(needless(venue))
            return None
        credentials, missing = keys.present(self._row, self._environ, venue=venue)
        self._found += missing
        return credentials

    def _market(self, public: Line) -> None:
        settings, venue = self._settings, self._link.venue
        ahead_ms = public.venue_clock.ahead_ms
        self._found += [
            markets.clock(settings, self._row, ahead_ms=ahead_ms, venue=venue),
            markets.stops(settings, self._row, venue=venue),
        ]

    async def _opened(
        self,
        opened: AsyncExitStack,
        *,
        role: Role,
        credentials: Credentials | None = None,
        clock_of: Line | None = None,
    ) -> Line:
        line = Line(
            self._row,
            self._client,
            role=role,
            credentials=credentials,
            log=lambda text: None,  # what matters is found
            venue_clock=None if clock_of is None else clock_of.venue_clock,
        )
        await line.open()
        opened.push_async_callback(line.close)
        return line

    def _instruments(self, public: Line) -> dict[str, MarketRow]:
        """Check the named instruments; give the markets of those that are listed."""
        venue, listed = self._link.venue, {}
        for instrument in self._link.instruments:
            name = instrument.rpartition(".")[0]
            found, market = markets.instrument(public, name, venue=venue, now_ns=self._now_ns)
            self._found.append(found)
            if market is not None:
                listed[instrument] = market
                self._found.append(
                    markets.fees(self._settings, market, venue=venue, instrument=instrument)
                )
        return listed

    async def _account(
        self,
        private: Line,
        public: Line,
        credentials: Credentials,
        listed: Mapping[str, MarketRow],
    ) -> Decimal | None:
        """Ask the account; give its money, None where it was not told."""
        venue = self._link.venue
        await private.adopt(public)
        found, total = await account.balance(self._settings, private, venue=venue)
        self._found.append(found)
        if total is None:
            return None
        key = credentials.parts["apiKey"]
        self._found.append(await keys.rights(private, key=key, venue=venue))
        first = next(iter(listed.values()))
        self._found.append(await account.position_mode(private, first, venue=venue))
        for instrument, market in listed.items():
            self._found += await account.terms(
                self._settings, private, market, venue=venue, instrument=instrument
            )
        return total

    async def _sizes(self, public: Line, listed: Mapping[str, MarketRow], equity: Decimal) -> None:
        venue = self._link.venue
        for instrument, market in listed.items():
            try:
                ticker = await public.ask("fetch_ticker", market.symbol)
                price = decimal(ticker.get("last"), "last")
            except (VenueError, Unreadable) as e:
                self._say("size", Level.RED, f"the price of {instrument} could not be asked: {e}")
                continue
            self._found.append(
                size(
                    self._settings,
                    market,
                    price=price,
                    equity=equity,
                    venue=venue,
                    instrument=instrument,
                )
            )

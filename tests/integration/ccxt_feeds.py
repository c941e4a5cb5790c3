"""Feeds on real sockets without a node: what a venue sends in, the engine's types out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from time import time_ns
from typing import Any

from nautilus_trader.model import Venue

from ccxt_nt.conversion import Instrument
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line, Role
from ccxt_nt.market.feeds import Feed, Station
from ccxt_nt.profiles import Profile, Staleness
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.settings import Settings
from ccxt_nt.values import MarketRow, Product
from ccxt_nt.venues import profile
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Side

# `Any` in this module: the engine's types share no base

DIALECTS = ("bitget", "kucoin", "gate")
BOTH = tuple((dialect, product) for dialect in DIALECTS for product in Product)
SYMBOL = {Product.SPOT: "BTC/USDT", Product.LINEAR: "BTC/USDT:USDT"}
LOT = {Product.SPOT: Decimal("0.01"), Product.LINEAR: Decimal(1)}

QUICK = Staleness(trades_secs=0.4, book_secs=0.4, private_secs=0.4)


@dataclass(kw_only=True)
class Booth:
    """One venue, one line to it, and whatever its feeds emitted."""

    venue: LocalVenue
    line: Line
    station: Station
    market: MarketRow
    instrument: Instrument
    got: list[Any] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, thing: object) -> None:
        self.got.append(thing)
        self.news.set()

    async def call[T](self, act: Callable[[Exchange], T]) -> T:
        """Do something with the exchange without stopping our own loop."""
        return await asyncio.to_thread(self.venue.call, act)

    async def drop(self) -> None:
        """Reset all websockets."""
        await asyncio.to_thread(self.venue.drop)

    async def tick(self, price: str, *, side: Side = Side.BUY) -> None:
        """Have somebody trade."""
        symbol, lot = self.market.symbol, LOT[self.market.product]
        await self.call(lambda exchange: exchange.tick(symbol, Decimal(price), lot, side))

    async def until(self, holds: Callable[[], bool], *, secs: float = 60.0) -> None:
        """Wait until something is so, looking again whenever something was emitted."""
        deadline = asyncio.get_running_loop().time() + secs
        while not holds():
            left = deadline - asyncio.get_running_loop().time()
            assert left > 0, f"it never became so: {self.got[-3:]!s:.999}, {self.logged[-5:]}"
            self.news.clear()
            try:
                async with asyncio.timeout(min(left, 0.05)):
                    await self.news.wait()
            except TimeoutError:
                continue

    @asynccontextmanager
    async def running(self, *feeds: Feed) -> AsyncIterator[None]:
        """Run feeds, and stop them in the end."""
        for feed in feeds:
            feed.start()
        try:
            yield
        finally:
            await asyncio.gather(*(feed.stop() for feed in feeds))


@asynccontextmanager
async def booth(
    venue: LocalVenue,
    product: Product,
    *,
    changed: Callable[[Profile], Profile] = lambda row: row,
    deadline_secs: float = 10.0,
) -> AsyncIterator[Booth]:
    """Open a line to a local venue; `changed` may shorten a profile's waits."""
    row = changed(profile(venue.dialect.name.upper(), product))
    settings = Settings(
        venue=row.venue, product=product, endpoint=venue.url, deadline_secs=deadline_secs
    )
    logged: list[str] = []
    line = Line(row, settings, role=Role.DATA, log=logged.append)
    provider = CcxtInstrumentProvider(line, Venue(row.venue), settings=settings, now_ns=time_ns)
    await line.open()
    try:
        await provider.load_all_async()
        market = line.symbols.market(SYMBOL[product])
        station = Station(
            line=line,
            emit=lambda thing: made.hear(thing),
            now_ns=time_ns,
            board=HealthBoard(),
            log=logged.append,
            rng=Random(1),
        )
        made = Booth(
            venue=venue,
            line=line,
            station=station,
            market=market,
            instrument=provider.instrument(market.symbol),
            logged=logged,
        )
        yield made
    finally:
        await line.close()


def quick(row: Profile) -> Profile:
    """Look after silent streams at once, and ask for quiet bars soon."""
    return replace(row, staleness=QUICK, bar_confirm_secs=0.3)

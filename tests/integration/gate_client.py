"""An unmodified ccxt, connected to the local exchange in Gate's dialect."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import ccxt.pro
import pytest

from tests.venue.local import LocalVenue
from tests.venue.model import Side
from tests.venue.redirect import redirect

USER: Final = "10406147"
PATIENCE_SECS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What the same story is told with, in each product."""

    product: str  # ccxt's word
    symbol: str
    family: str  # the first word of channels
    quantity: str
    part: str  # less than `quantity`
    rest: str
    plenty: str  # a quantity on the tape that fills anything


SPOT = Trade(
    product="spot",
    symbol="BTC/USDT",
    family="spot",
    quantity="0.01",
    part="0.004",
    rest="0.006",
    plenty="5",
)
SWAP = Trade(
    product="swap",
    symbol="BTC/USDT:USDT",
    family="futures",
    quantity="100",
    part="40",
    rest="60",
    plenty="50000",
)
BOTH = pytest.mark.parametrize("it", [SPOT, SWAP], ids=["spot", "swap"])


@dataclass(slots=True)
class Client:
    """A ccxt instance, with all frames that it was sent."""

    exchange: Any  # ccxt has no types
    frames: list[Any] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self) -> None:
        """Keep every frame before ccxt handles it."""
        handle = self.exchange.handle_message

        def tap(client: object, message: Any) -> None:
            self.frames.append(json.loads(json.dumps(message)))
            self._news.set()
            handle(client, message)

        self.exchange.handle_message = tap

    async def frame(self, matches: Callable[[Any], bool]) -> Any:
        """Wait for a frame."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                for frame in self.frames:
                    if matches(frame):
                        return frame
                self._news.clear()
                await self._news.wait()

    async def subscribed(self, channel: str) -> None:
        """Wait until the venue has acknowledged a subscription."""
        await self.frame(lambda f: f.get("channel") == channel and f.get("event") == "subscribe")

    async def watch(self, watch: Callable[[], Awaitable[Any]], channel: str) -> "Watched":
        """Keep what a watch method yields; return once the venue has acknowledged it."""
        watched = Watched()
        self.tasks.append(asyncio.create_task(watched.follow(watch)))
        await self.subscribed(channel)
        return watched


@dataclass(slots=True)
class Watched:
    """What a watch method yielded so far, row by row."""

    rows: list[Any] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, watch: Callable[[], Awaitable[Any]]) -> None:
        """Call it again and again."""
        while True:
            result = json.loads(json.dumps(await watch()))
            self.rows.extend(result if isinstance(result, list) else [result])
            self._news.set()

    async def row(self, matches: Callable[[Any], bool]) -> Any:
        """Wait for a row."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                for row in self.rows:
                    if matches(row):
                        return row
                self._news.clear()
                await self._news.wait()


@contextmanager
def priced_venue() -> Iterator[LocalVenue]:
    """Open a venue where everything has a price."""
    with LocalVenue("gate") as opened:
        for symbol in ("BTC/USDT", "BTC/USDT:USDT"):
            tick(opened, symbol, "50000", "1")
        for symbol in ("ETH/USDT", "ETH/USDT:USDT"):
            tick(opened, symbol, "3000", "1")
        yield opened


def tick(venue: LocalVenue, symbol: str, price: str, quantity: str, side: Side = Side.BUY) -> None:
    """Let somebody trade."""
    venue.call(lambda exchange: exchange.tick(symbol, Decimal(price), Decimal(quantity), side))


@asynccontextmanager
async def client(venue: LocalVenue, product: str, **settings: Any) -> AsyncIterator[Client]:
    """Connect an unmodified ccxt whose numbers are text."""
    exchange = ccxt.pro.gate(
        {
            "apiKey": venue.keys.key,
            "secret": venue.keys.secret,
            "uid": USER,
            "enableRateLimit": False,
            "timeout_on_exit": 0,  # it waits for encrypted connections to end, here are none
            "options": {
                "defaultType": product,
                "unifiedAccount": False,
                "fetchMarkets": {"types": [product]},
                "swap": {"fetchMarkets": {"settlementCurrencies": ["usdt"]}},
            },
            **settings,
        }
    )
    exchange.number = str
    redirect(exchange, venue.url)
    one = Client(exchange)
    one.hear()
    try:
        await exchange.load_markets()
        yield one
    finally:
        for task in one.tasks:
            task.cancel()
        await asyncio.gather(*one.tasks, return_exceptions=True)
        await exchange.close()

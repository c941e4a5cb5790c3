"""An unmodified ccxt, connected to the local exchange in Bitget's dialect."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any  # ccxt has no types

import pytest

from tests.venue.clients import ccxt_client
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import PublicTrade, Side

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BOTH = pytest.mark.parametrize("symbol", [SPOT, PERP])
OPTIONS = {"uta": False}


@contextmanager
def priced_venue() -> Iterator[LocalVenue]:
    """Open a venue whose bitcoin trades at 50,000."""
    with LocalVenue("bitget", prices=dict.fromkeys((SPOT, PERP), Decimal(50_000))) as running:
        yield running


@asynccontextmanager
async def opened(venue: LocalVenue, **config: Any) -> AsyncIterator[Any]:
    """Connect a client of the classic account."""
    async with ccxt_client(venue, "bitget", options=OPTIONS, **config) as client:
        yield client


def tick(symbol: str, price: str, quantity: str = "0.5") -> Callable[[Exchange], PublicTrade]:
    """Let somebody buy, when called with the exchange."""
    return lambda exchange: exchange.tick(symbol, Decimal(price), Decimal(quantity), Side.BUY)

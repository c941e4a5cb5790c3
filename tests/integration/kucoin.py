"""Unmodified ccxt classes against the local exchange in KuCoin's dialect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt.pro

from tests.venue.dialects.kucoin import KuCoin
from tests.venue.dialects.kucoin_house import House
from tests.venue.local import LocalVenue
from tests.venue.model import Side
from tests.venue.redirect import redirect

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
SIZES = {SPOT: Decimal("0.01"), PERP: Decimal(10)}
PATIENCE_SECS = 60.0


def house_of(venue: LocalVenue) -> House:
    """Show what the parts of the dialect share; touch it through `venue.call` only."""
    assert isinstance(venue.dialect, KuCoin)
    return venue.dialect.house


def trade(venue: LocalVenue, symbol: str, price: str, quantity: str = "5") -> None:
    venue.call(lambda e: e.tick(symbol, Decimal(price), Decimal(quantity), Side.BUY))


@asynccontextmanager
async def client(venue: LocalVenue, symbol: str, **changes: Any) -> AsyncIterator[Any]:  # no types
    """Open the class that the adapter would use for a product, and load its markets."""
    name = "kucoin" if symbol == SPOT else "kucoinfutures"
    options = {"uta": False, "hf": False, **changes.pop("options", {})}
    content: dict[str, object] = {
        "apiKey": "key",
        "secret": "secret",
        "password": "pass",
        "number": str,
    }
    content["timeout_on_exit"] = 0  # it waits for encrypted connections to end, here is none
    exchange = getattr(ccxt.pro, name)(
        {**content, "enableRateLimit": False, "options": options, **changes}
    )
    redirect(exchange, venue.url)
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


async def place(exchange: Any, symbol: str, *order: Any, **params: Any) -> Any:
    """Place an order; a perpetual's carries what the venue would otherwise assume."""
    isolated = {} if symbol == SPOT else {"leverage": 10, "marginMode": "isolated"}
    kind, side, price = order
    return await exchange.create_order(
        symbol, kind, side, SIZES[symbol], price, {**isolated, **params}
    )


async def pushed(watched: Coroutine[Any, Any, Any], act: Callable[[], object]) -> Any:
    """Wait for a watch call while something goes on at the venue."""
    task = asyncio.create_task(watched)
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECS
    while not task.done():
        assert asyncio.get_running_loop().time() < deadline, "nothing was pushed"
        await asyncio.to_thread(act)
        await asyncio.wait({task}, timeout=0.02)
    return task.result()


async def eventually(ask: Callable[[], Awaitable[bool]]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECS
    while not await ask():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.01)

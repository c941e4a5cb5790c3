"""Unmodified ccxt clients of the local exchange, and waiting without sleeping blindly."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro

from tests.venue.local import LocalVenue
from tests.venue.redirect import redirect

_DEADLINE_SECS = 60.0


@asynccontextmanager
async def ccxt_client(
    venue: LocalVenue, ccxt_id: str, *, options: Mapping[str, object] | None = None, **config: Any
) -> AsyncIterator[Any]:  # ccxt has no types
    """Open a ccxt.pro client with text for numbers, its markets loaded; close it in the end."""
    client = getattr(ccxt.pro, ccxt_id)(
        {
            "apiKey": venue.keys.key,
            "secret": venue.keys.secret,
            "password": venue.keys.passphrase,
            "enableRateLimit": False,
            "timeout_on_exit": 0,  # it waits for encrypted connections to end, here are none
            "options": dict(options or {}),
            **config,
        }
    )
    client.number = str
    redirect(client, venue.url)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def run[T](work: Coroutine[Any, Any, T], *, secs: float = 120.0) -> T:
    """Run one coroutine in a loop of its own, with a deadline."""

    async def limited() -> T:
        return await asyncio.wait_for(work, secs)

    return asyncio.run(limited())


async def until(
    condition: Callable[[], bool], *, what: str, deadline_secs: float = _DEADLINE_SECS
) -> None:
    """Look again and again whether something has come; raise TimeoutError naming it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_secs
    while not condition():
        if loop.time() > deadline:
            raise TimeoutError(f"waited {deadline_secs} s for {what}")
        await asyncio.sleep(0.005)

"""Connect although the venue is down for a moment, and remember why it did not succeed."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from ccxt_nt.errors import Unauthorised, Unsupported, VenueError
from ccxt_nt.line.streams import Backoff

PATIENCE_SECS: Final = 15.0  # well below the engine's own: its log must have the reason before


async def persist(
    *steps: Callable[[], Awaitable[None]],
    rng: Random,
    note: Callable[[str], None],
    failures: list[str],
    patience_secs: float = PATIENCE_SECS,
) -> None:
    """Take each step, again and again where it fails, and begin none once patience has run out.

    Raises at once what no further attempt would change. What failed last is left in `failures`,
    for whoever only learns from the engine that a client did not connect.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_secs
    backoff = Backoff(rng=rng, first_secs=0.5, most_secs=5.0)
    for step in steps:
        while True:
            try:
                await step()
                failures.clear()
                break
            except Exception as e:
                failures[:] = [f"{type(e).__name__}: {e}"]
                wait_secs = backoff.next_secs()
                if not _may_pass(e) or loop.time() + wait_secs > until:
                    raise
                note(f"connecting failed, trying again: {e}")
            await asyncio.sleep(wait_secs)


def _may_pass(e: Exception) -> bool:
    return isinstance(e, VenueError) and not isinstance(e, Unauthorised | Unsupported)

"""Connect although the venue is down for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from ccxt_nt.errors import Unauthorised, Unsupported, VenueError
from ccxt_nt.line.streams import Backoff

_ATTEMPTS: Final = 6


async def persist(
    attempt: Callable[[], Awaitable[None]], *, rng: Random, note: Callable[[str], None]
) -> None:
    """Try for a while; raises at once what no further attempt would change."""
    backoff = Backoff(rng=rng, first_secs=0.5, most_secs=10.0)
    for left in range(_ATTEMPTS - 1, -1, -1):
        try:
            await attempt()
        except (Unauthorised, Unsupported):
            raise
        except VenueError as e:
            if left == 0:
                raise
            note(f"connecting failed, trying again: {e}")
            await asyncio.sleep(backoff.next_secs())
        else:
            return

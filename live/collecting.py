"""Garbage is collected on the engine's thread alone.

Python collects on whichever thread happens to make the next object. The engine's objects must not
be let go on another thread than its own, and a collection of everything would hold the engine's
thread up for long, so what is there at the start is left out of it.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["collecting_here"]

_YOUNG_SECS: Final = 0.5
_YOUNG_ROUNDS: Final = 20  # between two collections of everything


@contextmanager
def collecting_here(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Collect from this loop until the block ends, and nowhere else."""
    rounds = 0
    handle: asyncio.TimerHandle

    def collect() -> None:
        nonlocal rounds, handle
        rounds += 1
        gc.collect(2 if rounds % _YOUNG_ROUNDS == 0 else 0)
        handle = loop.call_later(_YOUNG_SECS, collect)

    gc.collect()
    gc.freeze()
    gc.disable()
    handle = loop.call_later(_YOUNG_SECS, collect)
    try:
        yield
    finally:
        handle.cancel()
        gc.enable()
        gc.unfreeze()

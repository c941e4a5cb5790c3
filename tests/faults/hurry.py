"""Time that passes faster for the adapter, so that its real patience costs a test little.

Nothing in the adapter is changed: its event loop counts hurried seconds, and so does the clock
that its modules take for their defaults when they are imported.
"""

import asyncio
import selectors
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Final

_real: Final = time.monotonic
_CLOCKED: Final = (
    "ccxt_nt.line.client",
    "ccxt_nt.execution.parts",
)  # defaults name a clock


class _HurriedSelector(selectors.DefaultSelector):
    """Waits so many times shorter than it is told."""

    speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events, at most `timeout` hurried seconds."""
        found: list[tuple[selectors.SelectorKey, int]] = super().select(
            None if timeout is None else timeout / self.speed
        )
        return found


def hurried_clock(speed: float) -> Callable[[], float]:
    """Make a monotonic clock on which more seconds pass."""
    if speed < 1:
        raise ValueError(f"speed must be 1 or more, was {speed}")
    began = _real()
    return lambda: began + (_real() - began) * speed


def hurried_loop(secs: Callable[[], float], speed: float) -> asyncio.AbstractEventLoop:
    """Make an event loop whose seconds are those of a hurried clock."""
    selector = _HurriedSelector()
    selector.speed = speed
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = secs  # type: ignore[method-assign]  # asyncio asks nothing else for the time
    return loop


def clock_for_adapter(secs: Callable[[], float]) -> None:
    """Import the adapter with another clock in its defaults; once, before anybody else does."""
    early = [name for name in _CLOCKED if name in sys.modules]
    if early:
        raise RuntimeError(f"{early[0]} was imported before its clock was chosen")
    for name in ("aiohttp", "ccxt.pro", "ccxt.async_support"):  # these keep the real one
        import_module(name)
    time.monotonic = secs
    try:
        for name in _CLOCKED:
            import_module(name)
    finally:
        time.monotonic = _real

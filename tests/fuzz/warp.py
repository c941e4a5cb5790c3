"""An event loop whose time jumps: whoever sleeps wakes once nobody else has anything to do."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

# `Any` in this module: asyncio's own signatures


class StalledError(RuntimeError):
    """Nothing will ever happen again, and somebody still waits."""


class _Impatient(selectors.SelectSelector):
    """Waits for nothing: what it would have waited is added to the loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise StalledError("every task waits and no timer is set")
        self.passed += max(timeout, 0.0)
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """A loop in which a minute of silence takes no time; nothing on it may use real sockets."""

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        """Tell the seconds that were slept."""
        return self._impatient.passed


def run[T](make: Callable[[], Awaitable[T]]) -> T:
    """Run something on a loop of its own, and raise whatever any task of it left unheard."""
    unheard: list[Exception] = []
    loop = WarpLoop()

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        e = context.get("exception")
        unheard.append(
            e if isinstance(e, Exception) else RuntimeError(f"{context['message']} {e!r}")
        )

    async def awaited() -> T:
        return await make()

    loop.set_exception_handler(note)
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(awaited())
    finally:
        _end_tasks(loop)
        asyncio.set_event_loop(None)
        loop.close()
    if unheard:
        raise ExceptionGroup("raised where nobody listened", unheard)
    return result


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left, also what shrugs off the first time."""
    for _ in range(3):
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1.0))

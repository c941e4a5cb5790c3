"""Timestamps as the specification wants them: UNIX nanoseconds, live ones near the wall clock."""

import time
from typing import Any, Final

from tests.conformance.checks import must

# `Any` in this module: every type of the engine's that has timestamps

_LEAST: Final = 10**16  # less is a scale of the venue's that was not converted
_NEAR_NS: Final = 300 * 1_000_000_000


def check_times(item: Any, *, live: bool = False) -> None:
    """Hold that both timestamps are nanoseconds, and of today where the item is live."""
    for name in ("ts_event", "ts_init"):
        value = getattr(item, name)
        must(value >= _LEAST, f"{name} of {type(item).__name__} is {value}: no nanoseconds")
    if live:
        away = abs(item.ts_event - time.time_ns())
        must(away < _NEAR_NS, f"ts_event is {away / 1e9:.0f} s away from now")

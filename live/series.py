"""Names the bars that a node decides on."""

from typing import Final

from nautilus_trader.model import BarType

from catalog import store
from morningstar_strategy.settings.pace import step_ns
from morningstar_strategy.settings.schema import Settings

__all__ = ["bar_type_of", "recorded_as"]

_SECOND: Final = 1_000_000_000


def bar_type_of(name: str, settings: Settings) -> BarType:
    """Name the bars of an instrument: the venue's own, or made here from its trades."""
    if settings.node.speed == 1:
        return BarType.from_str(store.bar_type(name, settings.data.interval.value))
    return BarType.from_str(f"{name}-{step_ns(settings) // _SECOND}-SECOND-LAST-INTERNAL")


def recorded_as(bar_type: BarType) -> BarType:
    """Name bars as a record does, which does not know who made them."""
    return BarType.from_str(f"{bar_type}".replace("-INTERNAL", "-EXTERNAL"))

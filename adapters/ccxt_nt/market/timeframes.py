"""The engine's bar types in a venue's words."""

from collections.abc import Container, Mapping
from typing import Final

from nautilus_trader.model import BarAggregation, BarType, PriceType

from ccxt_nt.errors import Unsupported

_LETTERS: Final[Mapping[BarAggregation, str]] = {
    BarAggregation.SECOND: "s",
    BarAggregation.MINUTE: "m",
    BarAggregation.HOUR: "h",
    BarAggregation.DAY: "d",
    BarAggregation.WEEK: "w",
}


def timeframe_of(bar_type: BarType, offered: Container[str], spelled: Mapping[str, str]) -> str:
    """Find the venue's timeframe of a bar type; Unsupported, with the reason, where it has none."""
    spec = bar_type.spec
    letter = _LETTERS.get(spec.aggregation)
    if not bar_type.is_externally_aggregated():
        raise Unsupported(f"bars {bar_type} are built by the engine: subscribe to trades or quotes")
    if spec.price_type != PriceType.LAST:
        raise Unsupported(f"bars {bar_type} are not of last prices: the venue has no others")
    if letter is None:
        raise Unsupported(f"bars {bar_type} are not of seconds to weeks: the venue has no others")
    timeframe = _hours(spec.step, letter)
    if timeframe not in offered:
        raise Unsupported(f"bars {bar_type}: the venue has no timeframe {timeframe}")
    return spelled.get(timeframe, timeframe)


def _hours(step: int, letter: str) -> str:
    """Spell 60 minutes as an hour, as venues do."""
    if letter == "m" and step % 60 == 0:
        return f"{step // 60}h"
    return f"{step}{letter}"

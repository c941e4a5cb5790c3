"""What a strategy is told to do."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from nautilus_trader.common import Cache
from nautilus_trader.model import BarType, Currency, Venue

from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.snapshot import Terms

__all__ = ["AtStop", "Learn", "Mandate", "Traded"]


class AtStop(StrEnum):
    """What is done with open plans when the node stops."""

    LEAVE = "leave"  # nothing: a backtest ends
    KEEP = "keep"  # entries are taken back, positions keep their stops
    FLATTEN = "flatten"  # everything is closed


type Learn = Callable[[Cache], tuple[Terms, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """The bars that are traded on, and how their instruments' terms are learnt.

    A venue tells its instruments when it is connected, so `learn` is asked once, at the start, with
    the engine's cache; it raises ValueError for an instrument that cannot be traded.
    """

    bar_types: tuple[BarType, ...]
    learn: Learn

    def __post_init__(self) -> None:
        if not self.bar_types:
            raise ValueError("a mandate needs at least one instrument")
        venues = sorted({bar_type.instrument_id.venue.value for bar_type in self.bar_types})
        if len(venues) != 1:
            raise ValueError(f"all instruments of a mandate share one venue, were of {venues}")

    @classmethod
    def of(cls, terms: tuple[Terms, ...]) -> Self:
        """Trade on terms that are known beforehand."""
        return cls(bar_types=tuple(each.bar_type for each in terms), learn=lambda _cache: terms)

    @property
    def venue(self) -> Venue:
        """Give the venue of all instruments."""
        return self.bar_types[0].instrument_id.venue


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What a strategy may trade, how, and within which limits.

    `tag` tells its orders from those of other strategies of the same node. With `claims` the orders
    and positions that a venue reports at the start are its own. `at_stop` says what becomes of what
    is open when the node stops in order. `shelf` names its part of a store that it shares, "" for
    the first strategy of a node.
    """

    traded: Traded
    currency: Currency
    decision: DecisionPolicy
    risk: RiskLimits
    style: VenueStyle
    equity_every_secs: int = 3_600
    tag: str = "001"
    shelf: str = ""
    claims: bool = False
    at_stop: AtStop = AtStop.LEAVE

    def __post_init__(self) -> None:
        if not self.equity_every_secs > 0:
            raise ValueError(f"equity_every_secs must be positive, was {self.equity_every_secs}")

    @property
    def venue(self) -> Venue:
        """Give the venue of all instruments."""
        return self.traded.venue

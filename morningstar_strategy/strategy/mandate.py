"""What a strategy is told to do."""

from dataclasses import dataclass

from nautilus_trader.model import Currency, Venue

from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.snapshot import Terms

__all__ = ["Mandate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What a strategy may trade, how, and within which limits."""

    terms: tuple[Terms, ...]
    currency: Currency
    decision: DecisionPolicy
    risk: RiskLimits
    style: VenueStyle
    equity_every_secs: int = 3_600

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a mandate needs at least one instrument")
        venues = sorted({terms.instrument_id.venue.value for terms in self.terms})
        if len(venues) != 1:
            raise ValueError(f"all instruments of a mandate share one venue, were of {venues}")
        if not self.equity_every_secs > 0:
            raise ValueError(f"equity_every_secs must be positive, was {self.equity_every_secs}")

    @property
    def venue(self) -> Venue:
        """Give the venue of all instruments."""
        return self.terms[0].instrument_id.venue

"""When and how to trade, as a person sets it."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from morningstar_strategy.core.commands import is_money
from morningstar_strategy.core.sizing import SizingPolicy


class EntryStyle(StrEnum):
    """How a trade is entered."""

    MARKET = "market"
    LIMIT = "limit"


class Distances(StrEnum):
    """Where stop and take-profit distances come from."""

    FIXED = "fixed"
    PREDICTED = "predicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPolicy:
    """When and how to trade; percents are of price.

    `min_confidence` is asked of votes before an entry and of any signal before it closes a trade;
    a forecast with odds enters where its expected gain covers the cost of the round trip.
    """

    min_confidence: float = 0.6
    max_turbulence: float = 0.9
    max_age_secs: int = 60
    entry: EntryStyle = EntryStyle.MARKET
    limit_offset_percent: Decimal = Decimal("0.1")
    entry_expiry_secs: int = 3_600
    distances: Distances = Distances.FIXED
    stop_percent: Decimal = Decimal("3.5")
    take_profit_percents: tuple[Decimal, ...] = (Decimal(7),)
    take_profit_fractions: tuple[Decimal, ...] = ()
    cooldown_secs: int = 14_400
    max_holding_secs: int = 259_200
    break_even_after_percent: Decimal = Decimal("3.5")  # 0: never
    close_on_opposite: bool = True
    allow_short: bool = True
    accept_proposals: bool = False
    sizing: SizingPolicy = field(default_factory=SizingPolicy)

    def __post_init__(self) -> None:
        for name in ("min_confidence", "max_turbulence"):
            share: float = getattr(self, name)
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], was {share}")
        for name in ("max_age_secs", "entry_expiry_secs", "max_holding_secs"):
            secs: int = getattr(self, name)
            if not secs > 0:
                raise ValueError(f"{name} must be positive, was {secs}")
        if not self.cooldown_secs >= 0:
            raise ValueError(f"cooldown_secs must not be negative, was {self.cooldown_secs}")
        self._check_percents()
        self._check_targets()

    def _check_percents(self) -> None:
        for name in ("stop_percent", "limit_offset_percent", "break_even_after_percent"):
            percent: Decimal = getattr(self, name)
            if not percent.is_finite():
                raise ValueError(f"{name} must be a finite number, was {percent}")
        if not 0 < self.stop_percent < 100:
            raise ValueError(f"stop_percent must be in (0, 100), was {self.stop_percent}")
        if not 0 <= self.limit_offset_percent < 100:
            value = self.limit_offset_percent
            raise ValueError(f"limit_offset_percent must be in [0, 100), was {value}")
        if not self.break_even_after_percent >= 0:
            value = self.break_even_after_percent
            raise ValueError(f"break_even_after_percent must not be negative, was {value}")

    def _check_targets(self) -> None:
        percents = self.take_profit_percents
        if not 1 <= len(percents) <= 5 or not all(0 < percent < 100 for percent in percents):
            raise ValueError(
                f"take_profit_percents must be one to five numbers in (0, 100), were {percents}"
            )
        if self.take_profit_fractions and len(self.take_profit_fractions) != len(percents):
            raise ValueError(
                f"take_profit_fractions must be as many as take_profit_percents, "
                f"were {len(self.take_profit_fractions)}"
            )
        if not all(is_money(fraction) for fraction in self.take_profit_fractions):
            raise ValueError(
                f"take_profit_fractions must be positive numbers, were {self.take_profit_fractions}"
            )
        if self.take_profit_fractions and sum(self.take_profit_fractions) != 1:
            total = sum(self.take_profit_fractions)
            raise ValueError(f"take_profit_fractions must sum to 1, summed to {total}")

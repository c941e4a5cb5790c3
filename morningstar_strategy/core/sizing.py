"""How much of the equity a trade may take, before the gate."""

import math
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from morningstar_strategy.core.commands import is_money
from morningstar_strategy.core.prediction import Prediction

_GRAIN: Final = Decimal("0.0001")  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingPolicy:
    """Volatility target, and how confidence scales it.

    The position is sized so that its standard deviation over `horizon_bars` is
    `target_volatility_percent` of equity; at `full_confidence` it gets all of that, at no
    confidence `least_share` of it. Where the forecast's probabilities are odds, the position is
    also at most `kelly_share` of what the Kelly criterion allows after costs.
    """

    target_volatility_percent: Decimal = Decimal("0.1")
    horizon_bars: int = 96
    max_size_percent: Decimal = Decimal(15)
    full_confidence: float = 0.9
    least_share: float = 0.25
    kelly_share: float = 0.25

    def __post_init__(self) -> None:
        value = self.target_volatility_percent
        if not (is_money(value) and value <= 100):
            raise ValueError(f"target_volatility_percent must be in (0, 100], was {value}")
        if not self.horizon_bars > 0:
            raise ValueError(f"horizon_bars must be positive, was {self.horizon_bars}")
        if not (is_money(self.max_size_percent) and self.max_size_percent <= 100):
            raise ValueError(f"max_size_percent must be in (0, 100], was {self.max_size_percent}")
        if not 0.0 < self.full_confidence <= 1.0:
            raise ValueError(f"full_confidence must be in (0, 1], was {self.full_confidence}")
        if not 0.0 < self.least_share <= 1.0:
            raise ValueError(f"least_share must be in (0, 1], was {self.least_share}")
        if not 0.0 < self.kelly_share <= 1.0:
            raise ValueError(f"kelly_share must be in (0, 1], was {self.kelly_share}")


def confidence_share(confidence: float, policy: SizingPolicy) -> float:
    """Map confidence in [0, 1] to a share of the full size, never falling in confidence."""
    ratio = min(max(confidence / policy.full_confidence, 0.0), 1.0)
    return policy.least_share + (1.0 - policy.least_share) * ratio


def expected_gain(prediction: Prediction, *, cost: float) -> float:
    """Give what the favoured direction is expected to earn after costs, as a fraction of notional.

    A trade wins or loses the barrier, or ends flat; `cost` is the round trip's, paid in any case.
    """
    p_short, _, p_long = prediction.odds
    return abs(p_long - p_short) * prediction.barrier - cost


def kelly_fraction(prediction: Prediction, *, cost: float) -> float:
    """Give the share of equity that maximises expected log growth after costs, never negative.

    Mean over variance, the small-stake limit of the criterion (Thorp 2006, "The Kelly criterion in
    blackjack, sports betting and the stock market"). Zero where the odds do not cover the cost.
    """
    p_short, _, p_long = prediction.odds
    gain = expected_gain(prediction, cost=cost)
    variance = (p_long + p_short) * prediction.barrier**2
    return gain / variance if gain > 0.0 and variance > 0.0 else 0.0


def size_percent(
    prediction: Prediction, *, scale: float, policy: SizingPolicy, cost: float
) -> Decimal:
    """Give the notional to plan, in percent of equity; zero means do not trade.

    `scale` in [0, 1] is the supervisor's, `cost` the round trip's as a fraction of notional.
    Volatility targeting: weight = target / forecast volatility over the horizon (square-root-of-
    time rule); where the forecast has odds, never more than a share of the Kelly fraction.
    """
    deviation = prediction.volatility * math.sqrt(policy.horizon_bars)
    if not (deviation > 0.0 and 0.0 < scale <= 1.0):
        return Decimal(0)
    share = confidence_share(prediction.confidence, policy) * scale
    wanted = float(policy.target_volatility_percent) * share / deviation
    if prediction.barrier > 0.0:
        growth = 100.0 * policy.kelly_share * kelly_fraction(prediction, cost=cost) * scale
        wanted = min(wanted, growth)
    return min(Decimal(str(wanted)), policy.max_size_percent).quantize(_GRAIN, ROUND_DOWN)

"""What a model forecasts about one instrument at one bar, and who may forecast it."""

import math
from dataclasses import dataclass
from typing import Protocol

from morningstar_strategy.core.bars import FloatArray

_TOLERANCE = 1e-6  # of the three probabilities' sum


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Forecast made at the close of one bar.

    `price` is the close it was made at; `volatility` the standard deviation of one bar's log
    return; `turbulence` the probability of the turbulent regime; the distances are fractions of
    price; `model` names the model and the hash of what it was made from.
    """

    instrument_id: str
    ts_event: int
    price: float
    p_short: float
    p_flat: float
    p_long: float
    confidence: float
    volatility: float
    turbulence: float
    stop_distance: float
    target_distance: float
    model: str

    def __post_init__(self) -> None:
        if not abs(self.p_short + self.p_flat + self.p_long - 1.0) <= _TOLERANCE:
            total = self.p_short + self.p_flat + self.p_long
            raise ValueError(f"p_short + p_flat + p_long must be 1, was {total}")
        if min(self.p_short, self.p_flat, self.p_long) < 0.0:
            raise ValueError(f"p_short, p_flat, p_long must not be negative, were {self.odds}")
        if not (0.0 <= self.confidence <= 1.0 and 0.0 <= self.turbulence <= 1.0):
            both = (self.confidence, self.turbulence)
            raise ValueError(f"confidence and turbulence must be in [0, 1], were {both}")
        if not (0.0 < self.price < math.inf and 0.0 <= self.volatility < math.inf):
            both = (self.price, self.volatility)
            raise ValueError(f"price must be positive and volatility not negative, were {both}")
        if not (0.0 < self.stop_distance < 1.0 and 0.0 < self.target_distance < math.inf):
            both = (self.stop_distance, self.target_distance)
            raise ValueError(f"stop_distance and target_distance must be positive, were {both}")

    @property
    def odds(self) -> tuple[float, float, float]:
        """Give the probabilities of short, flat and long."""
        return self.p_short, self.p_flat, self.p_long


class Predictor(Protocol):
    """Anything that turns one bar's feature vector into a prediction."""

    @property
    def model(self) -> str:
        """Name the model and the hash of its parameters."""
        ...

    def predict(
        self, instrument_id: str, ts_event: int, price: float, vector: FloatArray
    ) -> Prediction:
        """Forecast from the feature vector (shape [F]) of the bar closed at `ts_event`."""
        ...

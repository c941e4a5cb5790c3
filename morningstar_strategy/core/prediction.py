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
        p_short, p_flat, p_long = self.p_short, self.p_flat, self.p_long
        sound = (
            -_TOLERANCE <= p_short + p_flat + p_long - 1.0 <= _TOLERANCE
            and p_short >= 0.0 <= p_flat
            and p_long >= 0.0 <= self.confidence <= 1.0
            and 0.0 <= self.turbulence <= 1.0
            and 0.0 < self.price < math.inf
            and 0.0 <= self.volatility < math.inf
            and 0.0 < self.stop_distance < 1.0
            and 0.0 < self.target_distance < math.inf
        )
        if not sound:
            raise ValueError(self._fault())

    def _fault(self) -> str:
        total = self.p_short + self.p_flat + self.p_long
        if not (abs(total - 1.0) <= _TOLERANCE and min(self.odds) >= 0.0):
            return f"p_short, p_flat, p_long must be probabilities that sum to 1, were {self.odds}"
        if not (0.0 <= self.confidence <= 1.0 and 0.0 <= self.turbulence <= 1.0):
            both = (self.confidence, self.turbulence)
            return f"confidence and turbulence must be in [0, 1], were {both}"
        if not (0.0 < self.price < math.inf and 0.0 <= self.volatility < math.inf):
            both = (self.price, self.volatility)
            return f"price must be positive and volatility not negative, were {both}"
        both = (self.stop_distance, self.target_distance)
        return f"stop_distance must be in (0, 1) and target_distance positive, were {both}"

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

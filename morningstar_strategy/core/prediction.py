"""What a model forecasts about one instrument at one bar, and who may forecast it."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from morningstar_strategy.core.bars import FloatArray

_TOLERANCE: Final = 1e-6  # of the three probabilities' sum
_STRAIGHT: Final = 0.35  # efficiency ratio from which the recent path is called a trend


class Regime(StrEnum):
    """The market's state: turbulence is forecast, trend and range only describe the recent path."""

    RANGE = "range"
    TREND = "trend"
    TURBULENT = "turbulent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Forecast made at the close of one bar.

    `price` is the close it was made at; `volatility` the standard deviation of one bar's log
    return; `turbulence` the probability of the turbulent regime; the distances are fractions of
    price; `model` names the model and the hash of what it was made from. `barrier` is the move, as
    a fraction of price, whose probabilities `p_short` and `p_long` are; 0 where they are votes of a
    rule and no odds. `efficiency` is how straight the recent path was, in [0, 1]. `abstained` says
    why nothing new may be opened on this forecast; `p_flat` is 1 then.
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
    barrier: float = 0.0
    efficiency: float = 0.0
    abstained: str = ""

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
            and 0.0 <= self.barrier < 1.0
            and 0.0 <= self.efficiency <= 1.0
        )
        if not sound:
            raise ValueError(self._fault())
        if self.abstained and p_flat != 1.0:
            raise ValueError(f"p_flat must be 1 where a model abstains, was {p_flat}")

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
        if not (0.0 < self.stop_distance < 1.0 and 0.0 < self.target_distance < math.inf):
            both = (self.stop_distance, self.target_distance)
            return f"stop_distance must be in (0, 1) and target_distance positive, were {both}"
        both = (self.barrier, self.efficiency)
        return f"barrier must be in [0, 1) and efficiency in [0, 1], were {both}"

    @property
    def odds(self) -> tuple[float, float, float]:
        """Give the probabilities of short, flat and long."""
        return self.p_short, self.p_flat, self.p_long

    @property
    def regime(self) -> Regime:
        """Name the regime: turbulent where that is the likelier forecast, else the recent path."""
        if self.turbulence > 0.5:
            return Regime.TURBULENT
        return Regime.TREND if self.efficiency >= _STRAIGHT else Regime.RANGE


class Predictor(Protocol):
    """Anything that turns the newest feature vectors of an instrument into a prediction."""

    @property
    def model(self) -> str:
        """Name the model and the hash of its parameters."""
        ...

    @property
    def window(self) -> int:
        """Say how many consecutive feature vectors a prediction looks at."""
        ...

    def predict(
        self, instrument_id: str, ts_event: int, price: float, window: FloatArray
    ) -> Prediction:
        """Forecast from the vectors (shape [window, F], newest last) of the bar at `ts_event`."""
        ...


class Forecaster(Protocol):
    """The forecasts of one instrument, bar after bar."""

    def absorb(
        self, ts_event: int, open: float, high: float, low: float, close: float, volume: float
    ) -> Prediction | None:
        """Take in one closed bar and forecast at its close, None while too few bars were seen.

        Raises ValueError naming field and value for an unsound or late bar.
        """
        ...

"""What every model family forecasts: the heads, their units and the tensors that carry them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray

__all__ = ["OUTPUTS", "QUANTILES", "RAW_OUTPUTS", "Float32Array", "Forecast", "forecast_of"]

type Float32Array = npt.NDArray[np.float32]

QUANTILES: Final = (0.25, 0.5, 0.75, 0.9)

# A raw graph speaks in logits, so that graphs can be averaged and calibrated
RAW_OUTPUTS: Final = (
    "touch_logit",  # [B], of P(a barrier is touched within the horizon)
    "direction_logit",  # [B], of P(the upper one, given that one is touched)
    "ln_rv",  # [B], ln of the realised variance over the horizon
    "turbulent_logit",  # [B], of P(realised variance over the long horizon is in its top fifth)
    "mfe_q",  # [B, 4], quantiles of the highest reach, in units of sigma * sqrt(horizon)
    "mae_q",  # [B, 4], quantiles of the deepest fall, in the same units, positive
)
OUTPUTS: Final = (
    "signal",  # [B, 3]: short, flat, long
    "ln_rv",  # [B]
    "regime",  # [B, 2]: calm, turbulent
    "mfe_q",  # [B, 4]
    "mae_q",  # [B, 4]
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """What one model says of N rows, as float64 columns.

    Excursions are those of a long position; for a short one they change places.
    """

    touch: FloatArray  # [N], probability that a barrier is touched
    direction: FloatArray  # [N], probability that it is the upper one, given a touch
    ln_rv: FloatArray  # [N]
    turbulent: FloatArray  # [N], probability
    mfe_q: FloatArray  # [N, 4]
    mae_q: FloatArray  # [N, 4]

    def __post_init__(self) -> None:
        count = len(self.touch)
        for item in fields(self):
            column: FloatArray = getattr(self, item.name)
            shape = (count, len(QUANTILES)) if item.name.endswith("_q") else (count,)
            if column.shape != shape:
                raise ValueError(f"{item.name} must have shape {shape}, was {column.shape}")

    def __len__(self) -> int:
        return len(self.touch)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Forecast":
        """Give the forecast of some rows."""
        return Forecast(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


def forecast_of(outputs: Mapping[str, Float32Array]) -> Forecast:
    """Read the outputs of a finished graph (`OUTPUTS`) as a forecast."""
    signal = outputs["signal"].astype(np.float64)
    touch = signal[:, 0] + signal[:, 2]
    up = np.divide(signal[:, 2], touch, out=np.full(len(touch), 0.5), where=touch > 0.0)
    return Forecast(
        touch=touch,
        direction=up,
        ln_rv=outputs["ln_rv"].astype(np.float64),
        turbulent=outputs["regime"][:, 1].astype(np.float64),
        mfe_q=outputs["mfe_q"].astype(np.float64),
        mae_q=outputs["mae_q"].astype(np.float64),
    )

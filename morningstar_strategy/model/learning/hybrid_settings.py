"""How the network is built and how it learns, without the library that does it."""

import math
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.heads import Float32Array

__all__ = ["ENCODERS", "Alternative", "EncoderName", "HybridSettings", "scale_of"]

type EncoderName = Literal["cnn_gru", "mlp"]

ENCODERS: Final[tuple[EncoderName, ...]] = ("cnn_gru", "mlp")
_LIMITS: Final = (
    (("learning_rate", "max_gradient"), 1e-9, math.inf),
    (("weight_decay", "noise", "turbulent_weight"), 0.0, math.inf),
    (("warm_up", "memory", "dropout", "modality_dropout"), 0.0, 1.0),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alternative:
    """What is known beside the bars, for every row of a panel."""

    names: tuple[str, ...]
    values: Float32Array  # [M, A]; not looked at where unknown
    known: npt.NDArray[np.bool_]  # [M, A]

    def __post_init__(self) -> None:
        shape = (len(self.values), len(self.names))
        if not self.names:
            raise ValueError("names must hold at least one, was empty")
        for name in ("values", "known"):
            if (had := getattr(self, name).shape) != shape:
                raise ValueError(f"{name} must have shape {shape}, was {had}")
        wrong = self.known & ~np.isfinite(self.values)
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            was = f"{self.values[row, column]} for {self.names[column]} at row {row}"
            raise ValueError(f"values must be finite where known, was {was}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridSettings:
    """The network and how it learns: gently, for a fixed time, judged by an average of itself."""

    name: str = "hybrid"
    encoder: EncoderName = "cnn_gru"
    window: int = 64  # bars
    epochs: int = 4
    batch: int = 256  # rows
    learning_rate: float = 1e-3  # at its height
    warm_up: float = 0.05  # share of the steps until there; then a cosine down to nothing
    weight_decay: float = 0.1
    memory: float = 0.995  # of the average of weights, per step
    dropout: float = 0.2
    noise: float = 0.05  # added to every input, in interquartile ranges
    modality_dropout: float = 0.15  # share of rows that learn without alternative data
    turbulent_weight: float = 0.5  # of that head's loss
    max_gradient: float = 1.0  # longer ones are shortened
    alternative: Alternative | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, was {self.encoder}")
        for name in ("window", "epochs", "batch"):
            count = getattr(self, name)
            if not isinstance(count, int) or not 1 <= count <= 65_536:
                raise ValueError(f"{name} must be an integer in [1, 65536], was {count}")
        for names, least, below in _LIMITS:
            for name in names:
                if not least <= (value := getattr(self, name)) < below:
                    raise ValueError(f"{name} must be in [{least}, {below}), was {value}")

    @property
    def recipe(self) -> dict[str, int | float | str]:
        """Give everything that defines the fit."""
        known = {item.name: getattr(self, item.name) for item in fields(self) if item.compare}
        names = self.alternative.names if self.alternative else ()
        return known | {"alternatives": ", ".join(names)}


def scale_of(columns: npt.NDArray[np.floating[Any]]) -> tuple[FloatArray, FloatArray]:
    """Give the median of each column [N, C] and its interquartile range, 1 where that is nothing.

    NaN is not counted; a column of nothing else has median 0. Columns may be of any precision.
    """
    centre, spread = np.zeros(columns.shape[1]), np.ones(columns.shape[1])
    for index, column in enumerate(columns.T):
        known = column[~np.isnan(column)].astype(np.float64)
        if len(known):
            lower, centre[index], upper = np.quantile(known, (0.25, 0.5, 0.75))
            spread[index] = upper - lower if upper > lower else 1.0
    return centre, spread

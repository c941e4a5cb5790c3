"""Forecasts of rows that no model had seen, beside what simple rules said of them."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.heads import Forecast

__all__ = ["OutOfSample"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfSample:
    """Forecasts of N rows of a panel, quarter after quarter, checked to be of one length.

    `reference` holds each quarter's baselines and `ewma` the logarithm of the variance that the
    exponential average expects; `turbulent` is the label under that quarter's threshold.
    """

    rows: IntArray  # [N], rows of the panel, sorted by fold, then row
    fold: npt.NDArray[np.int16]  # [N], index into folds
    folds: tuple[str, ...]
    reference: Forecast
    ewma: FloatArray  # [N]
    turbulent: npt.NDArray[np.int8]  # [N]
    families: Mapping[str, Forecast]
    guesses: frozenset[str] = frozenset()  # families that are another but for direction

    def __post_init__(self) -> None:
        count = len(self.rows)
        if not count:
            raise ValueError(f"rows must not be empty, were {count}")
        if not self.families:
            raise ValueError(f"families must not be empty, were {dict(self.families)}")
        if not self.guesses <= set(self.families):
            raise ValueError(f"guesses must be families, were {sorted(self.guesses)}")
        parts: dict[str, Sized] = {"fold": self.fold, "ewma": self.ewma}
        parts |= {"turbulent": self.turbulent, "reference": self.reference, **self.families}
        for name, part in parts.items():
            if len(part) != count:
                raise ValueError(f"{name} must be of {count} rows, was of {len(part)}")
        if self.fold.min() < 0 or self.fold.max() >= len(self.folds):
            outer = int(self.fold.max())
            raise ValueError(f"fold must be one of {len(self.folds)} folds, reached {outer}")
        order = np.lexsort((self.rows, self.fold))
        if len(np.unique(self.rows)) != count or not np.array_equal(order, np.arange(count)):
            raise ValueError(f"rows must be sorted by fold, then row, once each, were {self.rows}")

    def __len__(self) -> int:
        return len(self.rows)

"""What a family is given to fit, and what it must be able to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from morningstar_strategy.model.learning.baselines import Baselines, Targets
from morningstar_strategy.model.learning.dataset import Panel

__all__ = ["Family", "FitTask", "Recipe"]

type Recipe = Mapping[str, int | float | str]

_TARGETS: Final = ("touch", "up", "ln_rv", "turbulent", "mfe", "mae")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitTask:
    """Hold all that a fit may look at: nothing else is known to a family."""

    panel: Panel
    rows: npt.NDArray[np.int64]  # of the panel, to learn from
    targets: Targets  # of these rows
    baselines: Baselines  # fitted on these rows
    seed: int
    threads: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, was {self.seed}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, was {self.threads}")
        for name in _TARGETS:
            count = len(getattr(self.targets, name))
            if count != len(self.rows):
                raise ValueError(f"targets.{name} must have {len(self.rows)} rows, had {count}")
        self._check_both_outcomes()

    def _check_both_outcomes(self) -> None:
        touch = self.targets.touch
        outcomes = (("touch", touch), ("up", self.targets.up[touch == 1]))
        for name, label in (*outcomes, ("turbulent", self.targets.turbulent)):
            seen = sorted(set(label.tolist()))
            if seen != [0, 1]:
                raise ValueError(f"targets.{name} must hold both 0 and 1, held {seen}")


class Family(Protocol):
    """A way to learn: deterministic given the task and its seed."""

    @property
    def name(self) -> str:
        """Name the family."""
        ...

    @property
    def window(self) -> int:
        """Give the number of bars that a forecast looks at."""
        ...

    @property
    def recipe(self) -> dict[str, int | float | str]:
        """Give everything that defines the fit."""
        ...

    def fit(self, task: FitTask, progress: Callable[[float], None]) -> bytes:
        """Learn and return the raw graph, reporting the share done in [0, 1]."""
        ...

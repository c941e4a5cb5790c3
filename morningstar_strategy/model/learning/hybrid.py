"""The network family: convolutions, a recurrent layer and attention under four heads."""

from collections.abc import Callable
from dataclasses import dataclass

from morningstar_strategy.model.learning.hybrid_settings import HybridSettings
from morningstar_strategy.model.learning.tasks import FitTask

__all__ = ["HybridFamily"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridFamily(HybridSettings):
    """The network as a family; the library that fits it is loaded when it is needed."""

    def fit(self, task: FitTask, progress: Callable[[float], None]) -> bytes:
        """Learn and return the raw graph; the same seed gives the same graph.

        Raises ValueError for rows without a full window behind them or a device that is not there.
        """
        from morningstar_strategy.model.learning import fitting

        return fitting.fit(self, task, progress)

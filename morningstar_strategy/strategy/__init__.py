"""Assessment in, orders out: reads the engine, asks the core, acts."""

from morningstar_strategy.strategy.deciding import MorningstarStrategy
from morningstar_strategy.strategy.mandate import Mandate

__all__ = ["Mandate", "MorningstarStrategy"]

"""Assessment in, orders out: reads the engine, asks the core, acts."""

from morningstar_strategy.strategy.deciding import MorningstarStrategy
from morningstar_strategy.strategy.keeping import Store
from morningstar_strategy.strategy.mandate import AtStop, Mandate, Traded

__all__ = ["AtStop", "Mandate", "MorningstarStrategy", "Store", "Traded"]

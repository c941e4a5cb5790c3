"""What a training learns from: rows of bars, and what was known outside at the close of each."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from morningstar_strategy.core.bars import IntArray
from morningstar_strategy.model.alternatives import alternative_at
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.hybrid_settings import Alternative
from morningstar_strategy.model.learning.recipe import Recipe
from morningstar_strategy.model.manifest import ALT, ALT_MASK
from morningstar_strategy.model.outside_files import read_outside

__all__ = ["Material", "with_outside"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Rows of a panel, whose hash covers both; `outside` is None where nothing else is known."""

    panel: Panel
    bars_sha256: str  # of the bars alone: trials on them are trials, whatever else was shown
    outside: Alternative | None = None

    def beside(self, rows: IntArray) -> Mapping[str, Float32Array]:
        """Give what a graph that knows the series is fed beside the windows of some rows."""
        if self.outside is None:
            return {}
        known = self.outside.known[rows].astype(np.float32)
        return {ALT: self.outside.values[rows], ALT_MASK: known}


def with_outside(recipe: Recipe, panel: Panel) -> Material:
    """Join the series that a recipe names to the rows, each as it was known at a bar's close.

    Raises ValueError in one sentence for a series that cannot be learnt from.
    """
    if not recipe.outside:
        return Material(panel=panel, bars_sha256=panel.data_sha256)
    timeline = read_outside(recipe.catalog, recipe.outside)
    outside = alternative_at(timeline, recipe.outside, panel.ts_event)
    for name, known in zip(outside.names, outside.known.T, strict=True):
        if not known.any():
            raise ValueError(
                f"outside {name!r} must be known at some bar, was at none of {len(panel):,}"
            )
    bars_sha256 = panel.data_sha256
    panel = replace(panel, data_sha256=_digest(bars_sha256, outside))
    return Material(panel=panel, bars_sha256=bars_sha256, outside=outside)


def _digest(bars_sha256: str, outside: Alternative) -> str:
    """Hash bars and what they are joined to: what was told later is in neither."""
    total = hashlib.sha256(f"{bars_sha256}\n".encode())
    for name, values, known in zip(outside.names, outside.values.T, outside.known.T, strict=True):
        total.update(f"{name}\n".encode())
        total.update(np.where(known, values, 0).astype("<f4").tobytes())
        total.update(np.ascontiguousarray(known).tobytes())
    return total.hexdigest()

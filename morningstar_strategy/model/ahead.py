"""Networks that are fed series from outside, fitted ahead of the walk that takes them up.

The walk itself knows bars only: whatever it finds fitted already it takes as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import IntArray
from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array
from morningstar_strategy.model.learning import baselines, dataset, graphs, splits
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.families import family
from morningstar_strategy.model.learning.fold_cache import FoldCache
from morningstar_strategy.model.learning.hybrid import HybridFamily
from morningstar_strategy.model.learning.recipe import NETWORKS, Recipe
from morningstar_strategy.model.learning.splits import Fold
from morningstar_strategy.model.learning.tasks import FitTask
from morningstar_strategy.model.material import Material

__all__ = ["FitsAhead", "fit_ahead"]

type Fit = tuple[bytes, dict[str, Float32Array]]  # raw graph, and its outputs on a quarter's rows
type Progress = Callable[[str, float], None]

_BLOCK: Final = 4096  # rows that are forecast at once
_LEAST_KNOWN: Final = 0.05  # share of the rows to learn from


class FitsAhead(FoldCache):
    """A cache in which the networks' fits are there already, and none but these.

    A network that was fitted by the walk would know nothing of what is outside.
    """

    def __init__(self, folder: Path, key: str, fits: Mapping[tuple[str, str], Fit]) -> None:
        super().__init__(folder, key)
        self._fits = fits

    def get(self, fold: str, family: str) -> Fit | None:
        """Give a network's fit as it was made ahead, another family's as it is kept.

        Raises KeyError for a quarter of a network that was not made ahead.
        """
        return self._fits[fold, family] if family in NETWORKS else super().get(fold, family)


def fit_ahead(
    recipe: Recipe, material: Material, folder: Path, key: str, progress: Progress
) -> FitsAhead:
    """Fit every network of a resolved recipe on every quarter's past, or take what is kept.

    Rows, baselines and seed are those of the walk. Raises ValueError for a series that a quarter's
    past hardly knew: what a network was never shown it must not be fed when it serves.
    """
    cache, panel = FoldCache(folder, key), material.panel
    networks = [_fed(recipe, name, material) for name in recipe.fitted if name in NETWORKS]
    window = max(family(name, recipe.options[name]).window for name in recipe.fitted)
    rows = dataset.usable(panel, window)
    folds = _folds(recipe, material)
    step = 1.0 / max(1, len(folds) * len(networks))
    fits: dict[tuple[str, str], Fit] = {}
    for fold in folds:
        train = splits.train_rows(panel, fold, rows, stride=recipe.walk_forward.stride)
        test = splits.test_rows(panel, fold, rows)
        if not len(train) or not len(test):
            break  # which the walk refuses in a sentence
        _check_taught(material, train, fold)
        task = _task(recipe, panel, train)
        for network in networks:
            tell = _part(progress, f"{fold.name} {network.name}", len(fits) * step, step)
            fits[fold.name, network.name] = _fit(network, task, test, fold, cache, material, tell)
    return FitsAhead(folder, key, fits)


def _part(progress: Progress, what: str, start: float, width: float) -> Callable[[float], None]:
    """Tell the progress of one fit as a part of the whole."""

    def tell(done: float) -> None:
        progress(what, start + done * width)

    tell(0.0)
    return tell


def _fed(recipe: Recipe, name: str, material: Material) -> HybridFamily:
    match family(name, recipe.options[name]):
        case HybridFamily() as network:
            return replace(network, alternative=material.outside)
        case other:
            raise TypeError(f"family {other.name} must be a network, was {type(other).__name__}")


def _folds(recipe: Recipe, material: Material) -> tuple[Fold, ...]:
    panel, walk_forward = material.panel, recipe.walk_forward
    start = int(walk_forward.start.timestamp()) * 1_000_000_000
    end = int(panel.ts_event.max()) + 1
    embargo = walk_forward.embargo_bars * panel.interval_ns
    return splits.quarterly(start, end, embargo_ns=embargo) if end > start else ()


def _check_taught(material: Material, train: IntArray, fold: Fold) -> None:
    if material.outside is None:
        return
    for name, known in zip(material.outside.names, material.outside.known[train].T, strict=True):
        if known.mean() < _LEAST_KNOWN:
            raise ValueError(
                f"outside {name!r} must be known at {_LEAST_KNOWN:.0%} of the rows that "
                f"{fold.name} learns from, was at {known.sum():,} of {len(known):,}"
            )


def _task(recipe: Recipe, panel: Panel, train: IntArray) -> FitTask:
    simple = baselines.fit(panel, train, recipe.labels)
    return FitTask(
        panel=panel,
        rows=train,
        targets=baselines.targets(panel, train, simple),
        baselines=simple,
        seed=recipe.seed,
        threads=recipe.threads,
        device=recipe.device,
    )


def _fit(
    network: HybridFamily,
    task: FitTask,
    test: IntArray,
    fold: Fold,
    cache: FoldCache,
    material: Material,
    tell: Callable[[float], None],
) -> Fit:
    kept = cache.get(fold.name, network.name)
    if kept is not None:
        return kept
    graph = network.fit(task, tell)
    graphs.check(graph)
    outputs = _run(graph, material, test, network.window, task.threads)
    cache.put(fold.name, network.name, graph, outputs)
    return graph, outputs


def _run(
    graph: bytes, material: Material, rows: IntArray, window: int, threads: int
) -> dict[str, Float32Array]:
    """Run a raw graph over some rows and what was known at each."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.use_deterministic_compute = True
    session = InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    parts: list[list[Float32Array]] = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        bars = dataset.windows(material.panel, block, window)
        parts.append(session.run(list(RAW_OUTPUTS), {"bars": bars, **material.beside(block)}))
    return {
        name: np.concatenate(told)
        for name, told in zip(RAW_OUTPUTS, zip(*parts, strict=True), strict=True)
    }

"""Quarterly expanding retraining: no forecast is made by a model that had seen its quarter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model.heads import Float32Array, Forecast
from morningstar_strategy.model.learning import baselines, dataset, graphs, splits
from morningstar_strategy.model.learning.baselines import Targets
from morningstar_strategy.model.learning.calibration import (
    Calibration,
    Platt,
    apply,
    fit_cautious,
    fit_platt,
)
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.families import family
from morningstar_strategy.model.learning.fold_cache import FoldCache
from morningstar_strategy.model.learning.out_of_sample import OutOfSample
from morningstar_strategy.model.learning.recipe import Recipe
from morningstar_strategy.model.learning.splits import Fold
from morningstar_strategy.model.learning.tasks import Family, FitTask

__all__ = ["GUESSES", "Learned", "Progress", "Walk", "walk"]

type Progress = Callable[[str, float], None]  # what is being done, and its share in [0, 1]
type Raw = Mapping[str, Float32Array]  # outputs of a raw graph by name

_MEAN: Final = "mean"
_MEAN_OF: Final = ("gbm", "hybrid")
_OVERLAPS: Final = 4  # horizons over which outcomes are taken to hang together
# What a family would say of direction if the likeliest were enough: judged, never served
GUESSES: Final = {name: f"{name}, best guess" for name in ("gbm", "hybrid", "mean")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """What the last quarter's training made of one family."""

    graph: bytes  # raw
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """All forecasts out of sample, and the models that the last quarter is forecast with."""

    panel: Panel
    folds: tuple[Fold, ...]
    oos: OutOfSample
    learned: Mapping[str, Learned]
    train_rows: IntArray  # of the last fold


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Quarter:
    """One fold's rows, what simple rules say of them, and what each family says, uncalibrated."""

    fold: Fold
    train: IntArray
    test: IntArray
    reference: Forecast
    targets: Targets  # of the test rows, with thresholds known before them
    raw: Mapping[str, Raw]
    graphs: Mapping[str, bytes]


def walk(recipe: Recipe, panel: Panel, *, cache: FoldCache, progress: Progress) -> Walk:
    """Train every family on every quarter's past and collect what it says of the quarter.

    The first quarter has no earlier forecasts to calibrate on; it is only calibrated on.
    Raises ValueError where the bars hold fewer than two quarters.
    """
    folds = _folds(recipe, panel)
    families = [family(name, recipe.options.get(name, {})) for name in recipe.fitted]
    rows = dataset.usable(panel, max(each.window for each in families))
    quarters: list[_Quarter] = []
    for number, fold in enumerate(folds):

        def tell(what: str, share: float, *, at: int = number, name: str = fold.name) -> None:
            progress(f"{name} {what}", (at + share) / len(folds))

        quarters.append(_quarter(recipe, panel, fold, rows, families, cache, tell))
    return _joined(recipe, panel, quarters)


def _folds(recipe: Recipe, panel: Panel) -> tuple[Fold, ...]:
    start = int(recipe.walk_forward.start.timestamp()) * 1_000_000_000
    embargo = recipe.walk_forward.embargo_bars * panel.interval_ns
    end = int(panel.ts_event.max()) + 1
    folds = splits.quarterly(start, end, embargo_ns=embargo) if end > start else ()
    if len(folds) < 2:
        raise ValueError(
            f"walk_forward.start must leave at least two quarters of bars, was "
            f"{recipe.walk_forward.start:%Y-%m-%d}"
        )
    return folds


def _quarter(
    recipe: Recipe,
    panel: Panel,
    fold: Fold,
    rows: IntArray,
    families: Sequence[Family],
    cache: FoldCache,
    tell: Progress,
) -> _Quarter:
    train = splits.train_rows(panel, fold, rows, stride=recipe.walk_forward.stride)
    test = splits.test_rows(panel, fold, rows)
    if not len(train) or not len(test):
        raise ValueError(f"quarter {fold.name} has {len(train)} rows to learn, {len(test)} to test")
    simple = baselines.fit(panel, train, recipe.labels)
    task = FitTask(
        panel=panel,
        rows=train,
        targets=baselines.targets(panel, train, simple),
        baselines=simple,
        seed=recipe.seed,
        threads=recipe.threads,
        device=recipe.device,
    )
    raw: dict[str, Raw] = {}
    fitted: dict[str, bytes] = {}
    for number, each in enumerate(families):

        def share(done: float, *, at: int = number, name: str = each.name) -> None:
            tell(name, (at + done) / len(families))

        share(0.0)
        fitted[each.name], raw[each.name] = _learn(each, task, test, fold, cache, share)
    if _MEAN in recipe.families:
        raw[_MEAN] = _mean([raw[name] for name in _MEAN_OF])
        fitted[_MEAN] = graphs.mean(*(fitted[name] for name in _MEAN_OF))
    return _Quarter(
        fold=fold,
        train=train,
        test=test,
        reference=baselines.forecast(panel, test, simple),
        targets=baselines.targets(panel, test, simple),
        raw=raw,
        graphs=fitted,
    )


def _learn(
    each: Family,
    task: FitTask,
    test: IntArray,
    fold: Fold,
    cache: FoldCache,
    share: Callable[[float], None],
) -> tuple[bytes, Raw]:
    """Fit one family on one quarter's past, or take it from an interrupted training."""
    kept = cache.get(fold.name, each.name)
    if kept is not None:
        return kept
    graph = each.fit(task, share)
    graphs.check(graph)
    blocks = dataset.window_blocks(task.panel, test, each.window)
    outputs = graphs.run_raw(graph, blocks, threads=task.threads)
    cache.put(fold.name, each.name, graph, outputs)
    return graph, outputs


def _mean(raws: Sequence[Raw]) -> Raw:
    return {name: np.mean([raw[name] for raw in raws], axis=0) for name in raws[0]}


def _joined(recipe: Recipe, panel: Panel, quarters: Sequence[_Quarter]) -> Walk:
    """Calibrate each quarter on those before it and put the quarters together."""
    guesses = [GUESSES[name] for name in recipe.families if name in GUESSES]
    calibrated: dict[str, list[Forecast]] = {name: [] for name in (*recipe.families, *guesses)}
    learned: dict[str, Learned] = {}
    for number, quarter in enumerate(quarters[1:], start=1):
        before = quarters[:number]
        for name in recipe.families:
            known = _known(panel, before, quarter.fold.train_end_ns)
            calibration = _calibration(panel, before, name, known)
            calibrated[name].append(_forecast(quarter.raw[name], calibration))
            learned[name] = Learned(graph=quarter.graphs[name], calibration=calibration)
            if name in GUESSES:
                likeliest = replace(calibration, direction=_guess(panel, before, name, known))
                calibrated[GUESSES[name]].append(_forecast(quarter.raw[name], likeliest))
    tested = quarters[1:]
    rows = np.concatenate([quarter.test for quarter in tested])
    oos = OutOfSample(
        rows=rows,
        fold=np.concatenate([np.full(len(q.test), i, np.int16) for i, q in enumerate(tested)]),
        folds=tuple(quarter.fold.name for quarter in tested),
        reference=_stacked([quarter.reference for quarter in tested]),
        ewma=baselines.ewma(panel, rows),
        turbulent=np.concatenate([quarter.targets.turbulent for quarter in tested]),
        families={name: _stacked(parts) for name, parts in calibrated.items()},
        guesses=frozenset(guesses),
    )
    return Walk(
        panel=panel,
        folds=tuple(quarter.fold for quarter in quarters),
        oos=oos,
        learned=learned,
        train_rows=quarters[-1].train,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Known:
    """Rows of earlier quarters whose outcomes were known by a moment."""

    rows: IntArray  # of the panel, quarter after quarter, known or not
    known: npt.NDArray[np.bool_]  # of these rows
    touched: npt.NDArray[np.bool_]


def _known(panel: Panel, before: Sequence[_Quarter], moment_ns: int) -> _Known:
    rows = np.concatenate([quarter.test for quarter in before])
    known = panel.labels.t_end[rows] < moment_ns
    return _Known(rows=rows, known=known, touched=known & (panel.labels.touch[rows] == 1))


def _logits(before: Sequence[_Quarter], name: str, output: str) -> FloatArray:
    return np.concatenate([q.raw[name][output] for q in before]).astype(np.float64)


def _calibration(panel: Panel, before: Sequence[_Quarter], name: str, told: _Known) -> Calibration:
    """Fit the calibration on forecasts of earlier quarters; direction takes proof."""
    turbulent = np.concatenate([quarter.targets.turbulent for quarter in before])
    known, touched = told.rows[told.known], told.rows[told.touched]
    return Calibration(
        touch=fit_platt(
            _logits(before, name, "touch_logit")[told.known], panel.labels.touch[known]
        ),
        direction=fit_cautious(
            _logits(before, name, "direction_logit")[told.touched],
            panel.labels.up[touched],
            panel.ts_event[touched],
            lag=_OVERLAPS * panel.horizon,
        ),
        turbulent=fit_platt(
            _logits(before, name, "turbulent_logit")[told.known], turbulent[told.known]
        ),
    )


def _guess(panel: Panel, before: Sequence[_Quarter], name: str, told: _Known) -> Platt:
    """Fit the likeliest calibration of direction, proven or not."""
    logits = _logits(before, name, "direction_logit")[told.touched]
    return fit_platt(logits, panel.labels.up[told.rows[told.touched]])


def _forecast(raw: Raw, calibration: Calibration) -> Forecast:
    return Forecast(
        touch=apply(calibration.touch, raw["touch_logit"]),
        direction=apply(calibration.direction, raw["direction_logit"]),
        ln_rv=raw["ln_rv"].astype(np.float64),
        turbulent=apply(calibration.turbulent, raw["turbulent_logit"]),
        mfe_q=raw["mfe_q"].astype(np.float64),
        mae_q=raw["mae_q"].astype(np.float64),
    )


def _stacked(parts: Sequence[Forecast]) -> Forecast:
    names = ("touch", "direction", "ln_rv", "turbulent", "mfe_q", "mae_q")
    return Forecast(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )

"""Looks at what a model learns from: labels, quarters apart, and whatever is fitted on them.

The bundle's own recipe is gone through again on the stretch, by the code that trains.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from backtests.leaks.findings import Check, Clean, Detector, NotApplicable, Verdict
from backtests.leaks.learning import Fit, embargo, label_horizon, scaler_window
from backtests.leaks.looks import first_finding
from backtests.leaks.subject import Subject
from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.model.learning import baselines, dataset, graphs, splits
from morningstar_strategy.model.learning.baselines import Baselines
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.labels import LabelConfig, Labels
from morningstar_strategy.model.learning.recipe import FamilyName, Recipe, WalkForward
from morningstar_strategy.model.learning.splits import Fold
from morningstar_strategy.model.learning.walkforward import Walk
from morningstar_strategy.model.manifest import Manifest
from morningstar_strategy.model.material import Material
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.publishing import training_reference
from morningstar_strategy.model.workshop import learn, resolved
from morningstar_strategy.tree import sentence

__all__ = ["look_at_lessons"]

_MADE_OF: Final[dict[str, tuple[FamilyName, ...]]] = {"mean": ("gbm", "hybrid", "mean")}
_FIRST_TEST: Final = 0.6  # of the bars before a quarter are only learnt from
_ASKED: Final = 200  # training rows that a fitted graph is asked about
_CUTS: Final = 6  # of the labels, for each instrument
_DETECTORS: Final = (Detector.LABEL_HORIZON, Detector.EMBARGO, Detector.SCALER_WINDOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """A recipe brought to the stretch: its panel, the quarters, and the rows of each."""

    recipe: Recipe
    panel: Panel
    folds: tuple[Fold, ...]
    rows: IntArray

    def train(self, fold: Fold) -> IntArray:
        """Give the rows that are learnt from before a quarter."""
        stride = self.recipe.walk_forward.stride
        return splits.train_rows(self.panel, fold, self.rows, stride=stride)


def look_at_lessons(subject: Subject) -> Iterator[Check]:
    """Look at the training of every model that the configuration names."""
    for setting, predictor in subject.predictors.items():
        match predictor:
            case BundlePredictor(bundle=bundle):
                yield from _look_at_model(subject, bundle.manifest)
            case _:
                yield from _not_learnt(setting, predictor)


def _not_learnt(setting: str, predictor: Predictor) -> Iterator[Check]:
    reason = f"{predictor.model} is a rule: nothing of it was ever learnt"
    for detector in _DETECTORS:
        yield Check(
            detector=detector, subject=f"training ({setting})", verdict=NotApplicable(reason=reason)
        )


def _look_at_model(subject: Subject, manifest: Manifest) -> Iterator[Check]:
    name = manifest.model_id
    yield _labels(subject, manifest)
    try:
        lesson = _lesson(subject, manifest)
    except ValueError as e:
        told = NotApplicable(reason=f"its training cannot be gone through again: {e}")
        for detector in (Detector.EMBARGO, Detector.SCALER_WINDOW):
            yield Check(detector=detector, subject=f"training of {name}", verdict=told)
        return
    yield Check(detector=Detector.EMBARGO, subject=f"quarters of {name}", verdict=_apart(lesson))
    last = lesson.folds[-1]
    train = lesson.train(last)
    fits: dict[str, tuple[Fit, int | None]] = {
        "baselines": (partial(_baselines, lesson.recipe.labels, train), None),
        "fit, calibration and drift reference": (partial(_learnt, lesson), last.train_end_ns),
    }
    for what, (fit, until_ns) in fits.items():
        verdict = _fitted(lesson, fit, train, until_ns)
        yield Check(detector=Detector.SCALER_WINDOW, subject=f"{what} of {name}", verdict=verdict)


# ---------------------------------------------------------------- labels


def _labels(subject: Subject, manifest: Manifest) -> Check:
    """Hold the labels of a training to the horizon that the bundle states."""
    config, what = manifest.labels, f"labels of {manifest.model_id}"
    found = first_finding(
        subject.windows,
        lambda bars: label_horizon(
            partial(_labelled, config, _step(subject)), bars, config.reach, cuts=_CUTS
        ),
    )
    count = sum(len(bars) for bars in subject.windows.values())
    verdict: Verdict = Clean(compared=f"{_CUTS} cuts of {count:,} rows, {config.reach} bars ahead")
    if found is not None:
        what, verdict = f"{what}: {found[0]}", found[1]
    return Check(detector=Detector.LABEL_HORIZON, subject=what, verdict=verdict)


def _labelled(config: LabelConfig, step: int, bars: BarWindow) -> Labels:
    built = dataset.build({"one": bars}, interval_ns=step, config=config, data_sha256="0" * 64)
    return built.labels


def _step(subject: Subject) -> int:
    return subject.settings.data.interval.nanoseconds


# ---------------------------------------------------------------- quarters and fits


def _lesson(subject: Subject, manifest: Manifest) -> _Lesson:
    """Bring the bundle's recipe to the stretch; raises ValueError where it does not fit there."""
    panel = dataset.build(
        subject.windows,
        interval_ns=_step(subject),
        config=manifest.labels,
        data_sha256="0" * 64,
    )
    quarter = subject.stretch.quarter_ns
    if quarter is None:
        raise ValueError("no quarter begins in the stretch, and a training goes by quarters")
    first = int(panel.ts_event.min())
    start = first + int((quarter - first) * _FIRST_TEST)
    recipe = _recipe(subject, manifest, start)
    apart = recipe.walk_forward.embargo_bars * panel.interval_ns
    return _Lesson(
        recipe=recipe,
        panel=panel,
        folds=splits.quarterly(
            int(recipe.walk_forward.start.timestamp()) * 10**9,
            int(panel.ts_event.max()) + 1,
            embargo_ns=apart,
        ),
        rows=dataset.usable(panel, manifest.window),
    )


def _recipe(subject: Subject, manifest: Manifest, start_ns: int) -> Recipe:
    """Take over all but the bars: those of the stretch, walked over from a moment within it.

    Series from outside are left out: what is joined to rows is looked at by itself.
    """
    try:
        told = Recipe.model_validate({**manifest.recipe, "data_licence": manifest.data_licence})
    except ValidationError as e:
        raise ValueError(f"its recipe is none: {sentence(e)}") from e
    families = _MADE_OF.get(
        manifest.family, tuple(n for n in told.families if n == manifest.family)
    )
    if not families:
        raise ValueError(f"its family {manifest.family} is none of its recipe's")
    walk_forward = WalkForward(
        start=datetime.fromtimestamp(start_ns // 10**9, tz=UTC),
        stride=told.walk_forward.stride,
        embargo_bars=told.walk_forward.embargo_bars,
    )
    options = {name: options for name, options in told.options.items() if name in families}
    return resolved(
        told.model_copy(
            update={
                "instruments": subject.settings.data.instruments,
                "families": families,
                "options": options,
                "champion": manifest.family,
                "challengers": (),
                "outside": (),
                "walk_forward": walk_forward,
            }
        )
    )


def _apart(lesson: _Lesson) -> Verdict:
    kept = lesson.recipe.walk_forward.embargo_bars
    count = 0
    for fold in lesson.folds:
        train, test = lesson.train(fold), splits.test_rows(lesson.panel, fold, lesson.rows)
        kept_ns = kept * lesson.panel.interval_ns
        if found := embargo(lesson.panel, train, test, embargo_ns=kept_ns):
            return found
        count += len(train) * bool(len(test))
    if not count:
        return NotApplicable(reason="no quarter has rows on both sides")
    return Clean(
        compared=f"{count:,} training rows of {len(lesson.folds)} quarters, {kept} bars apart"
    )


def _fitted(lesson: _Lesson, fit: Fit, train: IntArray, until_ns: int | None) -> Verdict:
    counted: list[int] = []

    def counting(panel: Panel) -> FloatArray:
        numbers = fit(panel)
        counted.append(len(numbers))
        return numbers

    try:
        found = scaler_window(counting, lesson.panel, train, until_ns=until_ns)
    except ModuleNotFoundError as e:
        return NotApplicable(reason=f"fitting needs the extra [train]: {e.name} is not installed")
    except ValueError as e:
        return NotApplicable(reason=f"its training cannot be gone through again: {e}")
    return found or Clean(compared=f"{counted[0]:,} numbers fitted on {len(train):,} rows")


def _baselines(config: LabelConfig, train: IntArray, panel: Panel) -> FloatArray:
    fitted: Baselines = baselines.fit(panel, train, config)
    shares = [fitted.touch, fitted.direction, fitted.turbulent]
    columns = (fitted.har, fitted.turbulent_threshold, fitted.turbulent_after)
    return np.concatenate((*columns, fitted.mfe_q, fitted.mae_q, shares))


def _learnt(lesson: _Lesson, panel: Panel) -> FloatArray:
    """Train as a training does, and give what the last quarter's model says and was scaled by."""
    with tempfile.TemporaryDirectory() as place:  # what an earlier fit left there is none
        recipe = lesson.recipe.model_copy(update={"work": Path(place)})
        material = Material(panel=panel, bars_sha256=panel.data_sha256)
        walked = learn(recipe, material, _quietly)
    learned = walked.learned[recipe.champion]
    rows = walked.train_rows[:_ASKED]
    windows = dataset.windows(lesson.panel, rows, graphs.window_of(learned.graph))
    said = graphs.run_raw(learned.graph, windows)
    calibration = learned.calibration
    slopes = [
        number
        for platt in (calibration.touch, calibration.direction, calibration.turbulent)
        for number in (platt.offset, platt.slope)
    ]
    return np.concatenate(
        [*(np.ravel(each).astype(np.float64) for each in said.values()), slopes, _scale(walked)]
    )


def _scale(walked: Walk) -> FloatArray:
    reference = training_reference(walked)
    edges = [edge for each in reference.edges for edge in each]
    return np.array([*reference.median, *reference.iqr, *edges, reference.limit])


def _quietly(_what: str, _share: float) -> None:
    """Tell nobody."""

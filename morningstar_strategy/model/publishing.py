"""From a finished walk-forward to a bundle that can be served, judged and made again."""

import hashlib
import importlib.metadata
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model import drift
from morningstar_strategy.model.bundle import (
    Draft,
    Manifest,
    feature_spec,
    publish,
    read_manifest,
)
from morningstar_strategy.model.drift import DriftReference
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.judging.card import render as render_card
from morningstar_strategy.model.judging.card_page import render as render_page
from morningstar_strategy.model.judging.evaluation import Evaluation
from morningstar_strategy.model.judging.findings import DirectionEdge
from morningstar_strategy.model.learning import graphs
from morningstar_strategy.model.learning.calibration import Calibration, Platt
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.hybrid_settings import Alternative, scale_of
from morningstar_strategy.model.learning.recipe import NETWORKS, Recipe
from morningstar_strategy.model.learning.walkforward import Walk
from morningstar_strategy.model.manifest import ALT, ALT_MASK

__all__ = [
    "LIBRARIES",
    "Span",
    "publish_walk",
    "served_words",
    "spans",
    "training_reference",
]

_GOLDEN_ROWS: Final = 8
LIBRARIES: Final = ("lightgbm", "numpy", "onnx", "onnxruntime", "onnxscript", "torch")
_ABOUT_DIRECTION: Final = 3  # words: touch, direction, and what follows from it
_EVEN_ODDS: Final = (
    "This bundle therefore serves even odds of both directions: by itself it opens no trade."
)
_EVEN: Final = Platt(offset=0.0, slope=0.0)
_EDGES: Final[tuple[DirectionEdge, ...]] = ("none", "weak", "significant")
_DIGITS: Final = 8
_MEAN: Final = "mean"  # of a network and another


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """First and last close of some rows."""

    start: datetime
    end: datetime


def publish_walk(
    recipe: Recipe,
    walk: Walk,
    evaluation: Evaluation,
    *,
    outside: Alternative | None = None,
    bundles: Path,
    cards: Path,
    created: datetime,
    code_sha256: str,
    synthetic: bool,
) -> Manifest:
    """Make a bundle of what the last quarter's training made of the evaluation's champion.

    Its folder in `bundles` is named after family, interval, end of training and a hash of all that
    it says, so one that is there already is the same and stays. Its card with pictures, which
    would be most of the bundle, is a file of that name in `cards`. `outside` is what the networks
    were fed beside the bars.
    """
    family = evaluation.champion
    learned = walk.learned[family]
    calibration = _served(learned.calibration, evaluation.direction_edge, recipe)
    words = served_words(evaluation, recipe)
    evaluation = evaluation.model_copy(update={"plain_words": words})
    graph = graphs.finish(learned.graph, calibration)
    reference = training_reference(walk)
    trained, tested = spans(walk)
    draft = Draft(
        model_id=_model_id(recipe, evaluation, trained.end, graph),
        family=family,
        interval=recipe.interval,
        window=graphs.window_of(graph),
        instruments=recipe.instruments,
        created=created,
        life_days=recipe.life_days,
        labels=recipe.labels,
        features=feature_spec(reference),
        train_start=trained.start,
        train_end=trained.end,
        test_start=tested.start,
        test_end=tested.end,
        data_sha256=walk.panel.data_sha256,
        data_licence=recipe.data_licence,
        synthetic=synthetic,
        recipe=recipe.essence(),
        seed=recipe.seed,
        trials=evaluation.economics.trials,
        code_sha256=code_sha256,
        versions=_versions(),
        calibration={
            head: (platt.offset, platt.slope)
            for head in ("touch", "direction", "turbulent")
            for platt in (getattr(calibration, head),)
        },
        metrics=evaluation.metrics,
        direction_edge=evaluation.direction_edge,
        plain_words=evaluation.plain_words,
        tolerance=recipe.tolerance,
    )
    folder = bundles / draft.model_id
    manifest = (
        read_manifest(folder)
        if folder.exists()
        else publish(
            folder,
            graph=graph,
            draft=draft,
            golden=_golden(reference, draft.window, recipe.seed),
            card=render_card(draft, evaluation),
            beside=_beside(walk, outside, recipe) if family in _fed(recipe) else None,
        )
    )
    cards.mkdir(parents=True, exist_ok=True)
    page = render_page(draft, evaluation)
    (cards / f"{draft.model_id}.html").write_text(page, encoding="utf-8")
    return manifest


def served_words(evaluation: Evaluation, recipe: Recipe) -> tuple[str, ...]:
    """Give what was measured in plain words, and what the bundle makes of it."""
    words = (*evaluation.plain_words, *_about_outside(recipe))
    if _serves_direction(evaluation.direction_edge, recipe):
        return words
    return (*words[:_ABOUT_DIRECTION], _EVEN_ODDS, *words[_ABOUT_DIRECTION:])


def _about_outside(recipe: Recipe) -> tuple[str, ...]:
    """Say who was fed what beside the bars."""
    if not recipe.outside:
        return ()
    fed = _fed(recipe)
    bare = [name for name in recipe.families if name not in fed]
    others = f"; {', '.join(bare)}, unable to take more, learnt from bars alone" if bare else ""
    return (
        f"Beside the bars {', '.join(fed)} learnt from {', '.join(recipe.outside)}, as known at "
        f"each bar's close{others}.",
    )


def _fed(recipe: Recipe) -> tuple[str, ...]:
    """Name the families whose graphs take series from outside."""
    taking = (*NETWORKS, _MEAN) if recipe.outside else ()
    return tuple(name for name in recipe.families if name in taking)


def spans(walk: Walk) -> tuple[Span, Span]:
    """Give what the last training looked at, and the bars after it."""
    return _train_span(walk), _test_span(walk)


def _serves_direction(edge: DirectionEdge, recipe: Recipe) -> bool:
    return _EDGES.index(edge) >= _EDGES.index(recipe.serve_direction_from)


def _served(calibration: Calibration, edge: DirectionEdge, recipe: Recipe) -> Calibration:
    """Give even odds of both directions where the edge is too weak to be served."""
    return calibration if _serves_direction(edge, recipe) else replace(calibration, direction=_EVEN)


def _model_id(recipe: Recipe, evaluation: Evaluation, trained_to: datetime, graph: bytes) -> str:
    told = json.dumps(recipe.essence(), sort_keys=True) + evaluation.model_dump_json()
    content = hashlib.sha256(graph + told.encode()).hexdigest()[:_DIGITS]
    return f"{evaluation.champion}-{recipe.interval}-{trained_to:%Y%m%d}-{content}"


def training_reference(walk: Walk) -> DriftReference:
    """Learn how the features were distributed over every bar of the last training span."""
    panel, last = walk.panel, int(walk.panel.ts_event[walk.train_rows].max())
    return drift.fit([_series(panel, number, last) for number in range(len(panel.instruments))])


def _series(panel: Panel, number: int, last_ns: int) -> Float32Array:
    series: Float32Array = panel.features[
        (panel.instrument == number) & (panel.ts_event <= last_ns)
    ]
    return series


def _train_span(walk: Walk) -> Span:
    """Give the span of everything the last training looked at, its labels' ends included."""
    first = int(walk.panel.ts_event[walk.train_rows].min())
    return Span(start=_moment(first), end=_moment(walk.folds[-1].train_end_ns))


def _test_span(walk: Walk) -> Span:
    last = int(walk.panel.ts_event[walk.oos.rows].max())
    return Span(start=_moment(walk.folds[-1].test_start_ns), end=_moment(last))


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def _golden(reference: DriftReference, window: int, seed: int) -> Float32Array:
    """Draw windows like the training's features; no recorded bar goes into a bundle."""
    rng = np.random.default_rng(seed)
    median, iqr = np.asarray(reference.median), np.asarray(reference.iqr)
    drawn: FloatArray = rng.normal(size=(_GOLDEN_ROWS, window, len(median)))
    return (median + 0.75 * iqr * drawn).astype(np.float32)


def _beside(walk: Walk, outside: Alternative | None, recipe: Recipe) -> dict[str, Float32Array]:
    """Draw numbers like the series', every second one unknown; none that was recorded."""
    if outside is None:
        return {}
    rows = walk.train_rows
    centre, spread = scale_of(np.where(outside.known[rows], outside.values[rows], np.nan))
    rng = np.random.default_rng(recipe.seed)
    drawn: FloatArray = rng.normal(size=(_GOLDEN_ROWS, len(outside.names)))
    known = np.add.outer(np.arange(_GOLDEN_ROWS), np.arange(len(outside.names))) % 2 == 0
    values = np.where(known, centre + 0.75 * spread * drawn, 0.0)
    return {ALT: values.astype(np.float32), ALT_MASK: known.astype(np.float32)}

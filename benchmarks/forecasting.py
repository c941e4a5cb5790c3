"""How fast a model bundle forecasts: many windows at once, bar by bar, and in a fresh process."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks.bundles import Bundle
from benchmarks.features import Figure
from benchmarks.serving import keep, started
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.model.bundle import MorningstarModel
from morningstar_strategy.model.forecasts import StreamForecaster, tabulate
from morningstar_strategy.model.predictor import BundlePredictor

BATCH_SECS: Final = 60.0
BAR_US: Final = 1_000.0
START_SECS: Final = 1.5
START_MIB: Final = 150.0

_MILLION: Final = 1_000_000
_THREADS: Final = 2
_HISTORY: Final = 4_096  # bars: more than warm-up, a model's window and its drift watch need


def batch_figures(bundle: Bundle, bars: BarWindow, *, rounds: int) -> list[Figure]:
    """Time the forecasts of all bars at once, scaled to a million; the best round counts."""
    predictor = BundlePredictor(MorningstarModel(bundle.folder))
    windows = len(bars) - (WARMUP - 1) - (bundle.window - 1)
    scale = _MILLION / windows
    tabulate(predictor, bars[: 2 * WARMUP], threads=_THREADS)  # compiled once, on disk ever after
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        tabulate(predictor, bars, threads=_THREADS)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    what = f"{bundle.label}: a million windows"
    return [
        Figure(f"{what}, {_THREADS} threads", min(walls) * scale, "s", BATCH_SECS),
        Figure(f"{what}, CPU", min(cpus) * scale, "s"),
    ]


def bar_figures(bundle: Bundle, bars: BarWindow) -> list[Figure]:
    """Time bars that come one by one after some history: features, inference, prediction."""
    predictor = BundlePredictor(MorningstarModel(bundle.folder))
    absorb = StreamForecaster("timed", predictor, bars[:_HISTORY]).absorb
    taken, silent = [], 0
    for row in bars[_HISTORY:].rows():
        start = time.perf_counter_ns()
        prediction = absorb(*row)
        taken.append(time.perf_counter_ns() - start)
        silent += prediction is None
    if silent or not taken:
        raise RuntimeError(f"every bar must be forecast, {silent} of {len(taken)} were not")
    half, most = np.quantile(taken, (0.5, 0.99)) / 1e3
    what = f"{bundle.label}: bar to prediction"
    return [
        Figure(f"{what}, p50", float(half), "µs", BAR_US),
        Figure(f"{what}, p99", float(most), "µs", BAR_US),
    ]


def start_figures(
    bundles: Sequence[Bundle], bars: BarWindow, place: Path, *, starts: int
) -> list[Figure]:
    """Time processes that forecast once, without a model and with each bundle, in turn.

    Give the median start of each: the very first may compile what is on disk ever after.
    """
    file = place / "bars.npz"
    keep(bars[-_HISTORY:], file)
    folders = (None, *(bundle.folder for bundle in bundles))
    rounds = [[started(file, folder) for folder in folders] for _ in range(starts)]
    walls, peaks = (
        [median(getattr(turn[way], name) for turn in rounds) for way in range(len(folders))]
        for name in ("wall_secs", "peak_mib")
    )
    found = [
        Figure("no model: start to first forecast", walls[0], "s"),
        Figure("no model: peak memory", peaks[0], "MiB"),
    ]
    for bundle, wall, peak in zip(bundles, walls[1:], peaks[1:], strict=True):
        found += [
            Figure(f"{bundle.label}: start to first forecast", wall, "s", START_SECS),
            Figure(f"{bundle.label}: memory beyond no model", peak - peaks[0], "MiB", START_MIB),
        ]
    return found

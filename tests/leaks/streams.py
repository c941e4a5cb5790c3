"""Planted leaks between training and serving: a row that is learnt is not the row that is asked."""

from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector
from backtests.leaks.rows import BITS, Compute, batch_against_stream
from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, FeatureStream, batch
from tests.leaks.features import momentum
from tests.leaks.planting import Plant
from tests.rows import walk

__all__ = ["STREAMS"]

_BARS: Final = walk(7, WARMUP + 60)
_WEIGHT: Final = 0.1


def smoothed(bars: BarWindow) -> FloatArray:
    """Smooth the closes as a stream does, from the first of them on."""
    out, value = np.empty(len(bars)), float(bars.close[0])
    for at, close in enumerate(bars.close.tolist()):
        value += _WEIGHT * (close - value)
        out[at] = value
    return out


def smoothed_with_adjusted_weights(bars: BarWindow) -> FloatArray:
    """Smooth as a table does that divides by the weights so far."""
    total = weights = 0.0
    out = np.empty(len(bars))
    for at, close in enumerate(bars.close.tolist()):
        total, weights = close + (1.0 - _WEIGHT) * total, 1.0 + (1.0 - _WEIGHT) * weights
        out[at] = total / weights
    return out


def served(bars: BarWindow) -> FloatArray:
    stream, out = FeatureStream(), np.full((len(bars), len(NAMES)), np.nan)
    for at, row in enumerate(bars.rows()):
        if stream.update(*row):
            out[at] = stream.vector
    return out


def one_bar_late(bars: BarWindow) -> FloatArray:
    table = served(bars)
    return np.concatenate((table[:1], table[:-1]))


def in_single_precision(bars: BarWindow) -> FloatArray:
    return served(bars).astype(np.float32).astype(np.float64)


def from_half_the_history(bars: BarWindow) -> FloatArray:
    """Start the stream late, as a node does that was given too few bars."""
    table = np.full((len(bars), len(NAMES)), np.nan)
    table[20:] = served(bars[20:])
    return table


def shuffled_rows(bars: BarWindow) -> FloatArray:
    """Shuffle what is learnt from without what it is to be joined with."""
    table = batch(bars)
    warm = np.arange(WARMUP - 1, len(bars))
    table[warm] = table[np.random.default_rng(3).permutation(warm)]
    return table


def restated_volume(bars: BarWindow) -> FloatArray:
    """Learn from volumes that were restated, and be asked with those first told."""
    return momentum(bars) + 1e-9 * np.round(bars.volume, 1)


def told_volume(bars: BarWindow) -> FloatArray:
    return momentum(bars) + 1e-9 * bars.volume


def _plant(name: str, learnt: Compute, asked: Compute, *, leaks: bool = True) -> Plant:
    return Plant(
        name=name,
        detector=Detector.BATCH_AGAINST_STREAM if leaks else None,
        find=partial(batch_against_stream, learnt, asked, _BARS, BITS),
    )


STREAMS: Final = (
    _plant("stream smoothed from another start", smoothed_with_adjusted_weights, smoothed),
    _plant("stream one bar late", batch, one_bar_late),
    _plant("stream in single precision", batch, in_single_precision),
    _plant("stream with too short a history", batch, from_half_the_history),
    _plant("shuffled rows", shuffled_rows, served),
    _plant("bars restated after they were served", restated_volume, told_volume),
    _plant("features as they are", batch, served, leaks=False),
)

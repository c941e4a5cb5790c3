"""Planted leaks of labels: they look further than they say."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector, Finding
from backtests.leaks.learning import label_horizon
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.model.learning.labels import Labels, label
from tests.leaks.features import returns
from tests.leaks.planting import Plant, named
from tests.rows import SMALL, sigma_of, walk

__all__ = ["LABELS", "LABEL_LEAKS", "honest"]

type LabelFn = Callable[[BarWindow], Labels]


def honest(bars: BarWindow) -> Labels:
    return label(bars, sigma_of(bars), SMALL)


def looking_one_bar_too_far(bars: BarWindow) -> Labels:
    further = replace(SMALL, horizon=SMALL.regime_horizon + 1)
    scale = np.sqrt(SMALL.horizon / further.horizon)
    got, longer = honest(bars), label(bars, sigma_of(bars) * scale, further)
    return replace(got, mfe=np.where(longer.valid, longer.mfe, got.mfe))


def touch_one_bar_too_far(bars: BarWindow) -> Labels:
    wide = replace(SMALL, horizon=SMALL.regime_horizon, barrier_sigmas=3.0)
    got = label(bars, sigma_of(bars), wide)
    later = np.roll(got.touch, -1)
    later[-1] = -1
    return replace(got, touch=later)


def variance_one_bar_too_far(bars: BarWindow) -> Labels:
    got = honest(bars)
    return replace(got, rv_long=np.append(got.rv_long[1:], np.nan))


def understated_end(bars: BarWindow) -> Labels:
    got, step = honest(bars), int(bars.ts_event[1] - bars.ts_event[0])
    return replace(got, t_end=np.where(got.valid, got.t_end - step, got.t_end))


def end_of_the_signal_only(bars: BarWindow) -> Labels:
    got, rows = honest(bars), np.flatnonzero(honest(bars).valid)
    t_end = got.t_end.copy()
    t_end[rows] = bars.ts_event[rows + SMALL.horizon]  # forgets that the regime looks further
    return replace(got, t_end=t_end)


def scale_of_the_whole_series(bars: BarWindow) -> Labels:
    moves = returns(bars)
    return label(bars, np.full(len(bars), moves.std()), SMALL)


def variance_behind_that_includes_the_next_bar(bars: BarWindow) -> Labels:
    got = honest(bars)
    return replace(got, rv_past=np.append(got.rv_past[1:], np.nan))


LABEL_LEAKS: Final = (
    looking_one_bar_too_far,
    touch_one_bar_too_far,
    variance_one_bar_too_far,
    understated_end,
    end_of_the_signal_only,
    scale_of_the_whole_series,
    variance_behind_that_includes_the_next_bar,
)


def _find(label_fn: LabelFn) -> Callable[[], Finding | None]:
    return partial(label_horizon, label_fn, walk(1, WARMUP + 150), SMALL.reach)


LABELS: Final = (
    *(
        Plant(name=named(each), detector=Detector.LABEL_HORIZON, find=_find(each))
        for each in LABEL_LEAKS
    ),
    Plant(name="labels as they are", detector=None, find=_find(honest)),
)

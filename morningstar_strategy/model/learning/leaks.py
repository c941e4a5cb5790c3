"""Look-ahead detectors: does anything that must not know the future change with it?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.labels import NEVER, Labels

__all__ = [
    "Compute",
    "Finding",
    "future_shock",
    "label_horizon",
    "look_ahead",
    "prefix_invariance",
    "responds",
    "scaler_window",
    "split_leak",
]

type Compute = Callable[[BarWindow], FloatArray]  # [bars] or [bars, columns]

_RTOL: Final = 1e-9
_ATOL: Final = 1e-12
_CUTS: Final = 24
_FACTORS: Final = (3.0, 1.0 / 3.0)
_BEHIND: Final = ("rv_past", "scale", "barrier")
_AHEAD: Final = tuple(
    item.name for item in fields(Labels) if item.name not in (*_BEHIND, "t_end", "valid")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One leak: who found it, where it shows first and what it means."""

    detector: str
    row: int  # the first bar, row or number that knows the future
    columns: tuple[str, ...]  # what leaks there: column numbers or names
    message: str

    def __str__(self) -> str:
        return self.message


def prefix_invariance(compute: Compute, bars: BarWindow, cuts: Sequence[int]) -> Finding | None:
    """Find a row that changes when the bars after it are taken away.

    Each cut is a number of bars kept; raises ValueError for one outside the series.
    """
    whole = _table(compute(bars), len(bars))
    for cut in cuts:
        if not 0 < cut < len(bars):
            raise ValueError(f"cuts must be in [1, {len(bars) - 1}], held {cut}")
        part = _table(compute(bars[:cut]), cut)
        event = f"the bars from {cut} on are removed"
        if found := _difference("prefix_invariance", whole[:cut], part, event):
            return found
    return None


def future_shock(compute: Compute, bars: BarWindow, at: int) -> Finding | None:
    """Find a row before bar `at` that changes when the bars from `at` on become others."""
    before = _table(compute(bars), len(bars))[:at]
    for factor in _FACTORS:
        after = _table(compute(_shocked(bars, at, factor)), len(bars))[:at]
        event = f"the bars from {at} on are shocked"
        if found := _difference("future_shock", before, after, event):
            return found
    return None


def look_ahead(compute: Compute, bars: BarWindow, cuts: Sequence[int]) -> Finding | None:
    """Look for a leak both ways at every cut: each detector misses some that the other finds.

    Removal misses an extreme that already happened; a shock misses what a fill takes from further
    on. Cuts should be odd and even, and lie inside days as well as between them.
    """
    if found := prefix_invariance(compute, bars, cuts):
        return found
    return next((found for at in cuts if (found := future_shock(compute, bars, at))), None)


def responds(compute: Compute, bars: BarWindow, at: int) -> bool:
    """Say whether row `at` reacts to its own bar: a detector proves nothing about the dead."""
    before = _table(compute(bars), len(bars))[at]
    after = _table(compute(_shocked(bars, at, _FACTORS[0])), len(bars))[at]
    return bool(_changed(before, after).any())


def label_horizon(
    label_fn: Callable[[BarWindow], Labels], bars: BarWindow, horizon: int
) -> Finding | None:
    """Find a label that looks further than `horizon` bars, or than its own `t_end` says.

    What looks back only (`scale`, `barrier`, `rv_past`) must not change with any later bar, not
    even within the horizon.
    """
    whole = label_fn(bars)
    table, causal = _label_table(whole), _causal_table(whole)
    t_end = np.where(whole.valid, whole.t_end, NEVER)
    rows = np.arange(len(bars))
    cuts = np.linspace(horizon + 1, len(bars) - 1, _CUTS).astype(np.int64)
    for index, at in enumerate(np.unique(cuts).tolist()):
        other = label_fn(_shocked(bars, at, _FACTORS[index % 2]))
        known = (rows + horizon < at) | (t_end < bars.ts_event[at])
        changed = _changed(table, _label_table(other)) & known[:, None] & whole.valid[:, None]
        if changed.any():
            return _label_finding(changed, _AHEAD, f"must be known before bar {at}, which moved it")
        early = _changed(causal, _causal_table(other))[:at]
        if early.any():
            return _label_finding(early, _BEHIND, f"looks back only, yet bar {at} moved it")
    return None


def scaler_window(
    fit: Callable[[Panel], FloatArray], panel: Panel, train: IntArray
) -> Finding | None:
    """Find a fitted number that changes when rows after the training rows do.

    `fit` gives its numbers as one flat array. Features of bars after the last training row are
    made others, and so are labels that end after those of the training rows.
    """
    if not len(train):
        raise ValueError("train must have rows, was empty")
    before = np.ravel(fit(panel))[:, None]
    after = np.ravel(fit(_altered(panel, train)))[:, None]
    if before.shape != after.shape:
        raise ValueError(f"fit must give {len(before)} numbers again, gave {len(after)}")
    return _difference("scaler_window", before, after, "rows after the training are altered")


def split_leak(
    panel: Panel, train: IntArray, test: IntArray, *, embargo_ns: int = 0
) -> Finding | None:
    """Find a training row whose label is not over before the test, less the embargo, begins."""
    if embargo_ns < 0:
        raise ValueError(f"embargo_ns must not be negative, was {embargo_ns}")
    if not len(train) or not len(test):
        return None
    shared = np.intersect1d(train, test)
    if len(shared):
        return _split_finding(int(shared[0]), f"row {shared[0]} is in train and in test")
    limit = int(panel.ts_event[test].min()) - embargo_ns
    late = panel.labels.t_end[train] >= limit
    if not late.any():
        return None
    row = int(train[np.argmax(late)])
    end = int(panel.labels.t_end[row])
    return _split_finding(row, f"row {row} of train has a label until {end}, must end by {limit}")


def _split_finding(row: int, message: str) -> Finding:
    return Finding(detector="split_leak", row=row, columns=("t_end",), message=message)


def _table(values: FloatArray, count: int) -> FloatArray:
    table = values[:, None] if values.ndim == 1 else values
    if len(table) != count:
        raise ValueError(f"compute must give {count} rows, gave {len(table)}")
    return table


def _changed(before: FloatArray, after: FloatArray) -> npt.NDArray[np.bool_]:
    return ~np.isclose(before, after, rtol=_RTOL, atol=_ATOL, equal_nan=True)


def _difference(detector: str, before: FloatArray, after: FloatArray, event: str) -> Finding | None:
    changed = _changed(before, after)
    if not changed.any():
        return None
    row = int(np.argmax(changed.any(axis=1)))
    columns = tuple(str(column) for column in np.flatnonzero(changed.any(axis=0)))
    return Finding(
        detector=detector,
        row=row,
        columns=columns,
        message=f"row {row} changes in column {', '.join(columns)} when {event}",
    )


def _shocked(bars: BarWindow, at: int, factor: float) -> BarWindow:
    """Make the bars from `at` on others: level, returns, ranges and volumes."""
    if not 0 <= at < len(bars):
        raise ValueError(f"at must be in [0, {len(bars) - 1}], was {at}")
    later = np.arange(len(bars)) >= at
    wave = np.ones(len(bars))
    # A constant factor would leave every later return as it was
    wave[at:] = factor * np.exp(0.3 * np.sin(1.7 * np.arange(1, len(bars) - at + 1)))
    open_, low, high = (
        bars.open * wave,
        bars.low * wave,
        bars.high * wave * np.where(later, 1.01, 1.0),
    )
    middle = np.clip(np.sqrt(high * low), low, high)
    return BarWindow(
        ts_event=bars.ts_event,
        open=open_,
        high=high,
        low=low,
        close=np.where(later, middle, bars.close),
        volume=np.where(later, 50.0 * wave * bars.volume + 1.0, bars.volume),
    )


def _label_table(labels: Labels) -> FloatArray:
    return np.column_stack([getattr(labels, name).astype(np.float64) for name in _AHEAD])


def _causal_table(labels: Labels) -> FloatArray:
    return np.column_stack([getattr(labels, name) for name in _BEHIND])


def _label_finding(changed: npt.NDArray[np.bool_], names: tuple[str, ...], reason: str) -> Finding:
    row = int(np.argmax(changed.any(axis=1)))
    columns = tuple(names[column] for column in np.flatnonzero(changed.any(axis=0)))
    return Finding(
        detector="label_horizon",
        row=row,
        columns=columns,
        message=f"label {', '.join(columns)} of row {row} {reason}",
    )


def _altered(panel: Panel, train: IntArray) -> Panel:
    """Give the panel another future than the training rows may know."""
    later = panel.ts_event > int(panel.ts_event[train].max())
    table = panel.features.copy()
    table[later] = table[later] * np.float32(-7.0) + np.float32(3.0)
    labels = panel.labels
    beyond = ~labels.valid | (labels.t_end > int(labels.t_end[train].max()))
    ahead = {name: getattr(labels, name) for name in _AHEAD}
    columns = {
        name: np.where(beyond, 3 * column + 1, column).astype(column.dtype)
        for name, column in ahead.items()
    }
    columns["touch"] = np.where(beyond, 1 - labels.touch, labels.touch)
    columns["up"] = np.where(beyond, 1 - labels.up, labels.up)
    return replace(panel, features=table, labels=replace(labels, **columns))

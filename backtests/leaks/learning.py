"""Detectors of learning: labels, what is fitted on which rows, and what a test is kept apart by."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Final

import numpy as np

from backtests.leaks.findings import BoolArray, Detector, Finding, first_change, listed
from backtests.leaks.futures import FACTORS, shocked
from backtests.leaks.rows import PLAIN
from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.labels import NEVER, Labels

__all__ = ["Fit", "embargo", "label_horizon", "scaler_window"]

type Fit = Callable[[Panel], FloatArray]  # all that is fitted, as one flat array

_CUTS: Final = 24
_BEHIND: Final = ("rv_past", "scale", "barrier")
_AHEAD: Final = tuple(
    item.name for item in fields(Labels) if item.name not in (*_BEHIND, "t_end", "valid")
)


def label_horizon(
    label_fn: Callable[[BarWindow], Labels], bars: BarWindow, horizon: int, *, cuts: int = _CUTS
) -> Finding | None:
    """Find a label that looks further than `horizon` bars, or than its own `t_end` says.

    What looks back only (`scale`, `barrier`, `rv_past`) must not change with any later bar, not
    even within the horizon. Labels may be of the newest bars only, as those of a panel are.
    """
    whole = label_fn(bars)
    first = len(bars) - len(whole)
    table, causal = _table(whole, _AHEAD), _table(whole, _BEHIND)
    t_end = np.where(whole.valid, whole.t_end, NEVER)
    rows = np.arange(first, len(bars))
    places = np.linspace(first + horizon + 1, len(bars) - 1, cuts).astype(np.int64)
    for index, at in enumerate(np.unique(places).tolist()):
        other = label_fn(shocked(bars, at, FACTORS[index % 2]))
        after, behind = _table(other, _AHEAD), _table(other, _BEHIND)
        known = (rows + horizon < at) | (t_end < bars.ts_event[at])
        changed = PLAIN.changed(table, after) & known[:, None] & whole.valid[:, None]
        reason = f"must be known before bar {at}, which moved it"
        if found := _label_finding(changed, table, after, _AHEAD, rows, reason):
            return found
        early = PLAIN.changed(causal, behind) & (rows < at)[:, None]
        reason = f"looks back only, yet bar {at} moved it"
        if found := _label_finding(early, causal, behind, _BEHIND, rows, reason):
            return found
    return None


def scaler_window(
    fit: Fit, panel: Panel, train: IntArray, *, until_ns: int | None = None
) -> Finding | None:
    """Find a fitted number that changes when rows after the training rows do.

    `fit` gives its numbers as one flat array. Features of bars after the last training row are
    made others, and so are labels that end after those of the training rows, each alone and both
    together, since one may hide the other; with `until_ns` those from that moment on, where more
    than the training rows may be known.
    """
    if not len(train):
        raise ValueError("train must have rows, was empty")
    last, ended = int(panel.ts_event[train].max()), int(panel.labels.t_end[train].max())
    if until_ns is not None:
        last = ended = until_ns - 1
    before = np.ravel(fit(panel))[:, None]
    for what, other in _others(panel, last, ended):
        after = np.ravel(fit(other))[:, None]
        if before.shape != after.shape:
            raise ValueError(f"fit must give {len(before)} numbers again, gave {len(after)}")
        changed = PLAIN.changed(before, after)
        event = f"{what} after the training are altered"
        if found := first_change(Detector.SCALER_WINDOW, changed, before, after, event=event):
            return found
    return None


def embargo(
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
    message = f"row {row} of train has a label until {end}, must end before {limit}"
    return _split_finding(row, message, was=f"{end}", became=f"{limit}")


def _split_finding(row: int, message: str, *, was: str = "", became: str = "") -> Finding:
    return Finding(
        detector=Detector.EMBARGO,
        row=row,
        columns=("t_end",),
        message=message,
        was=was,
        became=became,
    )


def _table(labels: Labels, names: tuple[str, ...]) -> FloatArray:
    return np.column_stack([getattr(labels, name).astype(np.float64) for name in names])


def _label_finding(
    changed: BoolArray,
    before: FloatArray,
    after: FloatArray,
    names: tuple[str, ...],
    rows: IntArray,
    reason: str,
) -> Finding | None:
    found = first_change(
        Detector.LABEL_HORIZON, changed, before, after, event=reason, names=names, rows=rows
    )
    if found is None:
        return None
    message = f"label {listed(found.columns)} of row {found.row} {reason}"
    return replace(found, message=message)


def _others(panel: Panel, last_ns: int, ended_ns: int) -> Iterator[tuple[str, Panel]]:
    """Give the panel other features after a moment, and other labels that end after another."""
    moved = replace(panel, features=_moved(panel, last_ns))
    labels = _relabelled(panel.labels, ended_ns)
    yield "features and labels", replace(moved, labels=labels)
    yield "labels", replace(panel, labels=labels)
    yield "features", moved


def _moved(panel: Panel, last_ns: int) -> Float32Array:
    """Stretch later rows by one factor or another: the same for all would leave correlations."""
    factor = np.float32(-2.0) * (1 + np.arange(len(panel), dtype=np.float32) % 5)
    moved = panel.features * factor[:, None] + np.float32(3.0)
    later = panel.ts_event > last_ns
    return np.where(later[:, None], moved, panel.features)


def _relabelled(labels: Labels, ended_ns: int) -> Labels:
    """Tell other outcomes, and turn two touches of three round: all of them would be a mirror."""
    beyond = ~labels.valid | (labels.t_end > ended_ns)
    rows = np.arange(len(labels))
    ahead = {name: getattr(labels, name) for name in _AHEAD}
    columns = {
        name: np.where(beyond, (2 + rows % 5) * column + 1, column).astype(column.dtype)
        for name, column in ahead.items()
    }
    turned = beyond & (rows % 3 != 0)
    for name in ("touch", "up"):
        columns[name] = np.where(turned, 1 - ahead[name], ahead[name]).astype(ahead[name].dtype)
    return replace(labels, **columns)

"""Rows to learn from: features and labels of every warm bar of several instruments."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core import features
from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.learning import barfiles
from morningstar_strategy.model.learning.labels import NEVER, LabelConfig, Labels, label

__all__ = ["Panel", "build", "load", "usable", "window_blocks", "windows"]

_SIGMA: Final = features.index_of("volatility_96")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """All warm bars of several instruments, one instrument after another, each in time order."""

    instruments: tuple[str, ...]
    interval_ns: int
    horizon: int  # bars
    features: Float32Array  # [M, F]
    instrument: npt.NDArray[np.int16]  # [M], index into instruments
    ts_event: IntArray  # [M], ns, close of the bar
    close: FloatArray  # [M]
    age: npt.NDArray[np.int32]  # [M], warm bars of the instrument up to this one, itself included
    labels: Labels  # [M]
    data_sha256: str

    def __post_init__(self) -> None:
        count = len(self.ts_event)
        if self.interval_ns <= 0:
            raise ValueError(f"interval_ns must be positive, was {self.interval_ns}")
        if self.features.shape != (count, len(features.NAMES)):
            wanted = (count, len(features.NAMES))
            raise ValueError(f"features must have shape {wanted}, was {self.features.shape}")
        for name in ("instrument", "close", "age", "labels"):
            if (length := len(getattr(self, name))) != count:
                raise ValueError(f"{name} must have {count} rows, had {length}")
        for name in ("features", "instrument", "ts_event", "close", "age"):
            getattr(self, name).setflags(write=False)

    def __len__(self) -> int:
        return len(self.ts_event)


def load(
    catalog: Path,
    instruments: Sequence[str],
    interval: str,
    config: LabelConfig,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> Panel:
    """Build the panel of a catalog's bars, from close time to close time, both included.

    Raises ValueError in one sentence where the catalog lacks a series.
    """
    bars: dict[str, BarWindow] = {}
    total = hashlib.sha256()
    for name in instruments:
        bar_type = barfiles.bar_type(name, interval)
        bars[name], digest = barfiles.read_bars(catalog, bar_type, start_ns=start_ns, end_ns=end_ns)
        total.update(f"{digest}\n".encode())
    step = barfiles.interval_ns(interval)
    return build(bars, interval_ns=step, config=config, data_sha256=total.hexdigest())


def build(
    bars: Mapping[str, BarWindow], *, interval_ns: int, config: LabelConfig, data_sha256: str
) -> Panel:
    """Build the panel of some series, in the order given; raises ValueError for one too short."""
    if not bars:
        raise ValueError("instruments must name at least one, was empty")
    pieces = [
        _piece(name, series, index, interval_ns, config, data_sha256)
        for index, (name, series) in enumerate(bars.items())
    ]
    joined = {
        name: np.concatenate([getattr(piece, name) for piece in pieces])
        for name in ("features", "instrument", "ts_event", "close", "age")
    }
    columns = {
        item.name: np.concatenate([getattr(piece.labels, item.name) for piece in pieces])
        for item in fields(Labels)
    }
    return Panel(
        instruments=tuple(bars),
        interval_ns=interval_ns,
        horizon=config.horizon,
        labels=Labels(**columns),
        data_sha256=data_sha256,
        **joined,
    )


def _piece(
    name: str,
    bars: BarWindow,
    index: int,
    interval_ns: int,
    config: LabelConfig,
    data_sha256: str,
) -> Panel:
    """Build the rows of one instrument."""
    first = features.WARMUP - 1
    if len(bars) <= first:
        raise ValueError(f"{name} must have at least {features.WARMUP} bars, had {len(bars)}")
    if config.regime_horizon > first:
        raise ValueError(f"regime_horizon must be at most {first}, was {config.regime_horizon}")
    vectors = features.batch(bars)
    labels = label(bars, np.ascontiguousarray(vectors[:, _SIGMA]), config)
    labels = _within_whole_spans(labels, bars.ts_event, interval_ns, config)
    count = len(bars) - first
    return Panel(
        instruments=(name,),
        interval_ns=interval_ns,
        horizon=config.horizon,
        features=vectors[first:].astype(np.float32),
        instrument=np.full(count, index, np.int16),
        ts_event=bars.ts_event[first:],
        close=bars.close[first:],
        age=np.arange(1, count + 1, dtype=np.int32),
        labels=labels.take(np.arange(first, len(bars))),
        data_sha256=data_sha256,
    )


def _within_whole_spans(
    labels: Labels, ts_event: IntArray, interval_ns: int, config: LabelConfig
) -> Labels:
    """Leave out the rows whose labels or trailing variance would reach across missing bars.

    A horizon of bars that spans a hole is no horizon of time, and the move across it is no
    volatility.
    """
    whole = np.zeros(len(ts_event), np.bool_)
    behind, ahead = config.regime_horizon, config.reach
    if len(ts_event) > behind + ahead:
        spans = ts_event[behind + ahead :] - ts_event[: -(behind + ahead)]
        whole[behind:-ahead] = spans == (behind + ahead) * interval_ns
    valid = labels.valid & whole
    return replace(labels, valid=valid, t_end=np.where(valid, labels.t_end, NEVER))


def usable(panel: Panel, window: int) -> IntArray:
    """List the rows that have a full window of features behind them and all labels ahead."""
    if window < 1:
        raise ValueError(f"window must be at least 1, was {window}")
    return np.flatnonzero((panel.age >= window) & panel.labels.valid).astype(np.int64)


def windows(panel: Panel, rows: IntArray, length: int) -> Float32Array:
    """Copy the last `length` feature vectors up to each row, shape [N, length, F].

    Raises ValueError for a row whose instrument has not been warm that long.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1, was {length}")
    young = panel.age[rows] < length
    if young.any():
        row = int(rows[np.argmax(young)])
        raise ValueError(f"age of row {row} must be at least {length}, was {panel.age[row]}")
    copied: Float32Array = np.take(panel.features, rows[:, None] + np.arange(1 - length, 1), axis=0)
    return copied


def window_blocks(
    panel: Panel, rows: IntArray, length: int, *, block: int = 4096
) -> Iterator[Float32Array]:
    """Yield the windows of the rows in blocks, to spare memory."""
    if block < 1:
        raise ValueError(f"block must be at least 1, was {block}")
    for start in range(0, len(rows), block):
        yield windows(panel, rows[start : start + block], length)

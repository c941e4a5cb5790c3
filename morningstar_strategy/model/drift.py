"""Whether today's features still look like those a model was trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray

__all__ = ["ALARM", "BINS", "DriftReference", "DriftWatch", "fit", "outliers"]

type BoolArray = npt.NDArray[np.bool_]

ALARM: Final = 0.25  # population stability index from which one feature has drifted
BINS: Final = 10
FAR: Final = 5.0  # interquartile ranges from the median beyond which a value is an outlier
_ATOM: Final = 0.02  # share of rows with one value from which a feature is not watched
_WINDOW: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReference:
    """How the features of the training rows were distributed.

    Textbook limits cry wolf on features that resemble their neighbours in time, so `limit` and
    `max_outliers` are what windows and rows of the training span itself hardly ever exceed.
    """

    edges: tuple[tuple[float, ...], ...]  # of a feature: nine rising deciles, or none: not watched
    median: tuple[float, ...]
    iqr: tuple[float, ...]  # 0 for a feature whose outliers cannot be told
    window: int  # vectors that are compared with the training's distribution
    limit: float  # share of the watched features that may have drifted
    max_outliers: int  # features of one vector that may lie far outside

    def __post_init__(self) -> None:
        count = len(self.median)
        if not len(self.edges) == len(self.iqr) == count:
            lengths = (len(self.edges), count, len(self.iqr))
            raise ValueError(f"edges, median and iqr must be equally long, were {lengths}")
        for at, edges in enumerate(self.edges):
            _check_edges(at, edges)
        for at, (median, iqr) in enumerate(zip(self.median, self.iqr, strict=True)):
            _check_scale(at, median, iqr)
        if self.window < 2:
            raise ValueError(f"window must be at least 2, was {self.window}")
        if not 0.0 <= self.limit <= 1.0:
            raise ValueError(f"limit must be in [0, 1], was {self.limit}")
        if not 0 <= self.max_outliers <= count:
            raise ValueError(f"max_outliers must be in [0, {count}], was {self.max_outliers}")


class DriftWatch:
    """Compare the newest vectors of one instrument with the training's distribution."""

    __slots__ = ("_columns", "_counts", "_edges", "_limit", "_ring", "_seen", "_terms")

    def __init__(self, reference: DriftReference) -> None:
        watched = [at for at, edges in enumerate(reference.edges) if edges]
        self._columns = np.array(watched, np.int64)
        self._edges = np.array([reference.edges[at] for at in watched]).reshape(-1, BINS - 1)
        self._terms = _terms(reference.window)
        self._ring = np.zeros((reference.window, len(watched)), np.uint8)
        self._counts = np.zeros((len(watched), BINS), np.int64)
        self._seen = np.zeros(1, np.int64)
        self._limit = reference.limit

    def shares(self, vectors: FloatArray) -> FloatArray:
        """Take in vectors (shape [N, F]) and give the share of drifted features after each.

        NaN until a whole window was seen.
        """
        shares = np.empty(len(vectors))
        _observe(
            vectors,
            self._columns,
            self._edges,
            self._terms,
            self._ring,
            self._counts,
            self._seen,
            shares,
        )
        return shares

    def drifted(self, vectors: FloatArray) -> BoolArray:
        """Take in vectors (shape [N, F]) and say after each whether too many features drifted."""
        return self.shares(vectors) > self._limit


def outliers(vectors: FloatArray, median: FloatArray, iqr: FloatArray) -> IntArray:
    """Count the features of each vector (shape [N, F]) that lie far outside the training's."""
    out = np.empty(len(vectors), np.int64)
    _outliers(vectors, median, iqr, out)
    return out


def fit(series: Sequence[npt.NDArray[np.floating]], *, window: int = _WINDOW) -> DriftReference:
    """Learn the reference from the training's vectors, one array [bars, F] per instrument.

    All bars in time order, not every n-th of them. `limit` is the 99 % quantile of the share of
    drifted features over all windows inside one instrument's training span, `max_outliers` the
    99.9 % quantile of a row's outliers. Raises ValueError where no instrument fills a window.
    """
    parts = [np.ascontiguousarray(part, dtype=np.float64) for part in series]
    longest = max((len(part) for part in parts), default=0)
    if longest < window:
        raise ValueError(f"training must hold a window of {window} bars, longest was {longest}")
    rows = np.sort(np.concatenate(parts), axis=0)
    if not (finite := np.isfinite(rows)).all():
        row, at = np.argwhere(~finite)[0].tolist()
        raise ValueError(f"feature {at} of the training rows must be finite, was {rows[row, at]}")
    low, median, high = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
    edges = tuple(_edges(rows[:, at]) for at in range(rows.shape[1]))
    told = DriftReference(
        edges=edges,
        median=tuple(median.tolist()),
        iqr=tuple((high - low).tolist()),
        window=window,
        limit=1.0,
        max_outliers=rows.shape[1],
    )
    shares = np.concatenate([DriftWatch(told).shares(part)[window - 1 :] for part in parts])
    far = np.concatenate([outliers(part, median, high - low) for part in parts])
    return DriftReference(
        edges=edges,
        median=told.median,
        iqr=told.iqr,
        window=window,
        limit=float(np.quantile(shares, 0.99, method="higher")),
        max_outliers=int(np.quantile(far, 0.999, method="higher")),
    )


def _check_edges(at: int, edges: tuple[float, ...]) -> None:
    rising = all(low < high for low, high in pairwise(edges))
    if edges and not (len(edges) == BINS - 1 and rising and math.isfinite(sum(edges))):
        raise ValueError(f"edges of feature {at} must be nine rising deciles, were {edges}")


def _check_scale(at: int, median: float, iqr: float) -> None:
    if not math.isfinite(median):
        raise ValueError(f"median of feature {at} must be finite, was {median}")
    if not (math.isfinite(iqr) and iqr >= 0.0):
        raise ValueError(f"iqr of feature {at} must be finite and not negative, was {iqr}")


def _edges(values: FloatArray) -> tuple[float, ...]:
    """Give the deciles of sorted values, none where single values make up too much of them."""
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    heaviest = int(np.diff(np.append(starts, len(values))).max())
    edges = np.quantile(values, np.arange(1, BINS) / BINS)
    if heaviest > _ATOM * len(values) or not (np.diff(edges) > 0.0).all():
        return ()
    return tuple(edges.tolist())


def _terms(window: int) -> FloatArray:
    """Tabulate what a bin holding 0, 1, ... vectors adds to the population stability index."""
    share = (np.arange(window + 1) + 0.5) / (window + 0.5 * BINS)  # no bin is ever quite empty
    return np.asarray((share - 1.0 / BINS) * np.log(share * BINS))


# Everything compiled and what it calls is in this file: the compiler's cache notices edits of
# one file only. Any: the compiler has no types
_compiled: Any = numba.njit(cache=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator]  # the compiler has no types
def _observe(
    vectors: FloatArray,
    columns: IntArray,
    edges: FloatArray,
    terms: FloatArray,
    ring: npt.NDArray[np.uint8],
    counts: IntArray,
    seen: IntArray,
    shares: FloatArray,
) -> None:
    window, watched = ring.shape
    for t in range(len(vectors)):
        at = seen[0] % window
        drifted = 0
        for k in range(watched):
            value, bin = vectors[t, columns[k]], 0
            for edge in edges[k]:
                bin += value >= edge
            if seen[0] >= window:
                counts[k, ring[at, k]] -= 1
            ring[at, k] = bin
            counts[k, bin] += 1
            index = 0.0
            for count in counts[k]:
                index += terms[count]
            drifted += index > ALARM
        seen[0] += 1
        full = seen[0] >= window
        shares[t] = drifted / max(watched, 1) if full else np.nan


@_compiled  # type: ignore[untyped-decorator]  # the compiler has no types
def _outliers(vectors: FloatArray, median: FloatArray, iqr: FloatArray, out: IntArray) -> None:
    for t in range(len(vectors)):
        far = 0
        for k in range(len(median)):
            far += iqr[k] > 0.0 and abs(vectors[t, k] - median[k]) > FAR * iqr[k]
        out[t] = far

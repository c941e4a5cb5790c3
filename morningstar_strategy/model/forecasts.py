"""Bars in, predictions out: as they come, or all at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, FeatureStream
from morningstar_strategy.core.prediction import Prediction, Predictor
from morningstar_strategy.model.drift import BoolArray, DriftWatch
from morningstar_strategy.model.forecast_table import TOO_EARLY, ForecastTable, TableForecaster
from morningstar_strategy.model.predictor import DRIFTED, BundlePredictor
from morningstar_strategy.model.reading import COLUMNS, abstaining, stand_aside

__all__ = [
    "HISTORY",
    "ForecastTable",
    "StreamForecaster",
    "TableForecaster",
    "Watching",
    "tabulate",
]

HISTORY: Final = WARMUP + 2_064  # bars that fill a model's window and that of its drift watch

_BLOCK: Final = 4_096  # windows that are forecast at once
_SPARE: Final = 256  # vectors that fit behind the window before it is moved to the front


@runtime_checkable
class Watching(Protocol):
    """A predictor that knows which features it was made for."""

    @property
    def reasons(self) -> tuple[str, str, str]:
        """Say why the model may abstain: its age, outliers, drift."""
        ...

    def watch(self) -> DriftWatch:
        """Begin to compare one instrument's features with those of the training."""
        ...


class StreamForecaster:
    """The forecasts of one instrument, made bar by bar.

    `history` are the bars before the first one that will come. Drift is only known once a whole
    drift window came in, so a history that long makes a restart forget nothing.
    """

    __slots__ = (
        "_at",
        "_instrument_id",
        "_known",
        "_needed",
        "_newest",
        "_predictor",
        "_stream",
        "_vectors",
        "_watch",
        "_why",
    )

    def __init__(
        self, instrument_id: str, predictor: Predictor, history: BarWindow | None = None
    ) -> None:
        self._instrument_id = instrument_id
        self._predictor = predictor
        self._stream = FeatureStream()
        self._needed = predictor.window
        self._vectors = np.empty((self._needed + _SPARE, len(NAMES)))
        self._at = 0  # where the next vector goes; the newest ones lie before it, in order
        self._known = 0
        # What looks at one vector only is shown the stream's own, which every bar overwrites
        self._newest = self._stream.vector[np.newaxis] if self._needed == 1 else None
        self._watch: DriftWatch | None = None
        self._why = ""
        if isinstance(predictor, Watching):
            self._watch, self._why = predictor.watch(), predictor.reasons[DRIFTED - 1]
        if history is not None:
            self._catch_up(history)

    def absorb(
        self, ts_event: int, open: float, high: float, low: float, close: float, volume: float
    ) -> Prediction | None:
        """Take in one closed bar and forecast at its close, None while too few bars were seen.

        Raises ValueError naming field and value for an unsound or late bar.
        """
        if not self._stream.update(ts_event, open, high, low, close, volume):
            return None
        if self._newest is not None and self._watch is None:
            return self._predictor.predict(self._instrument_id, ts_event, close, self._newest)
        window = self._remember(self._stream.vector)
        drifted = self._watch is not None and self._watch.drifted(window[-1:]).item()
        if self._known < self._needed:
            return None
        said = self._predictor.predict(self._instrument_id, ts_event, close, window)
        return abstaining(said, self._why) if drifted and not said.abstained else said

    def _remember(self, vector: FloatArray) -> FloatArray:
        """Put the newest vector behind the others and return as many as a forecast needs."""
        if self._at == len(self._vectors):
            kept = self._needed - 1
            self._vectors[:kept] = self._vectors[self._at - kept :]
            self._at = kept
        self._vectors[self._at] = vector
        self._at += 1
        self._known += 1
        return self._vectors[max(self._at - self._needed, 0) : self._at]

    def _catch_up(self, history: BarWindow) -> None:
        for start in range(0, len(history), _BLOCK):
            seen = self._stream.bars_seen
            vectors = self._stream.extend(history[start : start + _BLOCK])
            warm = vectors[max(WARMUP - 1 - seen, 0) :]
            if self._watch is not None:
                self._watch.drifted(warm)
            for vector in warm[-self._needed :]:
                self._remember(vector)


def tabulate(
    predictor: BundlePredictor,
    bars: BarWindow,
    *,
    threads: int = 1,
    block: int = _BLOCK,
    progress: Callable[[float], None] | None = None,
) -> ForecastTable:
    """Forecast all bars of one instrument, history first, as a stream would one by one.

    The features of a block of bars are all that is kept at a time, per thread; the result does
    not depend on the number of threads. `progress` is told the share that is done.
    """
    if threads < 1 or block < 1:
        raise ValueError(f"threads and block must be at least 1, were {(threads, block)}")
    values = np.zeros((len(bars), len(COLUMNS)))
    codes = np.full(len(bars), TOO_EARLY, np.int8)
    jobs = (partial(_forecast, predictor, bars, piece) for piece in _pieces(predictor, bars, block))
    for rows, told, why in _in_order(jobs, threads):
        values[rows], codes[rows] = told, why
        if progress is not None:
            progress(rows.stop / len(bars))
    return ForecastTable(
        model=predictor.model,
        reasons=predictor.reasons,
        ts_event=bars.ts_event,
        values=values,
        codes=codes,
    )


class _Piece(NamedTuple):
    """Some bars to be forecast, each from its own vector and those before it."""

    rows: slice
    vectors: FloatArray  # [bars + window - 1, F]
    drifted: BoolArray  # [bars]


type _Told = tuple[slice, FloatArray, npt.NDArray[np.int8]]


def _pieces(predictor: BundlePredictor, bars: BarWindow, block: int) -> Iterator[_Piece]:
    """Compute the features block by block; they and the watch remember what was before."""
    stream, watch, before = FeatureStream(), predictor.watch(), predictor.window - 1
    known = np.empty((0, len(NAMES)))
    for start in range(0, len(bars), block):
        vectors = stream.extend(bars[start : start + block])
        warm = vectors[max(WARMUP - 1 - start, 0) :]
        drifted = watch.drifted(warm)
        known = np.concatenate((known[max(len(known) - before, 0) :], warm))
        ready = len(known) - before
        if ready > 0:
            end = start + len(vectors)
            yield _Piece(slice(end - ready, end), known, drifted[len(drifted) - ready :])


def _forecast(predictor: BundlePredictor, bars: BarWindow, piece: _Piece) -> _Told:
    rows, vectors, drifted = piece
    length = predictor.window
    windows = sliding_window_view(vectors.astype(np.float32), length, axis=0)
    values, codes = predictor.read(
        bars.ts_event[rows],
        bars.close[rows],
        vectors[length - 1 :],
        np.ascontiguousarray(windows.transpose(0, 2, 1)),
    )
    silent = drifted & (codes == 0)
    stand_aside(values, silent)
    codes[silent] = DRIFTED
    return rows, values, codes


def _in_order(jobs: Iterable[Callable[[], _Told]], threads: int) -> Iterator[_Told]:
    """Do jobs on some threads, no more of them in hand than threads, and give results in order."""
    if threads == 1:
        for job in jobs:
            yield job()
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[_Told]] = deque()
        for job in jobs:
            if len(running) == threads:
                yield running.popleft().result()
            running.append(pool.submit(job))
        while running:
            yield running.popleft().result()

"""Looks at what a configuration computes from bars: features, forecasts, and both bar by bar."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Check, Clean, Detector, Finding, NotApplicable, Verdict
from backtests.leaks.rows import (
    BITS,
    Compute,
    Reading,
    batch_against_stream,
    future_shock,
    prefix_invariance,
    responds,
)
from backtests.leaks.subject import Subject
from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, FeatureStream, batch
from morningstar_strategy.core.prediction import Prediction, Predictor
from morningstar_strategy.model.forecasts import StreamForecaster, tabulate
from morningstar_strategy.model.learning import dataset
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.reading import COLUMNS

__all__ = ["first_finding", "look_at_features", "look_at_forecasts", "look_at_windows", "streamed"]

type Find = Callable[[BarWindow], Finding | None]

_CUTS: Final = 3  # drawn, each with its neighbour
_CODE: Final = "abstains"
_DEAD: Final = NotApplicable(reason="it does not react to its own bar, so a shock proves nothing")
_FEATURES: Final = Reading(names=NAMES)
_FEATURE_BITS: Final = Reading(names=NAMES, rtol=0.0, atol=0.0)
# A graph rounds otherwise in batches of other sizes, in the last digits of single precision
_FORECASTS: Final = Reading(names=(*COLUMNS, _CODE), rtol=1e-6, atol=1e-9)
_RULES: Final = Reading(names=(*COLUMNS, _CODE), rtol=0.0, atol=0.0)


def look_at_features(subject: Subject) -> Iterator[Check]:
    """Look at the features of every instrument."""
    what = f"{len(NAMES)} features of {subject.named}"
    yield from _look_ahead(subject, batch, _FEATURES, what)
    yield _check(
        subject,
        Detector.BATCH_AGAINST_STREAM,
        what,
        lambda bars: batch_against_stream(batch, _one_by_one, bars, _FEATURE_BITS),
        "every bar, to the bit",
    )


def look_at_forecasts(subject: Subject) -> Iterator[Check]:
    """Look at what each predictor says of every instrument."""
    for setting, predictor in subject.predictors.items():
        what = f"forecasts of {predictor.model} ({setting}), {subject.named}"
        whole, reading = _ahead_of_time(predictor)
        yield from _look_ahead(subject, whole, reading, what)
        served = partial(streamed, predictor)
        yield _check(
            subject,
            Detector.BATCH_AGAINST_STREAM,
            what,
            partial(batch_against_stream, whole, served, reading=reading),
            "every bar, to the bit" if reading is _RULES else "every bar, to 1e-6",
        )


def look_at_windows(subject: Subject) -> Iterator[Check]:
    """Look at what a model learns from beside what it is asked with."""
    for setting, predictor in subject.predictors.items():
        if isinstance(predictor, BundlePredictor):
            what = f"windows of {predictor.window} vectors of {predictor.model} ({setting})"
            learnt, served = (partial(each, predictor) for each in (_learnt, _asked))
            yield _check(
                subject,
                Detector.BATCH_AGAINST_STREAM,
                what,
                partial(batch_against_stream, learnt, served, reading=BITS),
                "every row of training, to the bit",
            )


def first_finding(windows: Mapping[str, BarWindow], find: Find) -> tuple[str, Finding] | None:
    """Give the first leak among instruments, with the instrument's name."""
    found = ((name, find(bars)) for name, bars in windows.items())
    return next(((name, each) for name, each in found if each is not None), None)


def streamed(predictor: Predictor, bars: BarWindow) -> FloatArray:
    """Forecast bar by bar as a node does, shape [bars, numbers and whether it abstains]."""
    stream = StreamForecaster("served", predictor)
    rows = [_numbers(stream.absorb(*row)) for row in bars.rows()]
    return np.array(rows)


def _look_ahead(subject: Subject, compute: Compute, reading: Reading, what: str) -> Iterator[Check]:
    windows = subject.windows
    shortest = min(len(bars) for bars in windows.values())
    cuts = subject.draw(WARMUP + 1, shortest, _CUTS)
    told = f"{len(cuts)} cuts of {sum(map(len, windows.values())):,} rows"
    yield _check(
        subject,
        Detector.PREFIX_INVARIANCE,
        what,
        lambda bars: prefix_invariance(compute, bars, cuts, reading),
        told,
    )
    if not all(responds(compute, bars, cuts[-1]) for bars in windows.values()):
        yield Check(detector=Detector.FUTURE_SHOCK, subject=what, verdict=_DEAD)
        return
    yield _check(
        subject,
        Detector.FUTURE_SHOCK,
        what,
        lambda bars: next(
            (found for at in cuts if (found := future_shock(compute, bars, at, reading))), None
        ),
        f"{told}; each reacts to its own bar",
    )


def _check(subject: Subject, detector: Detector, what: str, find: Find, compared: str) -> Check:
    found = first_finding(subject.windows, find)
    verdict: Verdict = Clean(compared=compared)
    if found is not None:
        what, verdict = f"{what}: {found[0]}", found[1]
    return Check(detector=detector, subject=what, verdict=verdict)


# ---------------------------------------------------------------- what is compared


def _one_by_one(bars: BarWindow) -> FloatArray:
    """Compute the features as they are served."""
    stream = FeatureStream()
    out = np.full((len(bars), len(NAMES)), np.nan)
    for at, row in enumerate(bars.rows()):
        if stream.update(*row):
            out[at] = stream.vector
    return out


def _ahead_of_time(predictor: Predictor) -> tuple[Compute, Reading]:
    """Give how a backtest forecasts all bars, and how exactly a stream must say the same."""
    match predictor:
        case BundlePredictor():
            return partial(_tabulated, predictor), _FORECASTS
        case _:
            return partial(_from_batch, predictor), _RULES


def _tabulated(predictor: BundlePredictor, bars: BarWindow) -> FloatArray:
    table = tabulate(predictor, bars)
    values = np.where((table.codes >= 0)[:, None], table.values, np.nan)
    return np.column_stack((values, np.where(table.codes >= 0, table.codes != 0, np.nan)))


def _from_batch(predictor: Predictor, bars: BarWindow) -> FloatArray:
    """Ask a rule about every vector of a whole series."""
    rows = []
    for stamp, close, vector in zip(
        bars.ts_event.tolist(), bars.close.tolist(), batch(bars), strict=True
    ):
        warm = bool(np.isfinite(vector).all())
        said = predictor.predict("batch", stamp, close, vector[None]) if warm else None
        rows.append(_numbers(said))
    return np.array(rows)


def _numbers(said: Prediction | None) -> list[float]:
    if said is None:
        return [np.nan] * (len(COLUMNS) + 1)
    return [*(getattr(said, name) for name in COLUMNS), float(bool(said.abstained))]


def _learnt(predictor: BundlePredictor, bars: BarWindow) -> FloatArray:
    """Give the windows of one series as its training rows have them."""
    labels = predictor.bundle.manifest.labels
    step = int(np.diff(bars.ts_event).min())
    panel = dataset.build({"learnt": bars}, interval_ns=step, config=labels, data_sha256="0" * 64)
    rows = np.flatnonzero(panel.age >= predictor.window).astype(np.int64)
    windows = dataset.windows(panel, rows, predictor.window)
    return windows.reshape(len(rows), -1).astype(np.float64)


class _Asked:
    """A predictor that keeps what it is asked with."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.model = "asked"
        self.windows: list[FloatArray] = []

    def predict(
        self, instrument_id: str, ts_event: int, price: float, window: FloatArray
    ) -> Prediction:
        # As a graph is fed
        self.windows.append(window.astype(np.float32).astype(np.float64).ravel())
        return Prediction(
            instrument_id=instrument_id,
            ts_event=ts_event,
            price=price,
            p_short=0.0,
            p_flat=1.0,
            p_long=0.0,
            confidence=0.0,
            volatility=0.0,
            turbulence=0.0,
            stop_distance=0.5,
            target_distance=0.5,
            model=self.model,
        )


def _asked(predictor: BundlePredictor, bars: BarWindow) -> FloatArray:
    """Give the windows of one series as a node asks about them."""
    asked = _Asked(predictor.window)
    stream = StreamForecaster("asked", asked)
    for row in bars.rows():
        stream.absorb(*row)
    return np.array(asked.windows)

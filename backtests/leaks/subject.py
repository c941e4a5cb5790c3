"""What a configuration really uses, over a stretch of its catalog that can be looked at in time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from backtests.data import MarketData, load_externals, load_market_data, nanoseconds
from backtests.errors import BacktestError
from catalog import store
from catalog.kinds import BARS
from morningstar_strategy.core.bars import BarWindow, IntArray, joined
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.forecasts import HISTORY
from morningstar_strategy.model.learning.splits import quarterly
from morningstar_strategy.model.outside import Recorded
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.wiring import make_predictor, make_shadows

__all__ = ["FEWEST", "Stretch", "Subject", "load_subject", "stretch_of"]

FEWEST: Final = 300  # bars that a stretch must have, to hold a label's reach and some decisions
_AFTER: Final = 0.25  # share of a stretch after the begin of the quarter that it crosses
_LEAST_AFTER: Final = 200  # bars, since the last ones have no labels
_TRIES: Final = 50  # places, where no quarter does
_WHOLE: Final = 0.95  # share of the bars of a stretch that every instrument must have


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some bars of the catalog, and the quarter that begins among them, if one does."""

    start_ns: int
    end_ns: int
    quarter_ns: int | None

    def __post_init__(self) -> None:
        if not self.start_ns < self.end_ns:
            raise ValueError(f"end_ns must be after {self.start_ns}, was {self.end_ns}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A configuration with all that it uses: what trades first, then what only watches."""

    settings: Settings
    stretch: Stretch
    markets: tuple[MarketData, ...]
    predictors: Mapping[str, Predictor]  # by the setting that names them
    timeline: Timeline
    seed: int

    @property
    def windows(self) -> dict[str, BarWindow]:
        """Give the bars of each instrument, with those before the stretch."""
        return {
            str(each.instrument.id): joined(each.history, store.window(each.bars))
            for each in self.markets
        }

    @property
    def named(self) -> str:
        """Name the instruments: one by its name, several by their number."""
        names = [str(each.instrument.id) for each in self.markets]
        return names[0] if len(names) == 1 else f"{len(names)} instruments"

    def draw(self, low: int, high: int, count: int) -> list[int]:
        """Draw some whole numbers in [low, high), always the same and both odd and even ones.

        Gives fewer where there are not so many.
        """
        rng = np.random.default_rng(self.seed)
        some = rng.choice(np.arange(low, high), min(count, high - low), replace=False)
        beside = [*some.tolist(), *(int(each) + 1 for each in some if each + 1 < high)]
        return sorted(set(beside))[: 2 * count]


def load_subject(settings: Settings, *, bars: int, seed: int) -> Subject:
    """Load a stretch of at most `bars` bars of every instrument, with models and series.

    Raises BacktestError in one sentence for what cannot be loaded.
    """
    stretch = stretch_of(settings, bars=bars, seed=seed)
    start, end = (
        datetime.fromtimestamp(ns // 10**9, tz=UTC) for ns in (stretch.start_ns, stretch.end_ns)
    )
    data = settings.data.model_copy(update={"start": start, "end": end})
    settings = settings.model_copy(update={"data": data})
    markets = load_market_data(data, funding=settings.venue.funding)
    timeline = load_externals(data)
    try:
        predictors = _predictors(settings, timeline)
    except ValueError as e:
        raise BacktestError(f"{e}") from e
    return Subject(
        settings=settings,
        stretch=stretch,
        markets=markets,
        predictors=predictors,
        timeline=timeline,
        seed=seed,
    )


def _predictors(settings: Settings, timeline: Timeline) -> dict[str, Predictor]:
    outside = Recorded(timeline=timeline, names=settings.data.externals)
    named = {"predictor": make_predictor(settings)}
    names = settings.predictor.shadows
    named |= {
        f"shadow {name}": each for name, each in zip(names, make_shadows(settings), strict=True)
    }
    return {
        name: each.fed_by(outside) if isinstance(each, BundlePredictor) else each
        for name, each in named.items()
    }


def stretch_of(settings: Settings, *, bars: int, seed: int) -> Stretch:
    """Choose which bars are looked at: across the begin of a quarter, where the catalog has one.

    A training walks from quarter to quarter, so only such bars show all of it. Raises
    BacktestError where the catalog lacks a series or its series have too few bars in common.
    """
    low, high = _common_span(settings)
    step = settings.data.interval.nanoseconds
    length = min(bars, (high - low) // step) * step
    if length < FEWEST * step:
        raise BacktestError(
            f"bars that all instruments have in the span must be at least {FEWEST}, were "
            f"{max(length // step, 0)}"
        )
    closes = _closes(settings)
    for start, quarter in _places(low, high, length, step, np.random.default_rng(seed)):
        if all(_is_whole(each, start, start + length, step) for each in closes):
            return Stretch(start_ns=start, end_ns=start + length, quarter_ns=quarter)
    raise BacktestError(
        f"no {length // step} bars in a row were found that all instruments have: ask for fewer "
        "with --bars, or see the holes with catalog/check.py"
    )


def _places(
    low: int, high: int, length: int, step: int, rng: np.random.Generator
) -> Iterator[tuple[int, int | None]]:
    """Yield where a stretch may begin, with the quarter that it crosses, in a drawn order."""
    after = max(int(length * _AFTER), _LEAST_AFTER * step)
    for quarter in rng.permutation(_quarters(low, high)).tolist():
        # Before a quarter a model can learn, after its begin it can forecast
        if quarter - low >= length + WARMUP * step and high - quarter >= _LEAST_AFTER * step:
            start = min(quarter + after, high) - length
            yield start - (start - low) % step, quarter
    first = min(low + WARMUP * step, high - length)  # with bars before it, where there are any
    first -= (first - low) % step
    for place in rng.integers(0, (high - length - first) // step + 1, _TRIES).tolist():
        yield first + place * step, None


def _is_whole(closes: IntArray, start: int, end: int, step: int) -> bool:
    """Say whether hardly a bar is missing, and features are warm before most of the stretch."""
    reach = start - int(1.5 * HISTORY) * step
    before, first, last = np.searchsorted(closes, (reach, start, end), "right")
    inside = last - first
    return bool(
        inside >= _WHOLE * ((end - start) // step) and last - before >= WARMUP + FEWEST // 2
    )


def _quarters(low: int, high: int) -> list[int]:
    return [fold.test_start_ns for fold in quarterly(low, high, embargo_ns=0)[1:]]


def _closes(settings: Settings) -> list[IntArray]:
    """Give when the bars of each instrument close."""
    data = settings.data
    names = [store.bar_type(name, data.interval.value) for name in data.instruments]
    return [store.event_times(data.catalog, BARS, name) for name in names]


def _common_span(settings: Settings) -> tuple[int, int]:
    """Give the first moment before which all series begin, and the last that all reach."""
    data = settings.data
    held = {
        each.instrument_id: each
        for each in (store.list_series(data.catalog) if data.catalog.is_dir() else ())
        if each.interval == data.interval.value
    }
    if missing := [name for name in data.instruments if name not in held]:
        raise BacktestError(
            f"catalog {data.catalog} holds no {data.interval.value} bars of {missing[0]}: fill it "
            "with catalog/ingest.py or catalog/download.py"
        )
    series = [held[name] for name in data.instruments]
    starts = [each.start_ns - data.interval.nanoseconds for each in series]
    start, end = nanoseconds(data.start), nanoseconds(data.end)
    low = max([*starts, *([] if start is None else [start])])
    return low, min([*(each.end_ns for each in series), *([] if end is None else [end])])

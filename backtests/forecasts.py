"""Forecasts of a whole backtest, made in blocks ahead and looked up bar by bar."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from nautilus_trader.model import BarType

from backtests.data import MarketData
from backtests.progress import RunProgress
from catalog import store
from morningstar_strategy.core.bars import BarWindow, joined
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.model.forecast_cache import ForecastCache, key_of
from morningstar_strategy.model.forecasts import (
    ForecastTable,
    StreamForecaster,
    TableForecaster,
    tabulate,
)
from morningstar_strategy.model.manifest import ALT_MASK
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.settings.schema import PredictorSettings

__all__ = ["Foresight"]

_BASIS_POINTS: Final = 1e4


class Foresight:
    """Makes the forecasters of a backtest and remembers what they said.

    A model bundle forecasts all bars at once, or its forecasts are found in the cache; any other
    predictor is asked bar by bar.
    """

    def __init__(
        self,
        data: Sequence[MarketData],
        settings: PredictorSettings,
        progress: RunProgress | None = None,
    ) -> None:
        self._markets: Mapping[BarType, MarketData] = {each.bar_type: each for each in data}
        self._cache = None if settings.cache is None else ForecastCache(settings.cache)
        self._threads = settings.threads
        self._progress = progress
        self._made: dict[str, dict[BarType, ForecastTable]] = {}  # by model

    def __call__(self, bar_type: BarType, predictor: Predictor) -> Forecaster:
        """Make the forecaster of one series."""
        market = self._markets[bar_type]
        name = market.bar_type.instrument_id.value
        if not isinstance(predictor, BundlePredictor):
            return StreamForecaster(name, predictor, market.history)
        made = self._made.setdefault(predictor.model, {})
        if bar_type not in made:
            bars = joined(market.history, store.window(market.bars))
            made[bar_type] = self._table(predictor, name, bars)
        return TableForecaster(name, made[bar_type])

    def notes(self, predictor: Predictor, *, cost: float) -> tuple[str, ...]:
        """Say where a model abstained or lacked a series, and what it expected of the best bar.

        `cost` is the dearest round trip's, as a fraction of notional.
        """
        bars, abstained, best = 0, Counter[str](), -np.inf
        for bar_type, table in self._made.get(predictor.model, {}).items():
            traded = table.ts_event >= self._markets[bar_type].bars[0].ts_event
            bars += int(np.count_nonzero(traded))
            abstained.update(table.abstentions(traded))
            best = max(best, float(np.max(table.expected_move()[traded], initial=-np.inf)))
        lines = [
            *self._gaps(predictor),
            *(
                f"The model opened nothing on {count:,} of {bars:,} bars: {reason}"
                for reason, count in sorted(abstained.items())
            ),
        ]
        if np.isfinite(best):
            lines.append(
                f"The best move that it expected on any bar: {best * _BASIS_POINTS:.1f} bp; a "
                f"round trip costs {cost * _BASIS_POINTS:.1f} bp"
            )
        return tuple(lines)

    def _gaps(self, predictor: Predictor) -> list[str]:
        """Say at how many traded bars nothing was known of a series that is provided."""
        if not isinstance(predictor, BundlePredictor) or not predictor.bundle.manifest.outside:
            return []
        stamps = [bar.ts_event for market in self._markets.values() for bar in market.bars]
        fed = predictor.fed(np.array(stamps, dtype=np.int64))[ALT_MASK]
        unknown = zip(predictor.bundle.manifest.outside, np.sum(fed == 0.0, axis=0), strict=True)
        return [
            f"{name} was unknown at the close of {count:,} of {len(stamps):,} bars"
            for name, count in unknown
            if count and name not in predictor.missing
        ]

    def _table(self, predictor: BundlePredictor, name: str, bars: BarWindow) -> ForecastTable:
        key = key_of(predictor, name, bars)
        kept = None if self._cache is None else self._cache.get(key)
        if kept is not None:
            return kept

        def tell(share: float) -> None:
            if self._progress is not None:
                self._progress.show(f"forecasting {name}", share)

        table = tabulate(predictor, bars, threads=self._threads, progress=tell)
        if self._cache is not None:
            self._cache.put(key, table)
        return table

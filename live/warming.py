"""The bars before the first one that will come, so that a model need not wait for them."""

from dataclasses import replace
from typing import Final

import numpy as np
from nautilus_trader.model import BarType

from catalog import store
from live.errors import NodeError
from live.pace import step_ns
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.model.forecasts import HISTORY, StreamForecaster
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.wiring import Foresee

__all__ = ["streamed_after"]

_SECOND: Final = 1_000_000_000
_SLACK: Final = 1.5  # holes in the data stretch the history


def streamed_after(settings: Settings, *, now_ns: int) -> Foresee:
    """Forecast bar by bar after the history that the catalog holds, where it is asked for one."""

    def foresee(bar_type: BarType, predictor: Predictor) -> Forecaster:
        name = bar_type.instrument_id.value
        history = None
        if settings.node.warm_up == "catalog":
            history = _from_catalog(name, settings, now_ns)
        return StreamForecaster(name, predictor, history)

    return foresee


def _from_catalog(name: str, settings: Settings, now_ns: int) -> BarWindow | None:
    """Read the bars before the first one that the local exchange plays, told as of just now."""
    exchange = settings.node.exchange
    if exchange is None:
        raise NodeError("node.warm_up must be venue or none without node.exchange, was catalog")
    told = exchange.instruments[settings.data.instruments.index(name)]
    start_ns = int(exchange.start.timestamp()) * _SECOND
    reach_ns = int(HISTORY * _SLACK) * settings.data.interval.nanoseconds
    series = store.bar_type(told, settings.data.interval.value)
    bars = store.load_bars(exchange.catalog, series, start_ns=start_ns - reach_ns, end_ns=start_ns)
    if not bars:
        return None
    window, step = store.window(bars[-HISTORY:]), step_ns(settings)
    last = now_ns // step * step
    return replace(window, ts_event=last - step * np.arange(len(window) - 1, -1, -1))

"""The bars before the first one that will come, so that a model need not wait for them."""

from collections.abc import Callable, Sequence
from typing import Final

from nautilus_trader.model import Bar, BarType

from catalog import store
from live.errors import NodeError
from live.series import bar_type_of, recorded_as
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.model.forecasts import HISTORY, StreamForecaster
from morningstar_strategy.settings.pace import step_ns
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.wiring import Foresee

__all__ = ["streamed_after"]

_SECOND: Final = 1_000_000_000
type Keep = Callable[[Sequence[Bar]], None]

_SLACK: Final = 1.5  # holes in the data stretch the history


def streamed_after(settings: Settings, *, now_ns: int, keep: Keep | None = None) -> Foresee:
    """Forecast bar by bar after the history that the catalog holds, where it is asked for one.

    `keep` takes the history that a session is recorded with.
    """

    def foresee(bar_type: BarType, predictor: Predictor) -> Forecaster:
        name = bar_type.instrument_id.value
        history = None
        if settings.node.warm_up == "catalog":
            bars = _from_catalog(name, settings, now_ns)
            history = store.window(bars) if bars else None
            if keep is not None:
                keep(bars)
        return StreamForecaster(name, predictor, history)

    return foresee


def _from_catalog(name: str, settings: Settings, now_ns: int) -> list[Bar]:
    """Read the bars before the first one that the local exchange plays, told as of just now."""
    exchange = settings.node.exchange
    if exchange is None:
        raise NodeError("node.warm_up must be venue or none without node.exchange, was catalog")
    told = exchange.instruments[settings.data.instruments.index(name)]
    start_ns = int(exchange.start.timestamp()) * _SECOND
    reach_ns = int(HISTORY * _SLACK) * settings.data.interval.nanoseconds
    series = store.bar_type(told, settings.data.interval.value)
    bars = store.load_bars(exchange.catalog, series, start_ns=start_ns - reach_ns, end_ns=start_ns)
    step, left = step_ns(settings), bars[-HISTORY:]
    last, told_as = now_ns // step * step, recorded_as(bar_type_of(name, settings))
    ends = range(last - step * (len(left) - 1), last + 1, step)
    return [_told_as(bar, told_as, end) for bar, end in zip(left, ends, strict=True)]


def _told_as(bar: Bar, bar_type: BarType, ts: int) -> Bar:
    return Bar(bar_type, bar.open, bar.high, bar.low, bar.close, bar.volume, ts, ts)

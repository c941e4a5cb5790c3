"""Forecasts of models that only watch, logged beside the one that trades."""

from collections.abc import Mapping

from nautilus_trader.model import Bar, BarType

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.prediction import Forecaster
from morningstar_strategy.core.records import of_forecast
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.journal import Journal

__all__ = ["ShadowActor"]


class ShadowActor(Actor):
    """Writes what every model says of every bar to a journal of its own; nothing listens to it."""

    def __init__(
        self,
        *,
        forecasters: Mapping[BarType, tuple[Forecaster, ...]],
        journal: Journal,
        faults: Faults,
        tag: str = "",
    ) -> None:
        del tag  # the engine has it from __new__
        self.faults = faults
        self._forecasters = dict(forecasters)
        self._journal = journal

    @guarded
    def on_start(self) -> None:
        """Listen to the bars."""
        for bar_type in self._forecasters:
            self.subscribe_bars(bar_type)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Let every model forecast and write the bar with all that is said of it."""
        prices = bar.open.as_double(), bar.high.as_double(), bar.low.as_double()
        close, volume = bar.close.as_double(), bar.volume.as_double()
        said = [
            each.absorb(bar.ts_event, *prices, close, volume)
            for each in self._forecasters[bar.bar_type]
        ]
        self._journal.append(
            of_forecast(
                tuple(prediction for prediction in said if prediction is not None),
                ts_event=bar.ts_event,
                instrument_id=bar.bar_type.instrument_id.value,
                ohlcv=(*prices, close, volume),
            )
        )

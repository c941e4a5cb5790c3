"""Bars in, predictions out."""

from collections.abc import Mapping

from nautilus_trader.model import Bar, BarType

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.prediction import Forecaster
from morningstar_strategy.core.records import of_abstention
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.topics import PREDICTION, RECORD

__all__ = ["PredictionActor"]


class PredictionActor(Actor):
    """Hands every closed bar to the instrument's forecaster and publishes what it predicts.

    When a model begins or ceases to abstain, that is on record too.
    """

    def __init__(self, *, forecasters: Mapping[BarType, Forecaster], faults: Faults) -> None:
        self.faults = faults
        self._forecasters = dict(forecasters)
        self._abstained = dict.fromkeys(self._forecasters, "")

    @guarded
    def on_start(self) -> None:
        """Listen to the bars."""
        for bar_type in self._forecasters:
            self.subscribe_bars(bar_type)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Absorb a closed bar and publish the prediction made at its close."""
        prediction = self._forecasters[bar.bar_type].absorb(
            bar.ts_event,
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            bar.close.as_double(),
            bar.volume.as_double(),
        )
        if prediction is None:
            return
        if prediction.abstained != self._abstained[bar.bar_type]:
            self._abstained[bar.bar_type] = prediction.abstained
            self.publish_message(RECORD, of_abstention(prediction))
        self.publish_message(PREDICTION, prediction)

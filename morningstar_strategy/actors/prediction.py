"""Bars in, predictions out."""

from collections.abc import Mapping

from nautilus_trader.model import Bar, BarType

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import FeatureStream
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.topics import PREDICTION

__all__ = ["PredictionActor"]


class PredictionActor(Actor):
    """Keeps one feature stream per instrument and publishes a prediction per warm bar.

    `history` holds, by bar type, bars before the first one that will arrive; they only warm the
    features up.
    """

    def __init__(
        self,
        *,
        bar_types: tuple[BarType, ...],
        predictor: Predictor,
        faults: Faults,
        history: Mapping[BarType, BarWindow] | None = None,
    ) -> None:
        self.faults = faults
        self._predictor = predictor
        self._streams = {bar_type: FeatureStream() for bar_type in bar_types}
        self._names = {bar_type: bar_type.instrument_id.value for bar_type in bar_types}
        for bar_type, bars in (history or {}).items():
            for row in bars.rows():
                self._streams[bar_type].update(*row)

    @guarded
    def on_start(self) -> None:
        """Listen to the bars."""
        for bar_type in self._streams:
            self.subscribe_bars(bar_type)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Absorb a closed bar and publish what the predictor makes of it."""
        bar_type, ts_event, close = bar.bar_type, bar.ts_event, bar.close.as_double()
        stream = self._streams[bar_type]
        warm = stream.update(
            ts_event,
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            close,
            bar.volume.as_double(),
        )
        if warm:
            name = self._names[bar_type]
            prediction = self._predictor.predict(name, ts_event, close, stream.vector)
            self.publish_message(PREDICTION, prediction)

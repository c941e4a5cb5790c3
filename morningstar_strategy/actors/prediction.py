"""Bars in, predictions out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nautilus_trader.model import Bar, BarType

from morningstar_strategy.actors.bars import BarLog
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.border import Border
from morningstar_strategy.core.prediction import Forecaster, Prediction
from morningstar_strategy.core.records import of_abstention, of_health
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.topics import PREDICTION, RECORD

__all__ = ["PredictionActor", "WarmUp"]

_SECOND: Final = 1_000_000_000
_TIMER: Final = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """How many past bars are asked of the venue at the start, and how long they are waited for."""

    bars: int
    patience_secs: float = 30.0
    keep: Callable[[Sequence[Bar]], None] | None = None  # where a session is recorded

    def __post_init__(self) -> None:
        if not self.bars > 0:
            raise ValueError(f"bars must be positive, was {self.bars}")
        if not self.patience_secs > 0:
            raise ValueError(f"patience_secs must be positive, was {self.patience_secs}")


class PredictionActor(Actor):
    """Hands every closed bar to the instrument's forecaster and publishes what it predicts.

    With a warm-up the venue's past bars come first, without predictions; bars that close meanwhile
    wait. A bar that is not newer than the last one is left out and put on record. When a model
    begins or ceases to abstain, that is on record too. With a bar log each bar is put on record
    before anything is made of it: actors that hear the same bar hear it in any order.
    """

    def __init__(
        self,
        *,
        forecasters: Mapping[BarType, Forecaster],
        faults: Faults,
        warm_up: WarmUp | None = None,
        bar_log: BarLog | None = None,
        border: Border | None = None,
        tag: str = "",
    ) -> None:
        del tag  # the engine has it from __new__
        self.faults = faults
        self._bar_log = bar_log
        self._border = border
        self._forecasters = dict(forecasters)
        self._abstained = dict.fromkeys(self._forecasters, "")
        self._newest = dict.fromkeys(self._forecasters, 0)
        self._warm_up = warm_up
        self._waiting: dict[BarType, list[Bar]] = {}  # for their history

    @guarded
    def on_start(self) -> None:
        """Listen to the bars, and ask for those before them."""
        if self._bar_log is not None:
            self._bar_log.begin(self.clock.timestamp_ns())
        for bar_type in self._forecasters:
            self.subscribe_bars(bar_type)
        if self._warm_up is not None:
            self._ask_for_history(self._warm_up)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Absorb a closed bar and publish the prediction made at its close."""
        if self._bar_log is not None:
            self.publish_message(RECORD, self._bar_log.take(bar))
        held = self._waiting.get(bar.bar_type) if self._waiting else None
        if held is not None:
            held.append(bar)
        else:
            self._predict(bar)

    def _predict(self, bar: Bar) -> None:
        if self._border is not None:
            self._border.bar(bar.bar_type.instrument_id.value, bar.ts_event)
        prediction = self._absorbed(bar)
        if prediction is not None:
            self._publish(bar.bar_type, prediction)

    def _publish(self, bar_type: BarType, prediction: Prediction) -> None:
        if prediction.abstained != self._abstained[bar_type]:
            self._abstained[bar_type] = prediction.abstained
            self.publish_message(RECORD, of_abstention(prediction))
        self.publish_message(PREDICTION, prediction)

    def _absorbed(self, bar: Bar) -> Prediction | None:
        if bar.ts_event <= self._newest[bar.bar_type]:
            self._say(bar.bar_type, "late bar", f"a bar of {bar.ts_event} came after a newer one")
            return None
        self._newest[bar.bar_type] = bar.ts_event
        return self._forecasters[bar.bar_type].absorb(
            bar.ts_event,
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            bar.close.as_double(),
            bar.volume.as_double(),
        )

    # ------------------------------------------------------------ the past

    def _ask_for_history(self, wanted: WarmUp) -> None:
        now_ns = self.clock.timestamp_ns()
        self._waiting = {bar_type: [] for bar_type in self._forecasters}
        for bar_type in self._forecasters:
            reach_ns = int(bar_type.spec.get_interval_ns()) * (wanted.bars + 1)
            start = datetime.fromtimestamp((now_ns - reach_ns) // _SECOND, tz=UTC)
            self.request_bars(bar_type, start=start)
        self.clock.set_time_alert_ns(
            _TIMER, now_ns + round(wanted.patience_secs * _SECOND), callback=self._give_up
        )

    @guarded
    def on_historical_bars(self, bars: Sequence[Bar]) -> None:
        """Take in the past of one series, then what has closed since."""
        if not bars or bars[0].bar_type not in self._waiting:
            return
        bar_type = bars[0].bar_type
        past = sorted(bars, key=lambda bar: bar.ts_event)
        if self._warm_up is not None and self._warm_up.keep is not None:
            self._warm_up.keep(past)
        for bar in past:
            self._absorbed(bar)
        self._say(bar_type, "warmed up", f"{len(bars)} bars of before the start")
        self._begin(bar_type)

    @guarded
    def _give_up(self, _event: Any) -> None:
        """Begin without a past that nobody tells."""
        for bar_type in list(self._waiting):
            self._say(bar_type, "no history", "the venue told no past bars in time")
            self._begin(bar_type)

    def _begin(self, bar_type: BarType) -> None:
        for bar in self._waiting.pop(bar_type):
            if bar.ts_event > self._newest[bar_type]:
                self._predict(bar)

    def _say(self, bar_type: BarType, state: str, reason: str) -> None:
        self.publish_message(
            RECORD,
            of_health(
                ts_event=self.clock.timestamp_ns(),
                instrument_id=bar_type.instrument_id.value,
                state=state,
                reason=reason,
            ),
        )

"""Laws of the warm-up: the past comes first, nothing comes twice, and nobody waits for ever."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import AccountType, Bar, Money, OmsType

from backtests.models import CostModel
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.prediction import PredictionActor, WarmUp
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.faults import Faults
from morningstar_strategy.settings.schema import VenueSettings
from morningstar_strategy.settings.wiring import terms_of
from morningstar_strategy.topics import PREDICTION
from tests.harness.market import (
    MINUTE_NS,
    START_NS,
    USDT,
    bar_type,
    make_bar,
    perpetual,
    prediction,
)
from tests.harness.runs import VENUE, RecordActor, of_kind

SECOND: Final = 1_000_000_000
STEP_NS: Final = 5 * MINUTE_NS
NAME: Final = "BTCUSDT-PERP.BINANCE"


class HeardForecaster:
    """Remembers the close of every bar, and predicts after each."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def absorb(self, ts_event: int, *ohlcv: float) -> Prediction | None:
        self.heard.append(ts_event)
        return prediction(NAME, ts_event, ohlcv[3], long=0.0, short=0.0)


class Listener(Actor):
    """Hears predictions, and answers the request for the past when it is time."""

    def __init__(self, at_ns: int | None, answer: Callable[[], None]) -> None:
        self._at_ns, self._answer = at_ns, answer
        self.predicted: list[int] = []

    def on_prediction(self, told: Any) -> None:
        self.predicted.append(told.ts_event)

    def on_start(self) -> None:
        self.subscribe_topic(PREDICTION, self.on_prediction)
        if self._at_ns is not None:
            self.clock.set_time_alert_ns("answer", self._at_ns, callback=lambda _: self._answer())


@dataclass(kw_only=True)
class Heard:
    """What became of the bars."""

    bars: list[int]
    predicted: list[int]
    records: list[Record]
    faults: Faults = field(default_factory=Faults)

    def said(self, state: str) -> list[Record]:
        return [r for r in of_kind(self.records, Kind.HEALTH) if r.fields["state"] == state]


def bar_at(index: int) -> Bar:
    return make_bar(bar_type(), index, (100.0, 101.0, 99.0, 100.0))


def closed(indices: Sequence[int]) -> list[int]:
    return [START_NS + (index + 1) * STEP_NS for index in indices]


def run(live: int, past: Sequence[int], *, after: float | None, patience: float = 1e6) -> Heard:
    """Play so many bars; the answer with the past comes after so many of them, None for never."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            bypass_logging=True,
            logging=LoggerConfig(stdout_level=LogLevel.ERROR),
            run_analysis=False,
        )
    )
    engine.add_venue(
        VENUE,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(1, USDT)],
        base_currency=USDT,
        fee_model=CostModel((terms_of(perpetual(), bar_type(), VenueSettings()),)),
    )
    engine.add_instrument(perpetual())
    engine.add_data([bar_at(index) for index in range(live)])
    forecaster, faults = HeardForecaster(), Faults()
    actor = PredictionActor(
        forecasters={bar_type(): forecaster},
        faults=faults,
        warm_up=WarmUp(bars=10, patience_secs=patience),
    )
    at_ns = None if after is None else START_NS + STEP_NS + round(after * STEP_NS)
    listener = Listener(at_ns, lambda: actor.on_historical_bars([bar_at(i) for i in past]))
    recorder = RecordActor(faults=Faults())
    for each in (recorder, listener, actor):
        engine.add_actor(each)
    engine.run()
    engine.dispose()
    return Heard(
        bars=forecaster.heard,
        predicted=listener.predicted,
        records=recorder.records,
        faults=faults,
    )


_past = st.lists(st.integers(-10, 6), unique=True, max_size=12)


@settings(max_examples=max(20, settings().max_examples // 4))
@given(_past, st.integers(0, 7))
def test_the_past_comes_first_and_every_bar_once_in_its_order(past: list[int], after: int) -> None:
    heard = run(10, past, after=after + 0.5)
    assert heard.bars == sorted(set(heard.bars))
    newest = max(past, default=-100)
    waited = range(after + 1)  # of the bars that came before the answer
    if past:
        rest = [index for index in waited if index > newest]
        live = [index for index in range(after + 1, 10) if index > newest]
        assert heard.bars == closed([*sorted(past), *rest, *live])
        assert heard.predicted == closed([*rest, *live])  # the past makes no prediction
        assert len(heard.said("warmed up")) == 1
        late = [index for index in range(after + 1, 10) if index <= newest]
        assert len(heard.said("late bar")) == len(late)
    else:
        assert heard.bars == []  # an empty answer is none: it is waited for
    assert not heard.faults


def test_a_past_that_nobody_tells_is_given_up_and_the_bars_that_waited_are_used() -> None:
    heard = run(6, [], after=None, patience=STEP_NS * 2.5 / SECOND)
    assert heard.bars == closed(range(6))
    assert heard.predicted == heard.bars
    (said,) = heard.said("no history")
    assert said.instrument_id == NAME
    assert said.ts_event == START_NS + STEP_NS + round(2.5 * STEP_NS)


def test_a_past_that_comes_after_it_was_given_up_changes_nothing() -> None:
    heard = run(8, [-3, -2, -1], after=4.5, patience=STEP_NS * 2.5 / SECOND)
    assert heard.bars == closed(range(8))
    assert heard.said("warmed up") == []


@pytest.mark.parametrize(
    ("field_", "told"), [("bars", {"bars": 0}), ("patience_secs", {"bars": 1, "patience_secs": 0})]
)
def test_a_warm_up_that_makes_no_sense_is_refused(field_: str, told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{field_} must be positive, was 0"):
        WarmUp(**told)

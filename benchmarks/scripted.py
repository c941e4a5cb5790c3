"""Runs Morningstar on plans that are written beforehand, over any market data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import AggregationSource, Bar, BarType, Currency

from backtests.engine import add_venue, simulated_style
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.supervision import SupervisionActor
from morningstar_strategy.core.commands import Direction, PlanTrade
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.review import Review, ReviewRequest, Verdict
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.wiring import terms_of
from morningstar_strategy.strategy import Mandate, MorningstarStrategy, Traded
from morningstar_strategy.topics import PREDICTION, RECORD

_SETTINGS: Final = Settings(mode="backtest")  # a venue with the default costs
_LOOSE: Final = RiskLimits(
    max_daily_loss_percent=Decimal(100),
    max_drawdown_percent=Decimal(100),
    warn_drawdown_percent=Decimal(100),
    max_loss_ratio_percent=Decimal(100),
    max_price_age_secs=7_200,
)
_POLICY: Final = DecisionPolicy(
    accept_proposals=True,
    cooldown_secs=0,
    max_holding_secs=10**8,
    break_even_after_percent=Decimal(0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Plans by the moment they are made, and the moments at which what is left of them ends.

    `moments` are the closes at which a prediction is made: the times at which an entry can
    expire. They are the same whatever the data, so that coarse and fine runs decide alike.
    """

    plans: Mapping[int, PlanTrade]
    ends: Mapping[int, Direction]
    moments: frozenset[int]

    def __post_init__(self) -> None:
        if not (self.plans.keys() | self.ends.keys()) <= self.moments:
            raise ValueError("every plan and every end of a script must be at one of its moments")
        if self.plans.keys() & self.ends.keys():
            both = min(self.plans.keys() & self.ends.keys())
            raise ValueError(f"a plan cannot be made where another ends, both were at {both}")

    def prediction(self, name: str, ts_event: int, price: float) -> Prediction:
        """Predict nothing, or the opposite of a trade that is to end."""
        ending = self.ends.get(ts_event)
        long = 0.9 if ending is Direction.SHORT else 0.0
        short = 0.9 if ending is Direction.LONG else 0.0
        return Prediction(
            instrument_id=name,
            ts_event=ts_event,
            price=price,
            p_short=short,
            p_flat=1.0 - long - short,
            p_long=long,
            confidence=0.9 if ending else 0.0,
            volatility=0.001,
            turbulence=0.0,
            stop_distance=0.01,
            target_distance=0.01,
            model="script",
        )

    def review(self, request: ReviewRequest) -> Review:
        """Propose the plan of the moment; veto new trades where one ends."""
        moment = request.prediction.ts_event
        if moment in self.plans:
            return Review(verdict=Verdict.CONFIRMED, proposal=self.plans[moment])
        if moment in self.ends:
            return Review(verdict=Verdict.VETOED, scale=0.0, reason="end of the script's trade")
        return Review.abstain("nothing scripted")


class CueActor(Actor):
    """Publishes the script's predictions at its moments, whatever bars come between."""

    def __init__(self, *, bar_type: BarType, script: Script, faults: Faults) -> None:
        self.faults = faults
        self._bar_type = bar_type
        self._script = script

    @guarded
    def on_start(self) -> None:
        """Listen to the bars."""
        self.subscribe_bars(self._bar_type)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Publish at a moment of the script."""
        if bar.ts_event in self._script.moments:
            name, price = self._bar_type.instrument_id.value, bar.close.as_double()
            prediction = self._script.prediction(name, bar.ts_event, price)
            self.publish_message(PREDICTION, prediction)


class BarActor(Actor):
    """Keeps bars."""

    def __init__(self, *, bar_type: BarType, faults: Faults) -> None:
        self.faults = faults
        self.bars: list[Bar] = []
        self._bar_type = bar_type

    @guarded
    def on_start(self) -> None:
        """Listen to the bars."""
        self.subscribe_bars(self._bar_type)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        """Keep a bar."""
        self.bars.append(bar)


class PlanActor(Actor):
    """Keeps the records of plans that ended and of rulings that denied one."""

    def __init__(self, *, faults: Faults) -> None:
        self.faults = faults
        self.ended: list[Record] = []
        self.denied: list[Record] = []

    @guarded
    def on_start(self) -> None:
        """Listen to the records."""
        self.subscribe_topic(RECORD, self.on_record)

    @guarded
    def on_record(self, record: Any) -> None:
        """Keep what tells of an end or a denial."""
        if record.kind is Kind.PLAN and "planned_ns" in record.fields:
            self.ended.append(record)
        elif record.kind is Kind.RULING and record.fields["ruling"] == "denied":
            self.denied.append(record)


def play(instrument: Any, bar_type: BarType, data: Sequence[Any], script: Script) -> PlanActor:
    """Run a script over bars of that type, or over trades where the engine is to make them.

    Bars that the engine makes itself (INTERNAL) only tell the time: orders meet the trades.
    """
    faults, engine = Faults(), _engine()
    terms = terms_of(instrument, bar_type, _SETTINGS.venue)
    mandate = Mandate(
        traded=Traded.of((terms,)),
        currency=Currency.from_str(_SETTINGS.currency),
        decision=_POLICY,
        risk=_LOOSE,
        style=simulated_style(_SETTINGS.venue),
    )
    plans = PlanActor(faults=faults)
    try:
        add_venue(engine, _SETTINGS, (terms,))
        engine.add_instrument(instrument)
        engine.add_data(list(data))
        engine.add_actor(plans)
        engine.add_actor(SupervisionActor(reviewer=script, faults=faults))
        engine.add_actor(CueActor(bar_type=bar_type, script=script, faults=faults))
        engine.add_strategy(MorningstarStrategy(mandate=mandate, faults=faults))
        engine.run()
        faults.raise_first()
        reached = engine.backtest_end
        if reached is None or reached < data[-1].ts_event:
            raise RuntimeError(f"the engine stopped at {reached}, not {data[-1].ts_event}")
        return plans
    finally:
        engine.dispose()


def made_of(trades: Sequence[Any], bar_type: BarType, instrument: Any) -> list[Bar]:
    """Give the bars that the engine makes of trades, as if they had come from outside."""
    faults, engine = Faults(), _engine()
    collector = BarActor(bar_type=bar_type, faults=faults)
    try:
        add_venue(engine, _SETTINGS, (terms_of(instrument, bar_type, _SETTINGS.venue),))
        engine.add_instrument(instrument)
        engine.add_data(list(trades))
        engine.add_actor(collector)
        engine.run()
        faults.raise_first()
    finally:
        engine.dispose()
    outside = BarType(bar_type.instrument_id, bar_type.spec, AggregationSource.EXTERNAL)
    return [
        Bar(outside, b.open, b.high, b.low, b.close, b.volume, b.ts_event, b.ts_init)
        for b in collector.bars
    ]


def _engine() -> BacktestEngine:
    return BacktestEngine(
        BacktestEngineConfig(
            bypass_logging=True,
            logging=LoggerConfig(stdout_level=LogLevel.ERROR),
            run_analysis=False,
            shutdown_on_error=True,
        )
    )

"""Runs our components on the engine with a venue of the test's choice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import AccountType, Bar, BarType, Money, OmsType, Venue

from backtests.engine import simulated_style
from backtests.models import CostModel, OwnPriceFillModel
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.supervision import SupervisionActor
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.review import Reviewer
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.settings.schema import VenueSettings
from morningstar_strategy.settings.wiring import terms_of
from morningstar_strategy.strategy import Mandate, MorningstarStrategy, Store, Traded
from morningstar_strategy.supervisor.reviewer import AbstainingReviewer
from morningstar_strategy.topics import PREDICTION, RECORD
from tests.harness.market import USDT

VENUE = Venue("BINANCE")

type Foresee = Callable[[Bar], Prediction | None]


class ForesightActor(Actor):
    """Publishes what a function makes of each bar."""

    def __init__(self, *, bar_types: Sequence[BarType], foresee: Foresee, faults: Faults) -> None:
        self.faults = faults
        self._bar_types = bar_types
        self._foresee = foresee

    @guarded
    def on_start(self) -> None:
        for bar_type in self._bar_types:
            self.subscribe_bars(bar_type)

    @guarded
    def on_bar(self, bar: Bar) -> None:
        prediction = self._foresee(bar)
        if prediction is not None:
            self.publish_message(PREDICTION, prediction)


class RecordActor(Actor):
    """Keeps every record."""

    def __init__(self, *, faults: Faults) -> None:
        self.faults = faults
        self.records: list[Record] = []

    @guarded
    def on_start(self) -> None:
        self.subscribe_topic(RECORD, self.on_record)

    def on_record(self, record: Any) -> None:
        self.records.append(record)


@dataclass(kw_only=True)
class Rig:
    """An engine with our components, one venue and any number of instruments."""

    instruments: Sequence[Any]
    bars: Sequence[Sequence[Bar]]
    foresee: Foresee
    decision: DecisionPolicy = field(default_factory=DecisionPolicy)
    risk: RiskLimits = field(default_factory=RiskLimits)
    venue: VenueSettings = field(default_factory=VenueSettings)
    style: VenueStyle | None = None
    reviewer: Reviewer = field(default_factory=lambda: AbstainingReviewer("off"))
    options: dict[str, Any] = field(default_factory=dict)  # of the engine's venue
    capital: int = 10_000
    store: Store | None = None
    more: Sequence[Any] = ()  # actors of the test's own
    supervising: "Callable[[Rig], Any] | None" = None  # makes an actor in place of the reviewer's

    def __post_init__(self) -> None:
        config = BacktestEngineConfig(
            bypass_logging=True,
            logging=LoggerConfig(stdout_level=LogLevel.ERROR),
            run_analysis=False,
            shutdown_on_error=True,
        )
        self.engine = BacktestEngine(config)
        self.faults = Faults()
        self.recorder = RecordActor(faults=self.faults)
        bar_types = [bars[0].bar_type for bars in self.bars]
        self.terms = tuple(
            terms_of(instrument, bar_type, self.venue)
            for instrument, bar_type in zip(self.instruments, bar_types, strict=True)
        )
        mandate = Mandate(
            traded=Traded.of(self.terms),
            currency=USDT,
            decision=self.decision,
            risk=self.risk,
            style=self.style or simulated_style(self.venue),
        )
        self.strategy = MorningstarStrategy(mandate=mandate, faults=self.faults, store=self.store)
        self._foresight = ForesightActor(
            bar_types=bar_types, foresee=self.foresee, faults=self.faults
        )

    def run(self) -> list[Record]:
        """Run to the end of the bars, raise what a callback raised, give the records."""
        options: dict[str, Any] = {
            "reject_stop_orders": False,
            "bar_adaptive_high_low_ordering": True,
            "fill_model": OwnPriceFillModel(),
            **self.options,
        }
        self.engine.add_venue(
            VENUE,
            OmsType.NETTING,
            AccountType.MARGIN,
            [Money(self.capital, USDT)],
            base_currency=USDT,
            default_leverage=Decimal(3),
            fee_model=CostModel(self.terms),
            **options,
        )
        for instrument, bars in zip(self.instruments, self.bars, strict=True):
            self.engine.add_instrument(instrument)
            self.engine.add_data(list(bars))
        supervisor = (
            SupervisionActor(reviewer=self.reviewer, faults=self.faults)
            if self.supervising is None
            else self.supervising(self)
        )
        for actor in (self.recorder, *self.more, supervisor, self._foresight):
            self.engine.add_actor(actor)
        self.engine.add_strategy(self.strategy)
        self.engine.run()
        self.faults.raise_first()
        last = max(bars[-1].ts_event for bars in self.bars)
        if self.engine.backtest_end is None or self.engine.backtest_end < last:
            raise AssertionError(f"engine stopped at {self.engine.backtest_end}, not {last}")
        return self.recorder.records


def of_kind(records: Sequence[Record], kind: Kind) -> list[Record]:
    """Pick the records of one kind."""
    return [record for record in records if record.kind is kind]

"""Composition root of a backtest: settings and market data become a run engine."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.execution import StaticLatencyModel
from nautilus_trader.model import AccountType, Currency, Money, OmsType

from backtests.data import MarketData
from backtests.errors import BacktestError
from backtests.forecasts import Foresight
from backtests.models import CostModel, OwnPriceFillModel
from backtests.progress import ProgressActor, RunProgress
from catalog import store
from morningstar_strategy.core.decision import round_trip_cost
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.journal import Journal
from morningstar_strategy.model.caveats import caveats, unfed
from morningstar_strategy.model.outside import NOTHING, Outside
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.settings.schema import Settings, VenueSettings
from morningstar_strategy.settings.supervising import Supervision
from morningstar_strategy.settings.wiring import (
    Components,
    engine_risk,
    make_components,
    terms_of,
)
from morningstar_strategy.snapshot import Terms
from morningstar_strategy.strategy import Traded

__all__ = ["Outcome", "add_venue", "run_engine", "simulated_style"]

_HUNDRED: Final = Decimal(100)
_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run left behind."""

    iterations: int
    predictor: Predictor
    terms: tuple[Terms, ...]
    model_lines: tuple[str, ...]  # what a reader must know of the model and what it said
    unasked: int = 0  # exchanges of the tape it was replayed from that nobody asked for


def run_engine(
    settings: Settings,
    data: tuple[MarketData, ...],
    journal: Journal,
    *,
    shadow_journal: Journal | None = None,
    progress: RunProgress | None = None,
    supervision: Supervision | None = None,
    outside: Outside = NOTHING,
) -> Outcome:
    """Run the engine over the data, writing the journal; raise what a callback raised.

    `shadow_journal` takes the forecasts of models that only watch; `outside` tells models what
    they were trained with beside the bars.
    """
    foresight = Foresight(data, settings.predictor, progress)
    terms, components = _wire(
        settings, data, journal, shadow_journal, foresight, supervision, outside
    )
    engine = _engine(settings, terms)
    try:
        add_venue(engine, settings, terms)
        _add_data(engine, data)
        _add_components(engine, components)
        if progress is not None:
            engine.add_actor(_progress_actor(progress, data))
        engine.run()
        components.faults.raise_first()
        _check_it_ran_through(engine, data)
        return Outcome(
            iterations=engine.iteration,
            predictor=components.predictor,
            terms=terms,
            model_lines=_model_lines(settings, components, data, terms, foresight),
        )
    finally:
        engine.dispose()


def _wire(
    settings: Settings,
    data: tuple[MarketData, ...],
    journal: Journal,
    shadow_journal: Journal | None,
    foresight: Foresight,
    supervision: Supervision | None,
    outside: Outside,
) -> tuple[tuple[Terms, ...], Components]:
    """Wire terms and components; raise BacktestError where settings and catalog do not fit."""
    try:
        terms = tuple(terms_of(d.instrument, d.bar_type, settings.venue) for d in data)
        return terms, make_components(
            settings,
            traded=Traded.of(terms),
            style=simulated_style(settings.venue),
            journal=journal,
            shadow_journal=shadow_journal,
            foresee=foresight,
            supervision=supervision,
            outside=outside,
        )
    except ValueError as e:
        raise BacktestError(f"{e}") from e


def _model_lines(
    settings: Settings,
    components: Components,
    data: tuple[MarketData, ...],
    terms: tuple[Terms, ...],
    foresight: Foresight,
) -> tuple[str, ...]:
    predictor = components.predictor
    start, end = _span(data)
    cost = max(round_trip_cost(term.taker_fee, term.slippage) for term in terms)
    names = [term.instrument_id.value for term in terms]
    return (
        *caveats(
            predictor,
            instruments=names,
            start_ns=start,
            end_ns=end,
            synthetic=store.is_synthetic(settings.data.catalog),
        ),
        *(line for shadow in components.shadows for line in unfed(shadow)),
        *foresight.notes(predictor, cost=cost),
    )


def _span(data: tuple[MarketData, ...]) -> tuple[int, int]:
    """Give the first and last close of all bars that are traded."""
    first = min(market.bars[0].ts_event for market in data)
    return first, max(market.bars[-1].ts_event for market in data)


def _progress_actor(progress: RunProgress, data: tuple[MarketData, ...]) -> ProgressActor:
    start, end = _span(data)
    return ProgressActor(progress=progress, start_ns=start, end_ns=end)


def _check_it_ran_through(engine: BacktestEngine, data: tuple[MarketData, ...]) -> None:
    """Raise where the engine stopped by itself: it logs its own errors and returns normally."""
    _, last = _span(data)
    reached = engine.backtest_end
    if reached is None or reached < last:
        raise BacktestError(f"the engine stopped at {reached}, the data ends at {last}")


def simulated_style(venue: VenueSettings) -> VenueStyle:
    """Say how exits behave at the engine's simulated venue."""
    return VenueStyle(
        link_stop=True, shrinks_exits=True, slippage_charged=venue.slippage_percent / _HUNDRED
    )


def _engine(settings: Settings, terms: tuple[Terms, ...]) -> BacktestEngine:
    config = BacktestEngineConfig(
        bypass_logging=True,
        logging=LoggerConfig(stdout_level=LogLevel.ERROR),
        run_analysis=False,
        shutdown_on_error=True,
        risk_engine=engine_risk(settings.risk, tuple(term.bar_type for term in terms)),
    )
    return BacktestEngine(config)


def add_venue(engine: BacktestEngine, settings: Settings, terms: tuple[Terms, ...]) -> None:
    """Add the simulated venue with the costs and delays of the settings.

    The account is a margin account also for spot: spot is only ever bought for less than the
    equity, and exits may rest beside each other without locking the same coins twice.
    """
    venue, currency = settings.venue, Currency.from_str(settings.currency)
    for term in terms:
        instrument_currency = term.quote_currency
        if instrument_currency != currency.code:
            raise BacktestError(
                f"instrument {term.instrument_id} is quoted in {instrument_currency}, "
                f"the account is in {currency.code}"
            )
    latency = StaticLatencyModel(venue.latency_ms * _MILLISECOND) if venue.latency_ms else None
    engine.add_venue(
        terms[0].instrument_id.venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money.from_decimal(settings.capital, currency)],
        base_currency=currency,
        default_leverage=venue.leverage,
        fill_model=OwnPriceFillModel(),
        fee_model=CostModel(terms),
        latency_model=latency,
        reject_stop_orders=False,
        # Open, high, low, close for every bar would give longs their target before their stop
        bar_adaptive_high_low_ordering=True,
    )


def _add_data(engine: BacktestEngine, data: tuple[MarketData, ...]) -> None:
    for market in data:
        engine.add_instrument(market.instrument)
        engine.add_data(market.bars, sort=False)
        if market.funding:
            engine.add_data(market.funding, sort=False)
    engine.sort_data()


def _add_components(engine: BacktestEngine, components: Components) -> None:
    actors: tuple[Any, ...] = components.actors
    for actor in actors:
        engine.add_actor(actor)
    engine.add_strategy(components.strategy)

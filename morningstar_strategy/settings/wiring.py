"""Turns settings into the same actors and strategy for backtest, paper and live."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import BarType, Currency, CurrencyPair
from nautilus_trader.risk import RiskEngineConfig

from morningstar_strategy.actors.consultation import ConsultationActor
from morningstar_strategy.actors.journaling import JournalActor
from morningstar_strategy.actors.prediction import PredictionActor
from morningstar_strategy.actors.shadow import ShadowActor
from morningstar_strategy.actors.supervision import SupervisionActor
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.faults import Faults
from morningstar_strategy.journal import Journal
from morningstar_strategy.memory import MemoryFile
from morningstar_strategy.model.bundle import MorningstarModel, arming_fault, read_manifest
from morningstar_strategy.model.forecasts import StreamForecaster
from morningstar_strategy.model.outside import NOTHING, Outside
from morningstar_strategy.model.predictor import BaselinePredictor, BundlePredictor
from morningstar_strategy.model.shelf import bundle_folder
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.settings.schema import Settings, VenueSettings
from morningstar_strategy.settings.supervising import Supervision
from morningstar_strategy.snapshot import Terms
from morningstar_strategy.strategy import Mandate, MorningstarStrategy
from morningstar_strategy.supervisor.reviewer import AbstainingReviewer

__all__ = [
    "Components",
    "Foresee",
    "calibration_of",
    "engine_risk",
    "make_components",
    "make_predictor",
    "make_shadows",
    "terms_of",
]

type Foresee = Callable[[BarType, Predictor], Forecaster]

_HUNDRED: Final = Decimal(100)
_EXIT_HEADROOM: Final = 3  # an exit may be worth more than the entry it closes
_ORDERS_PER_PLAN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """What a node or an engine runs, and where its faults are told."""

    actors: tuple[Any, ...]
    strategy: MorningstarStrategy
    faults: Faults
    predictor: Predictor
    shadows: tuple[Predictor, ...] = ()  # that only watch


def _streamed(bar_type: BarType, predictor: Predictor) -> Forecaster:
    return StreamForecaster(bar_type.instrument_id.value, predictor)


def make_components(
    settings: Settings,
    *,
    terms: tuple[Terms, ...],
    style: VenueStyle,
    journal: Journal,
    shadow_journal: Journal | None = None,
    foresee: Foresee = _streamed,
    memory_file: MemoryFile | None = None,
    armed_ns: int | None = None,
    supervision: Supervision | None = None,
    outside: Outside = NOTHING,
) -> Components:
    """Wire actors and strategy for these instruments.

    `foresee` makes the forecaster of one series: bar by bar, or looked up in forecasts made ahead.
    `memory_file` keeps halts across restarts; a backtest has none and starts afresh. `armed_ns` is
    the moment at which trading with money is armed, which only mode live does. `supervision` of
    None lets the model's signals pass as they are. `outside` tells the series that a model was
    trained with beside the bars; what it does not tell counts as unknown.
    Raises ValueError where the settings name a model that cannot be used.
    """
    faults = Faults()
    predictor = _fed(make_predictor(settings), outside)
    if settings.mode == "live":
        _check_arming(settings, predictor, armed_ns)
    mandate = _mandate(settings, terms, style, supervision)
    strategy = MorningstarStrategy(mandate=mandate, faults=faults, memory_file=memory_file)
    every = settings.journal.assessments == "all"
    bar_types = tuple(term.bar_type for term in terms)
    actors: list[Any] = [  # of the engine, which has no common type for actors
        JournalActor(journal=journal, faults=faults, every_assessment=every),
        _supervising(supervision, mandate, strategy, faults),
        PredictionActor(
            forecasters={bar_type: foresee(bar_type, predictor) for bar_type in bar_types},
            faults=faults,
        ),
    ]
    shadows = _shadows(settings, predictor, outside)
    if shadows and shadow_journal is not None:
        forecasters = {
            bar_type: tuple(foresee(bar_type, each) for each in (predictor, *shadows))
            for bar_type in bar_types
        }
        actors.append(ShadowActor(forecasters=forecasters, journal=shadow_journal, faults=faults))
    return Components(
        actors=tuple(actors),
        strategy=strategy,
        faults=faults,
        predictor=predictor,
        shadows=shadows,
    )


def _shadows(settings: Settings, predictor: Predictor, outside: Outside) -> tuple[Predictor, ...]:
    shadows = tuple(_fed(shadow, outside) for shadow in make_shadows(settings))
    if predictor.model in [shadow.model for shadow in shadows]:
        raise ValueError(f"predictor.shadows must not hold what trades, held {predictor.model}")
    return shadows


def _fed(predictor: Predictor, outside: Outside) -> Predictor:
    match predictor:
        case BundlePredictor():
            return predictor.fed_by(outside)
        case _:
            return predictor


def _mandate(
    settings: Settings,
    terms: tuple[Terms, ...],
    style: VenueStyle,
    supervision: Supervision | None,
) -> Mandate:
    decision = settings.decision
    if supervision is not None:
        decision = replace(decision, accept_proposals=supervision.may_propose)
    return Mandate(
        terms=terms,
        currency=Currency.from_str(settings.currency),
        decision=decision,
        risk=settings.risk,
        style=style,
        equity_every_secs=settings.journal.equity_every_secs,
    )


def _supervising(
    supervision: Supervision | None,
    mandate: Mandate,
    strategy: MorningstarStrategy,
    faults: Faults,
) -> SupervisionActor | ConsultationActor:
    if supervision is None:
        return SupervisionActor(reviewer=AbstainingReviewer("off"), faults=faults)
    return ConsultationActor(
        counsel=supervision.counsel,
        way=supervision.way,
        view=strategy,
        limits=mandate.risk,
        bar_types={term.instrument_id.value: term.bar_type for term in mandate.terms},
        known=supervision.known,
        tape=supervision.tape,
        faults=faults,
    )


def _check_arming(settings: Settings, predictor: Predictor, armed_ns: int | None) -> None:
    """Raise ValueError where this predictor must not trade money."""
    if armed_ns is None:
        raise ValueError("mode live must be armed, was not")
    allowed = settings.predictor.allow_no_edge
    match predictor:
        case BundlePredictor():
            manifest = predictor.bundle.manifest
            fault = arming_fault(manifest, allow_no_edge=allowed, now_ns=armed_ns)
        case _:
            unproven = f"{predictor.model} has never shown an edge and allow_no_edge is false"
            fault = None if allowed else unproven
    if fault is not None:
        raise ValueError(f"predictor must not trade live: {fault}")


def make_predictor(settings: Settings) -> Predictor:
    """Build the predictor that the settings name.

    Raises ValueError for a bundle that cannot be loaded or does not fit the settings.
    """
    match settings.predictor.kind:
        case "baseline":
            return BaselinePredictor(settings.predictor.baseline)
        case "bundle":
            return _bundled(settings, settings.predictor.bundle, "bundle")


def calibration_of(settings: Settings) -> str:
    """Say how far the predictor's probabilities may be believed.

    Raises ValueError for a bundle that is not there or does not say.
    """
    asked = settings.predictor
    match asked.kind:
        case "baseline":
            return "votes of a rule, not calibrated"
        case "bundle":
            interval = settings.data.interval.value
            folder = bundle_folder(asked.bundle, interval=interval, registry=asked.registry)
            edge = read_manifest(folder).direction_edge
            return f"skill in direction, measured out of sample: {edge}"


def make_shadows(settings: Settings) -> tuple[Predictor, ...]:
    """Build the predictors that only watch."""
    return tuple(_bundled(settings, name, "shadows") for name in settings.predictor.shadows)


def _bundled(settings: Settings, name: str, setting: str) -> BundlePredictor:
    asked, interval = settings.predictor, settings.data.interval.value
    folder = bundle_folder(name, interval=interval, registry=asked.registry)
    model = MorningstarModel(folder, threads=asked.threads)
    if model.manifest.interval != interval:
        raise ValueError(
            f"predictor.{setting} {name} forecasts {model.manifest.interval} bars, "
            f"data.interval is {interval}"
        )
    return BundlePredictor(model)


def terms_of(instrument: Any, bar_type: BarType, venue: VenueSettings) -> Terms:
    """Read how an instrument of the engine trades, at the venue's costs.

    The engine's instruments have no fees; where the settings say none either, the instrument's
    `info` must hold `maker_fee` and `taker_fee` as fractions. Raises ValueError where it does not.
    """
    minimum, notional = instrument.min_quantity, instrument.min_notional
    return Terms(
        instrument_id=instrument.id,
        bar_type=bar_type,
        price_precision=instrument.price_precision,
        size_precision=instrument.size_precision,
        tick=instrument.price_increment.as_decimal(),
        lot=instrument.size_increment.as_decimal(),
        min_quantity=Decimal(0) if minimum is None else minimum.as_decimal(),
        min_notional=Decimal(0) if notional is None else notional.as_decimal(),
        maker_fee=_fee(venue.maker_fee_percent, instrument, "maker_fee"),
        taker_fee=_fee(venue.taker_fee_percent, instrument, "taker_fee"),
        slippage=venue.slippage_percent / _HUNDRED,
        can_short=not isinstance(instrument, CurrencyPair),
        quote_currency=instrument.quote_currency.code,
    )


def _fee(percent: Decimal | None, instrument: Any, name: str) -> Decimal:
    if percent is not None:
        return percent / _HUNDRED
    told = (instrument.info or {}).get(name)
    if told is None:
        raise ValueError(f"{name} of {instrument.id} is neither in the settings nor in the catalog")
    return Decimal(told)


def engine_risk(limits: RiskLimits, terms: tuple[Terms, ...]) -> RiskEngineConfig:
    """Derive the engine's own limits from ours: a second gate from the same number.

    The engine applies its notional limit to exits too, so it leaves room for a position that
    has grown in value.
    """
    largest = math.ceil(limits.max_order_notional * _EXIT_HEADROOM)
    rate = limits.max_open_plans * _ORDERS_PER_PLAN
    return RiskEngineConfig(
        max_order_submit_rate=f"{rate}/00:00:01",
        max_order_modify_rate=f"{rate}/00:00:01",
        max_notional_per_order={term.instrument_id.value: largest for term in terms},
    )

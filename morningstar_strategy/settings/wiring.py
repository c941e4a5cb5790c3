"""Turns settings into the same actors and strategy for backtest, paper and live."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import BarType, Currency, CurrencyPair
from nautilus_trader.risk import RiskEngineConfig

from morningstar_strategy.actors.bars import BarLog
from morningstar_strategy.actors.consultation import ConsultationActor
from morningstar_strategy.actors.journaling import JournalActor, Sink
from morningstar_strategy.actors.prediction import PredictionActor, WarmUp
from morningstar_strategy.actors.shadow import ShadowActor
from morningstar_strategy.actors.supervision import SupervisionActor
from morningstar_strategy.border import Border
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.faults import Faults
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.journal import Journal
from morningstar_strategy.model.bundle import MorningstarModel, arming_fault, read_manifest
from morningstar_strategy.model.forecasts import StreamForecaster
from morningstar_strategy.model.outside import NOTHING, Outside
from morningstar_strategy.model.predictor import BaselinePredictor, BundlePredictor
from morningstar_strategy.model.shelf import bundle_folder
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.settings.schema import Settings, VenueSettings
from morningstar_strategy.settings.supervising import Supervision
from morningstar_strategy.snapshot import Terms
from morningstar_strategy.strategy import AtStop, Mandate, MorningstarStrategy, Store, Traded
from morningstar_strategy.supervisor.reviewer import AbstainingReviewer

__all__ = [
    "Components",
    "Foresee",
    "Place",
    "calibration_of",
    "engine_risk",
    "fee_of",
    "make_components",
    "make_predictor",
    "make_shadows",
    "terms_of",
]

type Foresee = Callable[[BarType, Predictor], Forecaster]

_FIRST: Final = "001"
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
    bars: BarLog | None = None  # where bars are put on record


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where components stand in a node, beside others on further venues.

    `store` keeps open plans and halts across restarts, and with one what the venue reports at the
    start is the strategy's own; a backtest has none and starts afresh. `tag` tells them from others
    of the same node; the first ones do what is done once in a node, such as to keep the journal.
    Through a `border` a session is recorded, or replayed.
    """

    faults: Faults = field(default_factory=Faults)
    hindrances: Hindrances = field(default_factory=Hindrances)
    store: Store | None = None
    tag: str = _FIRST
    at_stop: AtStop = AtStop.LEAVE
    warm_up: WarmUp | None = None
    border: Border | None = None

    @property
    def is_first(self) -> bool:
        """Say whether these are the first components of their node."""
        return self.tag == _FIRST

    @property
    def suffix(self) -> str:
        """Give what tells actors from those of the first components."""
        return "" if self.is_first else self.tag


def _streamed(bar_type: BarType, predictor: Predictor) -> Forecaster:
    return StreamForecaster(bar_type.instrument_id.value, predictor)


def make_components(
    settings: Settings,
    *,
    traded: Traded,
    style: VenueStyle,
    journal: Sink,
    shadow_journal: Journal | None = None,
    foresee: Foresee = _streamed,
    place: Place | None = None,
    armed_ns: int | None = None,
    supervision: Supervision | None = None,
    outside: Outside = NOTHING,
) -> Components:
    """Wire actors and strategy for these instruments.

    `foresee` makes the forecaster of one series: bar by bar, or looked up in forecasts made ahead.
    `place` says what they share with others of a node. `armed_ns` is the moment at which
    trading with money is armed, which only mode live does. `supervision` of None lets the model's
    signals pass as they are. `outside` tells the series that a model was trained with beside the
    bars; what it does not tell counts as unknown.
    Raises ValueError where the settings name a model that cannot be used.
    """
    place = Place() if place is None else place
    faults = place.faults
    predictor = _fed(make_predictor(settings), outside)
    if settings.mode == "live":
        _check_arming(settings, predictor, armed_ns)
    mandate = _mandate(settings, traded, style, supervision, place)
    strategy = MorningstarStrategy(
        mandate=mandate,
        faults=faults,
        store=place.store,
        hindrances=place.hindrances,
        border=place.border,
    )
    every = settings.journal.assessments == "all"
    bar_types = traded.bar_types
    actors: list[Any] = []  # of the engine, which has no common type for actors
    if place.is_first:
        actors.append(JournalActor(journal=journal, faults=faults, every_assessment=every))
    bars = BarLog(bar_types) if settings.journal.bars else None
    if supervision is not None:
        actors.append(_consulting(supervision, mandate, strategy, place))
    elif place.is_first:  # it speaks for every strategy
        actors.append(SupervisionActor(reviewer=AbstainingReviewer("off"), faults=faults))
    actors.append(
        PredictionActor(
            forecasters={bar_type: foresee(bar_type, predictor) for bar_type in bar_types},
            faults=faults,
            warm_up=place.warm_up,
            bar_log=bars,
            border=place.border,
            tag=place.suffix,
        )
    )
    shadows = _shadows(settings, predictor, outside)
    if shadows and shadow_journal is not None:
        forecasters = {
            bar_type: tuple(foresee(bar_type, each) for each in (predictor, *shadows))
            for bar_type in bar_types
        }
        actors.append(
            ShadowActor(
                forecasters=forecasters,
                journal=shadow_journal,
                faults=faults,
                tag=place.suffix,
            )
        )
    return Components(
        actors=tuple(actors),
        strategy=strategy,
        faults=faults,
        predictor=predictor,
        shadows=shadows,
        bars=bars,
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
    traded: Traded,
    style: VenueStyle,
    supervision: Supervision | None,
    place: Place,
) -> Mandate:
    decision = settings.decision
    if supervision is not None:
        decision = replace(decision, accept_proposals=supervision.may_propose)
    return Mandate(
        traded=traded,
        currency=Currency.from_str(settings.currency),
        decision=decision,
        risk=settings.risk,
        style=style,
        equity_every_secs=settings.journal.equity_every_secs,
        tag=place.tag,
        shelf="" if place.is_first else traded.venue.value,
        claims=place.store is not None,
        at_stop=place.at_stop,
    )


def _consulting(
    supervision: Supervision, mandate: Mandate, strategy: MorningstarStrategy, place: Place
) -> ConsultationActor:
    return ConsultationActor(
        counsel=supervision.counsel,
        way=supervision.way,
        view=strategy,
        limits=mandate.risk,
        bar_types={each.instrument_id.value: each for each in mandate.traded.bar_types},
        known=supervision.known,
        tape=supervision.tape,
        faults=place.faults,
        border=place.border,
        tag=place.suffix,
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
    contract = instrument.multiplier.as_decimal()
    return Terms(
        instrument_id=instrument.id,
        bar_type=bar_type,
        price_precision=instrument.price_precision,
        size_precision=instrument.size_precision,
        tick=instrument.price_increment.as_decimal(),
        lot=instrument.size_increment.as_decimal() * contract,
        min_quantity=Decimal(0) if minimum is None else minimum.as_decimal() * contract,
        min_notional=Decimal(0) if notional is None else notional.as_decimal(),
        maker_fee=fee_of(venue.maker_fee_percent, instrument, "maker_fee"),
        taker_fee=fee_of(venue.taker_fee_percent, instrument, "taker_fee"),
        slippage=venue.slippage_percent / _HUNDRED,
        can_short=not isinstance(instrument, CurrencyPair),
        quote_currency=instrument.quote_currency.code,
        contract=contract,
    )


def fee_of(percent: Decimal | None, instrument: Any, name: str) -> Decimal:
    """Give a fee as a fraction: what the settings say, else what the instrument tells."""
    if percent is not None:
        return percent / _HUNDRED
    told = (instrument.info or {}).get(name)
    if told is None:
        raise ValueError(f"{name} of {instrument.id} is neither in the settings nor in the catalog")
    return Decimal(told)


def engine_risk(limits: RiskLimits, bar_types: tuple[BarType, ...]) -> RiskEngineConfig:
    """Derive the engine's own limits from ours: a second gate from the same number.

    The engine applies its notional limit to exits too, so it leaves room for a position that
    has grown in value.
    """
    largest = math.ceil(limits.max_order_notional * _EXIT_HEADROOM)
    rate = limits.max_open_plans * _ORDERS_PER_PLAN
    return RiskEngineConfig(
        max_order_submit_rate=f"{rate}/00:00:01",
        max_order_modify_rate=f"{rate}/00:00:01",
        max_notional_per_order={each.instrument_id.value: largest for each in bar_types},
    )

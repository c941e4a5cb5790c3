"""Composition root of a live node: settings become clients, components and a guard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from nautilus_trader.common import Environment, FileWriterConfig, LoggerConfig, LogLevel
from nautilus_trader.live import (
    LiveDataEngineConfig,
    LiveExecutionEngineConfig,
    LiveNode,
    LiveNodeBuilder,
    LiveNodeConfig,
    LiveRiskEngineConfig,
)
from nautilus_trader.model import TraderId

from ccxt_nt.natives import NATIVES
from live.checks import HealthActor, data_is_old
from live.desk import DeskActor
from live.errors import NodeError
from live.monitoring.actor import MonitorActor
from live.monitoring.opening import Monitoring
from live.recording import Recording
from live.retelling import Forgetter
from live.series import bar_type_of
from live.state import desk_file
from live.venues import Link
from live.warming import streamed_after
from morningstar_strategy.actors.guard import Check, GuardActor
from morningstar_strategy.actors.journaling import Sink
from morningstar_strategy.actors.prediction import WarmUp
from morningstar_strategy.actors.retelling import Overheard
from morningstar_strategy.faults import Faults
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.journal import Journal
from morningstar_strategy.model.forecasts import HISTORY
from morningstar_strategy.settings.pace import step_ns, style_of
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.supervising import Supervision, beside
from morningstar_strategy.settings.wiring import (
    Components,
    Place,
    engine_risk,
    make_components,
    terms_of,
)
from morningstar_strategy.store import StateStore
from morningstar_strategy.strategy import AtStop, Traded

__all__ = ["Built", "build"]

_NAME: Final = "MORNINGSTAR"
_MINUTE_NS: Final = 60_000_000_000
_CLOSE_SECS: Final = 30  # a socket on which nobody answers any more takes ten to close
_SLACK_MINS: Final = 10  # the venue's clock is not ours
_LOG_BYTES: Final = 20_000_000  # of one file of the engine's log
_LOG_FILES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A node that is ready to run, with what must be asked when it has ended."""

    node: LiveNode
    components: tuple[Components, ...]
    guard: GuardActor
    faults: Faults
    links: tuple[Link, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """Give why clients could not connect."""
        return tuple(each for link in self.links for each in link.clients.failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a node is given beside its settings."""

    links: tuple[Link, ...]
    store: StateStore
    journal: Sink
    logs: Path
    now_ns: int
    journal_fault: Callable[[], str]
    is_journalled: Callable[[], bool] = lambda: False  # whether all that was told is on disk
    monitoring: Monitoring | None = None
    armed_ns: int | None = None
    supervision: Supervision | None = None
    shadow_journal: Journal | None = None
    recording: Recording | None = None


def build(settings: Settings, parts: Parts) -> Built:
    """Wire a node; raise NodeError where settings and models do not fit."""
    faults, hindrances = Faults(), Hindrances()
    _check_plans(parts)
    try:
        components = tuple(
            _components(settings, parts, link, index, faults, hindrances)
            for index, link in enumerate(parts.links)
        )
    except ValueError as e:
        raise NodeError(f"{e}") from e
    try:
        node = _builder(settings, parts).build()
    except RuntimeError as e:  # the engine's word for a key that is missing, among others
        raise NodeError(f"the node cannot be built: {e}") from e
    health = HealthActor(venues=_told_by_ccxt(parts.links), faults=faults)
    watching = None
    if parts.monitoring is not None:
        watching = MonitorActor(
            monitoring=parts.monitoring, faults=faults, errors=partial(_errors, parts.links)
        )
    guard = GuardActor(
        wards=[each.strategy for each in components],
        desk=parts.store,
        policy=settings.node.guard,
        faults=faults,
        hindrances=hindrances,
        checks=_checks(settings, parts, components, health),
        show=_show_nobody if watching is None else watching.show_hindrances,
        on_danger=settings.node.on_danger,
    )
    for each in components:
        for actor in each.actors:
            node.add_actor(actor)
    if watching is not None:
        node.add_actor(watching)
    node.add_actor(health)
    for each in components:
        node.add_strategy(each.strategy)
    node.add_actor(guard)
    strategies = [each.strategy for each in components]
    node.add_actor(DeskActor(strategies, parts.store, socket=desk_file(settings), faults=faults))
    return Built(node=node, components=components, guard=guard, faults=faults, links=parts.links)


def _check_plans(parts: Parts) -> None:
    """Refuse to begin beside an open plan that nobody would tend."""
    traded = {name for link in parts.links for name in link.instruments}
    for name in sorted(set(parts.store.load_plans()) - traded):
        raise NodeError(
            f"the store holds an open plan on {name}, which data.instruments does not name: "
            f"name it, or close the plan first"
        )


def _components(
    settings: Settings,
    parts: Parts,
    link: Link,
    index: int,
    faults: Faults,
    hindrances: Hindrances,
) -> Components:
    bar_types = tuple(bar_type_of(name, settings) for name in link.instruments)

    def learn(cache: Any) -> tuple[Any, ...]:
        missing = [each for each in bar_types if cache.instrument(each.instrument_id) is None]
        if missing:
            raise ValueError(f"{link.venue} does not list {missing[0].instrument_id}")
        return tuple(
            terms_of(cache.instrument(each.instrument_id), each, settings.venue)
            for each in bar_types
        )

    node, recording = settings.node, parts.recording
    keep = None if recording is None else recording.keep_history
    return make_components(
        settings,
        traded=Traded(bar_types=bar_types, learn=learn),
        style=style_of(settings),
        journal=parts.journal,
        foresee=streamed_after(settings, now_ns=parts.now_ns, keep=keep),
        place=Place(
            faults=faults,
            hindrances=hindrances,
            store=parts.store,
            tag=f"{index + 1:03d}",
            at_stop=AtStop(node.at_stop),
            warm_up=WarmUp(bars=HISTORY, keep=keep) if node.warm_up == "venue" else None,
            border=None if recording is None else recording.borders[index],
        ),
        armed_ns=parts.armed_ns,
        supervision=_supervision(settings, parts, index),
        shadow_journal=parts.shadow_journal,
    )


def _supervision(settings: Settings, parts: Parts, index: int) -> Supervision | None:
    """Share one supervisor among the strategies, each with a way of its own to be answered."""
    shared = parts.supervision
    if shared is None:
        return None
    way = shared.way if index == 0 else beside(shared.counsel, settings.supervisor)
    if parts.recording is not None:
        way = Overheard(way, parts.recording.borders[index])
    return replace(shared, way=way)


def _builder(settings: Settings, parts: Parts) -> LiveNodeBuilder:
    node = settings.node
    bar_types = tuple(
        bar_type_of(name, settings) for link in parts.links for name in link.instruments
    )
    risk = engine_risk(settings.risk, bar_types)
    builder = (
        LiveNodeBuilder.from_config(_NAME, _config(settings, parts))
        .with_logging(_logging(parts.logs))
        .with_reconciliation(settings.mode != "paper")
        .with_timeout_connection(node.connect_secs)
        .with_timeout_disconnection_secs(_CLOSE_SECS)
        .with_delay_post_stop_secs(node.settle_secs)
        .with_risk_engine_config(
            LiveRiskEngineConfig(
                max_order_submit_rate=risk.max_order_submit_rate,
                max_order_modify_rate=risk.max_order_modify_rate,
                max_notional_per_order=risk.max_notional_per_order,
            )
        )
        .with_data_engine_config(_data_engine())
    )
    for link in parts.links:
        builder = link.add_to(builder, settings)
    if settings.mode != "paper":
        builder = builder.with_exec_engine_config(_execution(parts))
    return builder


def _config(settings: Settings, parts: Parts) -> LiveNodeConfig:
    return LiveNodeConfig(
        environment=_environment(settings),
        trader_id=TraderId(f"{_NAME}-001"),
        streaming=None if parts.recording is None else parts.recording.streaming,
    )


def _data_engine() -> LiveDataEngineConfig:
    """Make no bar of half an interval, and none of an interval without a trade."""
    return LiveDataEngineConfig(
        time_bars_build_with_no_updates=False, time_bars_skip_first_non_full_bar=True
    )


def _execution(parts: Parts) -> LiveExecutionEngineConfig:
    """Ask the venue at the start for all that happened since the oldest open plan was made."""
    from ccxt_nt import execution_engine_config

    planned = [ledger.plan.planned_ns for ledger in parts.store.load_plans().values()]
    oldest = min(planned, default=parts.now_ns)
    return execution_engine_config(
        lookback_mins=(parts.now_ns - oldest) // _MINUTE_NS + _SLACK_MINS
    )


def _environment(settings: Settings) -> Environment:
    return Environment.SANDBOX if settings.mode == "paper" else Environment.LIVE


def _logging(logs: Path) -> LoggerConfig:
    """Let the engine write its own log to files of JSON lines; the oldest are dropped."""
    return LoggerConfig(
        stdout_level=LogLevel.OFF,
        fileout_level=LogLevel.INFO,
        file_config=FileWriterConfig(
            directory=f"{logs}",
            file_name="engine",
            file_format="json",
            file_rotate=(_LOG_BYTES, _LOG_FILES),
        ),
        is_colored=False,
        print_config=False,
    )


def _told_by_ccxt(links: tuple[Link, ...]) -> tuple[str, ...]:
    return tuple(link.venue for link in links if link.venue.lower() not in NATIVES)


def _errors(links: tuple[Link, ...]) -> dict[tuple[str, str], int]:
    """Count the calls that failed, by venue and kind."""
    return {
        (link.venue, kind): count for link in links for kind, count in link.clients.errors.items()
    }


def _show_nobody(known: Mapping[str, str]) -> None:
    del known


def _checks(
    settings: Settings, parts: Parts, components: tuple[Components, ...], health: HealthActor
) -> dict[str, Check]:
    most_ns = round(step_ns(settings) * settings.node.stale_after_bars)
    checks: dict[str, Check] = {
        "venue": health.check,
        "journal": lambda _now_ns: parts.journal_fault(),
        "told": Forgetter(parts.store, parts.is_journalled),
    }
    recording = parts.recording
    if recording is not None:
        checks["record"] = lambda _now_ns: recording.fault
    for index, each in enumerate(components):
        if each.bars is not None:
            source = "data" if len(components) == 1 else f"data {index + 1}"
            checks[source] = partial(data_is_old, each.bars, most_ns)
    return checks

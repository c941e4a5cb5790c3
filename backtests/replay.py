"""Replays a recorded session: the same strategy on what the session saw, decision by decision."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import AccountType, Bar, BarType, Currency, Money, OmsType

from backtests.errors import BacktestError
from backtests.manifest import code_digest
from backtests.models import CostModel
from backtests.recorded import Recorded, Strip, read_recorded
from morningstar_strategy.border import Replayer
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.core.records import Kind, Record, to_line
from morningstar_strategy.faults import Faults
from morningstar_strategy.journal import (
    JOURNAL,
    MANIFEST,
    SETTINGS,
    Journal,
    JournalError,
    RunFolder,
    journal_digest,
    read_records,
    write_json,
)
from morningstar_strategy.model.forecasts import StreamForecaster
from morningstar_strategy.settings.pace import hurried, style_of
from morningstar_strategy.settings.wiring import Components, Place, make_components
from morningstar_strategy.strategy import AtStop, Traded

__all__ = ["DECISIONS", "Replayed", "replay"]

# `Any` in this module: the engine has no common type for instruments and actors

# What is decided, and what it is decided on
DECISIONS: Final = frozenset({Kind.ASSESSMENT, Kind.REVIEW, Kind.COMMAND, Kind.RULING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay; `counts` are of the session's decisions by kind."""

    folder: Path
    counts: Mapping[str, int]
    different: int  # decisions that are not as they were, or are on one side only
    first: str  # the first of them, "" where there is none
    parted: str  # where the replay did something else than the session, "" where it never did

    @property
    def is_same(self) -> bool:
        """Say whether every decision was made again, to the byte."""
        return not (self.different or self.parted)


def replay(run: Path, runs: Path) -> Replayed:
    """Replay a session's run folder into one of its own; raise BacktestError where none can be."""
    recorded = read_recorded(run)
    name = f"{run.resolve().name}-replay"
    try:
        with RunFolder(runs, name) as folder:
            (folder / SETTINGS).write_bytes((run / SETTINGS).read_bytes())
            with Journal(folder / JOURNAL) as journal:
                parted = _run(recorded, journal)
            write_json(folder / MANIFEST, _manifest(run, recorded, folder))
            replayed = _compared(run, folder, parted)
    except JournalError as e:
        raise BacktestError(f"{e}") from e
    except OSError as e:
        raise BacktestError(f"runs folder {runs} cannot be written: {e}") from e
    return Replayed(
        folder=runs / name,
        counts=replayed.counts,
        different=replayed.different,
        first=replayed.first,
        parted=replayed.parted,
    )


def _run(recorded: Recorded, journal: Journal) -> str:
    """Run the engine over the record; say where the replay parted from it, "" where it did not."""
    faults, replayers = Faults(), [Replayer(strip.lines) for strip in recorded.strips]
    engine = BacktestEngine(
        BacktestEngineConfig(
            bypass_logging=True,
            logging=LoggerConfig(stdout_level=LogLevel.OFF),
            run_analysis=False,
        )
    )
    try:
        for strip, replayer in zip(recorded.strips, replayers, strict=True):
            _add_market(engine, recorded, strip)
            _add(engine, _components(recorded, strip, replayer, journal, faults))
        engine.sort_data()
        engine.run()
    finally:
        engine.dispose()
        return "; ".join(each.parted for each in replayers if each.parted)


def _components(
    recorded: Recorded, strip: Strip, replayer: Replayer, journal: Journal, faults: Faults
) -> Components:
    settings = hurried(recorded.settings)

    def foresee(bar_type: BarType, predictor: Predictor) -> Forecaster:
        name = bar_type.instrument_id.value
        return StreamForecaster(name, predictor, recorded.history(bar_type))

    def learn(_cache: Any) -> tuple[Any, ...]:
        raise BacktestError("the record does not tell the terms of its instruments")

    try:
        return make_components(
            settings,
            traded=Traded(bar_types=strip.bar_types, learn=learn),
            style=style_of(settings),
            journal=journal,
            foresee=foresee,
            place=Place(
                faults=faults,
                tag=strip.tag,
                at_stop=AtStop(settings.node.at_stop),
                border=replayer,
            ),
            armed_ns=strip.start_ns,
        )
    except ValueError as e:
        raise BacktestError(f"{e}") from e


def _add(engine: BacktestEngine, components: Components) -> None:
    actors: tuple[Any, ...] = components.actors
    for actor in actors:
        engine.add_actor(actor)
    engine.add_strategy(components.strategy)


def _add_market(engine: BacktestEngine, recorded: Recorded, strip: Strip) -> None:
    """Add a venue, at which nothing is ever traded, and the bars in the order of the session."""
    settings = recorded.settings
    engine.add_venue(
        strip.bar_types[0].instrument_id.venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money.from_decimal(settings.capital, Currency.from_str(settings.currency))],
        fee_model=CostModel(()),
    )
    by_type: defaultdict[BarType, list[Bar]] = defaultdict(list)
    for bar in strip.bars:
        by_type[bar.bar_type].append(bar)
    for bar_type in strip.bar_types:
        engine.add_instrument(recorded.instruments[bar_type.instrument_id.value])
        if by_type[bar_type]:
            engine.add_data(by_type[bar_type], sort=False)


def _manifest(run: Path, recorded: Recorded, folder: Path) -> dict[str, Any]:
    told = recorded.manifest
    return {
        "replay_of": run.resolve().name,
        "mode": recorded.settings.mode,
        "start_ns": min(strip.start_ns for strip in recorded.strips),
        "end_ns": max(strip.end_ns for strip in recorded.strips),
        "settings_sha256": told.get("settings_sha256", ""),
        "versions": told.get("versions", {}),
        "code_sha256": code_digest(),
        "journal_sha256": journal_digest(folder),
    }


def _compared(run: Path, folder: Path, parted: str) -> Replayed:
    """Hold the decisions of a replay against those of its session, line by line."""
    ours, theirs = _decisions(run), _decisions(folder)
    counts: defaultdict[str, int] = defaultdict(int)
    for record in ours:
        counts[record.kind.value] += 1
    pairs = list(zip_longest(map(to_line, ours), map(to_line, theirs)))
    other = [pair for pair in pairs if pair[0] != pair[1]]
    first = "" if not other else f"the session: {other[0][0]}, the replay: {other[0][1]}"
    return Replayed(
        folder=folder, counts=dict(counts), different=len(other), first=first, parted=parted
    )


def _decisions(folder: Path) -> list[Record]:
    return [record for record in read_records(folder) if record.kind in DECISIONS]

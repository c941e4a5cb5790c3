"""Replays a recorded session: the same strategy on what the session saw, decision by decision."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count, zip_longest
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import AccountType, Bar, BarType, Currency, Money, OmsType

from backtests.errors import BacktestError
from backtests.manifest import code_digest
from backtests.models import CostModel
from backtests.progress import ProgressActor, RunProgress
from backtests.recorded import Recorded, Strip, read_recorded
from morningstar_strategy.actors.retelling import Retold
from morningstar_strategy.border import Replayer
from morningstar_strategy.core.prediction import Forecaster, Predictor
from morningstar_strategy.core.records import Kind, RecordError, to_line
from morningstar_strategy.faults import Faults
from morningstar_strategy.journal import (
    JOURNAL,
    MANIFEST,
    SETTINGS,
    TAPE,
    Journal,
    JournalError,
    RunFolder,
    digest_of,
    journal_digest,
    read_records,
    write_json,
)
from morningstar_strategy.model.forecasts import StreamForecaster
from morningstar_strategy.settings.load import dump_settings, settings_digest
from morningstar_strategy.settings.pace import hurried, style_of
from morningstar_strategy.settings.supervising import Supervision, in_line, open_supervision
from morningstar_strategy.settings.wiring import (
    Components,
    Place,
    calibration_of,
    make_components,
)
from morningstar_strategy.strategy import AtStop, Traded
from morningstar_strategy.supervisor.tape import TapeError, read_tape

__all__ = ["DECISIONS", "Held", "Replayed", "replay"]

# `Any` in this module: the engine has no common type for instruments and actors

# What is decided, and what it is decided on
DECISIONS: Final = (Kind.ASSESSMENT, Kind.REVIEW, Kind.COMMAND, Kind.RULING)


class _Told(NamedTuple):
    """A line of a journal, and where it stands there."""

    place: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The decisions of a replay held against those of its session.

    `counts` and `different` are by kind. `outside` are decisions beyond the end of the other side,
    which only a session has that was killed.
    """

    counts: Mapping[str, int]
    different: Mapping[str, int]
    outside: int
    first: str  # the first that differs, "" where none does


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of a replay."""

    run: Path
    folder: Path
    held: Held
    parted: str  # where the replay did something else than the session, "" where it never did

    @property
    def is_same(self) -> bool:
        """Say whether every decision was made again, to the byte."""
        return not (any(self.held.different.values()) or self.parted)


def replay(run: Path, *, overrides: Sequence[str] = (), quiet: bool = True) -> Replayed:
    """Replay a session into a run folder beside its own, with settings that may be others.

    Raises BacktestError where it cannot be replayed, SettingsError for its settings.
    """
    with RunProgress(quiet=quiet) as progress:
        recorded = read_recorded(run, overrides=overrides)
        root, name = run.resolve().parent, _free_name(run.resolve())
        try:
            with RunFolder(root, name) as folder, ExitStack() as stack:
                (folder / SETTINGS).write_text(dump_settings(recorded.settings), encoding="utf-8")
                supervised = stack.enter_context(_supervision(recorded, folder / TAPE))
                with Journal(folder / JOURNAL) as journal:
                    parted = _run(recorded, journal, supervised, progress)
                write_json(folder / MANIFEST, _manifest(run, recorded, folder))
                held = _held(run, folder, was_killed=not recorded.is_whole)
        except (JournalError, RecordError) as e:
            raise BacktestError(f"{e}") from e
        except OSError as e:
            raise BacktestError(f"{root / name} cannot be written: {e}") from e
    return Replayed(run=run, folder=root / name, held=held, parted=parted)


def _free_name(run: Path) -> str:
    """Name a folder beside a run that is not there yet."""
    first = f"{run.name}-replay"
    names = chain((first,), (f"{first}-{number}" for number in count(2)))
    return next(name for name in names if not (run.parent / name).exists())


@contextmanager
def _supervision(recorded: Recorded, tape: Path) -> Iterator[Supervision | None]:
    """Open the supervisor of the session, whose answers are on its tape."""
    asked, said = recorded.settings.supervisor, recorded.run / TAPE
    if asked.source == "off":
        yield None
        return
    try:
        earlier = [e for e in read_tape(said) if e.question.ts_event < recorded.start_ns]
    except (TapeError, OSError) as e:
        raise BacktestError(f"the tape of {recorded.run} cannot be replayed: {e}") from e
    try:
        opened = open_supervision(
            asked.model_copy(update={"source": "tape", "tape": said}),
            tape=tape,
            carry=in_line,
            environ={},
            rng=Random(0),  # noqa: S311 - a tape asks nobody twice
            calibration=partial(calibration_of, recorded.settings),
            before=earlier,
        )
        with opened as supervision:
            yield supervision
    except TapeError as e:
        raise BacktestError(f"the tape of {recorded.run} cannot be replayed: {e}") from e


def _run(
    recorded: Recorded, journal: Journal, supervised: Supervision | None, progress: RunProgress
) -> str:
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
            told = supervised and replace(supervised, way=Retold(supervised.counsel, replayer))
            _add(engine, _components(recorded, strip, replayer, journal, told, faults))
        engine.add_actor(
            ProgressActor(progress=progress, start_ns=recorded.start_ns, end_ns=recorded.end_ns)
        )
        engine.sort_data()
        engine.run(end=recorded.end_ns)  # what was heard after the last bar has its time too
    finally:
        engine.dispose()
    return "; ".join(each.parted for each in replayers if each.parted)


def _components(
    recorded: Recorded,
    strip: Strip,
    replayer: Replayer,
    journal: Journal,
    supervised: Supervision | None,
    faults: Faults,
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
            supervision=supervised,
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
        "start_ns": recorded.start_ns,
        "end_ns": recorded.end_ns,
        "settings_sha256": settings_digest(recorded.settings),
        "versions": told.get("versions", {}),
        "code_sha256": code_digest(),
        "journal_sha256": journal_digest(folder),
        **({"tape_sha256": digest_of(folder / TAPE)} if (folder / TAPE).exists() else {}),
    }


def _held(run: Path, folder: Path, *, was_killed: bool) -> Held:
    """Hold the decisions of a replay against those of its session, byte by byte."""
    ours, theirs = _decisions(run), _decisions(folder)
    different: Counter[str] = Counter()
    outside, faults = 0, []
    for kind in DECISIONS:
        for mine, other in zip_longest(ours[kind], theirs[kind]):
            if mine is not None and other is not None and mine.line == other.line:
                continue
            if was_killed and (mine is None or other is None):
                outside += 1
                continue
            different[kind.value] += 1
            faults.append((mine, other))
    if not (different or outside or _in_order(ours) == _in_order(theirs)):
        different["order"] = 1
    return Held(
        counts={kind.value: len(told) for kind, told in ours.items() if told},
        different=different,
        outside=outside,
        first=_first(faults),
    )


def _first(faults: Sequence[tuple[_Told | None, _Told | None]]) -> str:
    """Tell the difference that came first, in the order of the session."""
    if not faults:
        return ""
    mine, other = min(faults, key=lambda pair: min(each.place for each in pair if each))
    said = [each.line if each else "nothing" for each in (mine, other)]
    return f"the session: {said[0]}, the replay: {said[1]}"


def _in_order(told: Mapping[Kind, Sequence[_Told]]) -> list[str]:
    return [each.line for each in sorted(chain.from_iterable(told.values()))]


def _decisions(folder: Path) -> Mapping[Kind, list[_Told]]:
    found: dict[Kind, list[_Told]] = {kind: [] for kind in DECISIONS}
    for place, record in enumerate(read_records(folder)):
        if record.kind in DECISIONS:
            found[record.kind].append(_Told(place, to_line(record)))
    return found

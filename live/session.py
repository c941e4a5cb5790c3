"""One live session: opens what a node needs, runs it, and says how it ended."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Final

from live.collecting import collecting_here
from live.errors import Exit, NodeError, Refused
from live.exchange import keys_of, open_exchange
from live.monitoring.health import NodeState
from live.monitoring.logs import setup
from live.monitoring.masking import Masker
from live.monitoring.opening import Monitoring, open_monitoring
from live.monitoring.server import ServerError
from live.node import Built, Parts, build
from live.recording import complete_earlier, open_recording
from live.report import Told, report_session
from live.retelling import SPILL, retell, take_up_spills
from live.state import account_of, state_file
from live.supervising import open_beside, tape_of
from live.venues import links_of
from morningstar_strategy.core.records import RecordError
from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.exporting import export
from morningstar_strategy.database.journal import DatabaseJournal
from morningstar_strategy.journal import SHADOWS, Journal
from morningstar_strategy.settings.load import dump_settings, settings_digest
from morningstar_strategy.settings.pace import hurried
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import StateStore, StoreError

__all__ = ["Ended", "run_session"]

_JOURNAL: Final = "journal.sqlite"
_LOGS: Final = "logs"
_LOG: Final = "node.log"
_TOLD: Final = ("nautilus_trader", "ccxt", "numpy", "onnxruntime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a session ended, in one sentence."""

    code: Exit
    reason: str
    folder: Path
    told: Told | None = None  # of what happened, where that can be told


def run_session(
    settings: Settings,
    *,
    minutes: float | None = None,
    armed_ns: int | None = None,
    say: Callable[[str], None],
) -> Ended:
    """Run a node until it is stopped, or for so many minutes.

    Raises NodeError where it cannot begin.
    """
    if settings.mode == "backtest":
        raise NodeError("mode must be paper, demo or live, was backtest")
    if settings.mode == "live" and armed_ns is None:
        raise Refused("mode live must be armed: see python live/run_node.py --help")
    settings = _as_live(settings)
    started_ns = time.time_ns()
    with ExitStack() as stack:
        played = stack.enter_context(open_exchange(settings))
        stack.enter_context(keys_of(played))
        links = links_of(settings, played)
        kept = StateStore(state_file(settings), account=account_of(settings))
        store = _opened(stack, kept, "node.state")
        folder = _folder(settings, started_ns)
        say(f"Session {folder.name} begins")
        logs = settings.node.state / _LOGS
        log = setup(path=logs / _LOG, environ=os.environ)
        masker = _opened(stack, log, "node.state")
        rng = Random(started_ns)  # noqa: S311 - spreads waits, and of each node others
        watched = _opened(stack, _monitoring(settings, masker, rng), "monitoring")
        journal = _opened(stack, _journal(settings, folder, started_ns), "node.journal")
        try:
            take_up_spills(settings.node.state, _url(settings))
            retell(store, journal, _url(settings))
        except (DatabaseError, RecordError) as e:
            raise NodeError(f"node.journal: {e}") from e
        complete_earlier(settings, _url(settings), say)
        supervision = _opened(stack, open_beside(settings, rng=rng), "supervisor")
        shadows = _opened(stack, _shadows(settings, folder), "predictor.shadows")
        recording = _opened(
            stack,
            open_recording(settings, folder, venues=len(links), now_ns=started_ns),
            "runs",
        )
        parts = Parts(
            links=links,
            store=store,
            journal=journal,
            journal_fault=lambda: journal.fault,
            is_journalled=lambda: not (journal.waiting or journal.fault),
            monitoring=watched,
            logs=logs,
            now_ns=started_ns,
            armed_ns=armed_ns,
            supervision=supervision,
            shadow_journal=shadows,
            recording=recording,
        )
        try:
            built = build(hurried(settings), parts)
        except StoreError as e:
            raise NodeError(f"node.state: {e}") from e
        ended = _run(built, folder, minutes)
        if watched is not None and ended.code is not Exit.ORDERLY:
            watched.board.enter(NodeState.FAILED, ended.reason)
    return replace(ended, told=_leave(settings, folder, say))


def _run(built: Built, folder: Path, minutes: float | None) -> Ended:
    try:
        asyncio.run(_until_stopped(built, minutes))
    except Exception as e:  # the engine's own, of any type: it did not start, or not end
        why = "; ".join(built.failures) or f"{e}"
        return Ended(code=Exit.FAILED, reason=f"failed: {why}", folder=folder)
    finally:
        built.node.dispose()  # the record of the market is whole then
    if built.faults:
        first = built.faults.errors[0]
        reason = f"stopped after a fault: {type(first).__name__}: {first}"
        return Ended(code=Exit.FAILED, reason=reason, folder=folder)
    return Ended(code=Exit.ORDERLY, reason="stopped in order", folder=folder)


async def _until_stopped(built: Built, minutes: float | None) -> None:
    """Run the node on this loop; a signal lets what is open come into order, a second one ends."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        built.guard.stop_soon(built.node.handle().stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if minutes is not None:
        loop.call_later(minutes * 60, stop)
    with collecting_here(loop):
        await built.node.run_async()


def _as_live(settings: Settings) -> Settings:
    """Keep every bar and assessment: a session must be there to be audited and replayed."""
    journal = settings.journal.model_copy(update={"bars": True, "assessments": "all"})
    return settings.model_copy(update={"journal": journal})


def _folder(settings: Settings, started_ns: int) -> Path:
    started = datetime.fromtimestamp(started_ns / 1e9, tz=UTC)
    return settings.runs / f"{started:%Y%m%dT%H%M%S}Z-{settings.mode}"


def _opened[T](stack: ExitStack, what: AbstractContextManager[T], name: str) -> T:
    """Open something for as long as the session lasts; raise NodeError where that fails."""
    try:
        return stack.enter_context(what)
    except (StoreError, DatabaseError, ServerError, ValueError, RuntimeError, OSError) as e:
        raise NodeError(f"{name}: {e}") from e


def _monitoring(
    settings: Settings, masker: Masker, rng: Random
) -> AbstractContextManager[Monitoring | None]:
    if not settings.monitoring.enabled:
        return nullcontext()
    return open_monitoring(
        settings.monitoring,
        environ=os.environ,
        now_ns=time.time_ns,
        monotonic_ns=time.monotonic_ns,
        rng=rng,
        masker=masker,
    )


# ---------------------------------------------------------------- the journal


def _journal(settings: Settings, folder: Path, started_ns: int) -> DatabaseJournal:
    return DatabaseJournal(
        _url(settings),
        name=folder.name,
        started_ns=started_ns,
        mode=settings.mode,
        settings=dump_settings(settings),
        settings_sha256=settings_digest(settings),
        versions={name: version(name) for name in _TOLD},
        spill=settings.node.state / f"{folder.name}{SPILL}",
    )


def _shadows(settings: Settings, folder: Path) -> AbstractContextManager[Journal | None]:
    """Keep what models say that only watch, beside the database."""
    if not settings.predictor.shadows:
        return nullcontext()
    return Journal(settings.node.state / f"{folder.name}.{SHADOWS}")


def _url(settings: Settings) -> str:
    return settings.node.journal or f"sqlite:///{settings.node.state / _JOURNAL}"


def _leave(settings: Settings, folder: Path, say: Callable[[str], None]) -> Told | None:
    """Write the session from the database into a run folder, as a backtest leaves one."""
    try:
        export(_url(settings), folder.name, folder, tape=tape_of(settings))
    except (DatabaseError, OSError) as e:
        say(f"The journal stays in the database, it could not be written to {folder}: {e}")
        return None
    try:
        return report_session(settings, folder)
    except (NodeError, OSError) as e:
        say(f"{e}")
        return None

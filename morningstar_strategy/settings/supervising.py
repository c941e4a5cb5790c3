"""Opens the supervisor that the settings describe, for as long as a run lasts."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import Protocol

from morningstar_strategy.actors.consultation import Known, Tape
from morningstar_strategy.actors.ways import Beside, Counsel, InLine, Way
from morningstar_strategy.core.scene import External
from morningstar_strategy.journal import TAPE
from morningstar_strategy.settings.schema import SupervisorSettings
from morningstar_strategy.settings.supervision import GRACE_SECS
from morningstar_strategy.supervisor.chain import open_chain
from morningstar_strategy.supervisor.exchange import Exchange, Provider
from morningstar_strategy.supervisor.scripted import ScriptedProvider
from morningstar_strategy.supervisor.supervisor import Supervisor
from morningstar_strategy.supervisor.tape import TapeProvider, TapeWriter, read_tape

__all__ = ["Supervision", "beside", "in_line", "known_from", "open_supervision"]

_log = logging.getLogger(__name__)


class AsOf(Protocol):
    """Whoever tells what was known outside at a time: a timeline, or feeds that are polled."""

    def as_of(self, ts: int, symbol: str | None = None) -> tuple[External, ...]:
        """Give what was known at a time, newest first."""
        ...


type Carry = Callable[[Counsel, SupervisorSettings], Way]


def _nothing_known(_instrument_id: str, _ts: int) -> tuple[External, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """A supervisor with its way of being asked, what it is told and where its words are kept.

    `unasked` counts what a tape that is replayed holds and nobody has asked for yet.
    """

    counsel: Counsel
    way: Way
    may_propose: bool
    tape: Tape
    known: Known = _nothing_known
    unasked: Callable[[], int] = int


def in_line(counsel: Counsel, settings: SupervisorSettings) -> Way:
    """Ask in event time, as a backtest does."""
    del settings
    return InLine(counsel)


def beside(counsel: Counsel, settings: SupervisorSettings) -> Way:
    """Ask on worker threads beside the engine, as live trading does."""
    deadline_secs = settings.policy.deadline_secs + GRACE_SECS
    return Beside(counsel, deadline_secs=deadline_secs, workers=settings.workers)


def known_from(timeline: AsOf, quotes: Mapping[str, str]) -> Known:
    """Ask a timeline by instrument; `quotes` maps instruments to their quote currencies."""

    def known(instrument_id: str, ts: int) -> tuple[External, ...]:
        symbol = instrument_id.rpartition(".")[0]
        base = symbol.rpartition(quotes[instrument_id])[0].rstrip("-/_")
        return timeline.as_of(ts, base or symbol)

    return known


@contextmanager
def open_supervision(
    settings: SupervisorSettings,
    *,
    tape: Path,
    carry: Carry,
    environ: Mapping[str, str],
    rng: Random,
    known: Known = _nothing_known,
    calibration: Callable[[], str] = str,
    before: Iterable[Exchange] = (),
) -> Iterator[Supervision | None]:
    """Open what is asked and the tape that is written; None where nobody supervises.

    `calibration` says how far the model may be believed, and is asked where somebody supervises. A
    tape that exists is written on, and what it cost counts against the budget of its day; a last
    line that a crash cut off is moved beside it and logged.
    `before` counts likewise. Raises ValueError for a tape that cannot be replayed and for a key
    that is missing.
    """
    with ExitStack() as stack:
        provider = _provider(settings, stack, environ, rng)
        if provider is None:
            yield None
            return
        counsel = Supervisor(
            provider=provider,
            policy=settings.policy,
            budget=settings.budget,
            calibration=calibration(),
        )
        writer = stack.enter_context(TapeWriter(tape))
        if writer.torn is not None:
            _log.warning("The last line of %s was cut off, and is now in %s", tape, writer.torn)
        counsel.recall(chain(before, read_tape(tape)))  # of before a restart
        yield Supervision(
            counsel=counsel,
            way=carry(counsel, settings),
            may_propose=settings.policy.may_propose,
            tape=writer.append,
            known=known,
            unasked=provider.unasked if isinstance(provider, TapeProvider) else int,
        )


def _provider(
    settings: SupervisorSettings,
    stack: ExitStack,
    environ: Mapping[str, str],
    rng: Random,
) -> Provider | None:
    match settings.source:
        case "off":
            return None
        case "scripted":
            return ScriptedProvider(latency_ms=settings.scripted_latency_ms)
        case "tape":
            return _replayed(settings.tape)
        case "live":
            chain = open_chain(
                settings.providers, environ=environ, rng=rng, patience=settings.patience
            )
            return stack.enter_context(chain)


def _replayed(path: Path | None) -> Provider:
    found = Path() if path is None else path / TAPE if path.is_dir() else path
    try:
        return TapeProvider(found)
    except OSError as e:
        raise ValueError(f"tape {found} cannot be read: {e.strerror}") from e

"""A supervisor beside a live node: asked on threads of its own, told what feeds say."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random

from morningstar_strategy.journal import TAPE
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.supervising import (
    Supervision,
    beside,
    known_from,
    open_supervision,
)
from morningstar_strategy.settings.wiring import calibration_of
from morningstar_strategy.supervisor.feeds import Feeds

__all__ = ["open_beside", "tape_of"]


def tape_of(settings: Settings) -> Path | None:
    """Name the file of a node's exchanges with its supervisor, None where it has none."""
    return None if settings.supervisor.source == "off" else settings.node.state / TAPE


@contextmanager
def open_beside(settings: Settings, *, rng: Random) -> Iterator[Supervision | None]:
    """Open what the settings ask for, None where nobody supervises; `rng` spreads retries.

    The tape is in the state folder, so that what was spent before a restart counts. Raises
    ValueError for a key that is missing and a tape that cannot be written on, RuntimeError where a
    library is missing.
    """
    if settings.supervisor.source == "off":
        yield None
        return
    quotes = dict.fromkeys(settings.data.instruments, settings.currency)
    settings.node.state.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        feeds = stack.enter_context(Feeds(settings.data.feeds, now_ns=time.time_ns))
        opened = open_supervision(
            settings.supervisor,
            tape=settings.node.state / TAPE,
            carry=beside,
            environ=os.environ,
            rng=rng,
            known=known_from(feeds, quotes),
            calibration=partial(calibration_of, settings),
        )
        yield stack.enter_context(opened)

"""The local exchange as a child process: it plays bars, and ends with whoever started it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from live.errors import NodeError
from morningstar_strategy.settings.schema import Settings

__all__ = ["Played", "open_exchange"]

_PROJECT: Final = Path(__file__).parents[1]
_END_SECS: Final = 10.0
_LONGEST_WORD: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Where the exchange listens, and its account's keys as the environment holds them."""

    url: str
    environment: Mapping[str, str]


@contextmanager
def open_exchange(settings: Settings) -> Iterator[Played | None]:
    """Run the exchange that the settings ask for, None where they ask for none.

    Raises NodeError where it cannot be started.
    """
    if settings.node.exchange is None:
        yield None
        return
    if settings.node.exchange.endpoint is not None:
        yield Played(url=settings.node.exchange.endpoint, environment={})
        return
    process = subprocess.Popen(  # noqa: S603 - our own module, arguments from the settings
        _command(settings),
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is the node's to hear, which still needs the exchange
    )
    try:
        yield _told(process)
    finally:
        _end(process)


def _command(settings: Settings) -> list[str]:
    exchange = settings.node.exchange
    if exchange is None:
        raise ValueError("node.exchange must be there, was None")
    options = {
        "dialect": exchange.dialect,
        "catalog": f"{Path(exchange.catalog).resolve()}",
        "instruments": ",".join(exchange.instruments),
        "interval": settings.data.interval.value,
        "start": exchange.start.isoformat(),
        "speed": f"{settings.node.speed}",
        "balance": f"{exchange.balance:f}",
        "seed": f"{exchange.seed}",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [sys.executable, "-m", "tests.venue.play", *words]


def _told(process: subprocess.Popen[str]) -> Played:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        _, complaint = process.communicate()
        raise NodeError(f"the local exchange did not start: {complaint.strip()[-_LONGEST_WORD:]}")
    told = json.loads(line)
    return Played(url=told["url"], environment=told["environment"])


def _end(process: subprocess.Popen[str]) -> None:
    """Let it end by itself, since it may have something to say; then insist."""
    try:
        _, complaint = process.communicate(timeout=_END_SECS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, complaint = process.communicate()
    if process.returncode:
        last = complaint.strip()[-_LONGEST_WORD:]
        sys.stderr.write(f"the local exchange ended with {process.returncode}: {last}\n")


@contextmanager
def keys_of(played: Played | None) -> Iterator[None]:
    """Hold the keys of the local exchange in the environment, where clients look for keys."""
    ours = {} if played is None else dict(played.environment)
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

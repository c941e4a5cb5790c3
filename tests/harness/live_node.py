"""A live node in a process of its own on a played exchange: watched, killed, begun anew."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from morningstar_strategy.store import StateStore
from tests.harness.nodes import Reachable
from tests.venue.played_process import PlayedVenue

# `Any` in this module: a node's status and a venue's truth are JSON of every shape

PROJECT: Final = Path(__file__).parents[2]
BASES: Final = ("BTC", "ETH", "SOL", "BNB", "XRP")
_CONFIG: Final = ("--config", "config/paper-local.yaml")
# Trades on nearly every bar, in one direction until the trend turns, and holds for long
EAGER: Final = (
    "predictor.baseline={threshold: 0.001, min_efficiency: 0.0}",
    "decision.min_confidence=0",
    "decision.max_turbulence=1",
    "decision.cooldown_secs=0",
    "decision.close_on_opposite=false",
    "decision.break_even_after_percent=0",
    "decision.max_holding_secs=864000",
)
_PATIENCE_SECS: Final = 120.0
_POLL_SECS: Final = 0.05


def played(dialect: str, catalog: Path, **options: object) -> PlayedVenue:
    """Prepare an exchange that plays the sample's bars, a second each."""
    told: dict[str, object] = {
        "interval": "5m",
        "start": "2024-01-12",
        "speed": 300,
        "lead_secs": 1,
        "seed": 1,
    }
    names = [f"{base}USDT-PERP.BINANCE" for base in BASES]
    return PlayedVenue(dialect, catalog=catalog, instruments=names, **{**told, **options})


class LiveNode:
    """`python live/run_node.py` on a played exchange; every start is another process."""

    def __init__(
        self,
        venue: Reachable,
        dialect: str,
        folder: Path,
        *,
        catalog: Path,
        settings: Sequence[str] = (),
        program: Sequence[str] = ("live/run_node.py",),
    ) -> None:
        self.folder = folder
        self._program = tuple(program)
        self.store = folder / "state" / "state.sqlite"
        names = [f"{base}USDT-PERP.{dialect.upper()}" for base in BASES]
        told = [
            f"node.exchange.endpoint={venue.url}",
            f"node.exchange.dialect={dialect}",
            f"node.exchange.catalog={catalog}",
            f"node.state={folder / 'state'}",
            f"runs={folder / 'runs'}",
            f"data.instruments={json.dumps(names)}",
            "node.settle_secs=2",
            "node.at_stop=keep",
            # Plans that last, unless a test wants others: no market of the sample goes so far
            "decision.stop_percent=9",
            "decision.take_profit_percents=[18]",
            "decision.max_holding_secs=259200",
            "decision.cooldown_secs=14400",
            "monitoring.port=0",  # others run beside it
            *settings,
        ]
        self.words = (*_CONFIG, *(word for each in told for word in ("--set", each)))
        self._keys = venue.environment
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_running:
            self.kill()

    @property
    def environment(self) -> dict[str, str]:
        """Give what a process of it finds in its environment, as that is now."""
        return {**os.environ, **self._keys, "OMP_NUM_THREADS": "1"}

    @property
    def is_running(self) -> bool:
        """Say whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *words: str) -> None:
        """Start a process; it is not waited for."""
        if self.is_running:
            raise RuntimeError("the node runs already")
        self._count += 1
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, *self.words, *words],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> Path:
        """Name the file of what the newest process printed."""
        return self.folder / f"node-{self._count}.log"

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, secs: float = _PATIENCE_SECS) -> int:
        """Ask it to stop in order; give its exit code, raise TimeoutExpired where it goes on."""
        self.signal(signal.SIGTERM)
        return self.wait(secs)

    def signal(self, number: int) -> None:
        """Send a signal to its process, where that lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, secs: float = _PATIENCE_SECS) -> int:
        """Wait for its end; give the exit code."""
        if self._process is None:
            raise RuntimeError("the node was never started")
        return self._process.wait(secs)

    def status(self) -> dict[str, Any] | None:
        """Give what it told of itself last, None before the first time."""
        if not self.store.is_file():
            return None
        with StateStore(self.store) as store:
            return store.status()

    def until(
        self, test: Callable[[Mapping[str, Any]], Any], what: str, secs: float = _PATIENCE_SECS
    ) -> Any:
        """Wait until its status is so; raise TimeoutError with its log where it never is."""
        deadline, since = time.monotonic() + secs, time.time_ns()
        while time.monotonic() < deadline:
            status = self.status()
            fresh = status is not None and (status["ts"] >= since or not self.is_running)
            if status is not None and fresh and (found := test(status)):
                return found
            if not self.is_running and not fresh:
                break
            time.sleep(_POLL_SECS)
        raise TimeoutError(f"{what}: not within {secs} s, {self.log.read_text()[-2000:]}")

    def plans(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """Give the open plans of a status."""
        found = [each["plans"] for each in status.get("accounts", ())]
        return {name: plan for plans in found for name, plan in plans.items()}

"""Halt a node under faults, many times: `python -m tests.halting --schedules N --dialect D`.

Each schedule plays bars on a local exchange, runs a node on it until something is held, lets the
seed choose what goes wrong and what becomes of the node, runs `live/halt.py --flatten`, and holds
its word against the exchange's own ledger: flat is never said while the ledger is not flat.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.catalogs import sample_folder
from tests.venue.played_process import PlayedVenue

# `Any` in this module: what processes tell is JSON

ROOT: Final = Path(__file__).parents[1]
NAMES: Final = ("BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP")
_START_SECS: Final = 90.0
_POLL_SECS: Final = 0.1

# What goes wrong between halt and venue, on orders and account; chosen by the seed
FAULTS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "nothing": (),
    "timeouts": (
        {"kind": "timeout_after", "where": "order", "count": 2, "delay_secs": 7},
        {"kind": "timeout_after", "where": "cancel", "count": 2, "delay_secs": 7},
    ),
    "502 before": (
        {"kind": "status_502_before", "where": "order", "count": 3},
        {"kind": "status_502_before", "where": "read", "count": 4},
    ),
    "502 after": (
        {"kind": "status_502_after", "where": "order", "count": 3},
        {"kind": "status_502_after", "where": "cancel", "count": 3},
    ),
    "lost acks": (
        {"kind": "reset_after", "where": "order", "count": 3},
        {"kind": "empty_json_after", "where": "cancel", "count": 3},
    ),
    "lost requests": (
        {"kind": "drop_request", "where": "order", "count": 2},
        {"kind": "reset_before", "where": "*", "probability": 0.3, "count": 8},
    ),
    "late orders": ({"kind": "delay", "where": "order", "count": 3, "delay_secs": 6},),
    "dropped streams": (
        {"kind": "socket_abort", "where": "orders", "count": 3},
        {"kind": "push_drop", "where": "fills", "count": None},
        {"kind": "push_drop", "where": "orders", "count": None, "probability": 0.5},
    ),
    "rate limit": ({"kind": "status_429", "where": "*", "count": 12, "probability": 0.5},),
    "maintenance": ({"kind": "maintenance", "where": "*", "count": None, "end_secs": 12},),
    "stale answers": ({"kind": "stale_snapshot", "where": "read", "count": 1},),
    "nonsense": (
        {"kind": "html_200_before", "where": "order", "count": 2},
        {"kind": "html_200_after", "where": "read", "count": 4},
    ),
}
FATES: Final = ("runs", "killed", "hangs", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What one seed does."""

    seed: int
    dialect: str
    fault: str
    fate: str
    away_secs: float = 0.0  # the venue is down for so long

    @classmethod
    def of(cls, seed: int, dialect: str) -> Self:
        """Let the seed choose; consecutive seeds go through every fault."""
        rng = random.Random(f"{dialect} {seed}")
        fault = sorted(FAULTS)[seed % len(FAULTS)]
        away = rng.uniform(2, 8) if rng.random() < 0.25 else 0.0
        return cls(seed=seed, dialect=dialect, fault=fault, fate=rng.choice(FATES), away_secs=away)


@dataclass(slots=True, kw_only=True)
class Proof:
    """What came of a schedule; `lies` must be empty."""

    schedule: Schedule
    code: int
    told: dict[str, Any]
    secs: float
    held: int  # positions before the halt
    truth: dict[str, Any] = field(repr=False)

    @property
    def left(self) -> list[str]:
        """Name what the exchange's ledger still has."""
        return leftovers(self.truth)

    @property
    def lies(self) -> bool:
        """Say whether flat was said and is not so."""
        return self.code == 0 and bool(self.left)


def leftovers(truth: Mapping[str, Any]) -> list[str]:
    """Name every position and open order of the exchange's ledger."""
    held = [f"{n} {p['base']}" for n, p in truth["positions"].items() if float(p["base"])]
    return held + [f"order {each['order_id']}" for each in truth["open_orders"]]


class NodeRun:
    """A node on a played exchange, in a process of its own; open it with `with`."""

    def __init__(
        self,
        venue: PlayedVenue,
        folder: Path,
        *,
        dialect: str,
        minutes: float = 30,
        more: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.options = [*options(venue, folder, dialect), *more]
        self._env = environment(venue)
        command = [sys.executable, "live/run_node.py", "--minutes", f"{minutes}", *self.options]
        self._log = (folder / "node.log").open("ab")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self._env, stdout=self._log, stderr=subprocess.STDOUT
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._log.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def status(self) -> dict[str, Any]:
        """Give what the node told last, empty before the first word."""
        try:
            told = json.loads((self.folder / "state" / "state.status.json").read_text())
        except (OSError, ValueError):
            return {}
        return dict(told)

    def until(self, what: Callable[[], bool], *, secs: float = _START_SECS) -> None:
        """Wait for something to be so; raise with the node's words where it does not come."""
        until = time.monotonic() + secs
        while not what():
            if time.monotonic() > until or self.process.poll() is not None:
                words = (self.folder / "node.log").read_text()[-800:]
                raise TimeoutError(f"it did not come within {secs} s: {words} {self.status}")
            time.sleep(_POLL_SECS)

    def command(
        self, script: str, *words: str, secs: float = 150.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of `live/` with this node's settings."""
        return subprocess.run(
            [sys.executable, f"live/{script}.py", *self.options, *words],
            cwd=ROOT,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=secs,
            check=False,
        )


def environment(venue: PlayedVenue) -> dict[str, str]:
    """Give what a process beside the exchange needs."""
    path = f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"
    return {**os.environ, **venue.environment, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def played(dialect: str, *, seed: int) -> PlayedVenue:
    """Play the sample fast enough that something is soon held."""
    return PlayedVenue(
        dialect,
        catalog=sample_folder(),
        instruments=[f"{name}.BINANCE" for name in NAMES],
        interval="5m",
        start="2024-01-12",
        speed=300,
        seed=seed,
    )


def options(venue: PlayedVenue, folder: Path, dialect: str) -> list[str]:
    """Give the words of a command line that lead a node to a played exchange."""
    names = [f"{name}.{dialect.upper()}" for name in NAMES]
    pairs = {
        "node.exchange.endpoint": venue.url,
        "node.exchange.catalog": f"{sample_folder()}",
        "node.exchange.dialect": dialect,
        "node.exchange.instruments": json.dumps([f"{name}.BINANCE" for name in NAMES]),
        "node.state": folder / "state",
        "node.settle_secs": 1,
        "monitoring.port": 0,
        "runs": folder / "runs",
        "data.instruments": json.dumps(names),
    }
    words = ["--config", "config/paper-local.yaml"]  # as a user types them
    for name, value in pairs.items():
        words += ["--set", f"{name}={value}"]
    return words


def prove(schedule: Schedule, *, timeout_secs: float = 60.0) -> Proof:
    """Run one schedule from the first bar to the word of `halt.py`."""
    with (
        tempfile.TemporaryDirectory(prefix="halting") as name,
        played(schedule.dialect, seed=schedule.seed) as venue,
        NodeRun(venue, Path(name), dialect=schedule.dialect) as node,
    ):
        node.until(lambda: bool(venue.truth()["positions"]))
        held = len(venue.truth()["positions"])
        _strike(schedule, venue, node)
        began = time.monotonic()
        words = ("--flatten", "--json", "--operator", "test", "--timeout-secs", f"{timeout_secs}")
        ended = node.command("halt", *words, secs=timeout_secs + 60)
        secs = time.monotonic() - began
        truth = venue.truth()
        told = json.loads(ended.stdout) if ended.stdout.strip() else {"sentence": ended.stderr}
        return Proof(
            schedule=schedule,
            code=ended.returncode,
            told=told,
            secs=round(secs, 1),
            held=held,
            truth=truth,
        )


def _strike(schedule: Schedule, venue: PlayedVenue, node: NodeRun) -> None:
    match schedule.fate:
        case "killed":
            node.process.kill()
            node.process.wait()
        case "hangs":
            node.process.send_signal(signal.SIGSTOP)
        case "stopped":
            node.process.send_signal(signal.SIGTERM)
            node.process.wait(60)
        case _:
            pass
    faults = [dict(each) for each in FAULTS[schedule.fault]]
    for each in faults:
        if "end_secs" in each:  # the plan's clock began with the exchange
            now = _plan_secs(venue)
            each["start_secs"], each["end_secs"] = now, now + each["end_secs"]
    if faults:
        venue.add_faults(*faults)
    if schedule.away_secs:
        venue.restart(schedule.away_secs)


def _plan_secs(venue: PlayedVenue) -> float:
    """Tell how long the exchange has run: its market starts a moment after its plan of faults."""
    truth = venue.truth()
    return float(truth["ts_ms"] - truth["market"]["start_ms"]) / 1000 + 3


def main(argv: Sequence[str] | None = None) -> int:
    """Prove schedules one by one; 1 where flat was said falsely or nothing was proven."""
    parser = argparse.ArgumentParser(prog="python -m tests.halting", description=__doc__)
    parser.add_argument("--schedules", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--dialect", default="bitget", choices=("bitget", "kucoin", "gate"))
    parser.add_argument("--timeout-secs", type=float, default=60.0)
    args = parser.parse_args(argv)
    lies = flat = 0
    for seed in range(args.first, args.first + args.schedules):
        proof = prove(Schedule.of(seed, args.dialect), timeout_secs=args.timeout_secs)
        lies += proof.lies
        flat += proof.code == 0
        row = {
            **asdict(proof.schedule),
            "code": proof.code,
            "secs": proof.secs,
            "held": proof.held,
            "left": proof.left,
            "sentence": proof.told.get("sentence"),
        }
        print(json.dumps(row), flush=True)
    print(f"{args.schedules} schedules: {flat} flat and so, {lies} said flat falsely")
    return 1 if lies or not flat else 0


if __name__ == "__main__":
    sys.exit(main())

"""One system in a process of its own, so that CPU seconds and peak memory are its alone.

`python -m benchmarks.process SYSTEM --catalog FOLDER --end NS` is what is timed; it prints what
it did as one line of JSON.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.data import START_NS, Prepared
from benchmarks.peers import Ran, run_backtesting, run_backtrader

_PROJECT: Final = Path(__file__).parents[1]
_STATUS: Final = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a process did and what it took: CPU seconds (user and system) and peak memory."""

    ran: Ran
    cpu_secs: float
    peak_mib: float


def timed(
    system: str,
    data: Prepared,
    *,
    start_ns: int = START_NS,
    purge: Sequence[str] = (),
    settings: Sequence[str] = (),
) -> Spent:
    """Run a system over prepared bars in a process of its own.

    `settings` are Morningstar's, as on the command line.
    """
    options = ["--catalog", f"{data.catalog}", "--start", f"{start_ns}", "--end", f"{data.end_ns}"]
    options += [word for name in purge for word in ("--purge", name)]
    options += [word for each in settings for word in ("--set", each)]
    command = [sys.executable, "-m", "benchmarks.process", system, *options]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_PROJECT)
    assert child.stdout is not None  # a pipe was asked for
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{system} ended with exit code {child.returncode}")
    told = json.loads(said)
    return Spent(
        ran=_read(told["ran"]),
        cpu_secs=usage.ru_utime + usage.ru_stime,
        peak_mib=told["peak_mib"],
    )


def peak_mib() -> float:
    """Read this program's own peak memory: on Linux the usage that a process is told, and that is
    told of it, begins with the peak of the process which started it.
    """
    if not _STATUS.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
    (line,) = (text for text in _STATUS.read_text().splitlines() if text.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**10


def _read(fields: dict[str, Any]) -> Ran:  # Any: as JSON holds them
    stamps = tuple((done, secs) for done, secs in fields.pop("stamps"))
    return Ran(stamps=stamps, **fields)


def _plain(args: argparse.Namespace) -> Ran:
    from benchmarks.plain import run

    return run(args.catalog, args.start, args.end, purge=args.purge)


def _morningstar(args: argparse.Namespace) -> Ran:
    from benchmarks.full import run_morningstar

    return run_morningstar(args.catalog, args.start, args.end, more=args.set)


def _busy(args: argparse.Namespace) -> Ran:
    from benchmarks.full import BUSY, run_morningstar

    return run_morningstar(args.catalog, args.start, args.end, more=(*BUSY, *args.set))


SYSTEMS: Final[dict[str, Callable[[argparse.Namespace], Ran]]] = {
    "morningstar": _morningstar,
    "busy": _busy,
    "plain": _plain,
    "backtrader": lambda args: run_backtrader(args.catalog, args.start, args.end),
    "backtesting": lambda args: run_backtesting(args.catalog, args.start, args.end),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one system and print what it did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.process", description=__doc__)
    parser.add_argument("system", choices=sorted(SYSTEMS))
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--start", type=int, default=START_NS, help="open of the first bar, ns")
    parser.add_argument("--end", type=int, required=True, help="close of the last bar, ns")
    parser.add_argument(
        "--purge",
        action="append",
        default=[],
        choices=("orders", "positions", "account"),
        help="drop these from the plain engine's cache every hour",
    )
    parser.add_argument("--set", action="append", default=[], help="a setting of Morningstar, A=B")
    args = parser.parse_args(argv)
    ran = SYSTEMS[args.system](args)
    print(json.dumps({"ran": asdict(ran), "peak_mib": peak_mib()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

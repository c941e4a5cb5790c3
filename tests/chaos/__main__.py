"""Sessions of a node that is killed on an exchange that fails: `python -m tests.chaos --help`."""

import argparse
import json
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from catalog import sample
from tests.chaos.outcome import Outcome, Totals
from tests.chaos.plans import draw
from tests.chaos.session import run
from tests.venue.dialects import CLASSES

_NIGHTLY: Final = 1_000
_FOLDER: Final = Path("data/chaos")


@dataclass(slots=True)
class Progress:
    """What is known so far, told by several threads."""

    wanted: int
    totals: dict[str, Totals] = field(default_factory=dict)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, outcome: Outcome) -> None:
        """Count one session and tell of it."""
        with self.lock:
            self.done += 1
            self.totals.setdefault(outcome.dialect, Totals()).add(outcome)
            sys.stderr.write(f"{self.done}/{self.wanted} {outcome.line}\n")
            sys.stderr.flush()


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        epilog="Exit code 0: all equal. 1: a session differs, its folder is kept.",
    )
    add = parser.add_argument
    add("--dialect", action="append", choices=list(CLASSES), help="all where none is named")
    add("--sessions", type=int, default=100, help="of each dialect (100)")
    add("--seed", type=int, default=1, help="of the first session (1)")
    add("--secs", type=float, help="how long things go wrong; 25 to 40 by seed where not said")
    add("--workers", type=int, default=2, help="sessions side by side (2)")
    add("--folder", type=Path, default=_FOLDER, help=f"of sessions that differ ({_FOLDER})")
    add("--nightly", action="store_true", help=f"{_NIGHTLY} sessions of each")
    add("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args(argv)
    args.dialect = args.dialect or list(CLASSES)
    args.sessions = _NIGHTLY if args.nightly else args.sessions
    for name in ("sessions", "workers"):
        if getattr(args, name) < 1:
            parser.error(f"{name} must be 1 or more, was {getattr(args, name)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run all sessions; 1 where anything differs."""
    args = parsed(argv)
    catalog = args.folder.resolve() / "catalog"
    if not catalog.is_dir() and sample.main(["--catalog", str(catalog)]) != 0:
        return 2
    seeds = range(args.seed, args.seed + args.sessions)
    waiting = deque((dialect, seed) for seed in seeds for dialect in args.dialect)
    progress = Progress(wanted=len(waiting))
    threads = [
        threading.Thread(target=_work, args=(waiting, progress, args, catalog))
        for _ in range(min(args.workers, len(waiting)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = dict(sorted(progress.totals.items()))
    if args.json:
        sys.stdout.write(json.dumps({key: asdict(each) for key, each in totals.items()}) + "\n")
    else:
        sys.stdout.write("\n".join(each.line(key) for key, each in totals.items()) + "\n")
    return int(progress.done < progress.wanted or any(each.failed for each in totals.values()))


def _work(
    waiting: deque[tuple[str, int]], progress: Progress, args: argparse.Namespace, catalog: Path
) -> None:
    while True:
        try:
            dialect, seed = waiting.popleft()
        except IndexError:
            return
        folder = args.folder.resolve() / f"{dialect}-{seed}"
        progress.add(run(draw(seed, secs=args.secs), dialect, folder, catalog))


if __name__ == "__main__":
    sys.exit(main())

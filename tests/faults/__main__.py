"""Seeded fault schedules against the local exchange: `python -m tests.faults --help`."""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.outcome import Outcome, Totals
from tests.venue.dialects import CLASSES

_ROOT: Final = Path(__file__).parents[2]
_PRODUCTS: Final = ("linear", "spot")
_NIGHTLY: Final = 5_000
_BATCH: Final = 10  # schedules of one node
_SPOT_SHARE: Final = 4  # one schedule of so many is on spot, where both are asked for
_LONGEST_SECS: Final = 90.0  # of one schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Schedules that one process runs on one node."""

    dialect: str
    product: str
    seed: int
    schedules: int

    @property
    def name(self) -> str:
        """Name the table row that it belongs to."""
        return f"{self.dialect} {self.product}"


@dataclass(slots=True)
class Progress:
    """What is known so far, told by several threads."""

    wanted: int
    quiet: bool
    totals: dict[str, Totals] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: float = field(default_factory=time.monotonic)

    def add(self, batch: Batch, outcome: Outcome, *, options: str) -> None:
        """Count one schedule, and tell what differs at once."""
        with self.lock:
            self.totals.setdefault(batch.name, Totals()).add(outcome)
            if outcome.differences:
                self._tell_difference(batch, outcome, options)
            self._tell_progress(batch)

    def _tell_difference(self, batch: Batch, outcome: Outcome, options: str) -> None:
        more = f" (and {len(outcome.differences) - 1} more)" * (len(outcome.differences) > 1)
        sys.stderr.write(
            f"\n{batch.name} seed {outcome.seed}: {outcome.differences[0]}{more}\n"
            f"  again: python -m tests.faults --dialect {batch.dialect} --product {batch.product}"
            f" --seed {outcome.seed} --schedules 1{options}\n"
        )

    def _tell_progress(self, batch: Batch) -> None:
        if self.quiet:
            return
        done = sum(each.schedules for each in self.totals.values())
        bad = sum(each.failed for each in self.totals.values())
        secs = time.monotonic() - self.began
        line = f"{done}/{self.wanted} schedules, {bad} with differences, {secs:.0f} s"
        sys.stderr.write(f"\r{line}  {batch.name}   ")
        sys.stderr.flush()


def batches(args: argparse.Namespace) -> Iterator[Batch]:
    """Cut the work into what one process does."""
    for dialect in args.dialect:
        for product in args.product:
            count: int = args.schedules
            if len(args.product) > 1 and count > 1:
                spot = count // _SPOT_SHARE
                count = spot if product == "spot" else count - spot
            for start in range(0, count, _BATCH):
                yield Batch(
                    dialect=dialect,
                    product=product,
                    seed=args.seed + start,
                    schedules=min(_BATCH, count - start),
                )


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--dialect", action="append", choices=list(CLASSES))
    parser.add_argument("--product", action="append", choices=_PRODUCTS)
    parser.add_argument("--schedules", type=int, default=200, help="of each dialect")
    parser.add_argument("--orders", type=int, default=300, help="of each schedule")
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--nightly", action="store_true", help=f"{_NIGHTLY} schedules of each")
    parser.add_argument("--calm", action="store_true", help="without faults")
    args = parser.parse_args(argv)
    args.dialect = args.dialect or list(CLASSES)
    args.product = args.product or list(_PRODUCTS)
    if args.nightly:
        args.schedules = _NIGHTLY
    for name in ("schedules", "orders", "workers"):
        if getattr(args, name) < 1:
            parser.error(f"{name} must be 1 or more, was {getattr(args, name)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run all batches; 1 where anything differs."""
    args = parsed(argv)
    waiting = deque(batches(args))
    progress = Progress(wanted=sum(each.schedules for each in waiting), quiet=args.json)
    threads = [
        threading.Thread(target=_work, args=(waiting, progress, args))
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
        sys.stdout.write("\n" + "\n".join(each.line(key) for key, each in totals.items()) + "\n")
        faults = sum((Counter(each.faults) for each in totals.values()), Counter())
        sys.stdout.write(f"faults: {', '.join(f'{k} {n}' for k, n in sorted(faults.items()))}\n")
    return int(any(each.failed for each in totals.values()))


def _work(waiting: deque[Batch], progress: Progress, args: argparse.Namespace) -> None:
    while True:
        try:
            batch = waiting.popleft()
        except IndexError:
            return
        _run(batch, progress, args)


def _run(batch: Batch, progress: Progress, args: argparse.Namespace) -> None:
    """Run all seeds of a batch; a node that failed one is not used for the next."""
    seeds = range(batch.seed, batch.seed + batch.schedules)
    while seeds:
        for outcome in _outcomes(batch, seeds, args):
            progress.add(batch, outcome, options=_options(args))
            seeds = range(outcome.seed + 1, seeds.stop)


def _outcomes(batch: Batch, seeds: range, args: argparse.Namespace) -> Iterator[Outcome]:
    """Run one process; where it breaks, the seed that it did not tell of has failed."""
    command = [sys.executable, "-m", "tests.faults.worker", "--dialect", batch.dialect]
    command += ["--product", batch.product, "--seed", str(seeds.start)]
    command += ["--schedules", str(len(seeds)), *_options(args).split()]
    due, failed, noise = seeds.start, False, list[str]()
    with subprocess.Popen(
        command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        timer = threading.Timer(_LONGEST_SECS * (len(seeds) + 1), process.kill)
        reader = threading.Thread(target=lambda: noise.extend(process.stderr or ()))
        timer.start()
        reader.start()
        for line in process.stdout or ():
            if line.startswith("{"):
                outcome = Outcome(**json.loads(line))
                due, failed = outcome.seed + 1, bool(outcome.differences)
                yield outcome
        reader.join()
        timer.cancel()
    if due < seeds.stop and not failed:
        last = next((line.strip() for line in reversed(noise) if line.strip()), "it said nothing")
        reason = f"the node ended with {process.returncode}: {last}"
        yield Outcome(seed=due, differences=[reason])


def _options(args: argparse.Namespace) -> str:
    return f" --orders {args.orders}{' --calm' if args.calm else ''}"


if __name__ == "__main__":
    sys.exit(main())

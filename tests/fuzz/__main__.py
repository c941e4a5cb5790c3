"""Throw mutants at every stream of every venue: `python -m tests.fuzz --examples 10000`."""

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.fuzz.campaign import Outcome, Target, attack, targets
from tests.fuzz.corpus import corpus
from tests.venue.dialects import CLASSES


def main(argv: Sequence[str] | None = None) -> int:
    """Attack, with a line of progress for each stream; 1 where anything broke."""
    args = _parse(argv)
    console = Console()
    wanted = [
        target
        for target in targets(tuple(args.dialect or CLASSES))
        if not args.stream or target.stream in args.stream
    ]
    table = Table("stream", title=f"Fuzz, {args.examples:,} mutants a stream, seed {args.seed}")
    for column in ("mutants", "proofs", "left out", "reached the engine", "fills", "s"):
        table.add_column(column, justify="right")
    broken: list[str] = []
    for number, target in enumerate(wanted, start=1):
        began = time.monotonic()
        outcome = _one(target, args, f"[{number}/{len(wanted)}]", console, broken)
        if outcome is not None:
            taken = f"{sum(outcome.taken.values()):,}"
            secs = f"{time.monotonic() - began:.0f}"
            table.add_row(
                target.name,
                *(f"{n:,}" for n in (outcome.mutants, outcome.proofs, outcome.left_out)),
                taken,
                f"{outcome.fills:,}",
                secs,
            )
    console.print(table)
    for text in broken:
        console.print(text, markup=False, highlight=False)
    console.print(f"broken: {len(broken)} of {len(wanted)} streams")
    return 1 if broken else 0


def _one(
    target: Target, args: argparse.Namespace, place: str, console: Console, broken: list[str]
) -> Outcome | None:
    def progress(count: int) -> None:
        console.print(f"{place} {target.name}: {count:,} of {args.examples:,}", highlight=False)

    frames = corpus(target.dialect, target.product)
    try:
        return attack((target,), frames, mutants=args.examples, seed=args.seed, progress=progress)
    except Exception as e:  # told at the end, the other streams are attacked nevertheless
        broken.append(f"{target.name}: {type(e).__name__}: {e}")
        console.print(f"{place} {target.name} BROKE", highlight=False)
        return None


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=1_000, help="mutants a stream")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dialect", action="append", choices=tuple(CLASSES))
    parser.add_argument("--stream", action="append", help="only this one; may be repeated")
    args = parser.parse_args(argv)
    if args.examples < 1:
        parser.error(f"--examples must be 1 or more, was {args.examples}")
    return args


if __name__ == "__main__":
    sys.exit(main())

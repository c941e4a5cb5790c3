"""Whether a bar late in the year costs more than an early one, for Morningstar and the engine.

The last 50,000 bars of the year are timed within the year and in a run that begins with them:
the same bars and the same trading, so that only the past can make them differ. Beside it stands
the plain ratio of the last 50,000 bars to the first.

The plain engine grows with the events of its account: it keeps every state that the account ever
had and copies them all at each fill, so that a fill costs more the more fills there were before.
Purging those events every hour (`cache.purge_account_events`) makes late bars as cheap as early
ones and the year some 40 % cheaper, while purging closed orders or closed positions leaves the
growth as it is.
"""

import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.data import MINUTE_NS, START_NS, YEAR_BARS, Prepared, prepared
from benchmarks.engine import parse, write
from benchmarks.features import Figure
from benchmarks.process import Spent, timed

GOAL: Final = 1.15
FIRST: Final = 50_000
LAST: Final = 50_400  # 35 days, so that stamps every 25,000 bars or an hour later fit in twice
QUICK_BARS: Final = 76_000
_SYSTEMS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Morningstar": ("morningstar", ()),
    "plain engine": ("plain", ()),
}
_PURGED: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "plain, closed orders purged": ("plain", ("orders",)),
    "plain, closed positions purged": ("plain", ("positions",)),
    "plain, account events purged": ("plain", ("account",)),
}

type Pairs = dict[str, list[tuple[Spent, Spent]]]


def measure(data: Prepared, *, rounds: int, purges: bool) -> Pairs:
    """Run each way over the whole span and over its end alone, in turn."""
    ways = {**_SYSTEMS, **(_PURGED if purges else {})}
    taken: Pairs = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (system, purge) in ways.items():
            whole = timed(system, data, purge=purge)
            start_ns = START_NS + (data.bars - LAST) * MINUTE_NS
            taken[name].append((whole, timed(system, data, start_ns=start_ns, purge=purge)))
    return taken


def spans(pairs: Sequence[tuple[Spent, Spent]], bars: int) -> tuple[float, float, float]:
    """Give the CPU seconds of one bar: the first, the last, the last run by themselves.

    Each is the best of its rounds: what else the machine does can only make a bar slower.
    """
    return (
        min(whole.ran.secs_between(0, FIRST) for whole, _ in pairs),
        min(whole.ran.secs_between(bars - LAST, bars) for whole, _ in pairs),
        min(alone.ran.bar_secs for _, alone in pairs),
    )


def run(*, quick: bool, rounds: int = 3, console: Console) -> list[Figure]:
    """Measure, show the table, and give the figures."""
    with prepared(QUICK_BARS if quick else YEAR_BARS) as data:
        taken = measure(data, rounds=1 if quick else rounds, purges=not quick)
    drawn = Table(title=f"CPU µs a bar inside the run, on {data.label}")
    drawn.add_column("system", no_wrap=True)
    for column in ("first 50,000", "last 50,000", "those alone", "last ÷ alone", "last ÷ first"):
        drawn.add_column(column, justify="right")
    found: list[Figure] = []
    for name, pairs in taken.items():
        first, last, alone = spans(pairs, data.bars)
        times = (f"{secs * 1e6:.2f}" for secs in (first, last, alone))
        drawn.add_row(name, *times, f"{last / alone:.2f}", f"{last / first:.2f}")
        goal = GOAL if name == "Morningstar" else None
        found += [
            Figure(f"{name}: late bars ÷ the same bars alone", last / alone, "×", goal),
            Figure(f"{name}: late bars ÷ first bars", last / first, "×", goal),
        ]
    console.print(drawn)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    args = parse(__doc__, argv)
    write(args.json, run(quick=args.quick, rounds=args.rounds, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a bar costs on which nothing is decided: our own code, and with the engine around it.

The first figure is features, prediction, review and the look at whether anything is to be done,
called in turn as the actors call them; the second the CPU time of a whole bar in a run that never
decides anything, of which the engine's own share is what an empty strategy costs.
"""

import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.data import START_NS, Prepared, prepared
from benchmarks.engine import parse, write
from benchmarks.features import Figure

GOAL_US: Final = 8.0
BARS: Final = 200_000
QUICK_BARS: Final = 5_000
NEVER: Final = ("decision.min_confidence=1", "predictor.baseline.threshold=50")


def own_secs(data: Prepared) -> float:
    """Time one bar in our own code, from its prices to the word that nothing is to be done."""
    from backtests.data import load_market_data
    from benchmarks.full import settings_for
    from morningstar_strategy.core.decision import is_idle
    from morningstar_strategy.core.review import Assessment, ReviewRequest
    from morningstar_strategy.core.state import Flat
    from morningstar_strategy.model.forecasts import StreamForecaster
    from morningstar_strategy.settings.wiring import make_predictor
    from morningstar_strategy.supervisor.reviewer import AbstainingReviewer

    settings = settings_for(data.catalog, START_NS, data.end_ns, NEVER)
    (market,) = load_market_data(settings.data, funding=False)
    predictor, reviewer = make_predictor(settings), AbstainingReviewer("off")
    flat, policy, bars, idle = Flat(), settings.decision, market.bars, 0
    stream = StreamForecaster(f"{market.instrument.id}", predictor, market.history)
    start = time.process_time()
    for bar in bars:
        moment, close = bar.ts_event, bar.close.as_double()
        prices = bar.open.as_double(), bar.high.as_double(), bar.low.as_double()
        prediction = stream.absorb(moment, *prices, close, bar.volume.as_double())
        if prediction is not None:
            review = reviewer.review(ReviewRequest(prediction=prediction))
            assessment = Assessment(prediction=prediction, review=review)
            idle += is_idle(assessment, flat, now_ns=moment, policy=policy, cost=0.0014)
    secs = time.process_time() - start
    if idle != len(bars):
        raise RuntimeError(f"nothing was to be decided on {len(bars)} bars, but on {idle} it was")
    return secs / len(bars)


def run_secs(data: Prepared) -> float:
    """Time one bar of a whole run that never decides anything."""
    from benchmarks.full import run_morningstar

    ran = run_morningstar(data.catalog, START_NS, data.end_ns, more=NEVER)
    if ran.entries:
        raise RuntimeError(f"nothing was to be decided, but {ran.entries} plans were made")
    return ran.bar_secs


def run(*, quick: bool, rounds: int = 3, console: Console) -> list[Figure]:
    """Measure, show the table, and give the figures."""
    with prepared(QUICK_BARS if quick else BARS) as data:
        turns = range(1 if quick else rounds)
        both = [(own_secs(data), run_secs(data)) for _ in turns]
    own, whole = (median(secs) * 1e6 for secs in zip(*both, strict=True))
    found = [
        Figure("a bar on which nothing is decided, our own code", own, "µs", GOAL_US),
        Figure("the same bar with engine and bus", whole, "µs"),
    ]
    drawn = Table("what", "CPU µs", "goal", title=f"An idle bar, on {data.label}")
    for name, value, _, goal in found:
        verdict = "" if goal is None else f"{goal:g} {'met' if value <= goal else 'MISSED'}"
        drawn.add_row(name, f"{value:.2f}", verdict)
    console.print(drawn)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    args = parse(__doc__, argv)
    write(args.json, run(quick=args.quick, rounds=args.rounds, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

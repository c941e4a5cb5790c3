"""Measure what forecasts out of sample are worth, always beside a named baseline."""

from typing import Final

import numpy as np

from morningstar_strategy.model.judging.economics import economics, equity
from morningstar_strategy.model.judging.findings import Evaluation, Metric, VolatilityCurve
from morningstar_strategy.model.judging.scores import Scorer
from morningstar_strategy.model.judging.verdict import direction_edge, plain_words
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.out_of_sample import OutOfSample

__all__ = ["Evaluation", "Metric", "OutOfSample", "evaluate"]

_HOUR_NS: Final = 3_600_000_000_000
_POINTS: Final = 1_000


def evaluate(
    panel: Panel, oos: OutOfSample, *, champion: str, cost: float, trials: int, seed: int = 7
) -> Evaluation:
    """Score every family, trade by every rule and say in plain words what it amounts to.

    `cost` is a round trip's, as a fraction of notional; `trials` are the configurations tried so
    far; `seed` is that of the coin flips. Raises ValueError for an unknown champion or for rows
    without labels.
    """
    money = economics(panel, oos, champion=champion, cost=cost, trials=trials, seed=seed)
    scorer = Scorer(panel, oos)
    metrics, coverage = tuple(scorer.metrics()), tuple(scorer.coverage())
    hours = panel.horizon * panel.interval_ns / _HOUR_NS
    direction = next(m for m in metrics if (m.family, m.head) == (champion, "direction"))
    stamps = panel.ts_event[oos.rows]
    return Evaluation(
        champion=champion,
        families=tuple(oos.families),
        guesses=tuple(name for name in oos.families if name in oos.guesses),
        instruments=panel.instruments,
        horizon=panel.horizon,
        horizon_hours=hours,
        start_ns=int(stamps.min()),
        end_ns=int(stamps.max()),
        count=len(oos),
        metrics=metrics,
        calibration=tuple(scorer.calibration()),
        coverage=coverage,
        comparisons=tuple(scorer.comparisons(champion)),
        quarters=tuple(scorer.quarters(champion)),
        economics=money,
        equity=equity(panel, oos, family=champion, cost=cost),
        volatility=_volatility(panel, oos, champion),
        direction_edge=direction_edge(direction, money),
        plain_words=plain_words(metrics, coverage, money, champion=champion, hours=hours),
    )


def _volatility(panel: Panel, oos: OutOfSample, family: str) -> VolatilityCurve:
    """Take the newest decisions on the first instrument, one horizon apart."""
    number = int(panel.instrument[oos.rows].min())
    own = np.flatnonzero(panel.instrument[oos.rows] == number)
    steps = (panel.ts_event[oos.rows[own]] - panel.ts_event[oos.rows[own[0]]]) // panel.interval_ns
    chosen = own[steps % panel.horizon == 0][-_POINTS:]
    rows = oos.rows[chosen]
    return VolatilityCurve(
        instrument=panel.instruments[number],
        ts_event=tuple(panel.ts_event[rows].tolist()),
        forecast=tuple(np.exp(0.5 * oos.families[family].ln_rv[chosen]).tolist()),
        realised=tuple(np.sqrt(panel.labels.rv[rows]).tolist()),
    )

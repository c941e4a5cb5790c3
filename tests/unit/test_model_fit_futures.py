"""No family learns from what comes after its training rows."""

from dataclasses import replace

import numpy as np
import pytest

from morningstar_strategy.model.learning import baselines, splits
from morningstar_strategy.model.learning.dataset import Panel, build
from morningstar_strategy.model.learning.families import family
from morningstar_strategy.model.learning.tasks import FitTask, Recipe
from tests.rows import HOUR_NS, SMALL, START_NS, spliced, walk

BARS = 1_900
KNOWN = 1_500  # bars, from which on the two futures differ
FOLD = splits.Fold(
    name="later",
    train_end_ns=START_NS + (KNOWN - 60) * HOUR_NS,
    test_start_ns=START_NS + (KNOWN + 1) * HOUR_NS,
    test_end_ns=START_NS + BARS * HOUR_NS,
)


def panels() -> tuple[Panel, Panel]:
    """Build two panels that are the same bars until the futures part."""
    one, two = walk(1, BARS), walk(2, BARS)
    factor = one.close[KNOWN] / two.close[KNOWN]
    columns = {name: getattr(two, name) * factor for name in ("open", "high", "low", "close")}
    other = spliced(one, replace(two, **columns), KNOWN)
    first, second = (
        build({"I0": bars}, interval_ns=HOUR_NS, config=SMALL, data_sha256="0" * 64)
        for bars in (one, other)
    )
    return first, second


def task_of(panel: Panel) -> FitTask:
    rows = np.flatnonzero(panel.labels.valid & (panel.age >= 4)).astype(np.int64)
    train = splits.train_rows(panel, FOLD, rows, stride=1)
    simple = baselines.fit(panel, train, SMALL)
    targets = baselines.targets(panel, train, simple)
    return FitTask(panel=panel, rows=train, targets=targets, baselines=simple, seed=3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gbm", {"trees": 5, "direction_trees": 3, "quantile_trees": 3, "leaf_rows": 20}),
        ("logistic", {}),
        ("mlp", {"epochs": 1, "batch": 64}),
        ("hybrid", {"epochs": 1, "batch": 64, "window": 4}),
    ],
)
def test_another_future_makes_the_same_graph(name: str, options: Recipe) -> None:
    first, second = (task_of(panel) for panel in panels())
    assert np.array_equal(first.rows, second.rows)
    assert len(first.rows) > 500
    assert not np.array_equal(first.panel.features, second.panel.features)
    fits = [family(name, options).fit(task, lambda _share: None) for task in (first, second)]
    assert fits[0] == fits[1]

"""Examples of the gbm family: the graph says what the boosters say."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pytest

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.features import index_of
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.learning import baselines, graphs
from morningstar_strategy.model.learning.families import family
from morningstar_strategy.model.learning.gbm import GbmFamily
from morningstar_strategy.model.learning.sketch import SCORES, raw_graph
from morningstar_strategy.model.learning.tasks import FitTask
from morningstar_strategy.model.learning.trees import draw_forest
from tests.fits import bars_of, fit_task

SMALL: Final = GbmFamily(
    trees=20, leaf_rows=20, learning_rate=0.2, direction_trees=20, quantile_trees=10
)


def unheard(_: float) -> None: ...


@cache
def task() -> FitTask:
    return fit_task()


@cache
def fitted() -> bytes:
    return SMALL.fit(task(), unheard)


def test_every_head_says_what_its_booster_says() -> None:
    boosters = SMALL.boost(task(), unheard)
    outputs = graphs.run_raw(fitted(), bars_of(task()))
    scores = [each.predict(bars_of(task())[:, 0], raw_score=True) for each in boosters]
    har = baselines.forecast(task().panel, task().rows, task().baselines).ln_rv
    np.testing.assert_allclose(outputs["touch_logit"], scores[0], atol=1e-5)
    np.testing.assert_allclose(outputs["direction_logit"], scores[1], atol=1e-5)
    np.testing.assert_allclose(outputs["ln_rv"], scores[2] + har, atol=1e-5)
    np.testing.assert_allclose(outputs["turbulent_logit"], scores[3], atol=1e-5)
    for name, columns in (("mfe_q", scores[4:8]), ("mae_q", scores[8:])):
        reached = np.maximum.accumulate(np.column_stack(columns), axis=1)
        np.testing.assert_allclose(outputs[name], np.maximum(reached, 0.0), atol=1e-5)


def test_quantiles_neither_cross_nor_fall_below_zero_where_no_bar_has_been() -> None:
    rng = np.random.default_rng(8)
    wild = rng.standard_normal((2_000, 1, 40)) * 10.0 ** rng.integers(-3, 9, (2_000, 1, 1))
    outputs = graphs.run_raw(fitted(), wild.astype(np.float32))
    for name in ("mfe_q", "mae_q"):
        assert (np.diff(outputs[name], axis=1) >= 0.0).all()
        assert (outputs[name] >= 0.0).all()


def test_quantiles_that_cross_are_straightened_in_the_graph() -> None:
    columns = np.array([0, 0, 0, 0, -1.0, 3.0, 2.0, 4.0, 1.0, 0.5, 0.25, 5.0])
    raw = raw_graph(
        40,
        np.zeros(5),
        lambda sketch, last: sketch.add(
            "Gemm", last, sketch.constant(np.zeros((40, SCORES))), sketch.constant(columns)
        ),
        name="crossed",
    )
    outputs = graphs.run_raw(raw, np.ones((2, 1, 40), np.float32))
    np.testing.assert_array_equal(outputs["mfe_q"], [[0.0, 3.0, 3.0, 4.0]] * 2)
    np.testing.assert_array_equal(outputs["mae_q"], [[1.0, 1.0, 1.0, 5.0]] * 2)


def test_one_seed_gives_one_graph_and_another_seed_another() -> None:
    assert SMALL.fit(task(), unheard) == fitted()
    assert SMALL.fit(dataclasses.replace(task(), seed=4), unheard) != fitted()


def test_what_depends_on_the_features_is_learnt() -> None:
    planted, share = _planted(task()), len(task().rows) // 3
    learner = np.arange(len(planted.rows)) % 3 != 0
    targets = planted.targets.take(learner)
    part = dataclasses.replace(planted, rows=planted.rows[learner], targets=targets)
    outputs = graphs.run_raw(SMALL.fit(part, unheard), bars_of(planted)[~learner])
    unseen = planted.targets.take(~learner)
    touched = unseen.touch == 1
    assert len(unseen) > share - 2
    assert _right(outputs["touch_logit"], unseen.touch == 1) > 0.9
    assert _right(outputs["direction_logit"][touched], unseen.up[touched] == 1) > 0.9
    assert _right(outputs["turbulent_logit"], unseen.turbulent == 1) > 0.9
    assert np.corrcoef(outputs["ln_rv"], unseen.ln_rv)[0, 1] > 0.9
    assert (unseen.mfe <= outputs["mfe_q"][:, 2]).mean() == pytest.approx(0.75, abs=0.1)


def _planted(given: FitTask) -> FitTask:
    """Make the targets depend on features that have nothing to do with each other."""
    columns = given.panel.features[given.rows].astype(np.float64)
    touch = columns[:, index_of("rsi_14")]
    up = columns[:, index_of("close_location")]
    turbulent = columns[:, index_of("volume_z_96")]
    har = baselines.forecast(given.panel, given.rows, given.baselines).ln_rv
    touched = touch > np.median(touch)
    targets = dataclasses.replace(
        given.targets,
        touch=touched.astype(np.int8),
        up=np.where(touched, up > np.median(up), -1).astype(np.int8),
        turbulent=(turbulent > np.quantile(turbulent, 0.8)).astype(np.int8),
        ln_rv=har + 3.0 * np.tanh(turbulent),
    )
    return dataclasses.replace(given, targets=targets)


def _right(logit: Float32Array, truth: np.typing.NDArray[np.bool_]) -> float:
    return float(((logit > 0.0) == truth).mean())


def test_every_leaf_of_direction_holds_its_share_of_the_touched_rows() -> None:
    trees = SMALL.boost(task(), unheard)[1].dump_model()["tree_info"]
    touched = int((task().targets.touch == 1).sum())
    leaves = [count for each in trees for count in _leaf_counts(each["tree_structure"])]
    assert min(leaves) >= round(SMALL.direction_leaf_share * touched)
    assert max(each["num_leaves"] for each in trees) == SMALL.direction_leaves


def _leaf_counts(node: Mapping[str, Any]) -> Iterator[int]:
    if "leaf_value" in node:
        yield node["leaf_count"]
    else:
        yield from _leaf_counts(node["left_child"])
        yield from _leaf_counts(node["right_child"])


def test_progress_rises_to_one() -> None:
    heard: list[float] = []
    SMALL.fit(task(), heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) == 3 * 20 + 20 + 8 * 10


def test_features_a_hair_apart_take_the_branch_they_were_learnt_on() -> None:
    steps = [np.float32(0.1)]
    for _ in range(6):
        steps.append(np.nextafter(steps[-1], np.float32(1.0)))
    rng = np.random.default_rng(9)
    features = rng.choice(np.array(steps), size=(3_000, 2))
    target = 1e8 * (features[:, 0].astype(np.float64) - 0.1) + features[:, 1]
    booster = _regression(features, target)
    spread = float(np.ptp(booster.predict(features)))
    assert spread > 1.0
    np.testing.assert_allclose(_drawn(booster, features), booster.predict(features), atol=1e-5)


def test_a_booster_that_found_nothing_to_split_is_a_constant() -> None:
    features = np.zeros((200, 2), np.float32)
    booster = _regression(features, np.linspace(1.0, 2.0, 200))
    np.testing.assert_allclose(_drawn(booster, features), 1.5, atol=1e-6)


def test_splits_on_categories_are_refused() -> None:
    rng = np.random.default_rng(10)
    features = rng.integers(0, 4, (2_000, 1)).astype(np.float32)
    target = np.where(features[:, 0] % 2 == 0, 1.0, 0.0)
    booster = _regression(features, target, categorical=[0])
    with pytest.raises(ValueError, match="decision_type must be <= without missing values, was =="):
        _drawn(booster, features)


def _regression(
    features: Float32Array, target: FloatArray, *, categorical: list[int] | None = None
) -> lgb.Booster:
    params = {"objective": "regression", "verbosity": -1, "num_threads": 1, "use_missing": False}
    rows = lgb.Dataset(features, target, categorical_feature=categorical or [])
    return lgb.train(params, rows, 10)


def _drawn(booster: lgb.Booster, features: Float32Array) -> Float32Array:
    """Run a booster as the touch head of a graph."""
    models = [booster.dump_model()] * SCORES
    wide = np.zeros((len(features), 1, 40), np.float32)
    wide[:, 0, : features.shape[1]] = features
    raw = raw_graph(40, np.zeros(5), lambda s, last: draw_forest(s, last, models), name="one")
    return graphs.run_raw(raw, wide)["touch_logit"]


def test_the_default_recipe_fits_into_a_small_bundle() -> None:
    assert len(GbmFamily().fit(task(), unheard)) < 700 * 1024


def test_the_recipe_names_every_setting() -> None:
    names = {item.name for item in dataclasses.fields(GbmFamily)}
    assert set(SMALL.recipe) == names
    assert SMALL.recipe["trees"] == 20
    assert family("gbm", SMALL.recipe) == SMALL


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: GbmFamily(trees=0), "trees must be at least 1, was 0"),
        (lambda: GbmFamily(leaves=1), r"leaves must be in \[2, 255\], was 1"),
        (lambda: GbmFamily(row_share=0.0), r"row_share must be in \(0, 1\], was 0\.0"),
        (lambda: GbmFamily(l2=-1.0), r"l2 must be finite and not negative, was -1\.0"),
    ],
)
def test_unsound_settings_are_refused(make: Callable[[], object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        make()

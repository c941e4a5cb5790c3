"""Laws of the drift watch: one definition for one vector or many, and calm on what it knows."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.model.drift import (
    ALARM,
    BINS,
    DriftReference,
    DriftWatch,
    fit,
    outliers,
)
from tests.models import DRIFT_WINDOW, tame_features, tame_reference

seeds = st.integers(0, 2**32 - 1)


def sample(seed: int, count: int = 600, wide: int = 4) -> FloatArray:
    """Return vectors that resemble their neighbours in time, as features do."""
    rng = np.random.default_rng(seed)
    total = np.cumsum(rng.normal(size=(count + 20, wide)), axis=0)
    return np.asarray(total[20:] - total[:-20])


REFERENCE = fit([sample(0, 30_000)], window=100)


def plain_shares(told: DriftReference, vectors: FloatArray) -> FloatArray:
    """Compute the shares anew at every vector, with a histogram: a second writing."""
    window, watched = told.window, [at for at, edges in enumerate(told.edges) if edges]
    shares = np.full(len(vectors), np.nan)
    for t in range(window - 1, len(vectors)):
        drifted = 0
        for at in watched:
            bins = np.searchsorted(told.edges[at], vectors[t - window + 1 : t + 1, at], "right")
            share = (np.bincount(bins, minlength=BINS) + 0.5) / (window + 0.5 * BINS)
            drifted += float(((share - 0.1) * np.log(share / 0.1)).sum()) > ALARM
        shares[t] = drifted / max(len(watched), 1)
    return shares


@given(seed=seeds, pieces=st.lists(st.integers(0, 90), max_size=12))
def test_the_watch_says_the_same_however_vectors_come(seed: int, pieces: list[int]) -> None:
    vectors = sample(seed, 400)
    whole = DriftWatch(REFERENCE).shares(vectors)
    watch = DriftWatch(REFERENCE)
    cuts = [0, *np.minimum(np.cumsum(pieces), len(vectors)).astype(int).tolist(), len(vectors)]
    parts = [watch.shares(vectors[start:end]) for start, end in pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)


@given(seed=seeds, window=st.integers(2, 30), shift=st.floats(-3.0, 3.0))
def test_the_watch_equals_a_second_writing(seed: int, window: int, shift: float) -> None:
    told = DriftReference(
        edges=REFERENCE.edges,
        median=REFERENCE.median,
        iqr=REFERENCE.iqr,
        window=window,
        limit=0.5,
        max_outliers=1,
    )
    vectors = sample(seed, 70)
    vectors[35:] += shift
    here, there = DriftWatch(told).shares(vectors), plain_shares(told, vectors)
    assert np.array_equal(here, there, equal_nan=True)
    assert np.array_equal(DriftWatch(told).drifted(vectors), there > 0.5)


@given(seed=seeds)
def test_only_the_last_window_counts(seed: int) -> None:
    vectors, other = sample(seed, 250), sample(seed + 1, 250) * 7.0
    plain = DriftWatch(REFERENCE).shares(vectors)
    after = DriftWatch(REFERENCE).shares(np.concatenate((other, vectors)))[len(other) :]
    window = REFERENCE.window
    assert np.array_equal(plain[window - 1 :], after[window - 1 :])
    assert np.isnan(plain[: window - 1]).all()


@given(seed=seeds)
def test_inside_training_hardly_a_window_alarms(seed: int) -> None:
    parts = [sample(seed, 400), sample(seed + 1, 250)]
    told = fit(parts, window=100)
    alarms = np.concatenate([DriftWatch(told).drifted(part)[99:] for part in parts])
    assert alarms.mean() <= 0.01
    iqr, median = np.array(told.iqr), np.array(told.median)
    far = np.concatenate([outliers(part, median, iqr) for part in parts])
    assert (far > told.max_outliers).mean() <= 0.001


@given(seed=seeds, shift=st.floats(4.0, 1e6), sign=st.sampled_from((-1.0, 1.0)))
def test_a_shift_of_everything_is_noticed_within_a_window(
    seed: int, shift: float, sign: float
) -> None:
    vectors = sample(seed, 300) + sign * shift * np.array(REFERENCE.iqr)
    assert DriftWatch(REFERENCE).shares(vectors)[REFERENCE.window - 1 :].min() == 1.0


@given(seed=seeds, feature=st.integers(0, 3), distance=st.floats(5.001, 1e12))
def test_outliers_are_counted_one_by_one(seed: int, feature: int, distance: float) -> None:
    median, iqr = np.array(REFERENCE.median), np.array(REFERENCE.iqr)
    vectors = np.tile(median, (3, 1))
    vectors[1, feature] += distance * iqr[feature]
    vectors[2] -= distance * iqr
    assert outliers(vectors, median, iqr).tolist() == [0, 1, 4]
    near = median + np.random.default_rng(seed).uniform(-4.99, 4.99, (5, 4)) * iqr
    assert outliers(near, median, iqr).tolist() == [0] * 5


def test_a_feature_that_never_moved_has_no_outliers() -> None:
    assert outliers(np.full((2, 2), 1e9), np.zeros(2), np.array([0.0, 1.0])).tolist() == [1, 1]


@given(seed=seeds, share=st.floats(0.03, 1.0))
def test_a_feature_with_an_atom_is_not_watched(seed: int, share: float) -> None:
    vectors = sample(seed, 1_000)
    rng = np.random.default_rng(seed)
    vectors[: int(share * 1_000), 2] = rng.normal()
    told = fit([vectors], window=100)
    assert [bool(edges) for edges in told.edges] == [True, True, False, True]


def test_the_calendar_of_hourly_bars_is_not_watched() -> None:
    told = tame_reference()
    assert told.edges[-4:-2] == ((), ())  # 24 values of the hour
    assert sum(bool(edges) for edges in told.edges) > 30


@given(seed=seeds)
def test_the_order_of_instruments_does_not_matter(seed: int) -> None:
    parts = [sample(seed, 300), sample(seed + 1, 200), sample(seed + 2, 10)]
    assert fit(parts, window=100) == fit(parts[::-1], window=100)


def test_single_precision_is_enough_to_learn_from() -> None:
    series = tame_features()
    here = fit([series.astype(np.float32)], window=DRIFT_WINDOW)
    there = fit([series], window=DRIFT_WINDOW)
    assert here.limit == pytest.approx(there.limit, abs=0.03)
    assert here.max_outliers == there.max_outliers


def test_too_short_a_training_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold a window of 2000 bars, longest was 300"):
        fit([sample(1, 300)])
    with pytest.raises(ValueError, match="longest was 0"):
        fit([])
    broken = sample(1, 300)
    broken[7, 2] = np.nan
    with pytest.raises(ValueError, match="feature 2 of the training rows must be finite, was nan"):
        fit([broken], window=100)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"median": (0.0,)}, "must be equally long, were"),
        ({"edges": ((1.0,) * 9, (), (), ())}, "edges of feature 0 must be nine rising deciles"),
        ({"edges": ((1.0, 2.0), (), (), ())}, "edges of feature 0 must be nine rising deciles"),
        (
            {"iqr": (1.0, -1.0, 1.0, 1.0)},
            r"^iqr of feature 1 must be finite and not negative, was -1\.0$",
        ),
        ({"iqr": (1.0, 1.0, math.inf, 1.0)}, "iqr of feature 2 must be finite .*, was inf"),
        ({"median": (0.0, math.nan, 1.0, 1.0)}, "median of feature 1 must be finite, was nan"),
        ({"window": 1}, "window must be at least 2, was 1"),
        ({"limit": 1.1}, r"limit must be in \[0, 1\], was 1.1"),
        ({"limit": float("nan")}, r"limit must be in \[0, 1\], was nan"),
        ({"max_outliers": 5}, r"max_outliers must be in \[0, 4\], was 5"),
    ],
)
def test_a_reference_cannot_exist_wrong(change: dict[str, object], words: str) -> None:
    names = ("edges", "median", "iqr", "window", "limit", "max_outliers")
    parts = {name: getattr(REFERENCE, name) for name in names}
    with pytest.raises(ValueError, match=words):
        DriftReference(**(parts | change))

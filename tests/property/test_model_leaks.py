"""Every planted look-ahead is found, and none in what we ship."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.leaks.findings import Detector, Finding
from backtests.leaks.learning import label_horizon
from backtests.leaks.rows import (
    Reading,
    batch_against_stream,
    future_shock,
    look_ahead,
    prefix_invariance,
    responds,
)
from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, batch
from morningstar_strategy.model.learning.labels import LabelConfig, Labels, label
from tests.leaks.features import (
    CLEAN,
    COUNT,
    CUTS,
    PLANTED,
    filled_backwards,
    full_sample_range,
    momentum,
    next_return,
    one_leaking_column_of_forty,
    returns,
)
from tests.leaks.labels import LABEL_LEAKS, honest
from tests.rows import HOUR_NS, SMALL, sigma_of, walk

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("compute", PLANTED)
@settings(max_examples=10)
@given(seed=seeds)
def test_a_feature_that_knows_the_future_is_found(
    compute: Callable[[BarWindow], FloatArray], seed: int
) -> None:
    found = look_ahead(compute, walk(seed, COUNT), CUTS)
    assert found is not None
    assert found.detector in {"prefix_invariance", "future_shock"}


@pytest.mark.parametrize("compute", PLANTED)
def test_each_detector_alone_finds_all_but_what_it_cannot_see(
    compute: Callable[[BarWindow], FloatArray],
) -> None:
    bars = extremes_first(walk(1, COUNT))
    prefix = prefix_invariance(compute, bars, CUTS)
    shock = future_shock(compute, bars, CUTS[0])  # no odd row before it waits for an even one
    assert (prefix is None) == (compute is full_sample_range)
    assert (shock is None) == (compute is filled_backwards)


def extremes_first(bars: BarWindow) -> BarWindow:
    """Let prices rise bar after bar, but for both extremes, which the second bar has seen."""
    tilt = np.exp(0.05 * np.arange(len(bars)))
    prices = {name: getattr(bars, name) * tilt for name in ("open", "high", "low", "close")}
    prices["high"][1], prices["low"][1] = 2.0 * prices["high"].max(), 0.5 * prices["low"].min()
    return replace(bars, **prices)


@pytest.mark.parametrize("compute", CLEAN)
@settings(max_examples=25)
@given(seed=seeds, at=st.integers(1, COUNT - 1))
def test_a_feature_that_looks_back_is_not_suspected(
    compute: Callable[[BarWindow], FloatArray], seed: int, at: int
) -> None:
    bars = walk(seed, COUNT)
    assert look_ahead(compute, bars, (at,)) is None
    assert responds(compute, bars, at)


@settings(max_examples=10)
@given(seeds, st.integers(WARMUP, WARMUP + 99))
def test_our_features_know_no_future_and_are_alive(seed: int, at: int) -> None:
    bars = walk(seed, WARMUP + 100)
    assert look_ahead(batch, bars, (at,)) is None
    assert responds(batch, bars, at)


def test_one_bad_column_among_good_ones_is_named() -> None:
    bars = walk(3, WARMUP + 60)
    found = prefix_invariance(one_leaking_column_of_forty, bars, (WARMUP + 40,))
    assert found == Finding(
        detector=Detector.PREFIX_INVARIANCE,
        row=WARMUP + 39,
        columns=("17",),
        message=f"row {WARMUP + 39} changes in column 17 when the bars from {WARMUP + 40} on "
        "are removed",
        was=f"{next_return(bars)[WARMUP + 39]:.6g}",
        became="nan",
    )
    assert str(found) == found.message


def test_a_row_that_is_used_before_its_bar_closes_is_found() -> None:
    bars = walk(4, COUNT)
    early = Reading(used_at=lambda b: b.ts_event - HOUR_NS + 1)
    found = future_shock(momentum, bars, 60, early)
    assert found is not None
    assert found.row == 60
    assert future_shock(lambda b: np.append(0.0, momentum(b)[:-1]), bars, 60, early) is None


def test_a_table_that_differs_by_a_bit_is_found_where_bits_are_promised() -> None:
    bars = walk(4, COUNT)
    beside = batch_against_stream(momentum, lambda b: np.nextafter(momentum(b), 1.0), bars)
    assert beside is not None
    assert beside.row == 0
    assert batch_against_stream(momentum, momentum, bars) is None
    with pytest.raises(ValueError, match=r"stream must give a table of \(120,\), gave \(119,\)"):
        batch_against_stream(momentum, lambda b: momentum(b)[1:], bars)


def test_a_dead_feature_does_not_respond() -> None:
    bars = walk(4, COUNT)
    assert not responds(lambda b: np.ones(len(b)), bars, 60)
    assert not responds(lambda b: np.roll(returns(b), 1), bars, 60)


# ---- labels


@pytest.mark.parametrize("label_fn", LABEL_LEAKS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_label_that_knows_more_than_it_says_is_found(
    label_fn: Callable[[BarWindow], Labels], seed: int
) -> None:
    found = label_horizon(label_fn, walk(seed, WARMUP + 150), SMALL.reach)
    assert found is not None
    assert found.detector == "label_horizon"


@settings(max_examples=5)
@given(seeds, st.integers(1, 30), st.integers(1, 30))
def test_our_labels_know_what_they_say(seed: int, horizon: int, regime_horizon: int) -> None:
    config = LabelConfig(horizon=horizon, regime_horizon=regime_horizon)
    bars = walk(seed, WARMUP + 120, holes=True)
    assert label_horizon(lambda b: label(b, sigma_of(b), config), bars, config.reach) is None


def test_labels_that_reach_further_than_promised_are_found() -> None:
    found = label_horizon(honest, walk(5, WARMUP + 150), SMALL.reach - 1)
    assert found is not None
    assert found.columns == ("rv_long",)
    assert "rv_long of row" in found.message


# ---- the detectors refuse what proves nothing


def test_a_detector_that_would_look_at_nothing_says_so() -> None:
    bars = walk(6, COUNT)
    for cut in (0, COUNT):
        with pytest.raises(ValueError, match=rf"cuts must be in \[1, 119\], held {cut}"):
            prefix_invariance(momentum, bars, (cut,))
    with pytest.raises(ValueError, match=r"at must be in .* was 120"):
        future_shock(momentum, bars, COUNT)
    with pytest.raises(ValueError, match="compute must give 120 rows, gave 40"):
        prefix_invariance(lambda b: np.ones(len(NAMES)), bars, (9,))

"""Laws of the features: causal, the same in every way of feeding, scale-free, finite."""

from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import NAMES, WARMUP, FeatureStream, batch, index_of

LENGTH: Final = WARMUP + 60
QUARTER_NS: Final = 900_000_000_000
ODD: Final = st.sampled_from(
    [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, -1.0, 5e-324, 1e29, 1e31, 1e308]
)
seeds = st.integers(0, 2**32 - 1)


def walk(seed: int, count: int = LENGTH, *, sigma: float = 2e-3) -> BarWindow:
    """Return a plain random walk: every price moves, every bar trades."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, sigma, count)))
    return shaped(rng, close, wick=sigma / 2, volume=rng.lognormal(0.0, 1.0, count))


def wild(seed: int, count: int = LENGTH) -> BarWindow:
    """Return sound bars of an unsound market: dead prices, no volume, jumps, any magnitude."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 5)
    moves = rng.normal(0.0, 10.0 ** rng.uniform(-17, 0), count)
    moves[rng.random(count) < rng.choice([0.0, 0.5, 0.999, 1.0])] = 0.0
    if kind == 1:  # a few jumps across many orders of magnitude
        moves[rng.integers(0, count, 3)] += rng.normal(0.0, 5.0, 3)
    if kind == 2:  # dead from a random bar on
        moves[rng.integers(1, count) :] = 0.0
    if kind == 3:  # a straight line
        moves[:] = rng.uniform(-0.05, 0.05)
    start = 10.0 ** rng.uniform(-27, 27)
    close = np.clip(start * np.exp(np.cumsum(moves)), 2e-30, 5e29)
    volume = 10.0 ** rng.uniform(-300, 29) * rng.lognormal(0.0, rng.uniform(0, 3), count)
    volume[rng.random(count) < rng.choice([0.0, 0.3, 0.99, 1.0])] = 0.0
    return shaped(
        rng, close, wick=float(rng.choice([0.0, 1e-16, 1e-4])), volume=np.minimum(volume, 1e30)
    )


def shaped(
    rng: np.random.Generator, close: FloatArray, *, wick: float, volume: FloatArray
) -> BarWindow:
    """Build bars around closes; stamps leave holes, as real series do."""
    count = len(close)
    open_ = np.concatenate((close[:1], close[:-1]))
    above, below = np.abs(rng.normal(0.0, wick, (2, count)))
    return BarWindow(
        ts_event=1_672_531_200_000_000_000 + np.cumsum(rng.integers(1, 3, count)) * QUARTER_NS,
        open=open_,
        high=np.maximum(open_, close) * (1.0 + above),
        low=np.minimum(open_, close) * (1.0 - np.minimum(below, 0.4)),
        close=close,
        volume=volume,
    )


def scaled(bars: BarWindow, *, price: float = 1.0, volume: float = 1.0) -> BarWindow:
    return BarWindow(
        ts_event=bars.ts_event,
        open=bars.open * price,
        high=bars.high * price,
        low=bars.low * price,
        close=bars.close * price,
        volume=bars.volume * volume,
    )


def spliced(first: BarWindow, second: BarWindow, at: int) -> BarWindow:
    """Return the first series up to a bar and the second one's values from there on."""

    def join(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.concatenate((a[:at], b[at:]))

    return BarWindow(
        ts_event=first.ts_event,
        open=join(first.open, second.open),
        high=join(first.high, second.high),
        low=join(first.low, second.low),
        close=join(first.close, second.close),
        volume=join(first.volume, second.volume),
    )


def same(a: FloatArray, b: FloatArray) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@given(seeds, st.integers(0, LENGTH))
def test_removing_later_bars_changes_no_earlier_row(seed: int, t: int) -> None:
    bars = wild(seed)
    assert same(batch(bars[:t]), batch(bars)[:t])


@given(seeds, seeds, st.integers(WARMUP - 1, LENGTH - 1))
def test_another_future_changes_no_earlier_row_and_every_later_one(
    seed: int, other: int, t: int
) -> None:
    assume(seed != other)
    bars, shocked = walk(seed), spliced(walk(seed), scaled(walk(other), price=3.0), t)
    before, after = batch(bars), batch(shocked)
    assert same(before[:t], after[:t])
    # The law is alive: only the clock's four columns may stay as they were
    assert (before[t] != after[t]).sum() > len(NAMES) - 8


@given(seeds)
def test_batch_and_bar_by_bar_agree_to_the_last_bit(seed: int) -> None:
    bars, stream = wild(seed), FeatureStream()
    rows, warm = [], []
    for row in bars.rows():
        warm.append(stream.update(*row))
        rows.append(stream.vector.copy())
    assert same(np.array(rows), batch(bars))
    assert warm == [t >= WARMUP - 1 for t in range(LENGTH)]


@given(seeds, st.lists(st.integers(0, LENGTH), max_size=4))
def test_any_cut_into_pieces_gives_the_same_rows(seed: int, cuts: list[int]) -> None:
    bars, stream = wild(seed), FeatureStream()
    edges = [0, *sorted(cuts), LENGTH]
    pieces = [stream.extend(bars[a:b]) for a, b in pairwise(edges)]
    assert same(np.concatenate(pieces), batch(bars))


@given(seeds, st.integers(0, LENGTH - 1))
def test_a_restored_stream_continues_to_the_last_bit_and_shares_nothing(seed: int, t: int) -> None:
    bars, stream = wild(seed), FeatureStream()
    stream.extend(bars[:t])
    state = stream.state()
    kept = state.copy()
    rest = stream.extend(bars[t:])
    restored = FeatureStream.restore(state)
    assert restored.bars_seen == t
    assert same(restored.extend(bars[t:]), rest)
    assert same(state, kept)
    assert same(restored.vector, stream.vector)


@given(seeds, st.integers(-40, 40), st.integers(-40, 40))
def test_powers_of_two_on_prices_and_volumes_change_no_bit(seed: int, i: int, j: int) -> None:
    bars = walk(seed)
    assert same(batch(scaled(bars, price=2.0**i, volume=2.0**j)), batch(bars))


@given(seeds, st.floats(1e-12, 1e12), st.floats(1e-12, 1e12))
def test_any_unit_of_price_and_volume_gives_the_same_features(
    seed: int, price: float, volume: float
) -> None:
    bars = walk(seed)
    rows, others = batch(bars), batch(scaled(bars, price=price, volume=volume))
    np.testing.assert_allclose(others, rows, rtol=1e-9, atol=1e-9)


@given(seeds)
def test_turning_the_market_upside_down_mirrors_direction_and_keeps_the_rest(seed: int) -> None:
    bars = walk(seed)
    mirrored = BarWindow(
        ts_event=bars.ts_event,
        open=1.0 / bars.open,
        high=1.0 / bars.low,
        low=1.0 / bars.high,
        close=1.0 / bars.close,
        volume=bars.volume,
    )
    rows, others = batch(bars)[WARMUP:], batch(mirrored)[WARMUP:]
    turned = [n for n in NAMES if n.startswith(("momentum", "signed", "rsi", "skewness"))]
    kept = [n for n in NAMES if n.startswith(("vol", "log_", "jump", "effic", "auto", "illiq"))]
    assert len(turned) == 12
    assert len(kept) == 13
    for sign, names in ((-1.0, turned), (1.0, kept)):
        columns = [index_of(name) for name in names]
        np.testing.assert_allclose(others[:, columns], sign * rows[:, columns], atol=1e-8)


@given(seeds)
def test_features_are_finite_after_the_warm_up_and_nan_before_for_any_sound_bars(seed: int) -> None:
    rows = batch(wild(seed))
    assert np.isnan(rows[: WARMUP - 1]).all()
    assert np.isfinite(rows[WARMUP - 1 :]).all()


@given(seeds)
@example(seed=2346223)  # volumes so small that their squares lose their digits
@example(seed=16777217)  # a crash by orders of magnitude
def test_bounded_features_keep_their_bounds(seed: int) -> None:
    rows = batch(wild(seed))[WARMUP - 1 :]
    bounds = {"range_position": 0.5, "close_location": 0.5, "log_volatility_1": 2.5, "macd": 50.0}
    bounds |= dict.fromkeys(("efficiency", "auto", "rsi", "signed", "jump", "day", "week"), 1.0)
    bounds |= dict.fromkeys(("volume_ratio", "illiquidity", "bar_range", "range_width"), 5.0)
    bounds |= {"volume_z": 9.8, "skewness": 9.8, "momentum": 140.0}
    for column, name in enumerate(NAMES):
        for start, bound in bounds.items():
            if name.startswith(start):
                assert np.abs(rows[:, column]).max() <= bound * (1.0 + 1e-6), name


@given(seeds, st.integers(1, 200))
def test_where_the_series_began_hardly_matters_after_the_warm_up(seed: int, cut: int) -> None:
    bars = walk(seed, LENGTH + 200)
    late, full = batch(bars[cut:])[WARMUP:], batch(bars)[cut + WARMUP :]
    np.testing.assert_allclose(late, full, atol=1e-4)
    exact = [n for n in NAMES if n.startswith(("range_pos", "effic", "volume_", "signed", "ill"))]
    columns = [index_of(name) for name in exact]
    assert same(late[:, columns], full[:, columns])


@given(seeds, st.integers(0, 4), ODD)
def test_a_stream_refuses_what_a_window_refuses_and_stays_as_it_was(
    seed: int, column: int, odd: float
) -> None:
    bars, stream = walk(seed, 8), FeatureStream()
    stream.extend(bars[:7])
    stamp, *values = list(bars.rows())[7]
    values[column] = odd
    before = stream.state()
    if (refusal := window_refusal(stamp, values)) is None:
        stream.update(stamp, *values)
        assert stream.bars_seen == 8
    else:
        with pytest.raises(ValueError, match="must") as refused:
            stream.update(stamp, *values)
        assert f"{refused.value} at bar 0" == refusal
        assert same(stream.state(), before)


@given(seeds, st.integers(0, 2**62))
def test_a_stream_takes_only_a_bar_that_is_later_than_its_newest(seed: int, lag: int) -> None:
    bars, stream = walk(seed, 8), FeatureStream()
    stream.extend(bars[:7])
    newest = int(bars.ts_event[6])
    values = list(bars.rows())[7][1:]
    before = stream.state()
    with pytest.raises(ValueError, match="ts_event must"):
        stream.update(newest - lag, *values)
    with pytest.raises(ValueError, match="ts_event must be after"):
        stream.extend(bars[6:])
    assert same(stream.state(), before)
    stream.update(newest + 1, *values)
    assert stream.bars_seen == 8


def window_refusal(stamp: int, values: list[float]) -> str | None:
    """Return what a window of this one bar objects to, or None."""
    columns = (np.array([value]) for value in values)
    try:
        BarWindow(
            ts_event=np.array([stamp]),
            **dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True)),
        )
    except ValueError as e:
        return str(e)
    return None

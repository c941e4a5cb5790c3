"""Examples of the features: against a second writing, on edges, and pinned."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.features import naive_vector, sample_bars
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import (
    FEATURE_SET,
    NAMES,
    WARMUP,
    FeatureStream,
    batch,
    index_of,
)

MONDAY_NS = 1_672_617_600_000_000_000  # 2023-01-02 00:00 UTC
HOUR_NS = 3_600_000_000_000


def flat(closes: list[float], *, volume: float = 1.0, until: int = MONDAY_NS) -> BarWindow:
    """Return hourly bars without wicks that end at a moment."""
    close = np.array(closes)
    open_ = np.concatenate((close[:1], close[:-1]))
    return BarWindow(
        ts_event=until - np.arange(len(closes))[::-1] * HOUR_NS,
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.full(len(closes), volume),
    )


def newest(bars: BarWindow) -> dict[str, float]:
    return dict(zip(NAMES, batch(bars)[-1].tolist(), strict=True))


def pinned_bars() -> BarWindow:
    """Return bars from integer arithmetic alone, the same on every machine and for ever."""
    number, close = 12345, [20_000.0]
    parts = []
    for _ in range(WARMUP + 40):
        number = (1103515245 * number + 12345) % 2**31
        move = ((number >> 12) % 2001 - 1000) / 400_000
        close.append(close[-1] * (1.0 + move))
        parts.append((1 + (number >> 5) % 997, ((number >> 8) % 100) / 1e5))
    before, after = np.array(close[:-1]), np.array(close[1:])
    volume, wick = np.array(parts).T
    return BarWindow(
        ts_event=MONDAY_NS + np.arange(1, len(parts) + 1) * 900_000_000_000,
        open=before,
        high=np.maximum(before, after) * (1.0 + wick),
        low=np.minimum(before, after) * (1.0 - wick / 2.0),
        close=after,
        volume=volume,
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_feature_equals_a_second_writing_of_its_formula(seed: int) -> None:
    bars = sample_bars(WARMUP + 200, seed=seed)
    rows = batch(bars)
    for t in range(WARMUP, len(bars), 17):
        expected = naive_vector(bars[: t + 1])
        np.testing.assert_allclose(rows[t], expected, rtol=1e-9, atol=1e-9)


def test_a_silent_change_of_definition_fails_here() -> None:
    pinned = json.loads((Path(__file__).parents[1] / "data" / "features.json").read_text())
    assert pinned["feature_set"] == FEATURE_SET
    assert pinned["warmup"] == WARMUP
    assert list(NAMES) == list(pinned["newest"])
    values = list(pinned["newest"].values())
    np.testing.assert_allclose(batch(pinned_bars())[-1], values, rtol=1e-9, atol=1e-9)


def test_names_are_unique_and_each_has_its_column() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert [index_of(name) for name in NAMES] == list(range(len(NAMES)))
    with pytest.raises(ValueError, match="was momentum_13"):
        index_of("momentum_13")


def test_a_dead_market_has_no_momentum_no_volume_and_no_place_in_its_range() -> None:
    seen = newest(flat([100.0] * WARMUP, volume=0.0))
    moving = ("momentum", "range_position", "volume_", "signed", "rsi", "macd", "ema", "effic")
    assert all(value == 0.0 for name, value in seen.items() if name.startswith(moving))
    assert seen["volatility_96"] == 1e-8


def test_a_straight_rise_is_all_trend() -> None:
    seen = newest(flat([100.0 * 1.001**t for t in range(WARMUP)]))
    assert seen["efficiency_ratio_96"] == pytest.approx(1.0)
    assert seen["rsi_14"] == pytest.approx(1.0, abs=1e-4)
    assert seen["range_position_288"] == 0.5
    assert seen["volatility_96"] == pytest.approx(math.log(1.001), rel=1e-5)
    assert seen["momentum_96"] == pytest.approx(math.sqrt(96.0), rel=1e-5)
    assert seen["signed_volume_96"] == pytest.approx(1.0)
    assert seen["skewness_96"] == 0.0


@pytest.mark.parametrize("volume", [0.1, 1 / 3, 1e-31, 1e-162, 3e29])
def test_a_steady_volume_is_never_unusual(volume: float) -> None:
    bars = flat([100.0 * 1.001**t for t in range(WARMUP + 50)], volume=volume)
    column = batch(bars)[WARMUP:, index_of("volume_z_96")]
    assert np.abs(column).max() < 1e-9


def test_a_ripple_of_a_billionth_in_the_volume_is_not_unusual() -> None:
    bars = sample_bars(WARMUP + 50)
    ripple = 1.0 + 1e-9 * np.random.default_rng(3).normal(size=len(bars))
    column = batch(replace(bars, volume=ripple))[WARMUP:, index_of("volume_z_96")]
    assert 0.0 < np.abs(column).max() < 1e-4


@pytest.mark.parametrize(
    ("hours", "day", "week"),
    [(0, 0.0, 0.0), (6, 0.25, 0.25 / 7), (24, 0.0, 1 / 7), (6 * 24 + 12, 0.5, 6.5 / 7)],
)
def test_the_calendar_turns_with_the_day_and_starts_its_week_on_monday(
    hours: int, day: float, week: float
) -> None:
    seen = newest(flat([100.0] * WARMUP, until=MONDAY_NS + hours * HOUR_NS))
    for name, turn in (("day", day), ("week", week)):
        assert seen[f"{name}_sine"] == pytest.approx(math.sin(2 * math.pi * turn), abs=1e-12)
        assert seen[f"{name}_cosine"] == pytest.approx(math.cos(2 * math.pi * turn), abs=1e-12)


def test_the_vector_is_one_read_only_view_that_follows_the_stream() -> None:
    bars, stream = sample_bars(WARMUP + 1), FeatureStream()
    vector = stream.vector
    assert vector.shape == (len(NAMES),)
    assert stream.bars_seen == 0
    stream.extend(bars[:WARMUP])
    assert stream.is_warm
    first = vector.copy()
    assert stream.update(*list(bars.rows())[-1])
    assert (vector != first).any()
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1.0


def test_whole_numbers_count_as_prices() -> None:
    stream, twin = FeatureStream(), FeatureStream()
    stream.update(MONDAY_NS, 100, 102, 99, 101, 7)
    twin.update(MONDAY_NS, 100.0, 102.0, 99.0, 101.0, 7.0)
    assert stream.state().tobytes() == twin.state().tobytes()


@pytest.mark.parametrize("state", [np.zeros(3), np.zeros(FeatureStream().state().size, np.float32)])
def test_an_array_that_is_no_state_is_refused(state: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"state must be \d+ float64, was float"):
        FeatureStream.restore(state)


def test_an_empty_window_has_no_rows_and_changes_nothing() -> None:
    stream = FeatureStream()
    before = stream.state()
    assert stream.extend(sample_bars(5)[:0]).shape == (0, len(NAMES))
    assert stream.state().tobytes() == before.tobytes()


def test_real_bars_give_the_same_rows_in_batch_live_and_after_a_restart(shared_data: Path) -> None:
    bars = real_bars(shared_data / "BTCUSDT-15m-binance-spot-202301-202504.parquet")[:4000]
    rows, stream = batch(bars), FeatureStream()
    for t, bar in enumerate(bars.rows()):
        if t % 500 == 499:
            stream = FeatureStream.restore(stream.state())
        if stream.update(*bar):
            assert stream.vector.tobytes() == rows[t].tobytes()
    assert np.isfinite(rows[WARMUP - 1 :]).all()
    for t in range(WARMUP, 4000, 333):
        expected = naive_vector(bars[: t + 1])
        np.testing.assert_allclose(rows[t], expected, rtol=1e-9, atol=1e-9)


def test_the_benchmark_prints_its_figures_as_json_and_refuses_too_few_bars() -> None:
    command = [sys.executable, "-m", "benchmarks.features", "--json", "--bars"]
    told = subprocess.run([*command, "5000"], capture_output=True, check=True, timeout=120)
    names = [figure["name"] for figure in json.loads(told.stdout)]
    assert names[0] == "batch over 5,000 bars"
    refused = subprocess.run([*command, "9"], capture_output=True, check=False, timeout=120)
    assert refused.returncode == 2
    assert b"--bars must be at least" in refused.stderr


def real_bars(path: Path) -> BarWindow:
    """Read open-stamped quarter-hour bars and stamp them at their close."""
    table = pq.read_table(path)
    opened = table["ts"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    values = {name: table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    return BarWindow(ts_event=opened + 900_000_000_000, **values)

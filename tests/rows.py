"""Bars and panels that the tests of the model's rows learn from."""

from typing import Final

import numpy as np

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.features import WARMUP, batch, index_of
from morningstar_strategy.model.learning.dataset import Panel, build
from morningstar_strategy.model.learning.labels import LabelConfig

HOUR_NS: Final = 3_600_000_000_000
START_NS: Final = 1_640_995_200_000_000_000  # 2022-01-01
SMALL: Final = LabelConfig(horizon=6, min_barrier=0.001, regime_horizon=20)


def walk(
    seed: int, count: int = WARMUP + 300, *, step_ns: int = HOUR_NS, holes: bool = False
) -> BarWindow:
    """Return a random walk whose volatility comes and goes, with wicks and volumes."""
    rng = np.random.default_rng(seed)
    sigma = 4e-3 * np.exp(0.8 * np.sin(np.arange(count) / rng.uniform(20, 90)))
    close = 100.0 * np.exp(np.cumsum(sigma * rng.standard_normal(count)))
    open_ = np.concatenate((close[:1], close[:-1]))
    above, below = sigma * np.abs(rng.standard_normal((2, count))) / 2
    steps = np.where(rng.random(count) < (0.004 if holes else 0.0), 3, 1)
    return BarWindow(
        ts_event=START_NS + np.cumsum(steps) * step_ns,
        open=open_,
        high=np.maximum(open_, close) * (1.0 + above),
        low=np.minimum(open_, close) * (1.0 - below),
        close=close,
        volume=rng.lognormal(0.0, 1.0, count),
    )


def spliced(first: BarWindow, second: BarWindow, at: int) -> BarWindow:
    """Return the first series up to a bar and the second one's values from there on."""
    columns = {
        name: np.concatenate((getattr(first, name)[:at], getattr(second, name)[at:]))
        for name in ("open", "high", "low", "close", "volume")
    }
    return BarWindow(ts_event=first.ts_event, **columns)


def sigma_of(bars: BarWindow) -> FloatArray:
    """Return the volatility that the features know at each bar, NaN while not warm."""
    return np.ascontiguousarray(batch(bars)[:, index_of("volatility_96")])


def panel(
    *seeds: int,
    count: int = WARMUP + 300,
    step_ns: int = HOUR_NS,
    config: LabelConfig = SMALL,
    holes: bool = False,
) -> Panel:
    """Build a panel of one random walk per seed; each one is a bar shorter than the one before."""
    bars = {
        f"I{index}": walk(seed, count, step_ns=step_ns, holes=holes)[: count - index]
        for index, seed in enumerate(seeds)
    }
    return build(bars, interval_ns=step_ns, config=config, data_sha256="0" * 64)

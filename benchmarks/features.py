"""Time the features: batch, bar by bar, the baseline on top, and a naive recomputation per bar."""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import WARMUP, FeatureStream, batch

_MINUTE_NS: Final = 60_000_000_000
_STREAMED: Final = 100_000
_NAIVE: Final = 500


class Figure(NamedTuple):
    """One measured number and what it is held against."""

    name: str
    value: float
    unit: str
    goal: float | None = None


def sample_bars(count: int, *, seed: int = 7) -> BarWindow:
    """Return a seeded random walk of one-minute bars."""
    rng = np.random.default_rng(seed)
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 7e-4, count)))
    open_ = np.concatenate(([30_000.0], close[:-1]))
    return BarWindow(
        ts_event=np.arange(1, count + 1) * _MINUTE_NS,
        open=open_,
        high=np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 3e-4, count))),
        low=np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 3e-4, count))),
        close=close,
        volume=rng.lognormal(2.0, 1.0, count),
    )


def naive_vector(bars: BarWindow) -> FloatArray:
    """Recompute the newest bar's features from its window alone, with plain numpy.

    An independent second writing of every formula: the tests hold the compiled one against it.
    """
    r = np.concatenate(([0.0], np.diff(np.log(bars.close))))
    sigma = max(math.sqrt(_ema(r * r, 96)), 1e-8)
    moves = [r[-w:].sum() / (sigma * math.sqrt(w)) for w in (1, 3, 6, 12, 24, 48, 96, 288)]
    return np.array(
        [
            *moves,
            *_volatility(bars, r, sigma),
            *_range(bars, sigma),
            *_volume(bars, r),
            *_oscillators(bars, r, sigma),
            *_path(r),
            *_calendar(int(bars.ts_event[-1])),
        ]
    )


@cache
def _kernel(span: int, count: int) -> FloatArray:
    """Return the weights of an exponential average, oldest first."""
    weight = 2.0 / (span + 1.0)
    return np.asarray(weight * (1.0 - weight) ** np.arange(count)[::-1], dtype=np.float64)


def _ema(values: FloatArray, span: int, *, start: float = 0.0) -> float:
    return start + float(_kernel(span, len(values)) @ (values - start))


def _ema_series(values: FloatArray, span: int) -> FloatArray:
    moves = np.convolve(values - values[0], _kernel(span, len(values))[::-1])
    return np.asarray(values[0] + moves[: len(values)], dtype=np.float64)


def _log_ratio(part: float, whole: float) -> float:
    if part <= 0.0 or whole <= 0.0:
        return 5.0 * ((part > 0.0) - (whole > 0.0))
    return min(max(math.log(part / whole), -5.0), 5.0)


def _volatility(bars: BarWindow, r: FloatArray, sigma: float) -> list[float]:
    realised = [float(np.mean(r[-w:] ** 2)) for w in (12, 24, 48, 480)]
    reach = np.log(bars.high[-24:] / bars.low[-24:])
    size = np.abs(r[-49:])
    smooth = 0.5 * math.pi * float(size[1:] @ size[:-1])
    return [
        sigma,
        math.log(sigma),
        0.5 * _log_ratio(realised[0], sigma**2),
        0.5 * _log_ratio(realised[2], sigma**2),
        0.5 * _log_ratio(sigma**2, realised[3]),
        0.5 * _log_ratio(float(np.mean(reach**2)) / (4.0 * math.log(2.0)), realised[1]),
        max(0.0, 1.0 - smooth / (48.0 * realised[2])) if realised[2] else 0.0,
    ]


def _range(bars: BarWindow, sigma: float) -> list[float]:
    def place(width: int) -> float:
        top, floor = bars.high[-width:].max(), bars.low[-width:].min()
        return float((close - floor) / (top - floor)) - 0.5 if top > floor else 0.0

    open_, high, low, close = bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1]
    width = math.log(bars.high[-96:].max() / bars.low[-96:].min())
    wicks = (high - max(open_, close)) - (min(open_, close) - low)
    return [
        *(place(24), place(96), place(288)),
        _log_ratio(width, sigma * math.sqrt(96.0)),
        _log_ratio(math.log(high / low), sigma),
        place(1),
        float(wicks / (high - low)) if high > low else 0.0,
    ]


def _volume(bars: BarWindow, r: FloatArray) -> list[float]:
    v, signed, path = bars.volume, bars.volume * np.sign(r), np.abs(r)
    day, mean = float(v[-96:].sum()), float(v[-96:].mean())
    spread = max(float(v[-96:].std()), 1e-3 * mean)
    return [
        (float(v[-1]) - mean) / spread if spread else 0.0,
        _log_ratio(float(v[-12:].mean()), mean),
        _log_ratio(mean, float(v[-480:].mean())),
        float(signed[-24:].sum() / v[-24:].sum()) if v[-24:].any() else 0.0,
        float(signed[-96:].sum()) / day if day else 0.0,
        _log_ratio(
            float(path[-24:].sum() * v[-288:].sum()), float(path[-288:].sum() * v[-24:].sum())
        ),
    ]


def _oscillators(bars: BarWindow, r: FloatArray, sigma: float) -> list[float]:
    close, first = bars.close, float(bars.close[0])
    up, down = _ema(np.maximum(r, 0.0), 27), _ema(np.maximum(-r, 0.0), 27)
    gap = np.log(_ema_series(close, 12) / _ema_series(close, 26))
    return [
        (up - down) / (up + down + 1e-8),
        (float(gap[-1]) - _ema(gap, 9)) / sigma,
        math.log(close[-1] / _ema(close, 24, start=first)) / (sigma * math.sqrt(24.0)),
        math.log(close[-1] / _ema(close, 96, start=first)) / (sigma * math.sqrt(96.0)),
    ]


def _path(r: FloatArray) -> list[float]:
    def straightness(width: int) -> float:
        length = float(np.abs(r[-width:]).sum())
        return abs(float(r[-width:].sum())) / length if length else 0.0

    day = r[-96:]
    off = day - day.mean()
    square, spread = float(day @ day), float(np.mean(off**2))
    lagged = float(r[-96:] @ r[-97:-1]) / square if square else 0.0
    bent = spread > 1e-6 * square / 96.0
    return [
        *(straightness(24), straightness(96)),
        min(max(lagged, -1.0), 1.0),
        float(np.mean(off**3)) / spread**1.5 if bent else 0.0,
    ]


def _calendar(ts_event: int) -> list[float]:
    hours = ts_event / 3_600_000_000_000
    day, week = 2.0 * math.pi * hours / 24.0, 2.0 * math.pi * (hours / 24.0 + 3.0) / 7.0
    return [math.sin(day), math.cos(day), math.sin(week), math.cos(week)]


def measure(count: int, *, rounds: int = 3) -> list[Figure]:
    """Time every way alternately, and return the best round of each."""
    bars, rule = sample_bars(count), BaselineRule()
    rows = list(bars[: min(count, _STREAMED)].rows())
    rule.signal(batch(bars[: WARMUP + 1])[-1])  # compiled once, on disk ever after
    best = {"batch": math.inf, "stream": math.inf, "signal": math.inf, "naive": math.inf}
    for _ in range(rounds):
        times = {
            "batch": _batch_secs(bars),
            "stream": _stream_secs(rows) / len(rows),
            "signal": _stream_secs(rows, rule=rule) / len(rows),
            "naive": _naive_secs(bars) / _NAIVE,
        }
        best = {way: min(best[way], secs) for way, secs in times.items()}
    extra = (best["signal"] - best["stream"]) * len(rows) / (len(rows) - WARMUP + 1)
    return [
        Figure(f"batch over {count:,} bars", best["batch"], "s", 1.5e-6 * count),
        Figure("batch, per bar", best["batch"] / count * 1e6, "µs"),
        Figure("bar by bar, per bar", best["stream"] * 1e6, "µs", 5.0),
        Figure("baseline signal on top", extra * 1e6, "µs", 1.5),
        Figure("naive recomputation, per bar", best["naive"] * 1e6, "µs"),
        Figure("naive ÷ bar by bar", best["naive"] / best["stream"], "×"),
    ]


def _batch_secs(bars: BarWindow) -> float:
    start = time.perf_counter()
    batch(bars)
    return time.perf_counter() - start


def _stream_secs(
    rows: Sequence[tuple[int, float, float, float, float, float]],
    *,
    rule: BaselineRule | None = None,
) -> float:
    stream = FeatureStream()
    update, vector = stream.update, stream.vector
    start = time.perf_counter()
    for row in rows:
        if update(*row) and rule is not None:
            rule.signal(vector)
    return time.perf_counter() - start


def _naive_secs(bars: BarWindow) -> float:
    start = time.perf_counter()
    for t in range(WARMUP, WARMUP + _NAIVE):
        naive_vector(bars[t - WARMUP : t])
    return time.perf_counter() - start


def _print_table(figures: Sequence[Figure]) -> None:
    table = Table("what", "measured", "unit", "goal", title="Features, one core, best round")
    for name, value, unit, goal in figures:
        verdict = "" if goal is None else f"{goal:.3g} {'met' if value <= goal else 'MISSED'}"
        table.add_row(name, f"{value:.3f}", unit, verdict)
    Console().print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the features and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000, help="length of the series")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    if args.bars < WARMUP + _NAIVE:
        parser.error(f"--bars must be at least {WARMUP + _NAIVE}, was {args.bars}")
    figures = measure(args.bars)
    if args.json:
        print(json.dumps([figure._asdict() for figure in figures], indent=2))
    else:
        _print_table(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

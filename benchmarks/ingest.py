"""Ingest one million one-minute bars in a process of its own: seconds and peak memory."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MOST_SECONDS = 10.0
MOST_GIB = 1.5
_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one ingest took."""

    bars: int
    seconds: float
    peak_gib: float

    @property
    def good(self) -> bool:
        """Say whether it is within what was promised."""
        return self.seconds < MOST_SECONDS and self.peak_gib < MOST_GIB


def bars(count: int, seed: int = 1) -> pa.Table:
    """Draw random one-minute bars with a tick of 0.1 and a lot of 0.001."""
    rng = np.random.default_rng(seed)
    close = np.round(40_000 * np.exp(np.cumsum(rng.normal(0, 0.0005, count))), 1)
    start = np.concatenate([[40_000.0], close[:-1]])
    wicks = np.round(rng.exponential(5.0, (2, count)), 1)
    minutes = 1_577_836_800_000_000_000 + np.arange(count) * 60_000_000_000
    return pa.table(
        {
            "ts": pa.array(minutes).cast(pa.timestamp("ns", "UTC")),
            "open": start,
            "high": np.round(np.maximum(start, close) + wicks[0], 1),
            "low": np.round(np.minimum(start, close) - wicks[1], 1),
            "close": close,
            "volume": np.round(rng.lognormal(3.0, 1.0, count), 3),
        }
    )


def measure(count: int) -> Measured:
    """Ingest so many bars with the command a user would type."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "BTCUSDT-1m-binance-perp-202001.parquet"
        pq.write_table(bars(count), path)
        command = [sys.executable, str(_PROJECT / "catalog" / "ingest.py"), str(path), "--json"]
        started = time.perf_counter()
        child = subprocess.Popen(
            [*command, "--catalog", str(Path(place) / "catalog")], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)  # the child's own peak, not the largest of all
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
    if child.returncode:
        raise RuntimeError(f"ingest ended with exit code {child.returncode}")
    return Measured(bars=count, seconds=seconds, peak_gib=usage.ru_maxrss / 1024**2)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks/ingest.py", description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    result = measure(parser.parse_args(argv).bars)
    print(
        f"ingest of {result.bars:,} bars: {result.seconds:.2f} s (promised < {MOST_SECONDS:.0f}),"
        f" peak {result.peak_gib:.2f} GiB (promised < {MOST_GIB})"
    )
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())

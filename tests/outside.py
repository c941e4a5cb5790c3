"""A market whose volatility is told beforehand by a series from outside, as files of a catalog."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from catalog import ingest
from catalog.decimals import from_floats
from catalog.store import bar_type, write_bars, write_instruments
from morningstar_strategy.core.bars import FloatArray, IntArray
from tests.catalogs import BTC, definition

HOUR_NS: Final = 3_600_000_000_000
DVOL: Final = "btc-dvol"
FEAR: Final = "crypto-fear-greed"
START_NS: Final = int(datetime(2023, 9, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
BARS: Final = 24 * 230  # hours, well into the second quarter of 2024


def foretold(seed: int = 5, count: int = BARS) -> FloatArray:
    """Return an index per hour: its volatility, which jumps every two days and nobody sees come."""
    rng = np.random.default_rng(seed)
    wild = np.repeat(rng.random(count // 48 + 1) < 0.5, 48)[:count]
    return np.where(wild, 90.0, 20.0)


def closes(count: int = BARS) -> IntArray:
    """Return when the hours end."""
    stamps: IntArray = START_NS + np.arange(1, count + 1) * HOUR_NS
    return stamps


def make_catalog(root: Path) -> Path:
    """Write hourly bars, the index that tells each hour's volatility as it begins, and a mood."""
    index, rng = foretold(), np.random.default_rng(6)
    close = 40_000.0 * np.exp(np.cumsum(index / 12_000.0 * rng.standard_normal(BARS)))
    open_ = np.concatenate((close[:1], close[:-1]))
    above, below = index / 24_000.0 * np.abs(rng.standard_normal((2, BARS)))
    columns = {
        "open": open_,
        "high": np.maximum(open_, close) * (1.0 + above),
        "low": np.minimum(open_, close) * (1.0 - below),
        "close": close,
        "volume": rng.lognormal(3.0, 0.5, BARS),
    }
    write_instruments(root, [definition()])
    exact = {
        name: from_floats(told, 3 if name == "volume" else 1) for name, told in columns.items()
    }
    write_bars(root, bar_type(BTC, "1h"), closes(), exact)
    files = root.parent / f"{root.name}-files"
    files.mkdir()
    # Known an hour after its stamp: as the hour begins that it speaks of
    write_series(files / "BTC-dvol-1h.parquet", closes() - 2 * HOUR_NS, "close", index)
    days = START_NS + np.arange(0, BARS // 24) * 24 * HOUR_NS
    mood = np.random.default_rng(7).uniform(0.0, 100.0, len(days))
    write_series(files / "crypto-fear-greed-1d.parquet", days, "value", mood)
    write_news(files / "crypto-news-1d.parquet", days)
    assert ingest.main([str(files), "--catalog", str(root)]) == 0
    return root


def write_series(path: Path, stamps: IntArray, column: str, values: FloatArray) -> None:
    """Write a file of numbers, as it is found outside."""
    ts = pa.array(stamps, pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"ts": ts, column: values}), path)


def write_news(path: Path, stamps: IntArray) -> None:
    """Write a file of words."""
    ts = pa.array(stamps, pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"ts": ts, "title": [f"Day {n}" for n in range(len(stamps))]}), path)

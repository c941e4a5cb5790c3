"""Small catalogs that the tests of the catalog build."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np

from catalog import sample
from catalog.decimals import from_text
from catalog.instruments import Definition, standard_fees
from catalog.store import Merge, bar_type, write_bars, write_instruments

BTC = "BTCUSDT-PERP.BINANCE"
FIVE_MINUTES = bar_type(BTC, "5m")
STEP_NS = 300_000_000_000
JANUARY_NS = 1_704_067_200_000_000_000  # 2024-01-01


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One bar as a test tells it."""

    ts: int
    open: str = "100.0"
    high: str = "101.0"
    low: str = "99.0"
    close: str = "100.5"
    volume: str = "1.000"


def definition(instrument_id: str = BTC, *, tick: str = "0.1", lot: str = "0.001") -> Definition:
    """Define a BTC perpetual."""
    return Definition(
        instrument_id=instrument_id,
        base="BTC",
        quote="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        fees=standard_fees("BINANCE", perpetual=True),
    )


def steady(count: int, *, start_ns: int = JANUARY_NS, skip: Sequence[int] = ()) -> list[Told]:
    """Tell a steady series of five-minute bars, but for some that are left out."""
    return [
        Told(ts=start_ns + (i + 1) * STEP_NS, close=f"{100 + i % 7 / 10:.1f}")
        for i in range(count)
        if i not in skip
    ]


def store(root: Path, bars: Sequence[Told], *, name: str = FIVE_MINUTES) -> Merge:
    """Store bars as they are told."""
    columns = {
        field: from_text([getattr(bar, field) for bar in bars])
        for field in ("open", "high", "low", "close", "volume")
    }
    return write_bars(root, name, np.array([bar.ts for bar in bars], dtype=np.int64), columns)


def new(root: Path, bars: Sequence[Told] = ()) -> Path:
    """Make a catalog of one instrument and some bars."""
    write_instruments(root, [definition()])
    if bars:
        store(root, bars)
    return root


def content(root: Path) -> dict[str, bytes]:
    """Read every file of a catalog but the lock."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@cache
def sample_folder() -> Path:
    """Give the synthetic sample, made once on this machine for all who test with it."""
    digest = hashlib.sha256(Path(sample.__file__).read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"morningstar-sample-{os.getuid()}-{digest}"
    if not folder.is_dir():
        made = Path(tempfile.mkdtemp(prefix="morningstar-sample-"))
        if sample.main(["--catalog", str(made / "sample")]) != 0:
            raise RuntimeError(f"the sample could not be made in {made}")
        try:
            (made / "sample").rename(folder)
        except OSError:  # somebody else was quicker
            if not folder.is_dir():
                raise
        shutil.rmtree(made, ignore_errors=True)
    return folder

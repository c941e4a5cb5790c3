"""Small catalogs that the tests of the catalog build."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

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

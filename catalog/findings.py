"""What can be wrong with a series: each finder takes columns and gives what it found."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from catalog.decimals import FIXED
from catalog.kinds import SECOND_NS
from catalog.merging import IntArray

type BoolArray = npt.NDArray[np.bool_]

_ZERO: Final = pa.scalar(0, FIXED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What is not a fault."""

    max_gap: int = 0  # missing bars in a row
    allow_gaps: bool = False
    stale_bars: int = 12  # bars in a row without any movement

    def __post_init__(self) -> None:
        if self.max_gap < 0:
            raise ValueError(f"max_gap must be zero or more, was {self.max_gap}")
        if self.stale_bars < 2:
            raise ValueError(f"stale_bars must be two or more, was {self.stale_bars}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found in one series."""

    check: str
    count: int
    fault: bool
    first_ns: int
    text: str


def gaps(ts: IntArray, step: int, tolerance: Tolerance) -> list[Finding]:
    """Find missing rows of a regular series."""
    ordered = np.unique(ts)
    holes = np.diff(ordered) // step - 1
    places = np.flatnonzero(holes > 0)
    if not len(places):
        return []
    longest = int(places[np.argmax(holes[places])])
    too_long = int(np.sum(holes > tolerance.max_gap))
    return [
        Finding(
            check="gaps",
            count=len(places),
            fault=too_long > 0 and not tolerance.allow_gaps,
            first_ns=int(ordered[places[0]]) + step,
            text=f"{int(holes[places].sum()):,} missing, longest {int(holes[longest]):,}"
            f" from {moment(int(ordered[longest]) + step)}",
        )
    ]


def found(check: str, bad: BoolArray, ts: IntArray, *, fault: bool = True) -> list[Finding]:
    """Make a finding of marked rows, if there are any."""
    if not bad.any():
        return []
    first = int(ts[int(np.argmax(bad))])
    count = int(bad.sum())
    return [
        Finding(
            check=check, count=count, fault=fault, first_ns=first, text=f"first {moment(first)}"
        )
    ]


def order(ts: IntArray) -> list[Finding]:
    """Find rows that are earlier than the one before."""
    return found("order", np.r_[False, np.diff(ts) < 0], ts)


def duplicates(ts: IntArray) -> list[Finding]:
    """Find moments told more than once."""
    ordered = np.sort(ts)
    return found("duplicates", np.r_[False, np.diff(ordered) == 0], ordered)


def sane_bars(table: pa.Table, ts: IntArray) -> list[Finding]:
    """Find bars whose prices contradict each other, exactly."""
    high, low = table["high"], table["low"]
    inside = [
        pc.and_(pc.less_equal(low, table[name]), pc.less_equal(table[name], high))
        for name in ("open", "close")
    ]
    good = pc.and_(pc.and_(*inside), pc.greater(low, _ZERO))
    return found("ohlc", mask(pc.invert(good)), ts) + found(
        "negative volume", mask(pc.less(table["volume"], _ZERO)), ts
    )


def quiet(table: pa.Table, ts: IntArray, tolerance: Tolerance) -> list[Finding]:
    """Find bars without volume and long runs of bars without movement: warnings."""
    zero = mask(pc.equal(table["volume"], _ZERO))
    same = mask(pc.equal(table["high"], table["low"]))
    close = table["close"].combine_chunks()
    still = np.r_[False, mask(pc.equal(close[1:], close[:-1])) & same[1:]]
    return found("zero volume", zero, ts, fault=False) + stale(still, ts, tolerance)


def stale(still: BoolArray, ts: IntArray, tolerance: Tolerance) -> list[Finding]:
    """Find runs of bars that all stand still on the close before them."""
    edges = np.flatnonzero(np.diff(np.r_[0, still.astype(np.int8), 0]))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    long = lengths >= tolerance.stale_bars
    if not long.any():
        return []
    place = int(np.argmax(lengths))
    return [
        Finding(
            check="stale",
            count=int(long.sum()),
            fault=False,
            first_ns=int(ts[starts[np.argmax(long)]]),
            text=f"longest {int(lengths[place]):,} bars from {moment(int(ts[starts[place]]))}",
        )
    ]


def mask(column: pa.Array | pa.ChunkedArray) -> BoolArray:
    """Read a column of truths as an array."""
    return np.asarray(column, dtype=np.bool_)


def moment(ns: int) -> str:
    """Write a moment for people, in UTC."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M")

"""How long what was filled at the venue had no stop, read from the venue's own record."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

__all__ = ["Gap", "Span", "clipped", "gaps", "longest_secs", "read_rows"]

# `Any` in this module: it reads JSON

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From one time to another, in real milliseconds."""

    begin_ms: int
    end_ms: int

    @property
    def secs(self) -> float:
        """Give its length."""
        return (self.end_ms - self.begin_ms) / 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """For so long a filled quantity was not in its open stops; `quantity` is the most of it."""

    instrument: str
    span: Span
    quantity: Decimal


@dataclass(slots=True)
class _Account:
    """What is open at the venue, by instrument, in the venue's own units."""

    positions: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    stops: dict[str, tuple[str, str, Decimal]] = field(default_factory=dict)

    def take(self, row: Mapping[str, Any]) -> str:
        """Take a line in; name the instrument it is of, "" for another line."""
        if row["event"] == "position":
            self.positions[row["instrument"]] = Decimal(row["quantity"])
        elif row["event"] == "order" and row["trigger_price"] is not None:
            self.stops.pop(row["order_id"], None)
            if row["is_open"]:
                left = Decimal(row["quantity"] or "Infinity") - Decimal(row["filled"])
                self.stops[row["order_id"]] = (row["instrument"], row["side"], left)
        else:
            return ""
        return str(row["instrument"])

    def covered(self, instrument: str) -> Decimal:
        """Give how much stops would close."""
        exit_side = "sell" if self.positions[instrument] > 0 else "buy"
        left = (
            left
            for name, side, left in self.stops.values()
            if name == instrument and side == exit_side
        )
        return sum(left, _ZERO)


@dataclass(slots=True)
class _Lot:
    """What came to a position at one time, and since when it has been bare."""

    quantity: Decimal
    since_ms: int | None = None
    worst: Decimal = _ZERO

    def look(self, bare: Decimal, at_ms: int) -> Span | None:
        """Take in how much of it is bare now; give the time that ended."""
        if bare > 0:
            self.since_ms = at_ms if self.since_ms is None else self.since_ms
            self.worst = max(self.worst, bare)
            return None
        begun, self.since_ms = self.since_ms, None
        return None if begun is None else Span(begun, at_ms)


class _Holding:
    """The lots of one instrument, oldest first."""

    def __init__(self, instrument: str) -> None:
        self._instrument = instrument
        self._lots: list[_Lot] = []
        self._held = _ZERO
        self.gaps: list[Gap] = []

    def hold(self, held: Decimal, at_ms: int) -> None:
        """Take in how much is held: more is a new lot, less takes from the oldest."""
        if held * self._held < 0:
            self.hold(_ZERO, at_ms)
        more = abs(held) - abs(self._held)
        self._held = held
        if more > 0:
            self._lots.append(_Lot(quantity=more))
        while more < 0:
            taken = min(self._lots[0].quantity, -more)
            self._lots[0].quantity -= taken
            more += taken
            if not self._lots[0].quantity:
                self._look(self._lots.pop(0), _ZERO, at_ms)

    def cover(self, covered: Decimal, at_ms: int) -> None:
        """Take in how much stops would close, the oldest lots first."""
        for lot in self._lots:
            self._look(lot, max(lot.quantity - covered, _ZERO), at_ms)
            covered = max(covered - lot.quantity, _ZERO)

    def _look(self, lot: _Lot, bare: Decimal, at_ms: int) -> None:
        span = lot.look(bare, at_ms)
        if span is not None and span.end_ms > span.begin_ms:
            self.gaps.append(Gap(instrument=self._instrument, span=span, quantity=lot.worst))
        if span is not None:
            lot.worst = _ZERO


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a venue's record."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def gaps(rows: Iterable[Mapping[str, Any]], *, end_ms: int) -> list[Gap]:
    """List when a filled quantity had no stop; what still has none at `end_ms` ends there.

    Quantities that came at different times are counted each by itself, and stops cover the oldest
    first: what a person adds while a plan waits for its stop has a time of its own.
    """
    account, holdings = _Account(), dict[str, _Holding]()
    at_ms = 0
    for row in rows:
        instrument = account.take(row)
        if not instrument:
            continue
        at_ms = int(row["ts_ms"])
        holding = holdings.setdefault(instrument, _Holding(instrument))
        holding.hold(account.positions[instrument], at_ms)
        holding.cover(account.covered(instrument), at_ms)
    for holding in holdings.values():
        holding.hold(_ZERO, max(end_ms, at_ms))
    return sorted((gap for each in holdings.values() for gap in each.gaps), key=lambda g: g.span)


def clipped(span: Span, windows: Sequence[Span], outages: Sequence[Span]) -> Iterator[Span]:
    """Give the parts of a span that lie in a window and in no outage."""
    for window in windows:
        begin, end = max(span.begin_ms, window.begin_ms), min(span.end_ms, window.end_ms)
        for outage in sorted(outages):
            if begin < outage.end_ms and outage.begin_ms < end:
                if outage.begin_ms > begin:
                    yield Span(begin, outage.begin_ms)
                begin = outage.end_ms
        if begin < end:
            yield Span(begin, end)


def longest_secs(spans: Iterable[Span]) -> float:
    """Give the length of the longest, 0 where there is none."""
    return max((span.secs for span in spans), default=0.0)

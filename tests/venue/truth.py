"""What really happened on the exchange, for tests to compare with."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from tests.venue.model import Fill, Order


class Deed(Enum):
    """What was done."""

    PLACED = "placed"
    REFUSED = "refused"  # a placement that the exchange said no to
    AMENDED = "amended"
    CANCELED = "canceled"  # by the client or by the exchange
    FIRED = "fired"
    FAILED = "failed"
    FILLED = "filled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the record."""

    ts_ms: int
    deed: Deed
    order_id: str | None  # None for a refused placement
    client_id: str | None
    detail: str = ""


@dataclass(slots=True)
class Truth:
    """An append-only record; the orders in it are the live ones, so read and do not write."""

    placed: dict[str, Order] = field(default_factory=dict)  # by order id, fired ones included
    fills: list[Fill] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)  # asked to place, by client id
    accepted: Counter[str] = field(default_factory=Counter)  # of those, not refused
    entries: list[Entry] = field(default_factory=list)
    funding: list[tuple[int, str, Decimal]] = field(default_factory=list)  # ms, symbol, paid

    def note(
        self, ts_ms: int, deed: Deed, order_id: str | None, client_id: str | None, detail: str = ""
    ) -> None:
        """Write one line."""
        self.entries.append(
            Entry(ts_ms=ts_ms, deed=deed, order_id=order_id, client_id=client_id, detail=detail)
        )

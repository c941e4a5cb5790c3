"""From whole books to what changed in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any, Protocol

from ccxt_nt.values import Side

# `Any` in this module: what numbers may be compared with


class Ordered(Protocol):
    """A number that can be compared: a Decimal, or one of ccxt's floats."""

    def __lt__(self, other: Any, /) -> bool: ...
    def __gt__(self, other: Any, /) -> bool: ...


type Levels[N] = tuple[tuple[N, N], ...]  # (price, quantity), best first


class Book[N: Ordered](Protocol):
    """A whole book, exact (`BookRow`) or as ccxt counts it."""

    @property
    def symbol(self) -> str:
        """Name the market."""

    @property
    def bids(self) -> Levels[N]:
        """List the bids."""

    @property
    def asks(self) -> Levels[N]:
        """List the asks."""

    @property
    def sequence(self) -> int | None:
        """Tell the venue's number of it."""

    @property
    def ts_event(self) -> int:
        """Tell when it was so."""


class Act(Enum):
    """What happened to one price."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"


class BookError(ValueError):
    """The venue's book, or what became of it on the way, cannot be true."""


@dataclass(frozen=True, slots=True)
class Change[N: Ordered]:
    """One price of one side; `quantity` is None where it went."""

    act: Act
    side: Side
    price: N
    quantity: N | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookUpdate[N: Ordered]:
    """What to do to the book we told before; a snapshot says: clear it first."""

    is_snapshot: bool
    changes: tuple[Change[N], ...]
    sequence: int
    ts_event: int


class BookKeeper[N: Ordered]:
    """Remembers the levels told last, and tells the difference."""

    def __init__(self, depth: int) -> None:
        if depth < 1:
            raise ValueError(f"depth must be 1 or more, was {depth}")
        self._depth = depth
        self._bids: Mapping[N, N] | None = None
        self._asks: Mapping[N, N] = {}
        self._count = 0

    def forget(self) -> None:
        """Begin anew: the next update is a snapshot."""
        self._bids, self._asks = None, {}

    def absorb(self, book: Book[N]) -> BookUpdate[N] | None:
        """Take a whole book; None where nothing we tell of has changed.

        Raises BookError where it crosses itself or is out of order; the book is forgotten then.
        """
        try:
            check(book)
        except BookError:
            self.forget()
            raise
        bids, asks = dict(book.bids[: self._depth]), dict(book.asks[: self._depth])
        is_snapshot = self._bids is None
        before: Mapping[N, N] = {} if self._bids is None else self._bids
        changes = [*difference(Side.BUY, before, bids)]
        changes += difference(Side.SELL, self._asks, asks)
        self._bids, self._asks = bids, asks
        if not is_snapshot and not changes:
            return None
        self._count += 1
        return BookUpdate(
            is_snapshot=is_snapshot,
            changes=tuple(changes),
            sequence=self._count if book.sequence is None else book.sequence,
            ts_event=book.ts_event,
        )


def difference[N: Ordered](
    side: Side, before: Mapping[N, N], now: Mapping[N, N]
) -> Iterator[Change[N]]:
    """Tell what turns one side of a book into another: what goes first, then what came."""
    for price in before:
        if price not in now:
            yield Change(Act.DELETE, side, price, None)
    for price, quantity in now.items():
        known = before.get(price)
        if known is None:
            yield Change(Act.ADD, side, price, quantity)
        elif known != quantity:
            yield Change(Act.UPDATE, side, price, quantity)


def check[N: Ordered](book: Book[N]) -> None:
    """Raise BookError unless both sides are in order, positive, and apart."""
    bids, asks = book.bids, book.asks
    _check_side(bids, f"bids of {book.symbol}", falling=True)
    _check_side(asks, f"asks of {book.symbol}", falling=False)
    if bids and asks and not bids[0][0] < asks[0][0]:
        raise BookError(f"book of {book.symbol} is crossed: bid {bids[0][0]}, ask {asks[0][0]}")


def _check_side[N: Ordered](levels: Levels[N], name: str, *, falling: bool) -> None:
    for price, quantity in levels:
        if not (quantity > 0 and price > 0):
            raise BookError(f"{name} at {price} hold {quantity}")
    for (price, _), (following, _) in pairwise(levels):
        if not (following < price if falling else following > price):
            raise BookError(f"{name} are out of order: {following} after {price}")

"""The top of ccxt's living books, made exact only where something is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ccxt_nt.market.books import BookUpdate, Change, Levels
from ccxt_nt.parsing.fields import Unreadable, decimal, nanoseconds
from ccxt_nt.values import BookRow

# `Any` in this module: ccxt's books have no types


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBook:
    """The best levels as ccxt counts them: floats, whose shortest spelling is the venue's text."""

    symbol: str
    bids: Levels[float]
    asks: Levels[float]
    sequence: int | None
    ts_event: int


def read_book(book: Mapping[str, Any], *, symbol: str, depth: int, received_ns: int) -> RawBook:
    """Copy the top of a book at once, before ccxt changes it; Unreadable where it is none."""
    told = book.get("symbol")
    if told is not None and told != symbol:
        raise Unreadable("symbol", told, f"must be {symbol}")
    nonce, timestamp = book.get("nonce"), book.get("timestamp")
    return RawBook(
        symbol=symbol,
        bids=_side(book, "bids", depth),
        asks=_side(book, "asks", depth),
        sequence=None if nonce is None else int(decimal(nonce, "nonce")),
        ts_event=received_ns if timestamp is None else nanoseconds(timestamp, "timestamp"),
    )


def exact_update(update: BookUpdate[float]) -> BookUpdate[Decimal]:
    """Make what changed exact; Unreadable where a number is none."""
    return BookUpdate(
        is_snapshot=update.is_snapshot,
        changes=tuple(_exact(change) for change in update.changes),
        sequence=update.sequence,
        ts_event=update.ts_event,
    )


def exact_row(book: RawBook) -> BookRow:
    """Make a whole book exact; Unreadable where a number is none."""
    return BookRow(
        symbol=book.symbol,
        bids=tuple((decimal(price, "bids"), decimal(size, "bids")) for price, size in book.bids),
        asks=tuple((decimal(price, "asks"), decimal(size, "asks")) for price, size in book.asks),
        sequence=book.sequence,
        ts_event=book.ts_event,
    )


def _side(book: Mapping[str, Any], name: str, depth: int) -> Levels[float]:
    levels = book.get(name)
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise Unreadable(name, levels, "must be a list of levels")
    try:
        return tuple([(level[0], level[1]) for level in levels[:depth]])
    except (TypeError, IndexError, KeyError) as e:
        raise Unreadable(name, levels[:depth], "must hold prices and quantities") from e


def _exact(change: Change[float]) -> Change[Decimal]:
    quantity = change.quantity
    return Change(
        change.act,
        change.side,
        decimal(change.price, "price"),
        None if quantity is None else decimal(quantity, "quantity"),
    )

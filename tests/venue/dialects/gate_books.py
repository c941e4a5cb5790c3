"""Order books on Gate's websockets."""

from collections.abc import Sequence

from tests.venue.dialects.gate_futures_rows import Style
from tests.venue.dialects.gate_words import Row, market_id, text
from tests.venue.model import Book, BookChanged, Level, Listing


def obu_key(listing: Listing, levels: str) -> str:
    """Name a stream of the second version."""
    return f"ob.{market_id(listing)}.{levels}"


def spot_snapshot(book: Book, key: str) -> Row:
    """Show the whole book, the first frame of the second version."""
    return {
        "t": book.ts_ms,
        "full": True,
        "s": key,
        "u": book.sequence,
        "b": _pairs(book.bids),
        "a": _pairs(book.asks),
    }


def spot_change(event: BookChanged, key: str) -> Row:
    """Show what moved, second version."""
    return {
        "t": event.ts_ms,
        "s": key,
        "U": event.first_sequence,
        "u": event.last_sequence,
        "b": _pairs(event.bids),
        "a": _pairs(event.asks),
    }


def spot_old_change(event: BookChanged, listing: Listing) -> Row:
    """Show what moved, first version."""
    return {
        "t": event.ts_ms,
        "e": "depthUpdate",
        "E": event.ts_ms // 1000,
        "s": market_id(listing),
        "U": event.first_sequence,
        "u": event.last_sequence,
        "b": _pairs(event.bids),
        "a": _pairs(event.asks),
    }


def futures_snapshot(book: Book, listing: Listing, style: Style) -> Row:
    """Show the whole book, the first frame."""
    return {
        "t": book.ts_ms,
        "full": True,
        "s": market_id(listing),
        "U": book.sequence,
        "u": book.sequence,
        "b": _levels(book.bids, style),
        "a": _levels(book.asks, style),
        "l": "100",
    }


def futures_change(event: BookChanged, listing: Listing, style: Style) -> Row:
    """Show what moved."""
    return {
        "t": event.ts_ms,
        "s": market_id(listing),
        "U": event.first_sequence,
        "u": event.last_sequence,
        "b": _levels(event.bids, style),
        "a": _levels(event.asks, style),
        "l": "100",
    }


def _pairs(levels: Sequence[Level]) -> list[list[str]]:
    return [[text(one.price), text(one.quantity)] for one in levels]


def _levels(levels: Sequence[Level], style: Style) -> list[Row]:
    return [{"p": text(one.price), "s": style.size(one.quantity)} for one in levels]

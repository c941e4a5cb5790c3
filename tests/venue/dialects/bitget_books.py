"""Bitget's book channels: the ladder as listeners know it, with the venue's checksum."""

import zlib
from collections.abc import Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Final

from tests.venue.dialects.bitget_memory import Row
from tests.venue.dialects.bitget_words import text
from tests.venue.exchange import Exchange
from tests.venue.model import BookChanged, Level, Listing

_CHECKED: Final = 25  # levels in the checksum

type Ladder = dict[Decimal, Decimal]  # quantities by price


class Books:
    """Follows the book event by event, so that each checksum fits its own update."""

    DEPTHS: Final[Mapping[str, int]] = {
        "books": 500,
        "books1": 1,
        "books5": 5,
        "books15": 15,
        "books50": 50,
    }

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._ladders: dict[str, tuple[Ladder, Ladder]] = {}  # bids and asks, by symbol
        self._sequences: dict[str, int] = {}
        for symbol in exchange.listings:
            book = exchange.book(symbol)
            self._ladders[symbol] = ({}, {})
            self._move(symbol, book.bids, book.asks)
            self._sequences[symbol] = book.sequence

    def absorb(self, event: BookChanged) -> None:
        """Follow a change."""
        self._move(event.symbol, event.bids, event.asks)
        self._sequences[event.symbol] = event.last_sequence

    def whole(self, listing: Listing, channel: str) -> Row:
        """Write the best levels."""
        bids, asks = self._best(listing.symbol, self.DEPTHS[channel])
        return self._row(listing, bids, asks, self._exchange.clock.now_ms())

    def change(self, listing: Listing, event: BookChanged) -> Row:
        """Write what moved."""
        bids = [[text(level.price), text(level.quantity)] for level in event.bids]
        asks = [[text(level.price), text(level.quantity)] for level in event.asks]
        return self._row(listing, bids, asks, event.ts_ms)

    def _row(
        self, listing: Listing, bids: list[list[str]], asks: list[list[str]], ts_ms: int
    ) -> Row:
        return {
            "asks": asks,
            "bids": bids,
            "checksum": self._checksum(listing.symbol),
            "seq": self._sequences[listing.symbol],
            "ts": str(ts_ms),
        }

    def _checksum(self, symbol: str) -> int:
        parts: list[str] = []
        for pair in zip_longest(*self._best(symbol, _CHECKED), fillvalue=()):
            for level in pair:
                parts += level
        unsigned = zlib.crc32(":".join(parts).encode())
        return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned

    def _best(self, symbol: str, depth: int) -> tuple[list[list[str]], list[list[str]]]:
        bids, asks = self._ladders[symbol]
        return (
            [[text(price), text(bids[price])] for price in sorted(bids, reverse=True)[:depth]],
            [[text(price), text(asks[price])] for price in sorted(asks)[:depth]],
        )

    def _move(self, symbol: str, bids: tuple[Level, ...], asks: tuple[Level, ...]) -> None:
        for ladder, levels in zip(self._ladders[symbol], (bids, asks), strict=True):
            for level in levels:
                if level.quantity:
                    ladder[level.price] = level.quantity
                else:
                    ladder.pop(level.price, None)

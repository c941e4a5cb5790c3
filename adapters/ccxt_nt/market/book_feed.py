"""The book of one instrument, as deltas, as depth, as quotes, whatever is asked for."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from typing import Any

from nautilus_trader.model import OrderBookDepth, QuoteTick

from ccxt_nt import conversion, parsing
from ccxt_nt.conversion import Instrument
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.line.streams import Care
from ccxt_nt.market import book_conversion
from ccxt_nt.market.book_reading import RawBook, exact_row, exact_update, read_book
from ccxt_nt.market.books import BookKeeper
from ccxt_nt.market.feeds import Station
from ccxt_nt.profiles import Profile
from ccxt_nt.values import BookRow, MarketRow, QuoteRow

# `Any` in this module: ccxt's answers have no types

type Level = tuple[Decimal, Decimal]
type Top = tuple[Level | None, Level | None]


class BookOutput(Enum):
    """What a book is turned into."""

    DELTAS = "deltas"
    DEPTH = "depth"
    QUOTES = "quotes"  # where the venue has no stream of quotes


class BookFeed:
    """One subscription to a book, and everything that is made of it.

    A book that cannot be true, or that lost an update, is thrown away, and subscribed anew: that
    begins with a snapshot. What else its connection brings is not disturbed.
    """

    def __init__(
        self, station: Station, market: MarketRow, instrument: Instrument, *, depth: int
    ) -> None:
        self.depth = depth
        self.market = market
        self.outputs: set[BookOutput] = set()
        self.shown: int | None = None  # levels that depth shows at most; None: all
        self._station = station
        self._instrument = instrument
        self._keeper: BookKeeper[float] = BookKeeper(depth)
        self._raw: RawBook | None = None
        self._asked: Top | None = None
        self._quote: QuoteTick | None = None
        profile = station.line.profile
        self.stream = station.stream(
            "watch_order_book",
            market.symbol,
            subscribed_depth(profile, depth),
            sink=self._take,
            on_gap=self._lose,
            on_live=self._forget_numbers,
            on_bad=lambda e: self._begin_anew(station.line.tell(e)),
            prepare=self._prepare,
            care=Care(silent_secs=profile.staleness.book_secs, missed=self._missed),
        )

    def start(self) -> None:
        """Subscribe."""
        if self._station.sequences is not None:
            self._station.sequences.attend(self.market.native_id, self.lost_updates)
        self.stream.start()

    async def stop(self) -> None:
        """Unsubscribe."""
        if self._station.sequences is not None:
            self._station.sequences.leave(self.market.native_id)
        await self._station.close(self.stream)
        self._station.line.forget_book(self.market.symbol)

    def add(self, output: BookOutput, levels: int | None) -> None:
        """Turn the book into this too; depth shows what whoever wants most levels asked for."""
        if output is BookOutput.DEPTH:
            is_first = output not in self.outputs
            most = max(levels or 0, 0 if is_first else self.shown or 0)
            all_wanted = levels is None or (not is_first and self.shown is None)
            self.shown = None if all_wanted else most
        self.outputs.add(output)

    def restart(self) -> None:
        """Begin the next update with a snapshot, as for a new subscriber."""
        self._keeper.forget()
        self._raw = None

    def _lose(self) -> None:
        self.restart()
        self._forget_numbers()

    def _forget_numbers(self) -> None:
        """Count updates from the next one on: others came between two subscriptions."""
        if self._station.sequences is not None:
            self._station.sequences.forget(self.market.native_id)

    def lost_updates(self) -> None:
        """Learn that updates of this book never arrived."""
        self._begin_anew("updates were lost")

    def _take(self, book: Mapping[str, Any]) -> None:
        station = self._station
        raw = read_book(
            book, symbol=self.market.symbol, depth=self.depth, received_ns=station.venue_ns
        )
        update = self._keeper.absorb(raw)
        if update is None:
            return
        self._raw = raw
        ts_init = station.now_ns()
        if BookOutput.DELTAS in self.outputs:
            exact = exact_update(update)
            station.emit(book_conversion.deltas(exact, self._instrument, ts_init=ts_init))
        if BookOutput.DEPTH in self.outputs:
            station.emit(self._depth_of(exact_row(raw), update.sequence, ts_init))
        if BookOutput.QUOTES in self.outputs:
            self._emit_quote(exact_row(replace(raw, bids=raw.bids[:1], asks=raw.asks[:1])), ts_init)

    def _depth_of(self, row: BookRow, sequence: int, ts_init: int) -> OrderBookDepth:
        top = replace(row, bids=row.bids[: self.shown], asks=row.asks[: self.shown])
        return book_conversion.depth(top, self._instrument, sequence=sequence, ts_init=ts_init)

    def _emit_quote(self, row: BookRow, ts_init: int) -> None:
        if not row.bids or not row.asks:
            return
        top = QuoteRow(
            symbol=row.symbol,
            bid=row.bids[0][0],
            ask=row.asks[0][0],
            bid_quantity=row.bids[0][1],
            ask_quantity=row.asks[0][1],
            ts_event=row.ts_event,
        )
        quote = conversion.quote(top, self._instrument, ts_init=ts_init)
        if self._quote is None or not conversion.is_same_quote(quote, self._quote):
            self._quote = quote
            self._station.emit(quote)

    def _begin_anew(self, reason: str) -> None:
        self.restart()
        self.stream.renew(f"book of {self.market.symbol}: {reason}")

    async def _prepare(self) -> None:
        """Make sure that the next attempt begins with a snapshot of the venue's."""
        channel = self.stream.channel
        if channel.is_connected:  # ccxt gives a book up without telling the venue
            await channel.renew(f"book of {self.market.symbol} begins anew")
        self._station.line.forget_book(self.market.symbol)

    async def _missed(self) -> bool:
        row, raw = await fetch_book(self._station, self.market, 1), self._raw
        before, self._asked = self._asked, top_of(row)
        if raw is None:  # some books only begin with a few changes: only those can be missed
            return before is not None and before != self._asked
        ours = exact_row(replace(raw, bids=raw.bids[:1], asks=raw.asks[:1]))
        return self._asked != top_of(ours)


def top_of(row: BookRow) -> Top:
    """Give the best level of both sides."""
    return (
        row.bids[0] if row.bids else None,
        row.asks[0] if row.asks else None,
    )


async def fetch_book(station: Station, market: MarketRow, depth: int) -> BookRow:
    """Ask for a book of at least so many levels, or as many as the venue gives."""
    calls = station.line.profile.book_calls
    levels = min((each for each in calls if each >= depth), default=max(calls))
    answer = await station.line.ask(
        "fetch_order_book", market.symbol, levels, urgency=Urgency.BACKGROUND
    )
    return parsing.book_row(answer, symbol=market.symbol, received_ns=station.venue_ns)


def subscribed_depth(profile: Profile, depth: int) -> int | None:
    """Choose the channel: whole books where they are deep enough, else the nearest; None: all."""
    whole = profile.book_snapshots_depth
    if whole is not None and depth <= whole:
        return whole
    if not profile.book_depths:
        return None
    return min(
        (each for each in profile.book_depths if each >= depth), default=max(profile.book_depths)
    )

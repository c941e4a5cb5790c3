"""One listing's market: the ladder, the client's resting and waiting orders, tape and candles."""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal

from tests.venue.candles import Candles
from tests.venue.ladder import Ladder
from tests.venue.model import Book, BookChanged, Level, Listing, Order, PublicTrade, Side


class Pit:
    """Where one listing is traded; prices inside count in ticks."""

    def __init__(
        self, listing: Listing, ladder: Ladder, *, keep_trades: int, keep_candles: int
    ) -> None:
        self.listing = listing
        self.ladder = ladder
        self.tape: deque[PublicTrade] = deque(maxlen=keep_trades)
        self.candles = Candles(keep=keep_candles)
        self.last_price: Decimal | None = None
        self.sequence = 0
        self.is_book_dirty = False
        self._resting: dict[Side, list[tuple[int, int, Order]]] = {Side.BUY: [], Side.SELL: []}
        self._waiting: dict[bool, list[tuple[Decimal, int, Order]]] = {True: [], False: []}
        self._due: list[Order] = []
        self._arrivals = 0
        self._shown: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def ticks(self, price: Decimal) -> int:
        """Count a price in ticks."""
        return int(price / self.listing.tick)

    # ---- the client's orders ----

    def rest(self, order: Order) -> None:
        """Queue an open limit order behind those of the same price."""
        assert order.price is not None
        self._arrivals += 1
        key = -order.ask.side.sign * self.ticks(order.price)
        insort(self._resting[order.ask.side], (key, self._arrivals, order), key=lambda row: row[:2])

    def resting(self, side: Side) -> list[Order]:
        """List resting orders of a side, best price first, then oldest first."""
        return [order for _, _, order in self._resting[side]]

    def wait(self, order: Order) -> None:
        """Keep a trigger order until its price is reached."""
        assert order.trigger is not None
        self._arrivals += 1
        price = order.trigger.price if order.trigger.rising else -order.trigger.price
        insort(
            self._waiting[order.trigger.rising],
            (price, self._arrivals, order),
            key=lambda row: row[:2],
        )

    def remove(self, order: Order) -> None:
        """Take an order out of the market, wherever it is."""
        for rows in self._resting.values():
            rows[:] = [row for row in rows if row[2] is not order]
        for waiting in self._waiting.values():
            waiting[:] = [row for row in waiting if row[2] is not order]

    def printed(self, price: Decimal) -> None:
        """Note a trade's price, and take out the trigger orders that it fires, nearest first."""
        self.last_price = price
        self.is_book_dirty = True
        for rising, rows in self._waiting.items():
            signed = price if rising else -price
            while rows and rows[0][0] <= signed:
                self._due.append(rows.pop(0)[2])

    def take_due(self) -> list[Order]:
        """Take the trigger orders whose price was reached, in the order of the trades."""
        due, self._due = self._due, []
        return due

    def touched(self, price: Decimal) -> list[tuple[Order, bool]]:
        """List resting orders that a public trade reaches, and whether it went through them."""
        ticks = self.ticks(price)
        found: list[tuple[Order, bool]] = []
        for side, rows in self._resting.items():
            limit = -side.sign * ticks
            for key, _, order in rows:
                if key > limit:
                    break
                found.append((order, key < limit))
        return found

    # ---- the book ----

    def opposite(self, side: Side) -> Iterator[tuple[int, int, Order | None]]:
        """Yield (ticks, lots, order) that a taker on `side` meets, best first; None: the ladder."""
        other = side.opposite
        own = deque(self._resting[other])
        lot = self.listing.lot
        for ticks, lots in self.ladder.levels(other, self._own_touch(side)).items():
            while own and abs(own[0][0]) * side.sign < ticks * side.sign:
                key, _, order = own.popleft()
                yield abs(key), int(order.left / lot), order
            yield ticks, lots, None
        for key, _, order in own:
            yield abs(key), int(order.left / lot), order

    def book(self, now_ms: int) -> Book:
        """Show the whole visible book."""
        return Book(
            symbol=self.listing.symbol,
            bids=self._levels(self._visible(Side.BUY).items()),
            asks=self._levels(self._visible(Side.SELL).items()),
            sequence=self.sequence,
            ts_ms=now_ms,
        )

    def remember_shown(self) -> None:
        """Take the present book as what listeners know."""
        self._shown = {side: self._visible(side) for side in Side}

    def book_change(self, now_ms: int) -> BookChanged | None:
        """Tell what moved since the last time this was asked; None where nothing did."""
        changed: dict[Side, list[tuple[int, int]]] = {}
        for side in Side:
            before, after = self._shown[side], self._visible(side)
            moved = {t: q for t, q in after.items() if before.get(t) != q}
            moved.update(dict.fromkeys(before.keys() - after.keys(), 0))
            changed[side] = sorted(moved.items(), reverse=side is Side.BUY)
            self._shown[side] = after
        if not any(changed.values()):
            return None
        self.sequence += 1
        return BookChanged(
            symbol=self.listing.symbol,
            bids=self._levels(changed[Side.BUY]),
            asks=self._levels(changed[Side.SELL]),
            first_sequence=self.sequence,
            last_sequence=self.sequence,
            ts_ms=now_ms,
        )

    def _own_touch(self, side: Side) -> int | None:
        rows = self._resting[side]
        return abs(rows[0][0]) if rows else None

    def _visible(self, side: Side) -> dict[int, int]:
        """Sum the ladder and the client's orders into {ticks: lots}, best first."""
        levels = self.ladder.levels(side, self._own_touch(side.opposite))
        rows = self._resting[side]
        if not rows:
            return levels
        lot = self.listing.lot
        for key, _, order in rows:
            levels[abs(key)] = levels.get(abs(key), 0) + int(order.left / lot)
        return dict(sorted(levels.items(), reverse=side is Side.BUY))

    def _levels(self, rows: Iterable[tuple[int, int]]) -> tuple[Level, ...]:
        tick, lot = self.listing.tick, self.listing.lot
        return tuple(Level(price=ticks * tick, quantity=lots * lot) for ticks, lots in rows)

"""A small matching exchange for one client: spot and linear perpetuals, on a clock of its own.

`tick()` is everybody else trading; `place()`, `cancel()` and `amend()` are the client; listeners
hear what happened, in order, after each of these calls has finished its work.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

from tests.venue.assembly import Shape, assembled
from tests.venue.clock import VenueClock
from tests.venue.marks import Marks
from tests.venue.model import (
    Ask,
    Balance,
    Book,
    BookChanged,
    Candle,
    Event,
    Fill,
    Funding,
    Listing,
    MarkChanged,
    Order,
    Position,
    Product,
    PublicTrade,
    Refusal,
    Refused,
    Side,
)
from tests.venue.pit import Pit
from tests.venue.register import copied
from tests.venue.rules import Rules


class Exchange:
    """Not thread-safe: use it from one thread."""

    def __init__(
        self,
        listings: Sequence[Listing],
        shape: Shape | None = None,
        /,
        *,
        clock: VenueClock,
        balances: Mapping[Product, Mapping[str, Decimal]],
        fires_in_place: bool = False,
        fired_keeps_client_id: bool = True,
        fee_in_received: bool = False,
        unique_client_ids: bool = True,
        post_only_cancels: bool = False,
        fok_cancels: bool = False,
        book_levels: int = 20,
    ) -> None:
        rules = Rules(
            fires_in_place=fires_in_place,
            fired_keeps_client_id=fired_keeps_client_id,
            fee_in_received=fee_in_received,
            unique_client_ids=unique_client_ids,
            post_only_cancels=post_only_cancels,
            fok_cancels=fok_cancels,
        )
        shape = shape or Shape(book_levels=book_levels)
        parts = assembled(listings, clock, balances, rules, shape)
        self.listings = parts.listings
        self.clock = clock
        self.hedged = False  # a client may ask for hedge mode; place() then refuses
        self._announcer = parts.announcer
        self._floor = parts.floor
        self._accounts = parts.accounts
        self._register = parts.register
        self._desk = parts.desk
        self.truth = parts.register.truth

    def listen(
        self, callback: Callable[[Event], None], *, kinds: Collection[type] | None = None
    ) -> None:
        """Call back with every later event, or with those of some kinds only (which is faster)."""
        if not self._announcer.wants(BookChanged):
            for pit in self._floor.pits.values():
                pit.remember_shown()
        self._announcer.listen(callback, kinds)

    # ---- the market ----

    def tick(self, symbol: str, price: Decimal, quantity: Decimal, side: Side) -> PublicTrade:
        """Let somebody trade at this price: the one way in which the market moves.

        Resting client orders at the price fill up to the traded quantity, better ones wholly;
        then the book is refilled around the price and triggers fire.
        """
        pit = self._floor.pits.get(symbol)
        if pit is None:
            raise ValueError(f"symbol must be listed, was {symbol}")
        listing = pit.listing
        if price <= 0 or price % listing.tick:
            raise ValueError(f"price must be a positive multiple of {listing.tick}, was {price}")
        if quantity <= 0:
            raise ValueError(f"quantity must be above 0, was {quantity}")
        pit.ladder.move(pit.ticks(price), side)
        trade = self._floor.print(pit, price, quantity, side, self._floor.next_trade_id())
        self._desk.absorb(pit, trade)
        self._floor.tell_book(pit)
        self._announcer.deliver()
        return trade

    def roll(self) -> None:
        """Close candles whose time is over and settle funding that is due; call it regularly."""
        self._floor.roll()
        now = self._floor.now()
        for symbol, marks in self._floor.marks.items():
            while marks.is_due(now):
                self._settle(symbol, marks, marks.funding, on_time=True)
        self._announcer.deliver()

    def book(self, symbol: str) -> Book:
        """Show the visible book, the client's own orders included."""
        return self._pit(symbol).book(self._floor.now())

    def trades(self, symbol: str, limit: int = 100) -> list[PublicTrade]:
        """List the latest trades, oldest first."""
        tape = self._pit(symbol).tape
        return [tape[i] for i in range(max(0, len(tape) - limit), len(tape))]

    def candles(
        self, symbol: str, interval_ms: int, start_ms: int = 0, end_ms: int = 2**63
    ) -> list[Candle]:
        """List candles that open in [start_ms, end_ms], oldest first, the running one included."""
        return self._pit(symbol).candles.between(interval_ms, start_ms, end_ms)

    def last(self, symbol: str) -> Decimal | None:
        """Tell the last traded price."""
        return self._pit(symbol).last_price

    def mark(self, symbol: str) -> Decimal:
        """Tell the mark price, 0 before the first trade."""
        return self._marks(symbol).mark

    def index(self, symbol: str) -> Decimal:
        """Tell the index price, 0 before the first trade."""
        return self._marks(symbol).index

    def funding(self, symbol: str) -> Funding:
        """Tell what a perpetual pays next."""
        return self._marks(symbol).funding

    def funding_history(self, symbol: str, limit: int = 100) -> list[Funding]:
        """List settled fundings, oldest first; `next_ms` is when each was settled."""
        return self._marks(symbol).history[-limit:]

    def settle_funding(self, symbol: str, rate: Decimal | None = None) -> None:
        """Settle funding now, at this rate or the announced one."""
        marks = self._marks(symbol)
        announced = marks.funding
        now = Funding(
            symbol=symbol,
            rate=announced.rate if rate is None else rate,
            next_ms=self._floor.now(),
            interval_hours=announced.interval_hours,
        )
        self._settle(symbol, marks, now, on_time=False)
        self._announcer.deliver()

    # ---- the client ----

    def place(self, ask: Ask) -> Order:
        """Place an order; raise Refused."""
        if self.hedged:
            raise Refused(Refusal.BAD_REQUEST, "hedge mode is not modelled, use one-way mode")
        return self._done(lambda: self._desk.place(ask))

    def cancel(self, order_id: str) -> Order:
        """Cancel an order; raise Refused (UNKNOWN_ORDER, ORDER_CLOSED)."""
        return self._done(lambda: self._desk.cancel(order_id))

    def amend(
        self,
        order_id: str,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
    ) -> Order:
        """Change an order, which keeps its id; `quantity` is the new total; raise Refused."""
        return self._done(
            lambda: self._desk.amend(
                order_id, quantity=quantity, price=price, trigger_price=trigger_price
            )
        )

    def order(
        self,
        *,
        order_id: str | None = None,
        client_id: str | None = None,
        triggers: bool | None = None,
    ) -> Order | None:
        """Find one order; of several with a client id the newest."""
        if order_id is not None:
            found = self._register.find(order_id)
            of_all = [] if found is None else [found]
        else:
            of_all = [] if client_id is None else self._register.of_client(client_id)
        for order in reversed(of_all):
            if triggers is None or triggers == (order.trigger is not None):
                return copied(order)
        return None

    def orders(
        self,
        *,
        symbol: str | None = None,
        open_only: bool = False,
        triggers: bool | None = None,
    ) -> list[Order]:
        """List orders, newest last; `triggers`: those that wait or closed waiting, or the others.

        A trigger order that fired in place is no longer one: its `trigger` is None, its ask's not.
        """
        orders = self._register.live() if open_only else list(self.truth.placed.values())
        return [
            copied(order)
            for order in orders
            if (symbol is None or order.ask.symbol == symbol)
            and (triggers is None or triggers == (order.trigger is not None))
        ]

    def fills(
        self, *, symbol: str | None = None, order_id: str | None = None, since_ms: int = 0
    ) -> list[Fill]:
        """List the client's fills, newest last."""
        return [
            fill
            for fill in self.truth.fills
            if (symbol is None or fill.symbol == symbol)
            and (order_id is None or fill.order_id == order_id)
            and fill.ts_ms >= since_ms
        ]

    def balances(self, product: Product) -> dict[str, Balance]:
        """Show all wallets of a product, by coin."""
        return self._accounts.balances(product)

    def position(self, symbol: str) -> Position:
        """Show one position, flat or not, with its leverage and margin mode."""
        self._marks(symbol)
        return self._accounts.margin.position(symbol)

    def positions(self) -> list[Position]:
        """List positions that are or were once held."""
        margin = self._accounts.margin
        return [margin.position(symbol) for symbol in margin.held_symbols()]

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Change the leverage of a perpetual; raise Refused."""
        self._marks(symbol)
        self._accounts.margin.set_leverage(symbol, leverage, self._floor.now())
        self._tell_position(symbol)

    def set_cross(self, symbol: str, cross: bool) -> None:
        """Choose cross or isolated margin of a perpetual."""
        self._marks(symbol)
        self._accounts.margin.set_cross(symbol, self._floor.now(), cross=cross)
        self._tell_position(symbol)

    # ---- inside ----

    def _pit(self, symbol: str) -> Pit:
        try:
            return self._floor.pits[symbol]
        except KeyError:
            raise Refused(Refusal.UNKNOWN_SYMBOL, symbol) from None

    def _marks(self, symbol: str) -> Marks:
        try:
            return self._floor.marks[symbol]
        except KeyError:
            raise Refused(Refusal.UNKNOWN_SYMBOL, f"{symbol} is not a perpetual") from None

    def _done(self, act: Callable[[], Order]) -> Order:
        order = act()
        self._floor.tell_book(self._floor.pits[order.ask.symbol])
        answer = copied(order)
        self._announcer.deliver()
        return answer

    def _settle(self, symbol: str, marks: Marks, funding: Funding, *, on_time: bool) -> None:
        margin = self._accounts.margin
        paid = margin.fund(symbol, marks.mark, funding.rate)
        marks.settle(funding, on_time=on_time)
        if paid:
            self.truth.funding.append((self._floor.now(), symbol, paid))
            self._accounts.tell(self.listings[symbol])
        self._announcer.say(
            MarkChanged(symbol=symbol, mark=marks.mark, index=marks.index, funding=marks.funding)
        )

    def _tell_position(self, symbol: str) -> None:
        self._accounts.tell_position(symbol)
        self._accounts.tell(self.listings[symbol])
        self._announcer.deliver()

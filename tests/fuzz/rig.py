"""The adapter whole but for the engine's shell, joined to the local exchange without sockets.

Lines, guard, ccxt's classes, channels, streams, feeds, cases, rounds are the real ones; time jumps,
and what travels can be replaced by something else.
"""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal
from random import Random
from typing import Any, Final

from nautilus_trader.model import Bar, BarType, ClientOrderId, TradeTick, Venue

from ccxt_nt.execution.parts import Parts, Tools
from ccxt_nt.execution.scribe import Scribe
from ccxt_nt.execution.tickets import told
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line, Role
from ccxt_nt.line.credentials import Credentials
from ccxt_nt.line.streams import Stream
from ccxt_nt.market.bar_feed import BarFeed
from ccxt_nt.market.book_feed import BookFeed, BookOutput
from ccxt_nt.market.feeds import Feed, Station
from ccxt_nt.market.mark_feeds import MarkFeed, MarkOutput
from ccxt_nt.market.sequences import SequenceWatch, is_about
from ccxt_nt.market.tick_feeds import QuoteFeed, TradeFeed
from ccxt_nt.orders.ledger import Ledger
from ccxt_nt.orders.rounds import Ears
from ccxt_nt.orders.terms import TermsOffice
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.settings import Settings
from ccxt_nt.values import OrderKind, PositionRow, Product, Side, Ticket
from ccxt_nt.venues import profile
from tests.fuzz.account import Account, EngineOrder
from tests.fuzz.oracle import Claims, Engine
from tests.fuzz.session import Network, Pipe, Session
from tests.venue.assembly import Shape
from tests.venue.clock import VenueClock
from tests.venue.dialects import spoken
from tests.venue.exchange import Exchange
from tests.venue.local import BALANCES
from tests.venue.markets import DEFAULT_PRICES
from tests.venue.model import Listing
from tests.venue.model import Side as TakerSide
from tests.venue.wire import Keys

# `Any` in this module: ccxt has no types

BASE_MS: Final = 1_786_542_400_000  # August 2026, just after the recorded frames
_SETTLE_SECS: Final = 0.001  # everything that is ready runs before time passes
_NOTIONAL: Final = Decimal(50)  # of an order of ours, in quote currency
_PATIENCE_SECS: Final = 600.0  # of the loop's time, which costs none


class _Tools(Tools):
    """Tools on the loop's time."""

    def now_ms(self) -> int:
        return wall_ms()


def wall_ms() -> int:
    """Tell the time of day on the running loop."""
    return BASE_MS + int(asyncio.get_running_loop().time() * 1000)


class Rig:
    """One adapter on one venue and product; every fault of it ends in `engine.faults`."""

    def __init__(self, dialect: str, product: Product, *, seed: int) -> None:
        loop = asyncio.get_running_loop()
        self.dialect = dialect
        self.product = product
        self.rng = Random(seed)
        self.profile = profile(dialect, product)
        self.symbol = "BTC/USDT" if product is Product.SPOT else "BTC/USDT:USDT"
        self.notes: list[str] = []
        self.engine = Engine()
        self.claims = Claims()
        self.account = Account(self.engine, self.claims, now_ns=self.now_ns)
        clock = VenueClock(wall=lambda: BASE_MS / 1000 + loop.time())
        voice = spoken(dialect)
        self.exchange = Exchange(
            voice.listings,
            Shape(seed=seed),
            clock=clock,
            balances=BALANCES,
            **voice.exchange_options,
        )
        self.keys = Keys()
        made = voice.make(self.exchange, self.keys, lambda: "http://venue")
        self.network = Network(dialect=made)
        self.network.on_text = self._travelled
        self.exchange.listen(made.happened)
        self.settings = Settings(
            venue=dialect,
            product=product,
            endpoint="http://venue",
            instruments=("BTCUSDT",) if product is Product.SPOT else ("BTCUSDT-PERP",),
            book_depth=10,
            seed=seed,
        )
        self.feeds: list[Feed] = []
        self.trade_ids: dict[str, TradeTick] = {}
        self.bars: dict[int, Bar] = {}  # by when they closed
        self.board = HealthBoard()
        self.count = 0
        self._lines: list[Line] = []
        self._tasks: list[asyncio.Task[None]] = []

    def now_ns(self) -> int:
        """Tell the time of day."""
        return wall_ms() * 1_000_000

    # ---- life ----

    async def open(self) -> None:
        """Connect everything and see the first data of every stream."""
        for symbol, price in DEFAULT_PRICES.items():
            if symbol in self.exchange.listings:
                listing = self.exchange.listings[symbol]
                self.exchange.tick(symbol, price, listing.lot, TakerSide.BUY)
        credentials = Credentials(
            parts={
                name: getattr(
                    self.keys, {"apiKey": "key", "password": "passphrase"}.get(name, name)
                )
                for name in self.profile.credentials
            }
        )
        self.data = await self._line(Role.DATA, None)
        venue = Venue(self.profile.venue)
        self.provider = CcxtInstrumentProvider(
            self.data, venue, settings=self.settings, now_ns=self.now_ns
        )
        await self.provider.load_all_async()
        self.private = await self._line(Role.ACCOUNT, credentials)
        self.orders = await self._line(Role.ORDERS, credentials)
        for line in (self.private, self.orders):
            await line.adopt(self.data)
        await self.private.know_user()
        await self.private.look_at_clock()
        self._tasks.append(asyncio.create_task(self._roll(), name="roll"))
        self._open_feeds()
        await self._open_account()

    async def close(self) -> None:
        """End everything in good order."""
        for feed in self.feeds:
            await feed.stop()
        await self.parts.stop(patience_secs=1.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in (self.orders, self.private, self.data):
            await line.close()
        await asyncio.sleep(_SETTLE_SECS)

    def abandon(self) -> None:
        """Leave everything as it is, after a fault."""
        for line in self._lines:
            inside: Any = line._exchange
            if inside is not None:
                inside.session = None  # ccxt complains of those that nobody closed

    async def _line(self, role: Role, credentials: Credentials | None) -> Line:
        loop = asyncio.get_running_loop()
        line = Line(
            self.profile,
            self.settings,
            role=role,
            credentials=credentials,
            log=self.notes.append,
            clock=loop.time,
            wall_ms=wall_ms,
        )
        await line.open()
        self._lines.append(line)
        inside: Any = line._exchange
        if inside.session is not None:
            await inside.session.close()
        inside.session = Session(self.network, role.value)
        inside.own_session = False
        # ccxt's websockets look at the real clock for pongs, and all else at ours
        inside.streaming = {**inside.streaming, "maxPingPongMisses": 1e9}
        inside.enableRateLimit = False  # its throttle looks at a clock that does not jump
        inside.milliseconds = wall_ms
        inside.seconds = lambda: wall_ms() // 1000
        inside.microseconds = lambda: wall_ms() * 1000
        return line

    async def _roll(self) -> None:
        while True:
            self.exchange.roll()
            await asyncio.sleep(1.0)

    # ---- market data ----

    def _open_feeds(self) -> None:
        self.station = Station(
            line=self.data,
            emit=self._emit,
            now_ns=self.now_ns,
            board=self.board,
            log=self.notes.append,
            rng=self.rng,
        )
        market = self.data.symbols.market(self.symbol)
        of = self.provider.instrument(self.symbol)
        bar_type = BarType.from_str(f"{of.id}-1-MINUTE-LAST-EXTERNAL")
        self.book = BookFeed(self.station, market, of, depth=10)
        self.book.outputs |= {BookOutput.DELTAS, BookOutput.DEPTH}
        self.feeds = [
            TradeFeed(self.station, market, of),
            self.book,
            BarFeed(self.station, market, of, bar_type=bar_type, timeframe="1m"),
        ]
        if self.profile.bids_asks and self.data.offers("watch_bids_asks"):
            self.feeds.append(QuoteFeed(self.station, market, of))
        else:
            self.book.outputs.add(BookOutput.QUOTES)
        if self.product is Product.LINEAR:
            marks = MarkFeed(self.station, market, of)
            marks.outputs |= {MarkOutput.MARK, MarkOutput.INDEX}
            self.feeds.append(marks)
        self._watch_sequences()
        for feed in self.feeds:
            feed.start()

    def _emit(self, item: Any) -> None:
        self.engine.take(item)
        if isinstance(item, TradeTick):
            self.trade_ids[item.trade_id.value] = item
        elif isinstance(item, Bar):
            self.bars[item.ts_event] = item

    def _watch_sequences(self) -> None:
        """Do as the data client does."""
        rule = self.profile.book_sequence
        if rule is None:
            return
        watch = SequenceWatch(rule)

        def look(url: str, frame: object) -> None:
            market = watch.hear(frame)
            if market is not None and is_about(market, self.book.market.native_id):
                self.book.lost_updates()

        self.data.tap(look)

    @property
    def streams(self) -> dict[str, Stream]:
        """List every stream of the adapter by name."""
        found = [getattr(feed, "stream", None) for feed in self.feeds]
        named = {stream.name: stream for stream in found if isinstance(stream, Stream)}
        return named | self.parts.watching._streams

    # ---- the account ----

    async def _open_account(self) -> None:
        loop = asyncio.get_running_loop()
        scribe = Scribe(
            self.account,  # type: ignore[arg-type]  # as much of a client as is asked for
            instrument=self.provider.instrument,
            note=self.notes.append,
        )
        written = scribe.say

        def say(case: Any, saying: Any) -> None:
            self.account.told(case, saying)
            written(case, saying)

        scribe.say = say  # type: ignore[method-assign]  # looked at on its way
        tools = _Tools(
            rng=self.rng,
            note=self.notes.append,
            scribe=scribe,
            board=self.board,
            ears=Ears(
                on_balances=self.account.take_balances,
                on_positions=self.take_positions,
                note=self.notes.append,
            ),
            secs=loop.time,
        )
        self.parts = Parts(self.private, self.orders, tools, settle_secs=5.0)
        symbols = self.data.symbols
        note = self.notes.append
        office = TermsOffice(self.orders, self.profile, self.settings, symbols, note=note)
        await self.parts.start((self.symbol,), await office.begin())
        self.parts.cases.open_doors()

    def take_positions(self, rows: tuple[PositionRow, ...]) -> None:
        """Take positions as the execution client does."""
        self.account.take_positions(rows, self._instrument_of)

    @property
    def ledgers(self) -> Iterable[Ledger]:
        """List what is known of every order, ours and others'."""
        return self.parts.cases._ledgers._by_venue.values()

    def _instrument_of(self, symbol: str) -> Any:
        return self.provider.instrument(symbol) if self.provider.knows(symbol) else None

    # ---- what happens ----

    def tick(self, price: Decimal | None = None) -> Any:
        """Let somebody trade."""
        listing = self.exchange.listings[self.symbol]
        last = self.exchange.last(self.symbol) or Decimal(60_000)
        step = listing.tick * self.rng.randrange(-40, 41)
        side = self.rng.choice(list(TakerSide))
        quantity = listing.lot * self.rng.randrange(1, 50)
        return self.exchange.tick(self.symbol, price or last + step, quantity, side)

    async def place(self, *, price: Decimal, side: Side = Side.BUY) -> str:
        """Send a limit order of our own through the adapter; gives the engine's id."""
        self.count += 1
        name = f"O-20260812-000000-001-000-{self.count}"
        listing = self.exchange.listings[self.symbol]
        sent = Ticket(
            symbol=self.symbol,
            client_order_id=self.parts.codec.encode(name),
            side=side,
            kind=OrderKind.LIMIT,
            quantity=self._quantity(listing, price),
            price=price,
        )
        self.account.cache.orders[name] = self._engine_order(name)
        case = self.parts.cases.open(name, sent, told(sent), since_ms=wall_ms() - 60_000)
        ready = lambda: self.parts.watching.cover(self.symbol)  # noqa: E731 - one call
        self.parts.spawn(self.parts.acts.submit(case, ready=ready), name)
        await self.settle(0.1)
        return name

    async def trade(self, price: Decimal, *, buys: bool) -> str:
        """Place an order of ours and have somebody trade with it; gives the engine's id."""
        name = await self.place(price=price, side=Side.BUY if buys else Side.SELL)
        listing = self.exchange.listings[self.symbol]
        through = listing.tick * (-1 if buys else 1)
        if self.rng.random() < 0.5:
            taker = TakerSide.SELL if buys else TakerSide.BUY
            self.exchange.tick(self.symbol, price, listing.lot * 3, taker)
            await self.settle(0.02)
        self.tick(price + through)
        await self.settle(0.02)
        return name

    def _engine_order(self, name: str) -> EngineOrder:
        instrument_id = self.provider.instrument(self.symbol).id
        return EngineOrder(client_order_id=ClientOrderId(name), instrument_id=instrument_id)

    def _quantity(self, listing: Listing, price: Decimal) -> Decimal:
        """Choose an amount that no venue finds too small."""
        lots = -(-_NOTIONAL // (price * listing.lot * listing.contract_size))
        return listing.lot * max(lots, Decimal(20))

    async def settle(self, secs: float = _SETTLE_SECS) -> None:
        """Let everything that is ready run, and time pass."""
        await asyncio.sleep(secs)
        for own_id, venue_id in self.account.reported:
            self.account.cache.orders.setdefault(own_id, self._engine_order(own_id))
            self.parts.cases.registered(own_id, venue_id)
        self.account.reported.clear()

    async def until(self, test: Callable[[], object], what: str) -> None:
        """Wait, on the loop's time; raise TimeoutError naming what did not happen."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECS
        while not test():
            if loop.time() > deadline:
                notes = "\n".join(self.notes[-8:])
                raise TimeoutError(f"{what}: not within {_PATIENCE_SECS} s; last notes:\n{notes}")
            await self.settle(0.25)

    def pipe(self, route: tuple[str, str, str]) -> Pipe | None:
        """Find the connection of a route, if it is up."""
        return next((pipe for pipe in self.network.pipes if pipe.route == route), None)

    def _travelled(self, line: str, text: str) -> None:
        if line != Role.DATA.value:
            self.claims.hear(text)

"""The local exchange in a thread of its own, for tests and for whoever wants to try something."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from decimal import Decimal
from types import TracebackType
from typing import Final, Self

from tests.venue.assembly import Shape
from tests.venue.calls import RateLimit, Seen
from tests.venue.clock import VenueClock
from tests.venue.dialects import spoken
from tests.venue.exchange import Exchange
from tests.venue.faults import FaultPlan
from tests.venue.markets import DEFAULT_PRICES
from tests.venue.model import Listing, Product, Side
from tests.venue.server import Market, VenueServer
from tests.venue.sockets import Connection
from tests.venue.wire import Dialect, Keys

_PATIENCE_SECS = 30.0  # for the thread to do one thing

BALANCES: Final[Mapping[Product, Mapping[str, Decimal]]] = {
    Product.SPOT: {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)},
    Product.PERP: {"USDT": Decimal(100_000)},
}
_CANDLE_PUSH_MS: Final = 100  # running candles are pushed at most so often
_FIRST_ORDER_IDS: Final = {"bitget": 5_000_000_001, "kucoin": 6_000_000_001, "gate": 7_000_000_001}


def _shape(dialect: str, seed: int) -> Shape:
    return Shape(
        seed=seed, candle_push_ms=_CANDLE_PUSH_MS, first_order_id=_FIRST_ORDER_IDS[dialect]
    )


class LocalVenue:
    """One venue on loopback; open it with `with`, then point clients at `url`.

    Closing raises what went wrong inside the venue itself, so that no test passes on a broken one.
    """

    def __init__(
        self,
        dialect: str,
        *,
        listings: Sequence[Listing] | None = None,
        balances: Mapping[Product, Mapping[str, Decimal]] | None = None,
        prices: Mapping[str, Decimal] | None = None,
        shape: Shape | None = None,
        clock: VenueClock | None = None,
        keys: Keys | None = None,
        market: Market | None = None,
        seed: int = 0,
        faults: FaultPlan | None = None,
        rate_limit: RateLimit | None = None,
        port: int = 0,
    ) -> None:
        self.keys = keys or Keys()
        self.faults = faults or FaultPlan(seed)
        self._spoken = spoken(dialect)
        self.exchange = Exchange(  # touch it through `call` only
            self._spoken.listings if listings is None else listings,
            shape or _shape(dialect, seed),
            clock=clock or VenueClock(),
            balances=BALANCES if balances is None else balances,
            **self._spoken.exchange_options,
        )
        self._market = market
        if prices is None:
            # A market without a path of its own still has a book from the start
            prices = DEFAULT_PRICES if market is None else {}
        self._prices = {s: price for s, price in prices.items() if s in self.exchange.listings}
        self._rate_limit = rate_limit
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"venue-{dialect}", daemon=True)
        self._server: VenueServer | None = None

    @property
    def url(self) -> str:
        """Tell the address that replaces `https://` in front of the venue's own hosts."""
        return self._opened.url

    @property
    def environment(self) -> dict[str, str]:
        """Tell the variables in which a user of this venue would keep these keys."""
        keys = self.keys
        told = {"API_KEY": keys.key, "API_SECRET": keys.secret, "API_PASSPHRASE": keys.passphrase}
        return {f"{self._spoken.name.upper()}_{name}": value for name, value in told.items()}

    @property
    def dialect(self) -> Dialect:
        """Show what speaks."""
        return self._opened.dialect

    @property
    def requests(self) -> list[Seen]:
        """List the requests that came in, oldest first."""
        return self.call(lambda _: list(self._opened.requests))

    @property
    def sockets(self) -> list[Connection]:
        """List the websockets that are open."""
        return self.call(lambda _: list(self._opened.sockets))

    @property
    def frames(self) -> Counter[str]:
        """Count the frames sent on the websockets that are open, by stream."""
        return self.call(lambda _: sum((x.counts for x in self._opened.sockets), Counter()))

    @property
    def errors(self) -> list[Exception]:
        """List what went wrong inside the venue itself."""
        return self.call(lambda _: list(self._opened.errors))

    def call[T](self, act: Callable[[Exchange], T]) -> T:
        """Do something with the exchange on its own thread, and wait for the result."""
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(act(self.exchange))
            except BaseException as e:  # raised again where it was asked for
                result.set_exception(e)

        self._loop.call_soon_threadsafe(run)
        return result.result(_PATIENCE_SECS)

    def drop(self, kind: str | None = None) -> int:
        """Reset the "public", the "private" or all websockets; say how many."""
        return self.call(lambda _: self._opened.drop(kind))

    def restart(self, downtime_secs: float = 0.0) -> None:
        """Reset every connection; listen again, state kept, after the downtime (not waited for)."""
        self._wait(self._opened.restart(downtime_secs))

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._server = self._wait(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        broken = self.errors
        self._wait(self._opened.stop())
        self._end()
        if broken and error is None:
            raise ExceptionGroup("the venue itself went wrong", broken)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECS)

    @property
    def _opened(self) -> VenueServer:
        if self._server is None:
            raise RuntimeError("the venue is not running, open it with `with`")
        return self._server

    async def _start(self) -> VenueServer:
        server = VenueServer(
            exchange=self.exchange,
            make_dialect=self._spoken.make,
            keys=self.keys,
            faults=self.faults,
            market=self._market,
            rate_limit=self._rate_limit,
            port=self._port,
        )
        for symbol, price in self._prices.items():
            listing = self.exchange.listings[symbol]
            self.exchange.tick(symbol, price, listing.lot, Side.BUY)
        await server.start()
        return server

    def _wait[T](self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_SECS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

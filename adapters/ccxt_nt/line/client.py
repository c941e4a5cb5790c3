"""One ccxt object for one role: requests through a lane, streams under guard."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import localcontext
from enum import Enum
from functools import partial
from re import compile as pattern
from typing import Any, Final

import ccxt
import ccxt.pro

from ccxt_nt.errors import Late, Throttled, Unknown, Unsent, Unsupported, Untimely, VenueError
from ccxt_nt.line.channels import Channel
from ccxt_nt.line.classify import classify
from ccxt_nt.line.clock import Sample, VenueClock, wall_ms
from ccxt_nt.line.credentials import Credentials
from ccxt_nt.line.endpoints import redirect
from ccxt_nt.line.guard import Guard
from ccxt_nt.line.lanes import Lane, Urgency
from ccxt_nt.line.redact import redact
from ccxt_nt.line.streams import is_cancelled
from ccxt_nt.line.switchboard import Switchboard
from ccxt_nt.parsing import market_rows
from ccxt_nt.profiles import Profile
from ccxt_nt.settings import Settings
from ccxt_nt.symbols import Symbols, name_of
from ccxt_nt.values import MarketRow
from ccxt_nt.venues import CCXT_VERSION

# `Any` in this module: ccxt has no types

_QUERY: Final = pattern(r"\?\S+")  # of a url: tokens and signatures travel there
_THROTTLED_SECS: Final = 0.5
_SOON_SECS: Final = (2.0, 2.0)  # a read without an answer is asked again after so long each
_TRADES_KEPT: Final = 5_000  # ccxt keeps 1,000, and loses the rest of what it reads at one go
_UNSUBSCRIBE_SECS: Final = 3.0
_CLOCK_SAMPLES: Final = 3  # of one look at the venue's clock

if ccxt.__version__ != CCXT_VERSION:
    raise ImportError(
        f"ccxt_nt is proven with ccxt {CCXT_VERSION} only, found {ccxt.__version__}:"
        f" pip install ccxt=={CCXT_VERSION}"
    )


class Role(Enum):
    """What a line is for; each has a ccxt object, connections and a budget of its own."""

    DATA = "data"  # keyless
    ACCOUNT = "account"  # private streams and reads
    ORDERS = "orders"

    @property
    def is_private(self) -> bool:
        """Say whether it needs keys."""
        return self is not Role.DATA


class Line(Switchboard):
    """All that one client does with one venue in one role."""

    def __init__(
        self,
        profile: Profile,
        settings: Settings,
        *,
        role: Role,
        credentials: Credentials | None = None,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = wall_ms,
        venue_clock: VenueClock | None = None,
    ) -> None:
        if profile.ccxt_id not in ccxt.pro.exchanges:
            raise Unsupported(f"venue {profile.venue!r} is unknown to ccxt {CCXT_VERSION}")
        if role.is_private and credentials is None:
            raise ValueError(f"a line for {role.value} needs credentials")
        super().__init__(profile.key, log=log, clock=clock)
        self.profile = profile
        self.settings = settings
        self.role = role
        self.symbols = Symbols(())
        self._secrets = credentials.secrets if credentials else ()
        self._credentials = credentials.parts if credentials and role.is_private else {}
        self._wall_ms = wall_ms
        self.venue_clock = venue_clock or VenueClock(wall_ms)  # shared by the lines of a client
        self.on_lost: Callable[[], None] = lambda: None  # told of every connection that is lost
        self.on_error: Callable[[str], None] = lambda kind: None  # told the kind of each
        self._exchange: Any = None
        orders = role is Role.ORDERS
        self._lane = Lane(
            per_sec=profile.budget.orders_per_sec if orders else profile.budget.data_per_sec,
            burst=profile.budget.burst,
            clock=clock,
        )

    # ---- life ----

    async def open(self) -> None:
        """Make the ccxt object; nothing is sent."""
        kind: Any = type("Guarded", (Guard, getattr(ccxt.pro, self.profile.ccxt_id)), {})
        exchange: Any = kind(
            {
                **self._credentials,
                "number": str,  # exact from the venue's text to Decimal
                "enableRateLimit": True,  # of websocket messages; requests go through our lane
                "timeout": int(self.settings.deadline_secs * 1000),
                "options": {
                    "tradesLimit": _TRADES_KEPT,
                    **self.profile.options,
                    "maxRetriesOnFailure": 0,
                },
            }
        )
        exchange.watchman = self
        if self.settings.demo:
            self._enter_demo(exchange)
        if self.settings.endpoint is not None:
            redirect(exchange, self.settings.endpoint)
            if self.settings.endpoint.startswith("http:"):
                exchange.timeout_on_exit = 0  # there is no TLS to say goodbye to
        exchange.open()  # binds it to this loop, which some of its streams rely on
        self._exchange = exchange

    async def close(self) -> None:
        """Close every connection."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()

    def _enter_demo(self, exchange: Any) -> None:
        demo = self.profile.demo
        if demo is None:
            raise ValueError(f"{self.profile.key} has no demo: set demo=False")
        if demo.get("sandbox"):
            exchange.set_sandbox_mode(True)

    def note(self, text: str) -> None:
        """Log something about the venue."""
        self._log(f"{self.profile.key}: {text}")

    # ---- markets ----

    async def load_markets(self) -> tuple[MarketRow, ...]:
        """Ask for all markets of the venue and keep those of the profile's product."""
        deadline = 3 * self.settings.deadline_secs  # it is many requests, and large ones
        markets = await self.ask("load_markets", True, deadline_secs=deadline)
        rows, faults = market_rows(markets.values(), self.profile)
        unreadable = {
            name_of(symbol, self.profile.product): f"market {symbol} cannot be read: {fault}"
            for symbol, fault in faults.items()
        }
        self.symbols = Symbols(rows, unreadable=unreadable)
        for sentence in self.symbols.refused.values():
            self.note(f"left out: {sentence}")
        return tuple(self.symbols)

    async def adopt(self, other: "Line") -> None:
        """Take another line's markets, so that keys are never used to load them."""
        self._exchange.set_markets(other._exchange.markets, other._exchange.currencies)
        await self._exchange.load_markets()  # ccxt's own bookkeeping; nothing is sent
        self.symbols = other.symbols

    async def know_user(self) -> None:
        """Learn the number of the account's user, where private streams must name it."""
        if self.profile.uid_from is None:
            return
        call, key = self.profile.uid_from
        answer = await self.ask(call)
        told = answer.get(key) if isinstance(answer, dict) else None
        if not told:
            raise Unknown(f"{call} did not tell {key}")
        self._exchange.uid = str(told)

    # ---- requests ----

    async def ask(
        self,
        method: str,
        *args: object,
        urgency: Urgency = Urgency.NORMAL,
        wrote: bool = False,
        deadline_secs: float | None = None,
    ) -> Any:
        """Make one ccxt call, once; what only reads is asked again if its time was refused.

        It is also asked again, twice, where no answer came soon: a connection may have died under
        it, and who waits for a fill has no time. Raises kinds of VenueError only; Unsent if it
        never left the queue. A cancellation passes.
        """
        deadline = deadline_secs or self.settings.deadline_secs
        haste = () if wrote or deadline_secs else (each for each in _SOON_SECS if each < deadline)
        once = partial(self._ask_once, method, *args, urgency=urgency, wrote=wrote, turn=deadline)
        for soon in haste:
            with suppress(Late):
                return await once(secs=soon)
        return await once(secs=deadline)

    async def _ask_once(
        self, method: str, *args: object, urgency: Urgency, wrote: bool, turn: float, secs: float
    ) -> Any:
        """Ask, and once more if it only reads and its time, or one question more, was refused."""
        mended = self.venue_clock.mended
        try:
            await self._wait_turn(method, urgency, turn)
            return await self._send(method, *args, wrote=wrote, deadline=secs)
        except Untimely:
            await self._mend_clock(mended)
            if wrote:
                raise
        except Throttled:  # who looks at all of an account need not begin anew
            if wrote:
                raise
        await self._wait_turn(method, urgency, turn)
        return await self._send(method, *args, wrote=wrote, deadline=secs)

    async def _wait_turn(self, method: str, urgency: Urgency, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline):
                await self._lane.enter(urgency)
        except TimeoutError:
            raise Unsent(f"{method} was not sent: it waited {deadline} s for its turn") from None

    async def _send(self, method: str, *args: object, wrote: bool, deadline: float) -> Any:
        try:
            async with asyncio.timeout(deadline):
                return await self.call(method, *args)
        except TimeoutError:
            raise Late(f"{method}: no answer within {deadline} s") from None
        except Exception as e:  # whatever it was, it is judged, and told without keys
            raise self._judged(e, wrote=wrote) from None

    async def call(self, method: str, *args: object) -> Any:
        """Make one ccxt call without a lane; for channels, which send no requests.

        ccxt changes how the thread's decimals are rounded, and would change it for everybody.
        """
        if self._exchange is None:
            raise Unsent(f"{method} was not sent: the line to {self.profile.key} is closed")
        self._exchange.options["timeDifference"] = -self.venue_clock.signing_ms
        with localcontext():
            return await getattr(self._exchange, method)(*args)

    # ---- the clock ----

    async def look_at_clock(self) -> float:
        """Ask for the venue's time a few times, and tell by how many ms it was not foreseen."""
        samples: list[Sample] = []
        deadline = self.settings.deadline_secs
        for _ in range(_CLOCK_SAMPLES):
            await self._wait_turn("fetch_time", Urgency.NORMAL, deadline)
            sent = self._wall_ms()
            told = await self._send("fetch_time", wrote=False, deadline=deadline)
            if not isinstance(told, int):
                raise Unknown(f"fetch_time did not tell a time, but {told!r}")
            samples.append(Sample(sent_ms=sent, told_ms=told, heard_ms=self._wall_ms()))
        return self.venue_clock.take(samples)

    def signing_secs(self) -> float:
        """Tell how far ahead of ours the time is that websockets sign with."""
        return self.venue_clock.signing_ms / 1_000

    async def _mend_clock(self, mended: int) -> None:
        """Look at the clock again after a refusal, unless somebody did since it was sent."""
        clock = self.venue_clock
        async with clock.mending:
            if clock.mended != mended:
                return
            off_ms = 0.0
            try:
                off_ms = await self.look_at_clock()
            except VenueError as e:
                self._log(f"{self.profile.key}: its clock could not be read: {e}")
            clock.refused(off_ms=off_ms)
        self._log(
            f"{self.profile.key} refused the time of a signature: its clock is {clock.ahead_ms} ms"
            f" ahead of ours, and {clock.signer.value} time is signed with from now on"
        )

    def offers(self, method: str) -> bool:
        """Say whether ccxt has a call for this venue."""
        return bool(self._exchange.has.get(_camel(method)))

    @property
    def timeframes(self) -> frozenset[str]:
        """List the timeframes of bars that the venue keeps."""
        return frozenset(self._exchange.timeframes or ()) - self.profile.bars_absent

    def tell(self, e: BaseException) -> str:
        """Say what went wrong without keys, tokens or signatures."""
        text = f"{type(e).__name__}: {_QUERY.sub('?…', str(e))}"
        return redact(text, self._secrets)

    def _judged(self, e: Exception, *, wrote: bool) -> VenueError:
        error = e if isinstance(e, VenueError) else classify(e, self.profile, wrote=wrote)
        self.on_error(type(error).__name__)
        if isinstance(error, Throttled) and not isinstance(error, Untimely):
            self._lane.hold(_THROTTLED_SECS)
        message = redact(_QUERY.sub("?…", str(error)), self._secrets)
        return type(error)(message, code=error.code)

    # ---- streams ----

    async def next_value(self, method: str, *args: object) -> Any:
        """Await one value of a stream; ccxt's own way to start a book afresh is not news."""
        while True:
            try:
                return self._newest(method, args, await self.call(method, *args))
            except ccxt.UnsubscribeError:
                continue

    def _newest(self, method: str, args: tuple[object, ...], value: Any) -> Any:
        """Give what came last: of several frames at once ccxt hands the first over, and no other.

        Its lists of bars, trades and orders and its books hold them all by the time we look.
        """
        if method == "watch_ticker":
            return self._exchange.tickers.get(args[0], value)
        if method == "watch_bids_asks":
            newest = self._exchange.bidsasks
            return {symbol: newest.get(symbol, told) for symbol, told in value.items()}
        return value

    def drop(self, client: Any, reason: str) -> None:
        """End a connection, so that everything on it dials and subscribes again."""
        if self.holds(client):
            client.on_error(ccxt.NetworkError(reason))

    async def forget(self, channel: object) -> None:
        """Stop looking after a subscription, and ask the venue to stop sending where one can."""
        for known in [each for each in self._channels if each is channel]:
            self._channels.remove(known)
            await self._unsubscribe(known)

    async def _unsubscribe(self, channel: Channel) -> None:
        if channel.is_subscribed and not await self.end(channel):
            channel.release()  # not every venue can; what still comes is not listened to

    async def end(self, channel: Channel) -> bool:
        """Ask the venue to end a subscription; false where that cannot be had by itself."""
        if self._exchange is None or not channel.is_connected:
            return False
        if any(each.shares(channel) for each in self._channels if each is not channel):
            return False  # the venue would end it for the other one too
        try:
            async with asyncio.timeout(_UNSUBSCRIBE_SECS):
                await self.call(f"un_{channel.method}", *channel.names, channel.limits)
        except Exception:  # too late, not offered, refused, or the connection broke: all the same
            return False
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return False  # ccxt closed the connection meanwhile
        return True

    def forget_book(self, symbol: str) -> None:
        """Drop ccxt's book, or the next snapshot would be merged into a stale one."""
        if self._exchange is not None:
            self._exchange.orderbooks.pop(symbol, None)

    def holds(self, client: Any) -> bool:
        """Say whether a websocket is still in use."""
        return self._exchange is not None and self._exchange.clients.get(client.url) is client

    # ---- what the guard tells ----

    def lost(self, client: Any) -> None:
        """Forget what ccxt remembers of a connection that is gone."""
        exchange = self._exchange
        if exchange is None:
            return
        self.on_lost()
        for name in self.profile.session_options:
            exchange.options[name] = {}

    def unusable(self, url: str, answer: object) -> Exception:
        """Build the error for an answer that is not the venue's."""
        kind = "an empty object" if answer == {} else "no JSON"
        e: Exception = ccxt.BadResponse(f"{_QUERY.sub('', url)} answered with {kind}")
        return e


def _camel(method: str) -> str:
    head, *tail = method.split("_")
    words = (word.upper() if word in ("ohlcv",) else word.capitalize() for word in tail)
    return head + "".join(words)

"""The exchange on a loopback port: HTTP and websockets, a dialect above, faults in between."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote

from aiohttp import WSMsgType, web

from tests.venue.calls import Call, RateLimit, Seen
from tests.venue.exchange import Exchange
from tests.venue.faults import FaultKind, FaultPlan
from tests.venue.model import Event
from tests.venue.sockets import Connection, Wholes, dumps, reset
from tests.venue.wire import Dialect, Keys, Purpose, Reply, Request, Trouble

_LOG = 100_000  # requests remembered
_REPLAYS = 512  # answers remembered, for stale ones
_ROLL_SECS = 0.05  # how often candles are closed and triggers of the clock looked at
_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"

# What is said without handling the request
_INSTEAD: Final[Mapping[FaultKind, Callable[[Dialect], Reply]]] = {
    FaultKind.STATUS_429: lambda dialect: dialect.trouble(Trouble.TOO_MANY),
    FaultKind.MAINTENANCE: lambda dialect: dialect.trouble(Trouble.MAINTENANCE),
    FaultKind.STATUS_502_BEFORE: lambda _: Reply(content=_PAGE, status=502),
    FaultKind.HTML_200_BEFORE: lambda _: Reply(content=_PAGE),
}
# What is said instead of the answer, once the request is handled
_AFTER: Final[Mapping[FaultKind, Reply]] = {
    FaultKind.STATUS_502_AFTER: Reply(content=_PAGE, status=502),
    FaultKind.HTML_200_AFTER: Reply(content=_PAGE),
    FaultKind.EMPTY_JSON_AFTER: Reply(content={}),
}
_CUT_BEFORE = (FaultKind.DROP_REQUEST, FaultKind.RESET_BEFORE)


class Market(Protocol):
    """Where prices come from."""

    async def play(self, exchange: Exchange, *, stop: asyncio.Event) -> None:
        """Trade on the exchange until the path ends or `stop` is set."""


@dataclass(slots=True, kw_only=True)
class VenueServer:
    """Serve one exchange; everything here runs on one thread and one loop."""

    exchange: Exchange
    make_dialect: Callable[[Exchange, Keys, Callable[[], str]], Dialect]
    keys: Keys
    faults: FaultPlan
    market: Market | None = None
    rate_limit: RateLimit | None = None
    port: int = 0
    dialect: Dialect = field(init=False)
    requests: deque[Seen] = field(init=False)
    sockets: list[Connection] = field(init=False, default_factory=list)
    errors: list[Exception] = field(init=False, default_factory=list)  # of our own making
    _stop: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _answers: OrderedDict[tuple[str, ...], Reply] = field(init=False, default_factory=OrderedDict)
    _wholes: Wholes = field(init=False, default_factory=dict)
    _recent: deque[float] = field(init=False, default_factory=deque)
    _runner: web.ServerRunner = field(init=False)
    _site: web.TCPSite | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.requests = deque(maxlen=_LOG)
        self.dialect = self.make_dialect(self.exchange, self.keys, lambda: self.url)
        self.exchange.listen(self._happened)

    @property
    def url(self) -> str:
        """Tell the address that replaces `https://` in front of the venue's own hosts."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, and let the market play."""
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None))
        await self._runner.setup()
        await self._listen()
        self._tasks = [asyncio.create_task(self._roll())]
        if self.market is not None:
            self._tasks.append(asyncio.create_task(self._play(self.market)))

    async def stop(self) -> None:
        """End everything at once; clients see resets."""
        self._stop.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hush()
        await self._runner.cleanup()

    async def restart(self, downtime_secs: float) -> None:
        """Go away at once and come back later, on the same port, knowing everything."""
        await self._hush()
        if downtime_secs > 0:
            self._tasks.append(asyncio.create_task(self._return(downtime_secs)))
        else:
            await self._listen()

    def drop(self, kind: str | None) -> int:
        """Reset websockets, "public" or "private" ones or all; say how many."""
        dropped = [one for one in self.sockets if kind in (None, _kind(one))]
        for one in dropped:
            one.abort()
        return len(dropped)

    # ---- one thread's tasks ----

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = int(self._runner.addresses[0][1])

    async def _return(self, downtime_secs: float) -> None:
        await asyncio.sleep(downtime_secs)
        await self._listen()

    async def _hush(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        assert self._runner.server is not None
        for handler in self._runner.server.connections:
            reset(handler.transport)

    async def _roll(self) -> None:
        while True:
            self._guarded(self.exchange.roll)
            await asyncio.sleep(_ROLL_SECS)

    async def _play(self, market: Market) -> None:
        try:
            await market.play(self.exchange, stop=self._stop)
        except Exception as e:  # told to whoever closes the venue
            self.errors.append(e)

    def _happened(self, event: Event) -> None:
        self._guarded(lambda: self.dialect.happened(event))

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as e:  # our own fault: told to whoever closes the venue
            self.errors.append(e)

    # ---- requests ----

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        target, _, raw_query = http.raw_path.partition("?")
        host, slash, rest = target.removeprefix("/").partition("/")
        if not slash:
            text = f"ask for /<the venue's own host>/<path>, not for {http.raw_path!r}"
            return web.Response(status=404, text=text)
        asked = Request(
            method=http.method,
            host=unquote(host),
            path=unquote(f"/{rest}"),
            raw_path=f"/{rest}",
            raw_query=raw_query,
            query=dict(parse_qsl(raw_query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in http.headers.items()},
            body=await http.text(),
        )
        dials = asked.headers.get("upgrade", "").lower() == "websocket"
        call = self._note(http, asked, "connect" if dials else self.dialect.purpose(asked))
        if call.kind is FaultKind.DELAY:
            await asyncio.sleep(call.delay_secs)
        if call.kind in _CUT_BEFORE:
            return self._cut(call)
        if self._is_too_many() or call.kind in _INSTEAD:
            instead = _INSTEAD[call.kind or FaultKind.STATUS_429]
            return self._say(call, instead(self.dialect))
        return await (self._connect(call) if dials else self._answer(call))

    def _note(self, http: web.BaseRequest, asked: Request, purpose: Purpose | str) -> Call:
        seen = Seen(
            ms=self.exchange.clock.wall_ms(),
            method=asked.method,
            host=asked.host,
            path=asked.path,
            query=asked.query,
            body=asked.body,
            purpose=purpose,
        )
        self.requests.append(seen)
        call = Call(http=http, asked=asked, seen=seen)
        known = call.replay_key in self._answers
        call.fault = self.faults.on_request(purpose, asked.method, asked.path, replayable=known)
        seen.fault = call.kind
        return call

    def _is_too_many(self) -> bool:
        if self.rate_limit is None:
            return False
        now = asyncio.get_running_loop().time()
        while self._recent and now - self._recent[0] > self.rate_limit.per_secs:
            self._recent.popleft()
        if len(self._recent) >= self.rate_limit.requests:
            return True
        self._recent.append(now)
        return False

    async def _answer(self, call: Call) -> web.StreamResponse:
        if call.kind is FaultKind.STALE_SNAPSHOT:
            return self._say(call, self._answers[call.replay_key])
        reply = self._handle(call)
        if call.kind is FaultKind.RESET_AFTER:
            return self._cut(call)
        if call.kind is FaultKind.TIMEOUT_AFTER:
            await self._wait(call)
        return self._say(call, _AFTER.get(call.kind, reply) if call.kind else reply)

    def _handle(self, call: Call) -> Reply:
        clock = self.exchange.clock
        clock.wall_shift_ms = (
            int(call.delay_secs * 1000) if call.kind is FaultKind.CLOCK_SKEW else 0
        )
        try:
            reply = self.dialect.answer(call.asked)
        except Exception as e:  # our own fault: told to whoever closes the venue
            self.errors.append(e)
            return Reply(content={"error": f"{type(e).__name__}: {e}"}, status=500)
        finally:
            clock.wall_shift_ms = 0
        if call.asked.method == "GET":
            self._answers[call.replay_key] = reply
            self._answers.move_to_end(call.replay_key)
            if len(self._answers) > _REPLAYS:
                self._answers.popitem(last=False)
        return reply

    async def _wait(self, call: Call) -> None:
        """Wait as long as the fault says, else until the client has left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (call.delay_secs or float("inf"))
        while not call.gone and loop.time() < until:
            await asyncio.sleep(0.02)

    def _say(self, call: Call, reply: Reply) -> web.Response:
        call.seen.status = 0 if call.gone else reply.status
        is_text = isinstance(reply.content, str)
        return web.Response(
            status=reply.status,
            text=reply.content if is_text else dumps(reply.content),
            content_type="text/html" if is_text else "application/json",
            headers=dict(reply.headers),
        )

    def _cut(self, call: Call) -> web.Response:
        if call.kind is FaultKind.DROP_REQUEST and call.http.transport is not None:
            call.http.transport.close()
        else:
            reset(call.http.transport)
        return web.Response()  # nobody is there to read it

    # ---- websockets ----

    async def _connect(self, call: Call) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=False, autoclose=False, compress=False)
        await ws.prepare(call.http)
        call.seen.status = 101
        one = Connection(
            ws,
            host=call.asked.host,
            path=call.asked.path,
            query=call.asked.query,
            transport=call.http.transport,
            plan=self.faults,
            wholes=self._wholes,
        )
        self.sockets.append(one)
        writer = asyncio.create_task(one.run())
        writer.add_done_callback(self._ended)
        self._guarded(lambda: self.dialect.opened(one))
        try:
            await self._read(ws, one)
            while one.half_open and not call.gone:  # even its farewell is not answered
                await asyncio.sleep(0.05)
            await ws.close()
        finally:
            self.sockets.remove(one)
            self._guarded(lambda: self.dialect.closed(one))
            writer.cancel()
        return ws

    def _ended(self, writer: asyncio.Task[None]) -> None:
        """Tell of a writer that broke: its connection would be silent and nobody know why."""
        if not writer.cancelled() and isinstance(e := writer.exception(), Exception):
            self.errors.append(e)

    async def _read(self, ws: web.WebSocketResponse, one: Connection) -> None:
        async for message in ws:
            if one.half_open:
                continue
            if message.type is WSMsgType.TEXT:
                self._guarded(partial(self.dialect.heard, one, message.data))
            elif message.type is WSMsgType.PING:
                one.pong(bytes(message.data))  # aiohttp may give a bytearray


def _kind(one: Connection) -> str:
    return "private" if one.private else "public"

"""What ccxt holds for an aiohttp session: requests and websockets that end at a dialect."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from aiohttp import WSMessage, WSMsgType

from tests.venue.sockets import dumps
from tests.venue.wire import Dialect, Json, Request

# `Any` in this module: aiohttp's keyword arguments, of which only a few matter here

_LATENCY_SECS = 0.002

type Spoil = Callable[[Request, str], str]


class Pipe:
    """One websocket, as ccxt sees it: an aiohttp connection."""

    _conn = None  # where ccxt looks for messages that wait inside aiohttp

    def __init__(self, network: "Network", line: str, request: Request) -> None:
        self.line = line
        self.closed = False
        self.end = End(self, request)
        self._network = network
        self._arrived: asyncio.Queue[WSMessage] = asyncio.Queue()

    @property
    def route(self) -> tuple[str, str, str]:
        """Name the connection, the same after it was dialled again."""
        return self.line, self.end.host, self.end.path

    async def receive(self) -> WSMessage:
        return await self._arrived.get()

    async def send_str(self, text: str) -> None:
        if self.closed:
            raise ConnectionResetError("the pipe is closed")
        self._network.dialect.heard(self.end, text)

    async def ping(self, data: bytes = b"") -> None:
        self.arrive(WSMsgType.PONG, data)

    async def pong(self, data: bytes = b"") -> None:
        """Nobody here waits for it."""

    async def close(self, code: int = 1000) -> None:
        del code
        self._end(WSMsgType.CLOSED)

    # ---- the venue's side ----

    def pushed(self, stream: str, text: str) -> None:
        """Carry what the venue sends."""
        self._network.sent(self, stream, text)

    def arrive(self, kind: WSMsgType, data: str | bytes | None) -> None:
        """Put a message where ccxt reads it."""
        self._arrived.put_nowait(WSMessage(kind, data, None))

    def hang_up(self) -> None:
        """Close as a venue does."""
        self._end(WSMsgType.CLOSE)

    def _end(self, kind: WSMsgType) -> None:
        if not self.closed:
            self.closed = True
            self._network.forget(self)
            self.arrive(kind, None)


class End:
    """The same websocket, as a dialect sees it."""

    def __init__(self, pipe: Pipe, request: Request) -> None:
        self.host = request.host
        self.path = request.path
        self.query = request.query
        self.state: dict[str, Any] = {}  # the dialect's own
        self._pipe = pipe

    def send(self, frame: Json, *, stream: str, topic: str = "", snapshot: bool = False) -> None:
        del topic, snapshot
        self._pipe.pushed(stream, frame if isinstance(frame, str) else dumps(frame))

    def close(self) -> None:
        self._pipe.hang_up()


@dataclass(slots=True, kw_only=True)
class Network:
    """Everything that travels between the lines of one client and one dialect."""

    dialect: Dialect
    pipes: list[Pipe] = field(default_factory=list)
    spoil: Spoil = lambda request, text: text  # what is done to the body of an answer
    between: Callable[[Pipe, str, str], None] | None = None  # carries pushes in our place
    heard: list[tuple[tuple[str, str, str], str, str]] = field(default_factory=list)
    on_text: Callable[[str, str], None] = lambda line, text: None  # whatever was delivered
    recording: bool = False

    def connect(self, line: str, request: Request) -> Pipe:
        """Open a websocket."""
        pipe = Pipe(self, line, request)
        self.pipes.append(pipe)
        self.dialect.opened(pipe.end)
        return pipe

    def forget(self, pipe: Pipe) -> None:
        """Close a websocket."""
        if pipe in self.pipes:
            self.pipes.remove(pipe)
            self.dialect.closed(pipe.end)

    def sent(self, pipe: Pipe, stream: str, text: str) -> None:
        """Carry a push."""
        if self.recording:
            self.heard.append((pipe.route, stream, text))
        if self.between is not None:
            self.between(pipe, stream, text)
        else:
            self.deliver(pipe, text)

    def deliver(self, pipe: Pipe, data: str | bytes) -> None:
        """Let a frame arrive, a true one or another."""
        if isinstance(data, bytes):
            self.on_text(pipe.line, data.decode(errors="replace"))
            pipe.arrive(WSMsgType.BINARY, data)
        else:
            self.on_text(pipe.line, data)
            pipe.arrive(WSMsgType.TEXT, data)

    def answer(self, line: str, request: Request) -> "Answer":
        """Answer a request."""
        reply = self.dialect.answer(request)
        text = reply.content if isinstance(reply.content, str) else dumps(reply.content)
        text = self.spoil(request, text)
        self.on_text(line, text)
        return Answer(text=text, status=reply.status, headers=dict(reply.headers))


class Answer:
    """An HTTP answer as aiohttp gives it."""

    reason = ""

    def __init__(self, *, text: str, status: int, headers: dict[str, str]) -> None:
        self._text = text
        self.status = status
        self.headers = {"Content-Type": "application/json", **headers}

    async def text(self, errors: str = "strict") -> str:
        del errors
        return self._text


class _Later:
    """What `async with` enters: an answer, or a websocket, a little later."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    async def __aenter__(self) -> Any:
        await asyncio.sleep(_LATENCY_SECS)
        return self._make()

    async def __aexit__(self, *_: object) -> None:
        return


class Session:
    """Stands where ccxt keeps its aiohttp session; one for each line."""

    def __init__(self, network: Network, line: str) -> None:
        self.headers: dict[str, str] = {}
        self._network = network
        self._line = line

    def __getattr__(self, name: str) -> Any:
        if name in ("get", "post", "put", "patch", "delete"):
            return partial(self._request, name.upper())
        raise AttributeError(name)

    def ws_connect(self, url: str, **_: Any) -> _Later:
        request = _request("GET", url, {}, None)
        return _Later(lambda: self._network.connect(self._line, request))

    async def close(self) -> None:
        """Nothing is held open."""

    def _request(self, method: str, url: Any, **options: Any) -> _Later:
        request = _request(method, str(url), options["headers"], options["data"])
        return _Later(lambda: self._network.answer(self._line, request))

    async def __aenter__(self) -> Self:
        return self


def _request(method: str, url: str, headers: Any, body: bytes | None) -> Request:
    """Split `http://venue/<the venue's own host>/<path>?<query>` as the server does."""
    _, _, after = url.partition("://")
    _, _, target = after.partition("/")
    target, _, raw_query = target.partition("?")
    host, _, rest = target.partition("/")
    named: Iterable[tuple[str, str]] = headers.items()
    return Request(
        method=method,
        host=unquote(host),
        path=unquote(f"/{rest}"),
        raw_path=f"/{rest}",
        raw_query=raw_query,
        query=dict(parse_qsl(raw_query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in named},
        body=(body or b"").decode(),
    )

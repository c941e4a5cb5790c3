"""One websocket connection of a client, with what may go wrong on it."""

import asyncio
import json
import struct
from collections import Counter, deque
from collections.abc import Callable, Mapping
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from aiohttp import web

from tests.venue.faults import Fault, FaultKind, FaultPlan
from tests.venue.wire import Json

_BACKLOG = 200_000  # frames; a client that reads so slowly is cut off
_HOLD_SECS = 1.0  # a reordered push goes out after this long where no other follows it

type Wholes = dict[tuple[str, str, str], str]  # the last whole push by host, stream and topic


def dumps(content: Json) -> str:
    """Write JSON as venues do: without spaces."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Reset a connection: the other side reads an error, not an end."""
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        return
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
    transport.abort()


class Connection:
    """A client's websocket as a dialect sees it; frames leave in the order of `send`."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        *,
        host: str,
        path: str,
        query: Mapping[str, str],
        transport: asyncio.BaseTransport | None,
        plan: FaultPlan,
        wholes: Wholes,
    ) -> None:
        self.host = host
        self.path = path
        self.query = query
        self.state: dict[str, Any] = {}  # the dialect's own
        self.half_open = False
        self.counts: Counter[str] = Counter()  # frames that the dialect sent, by stream
        self._ws = ws
        self._transport = transport
        self._plan = plan
        self._wholes = wholes
        self._silent: set[str] = set()
        self._queue: deque[str | bytes | None] = deque()  # text, a pong's payload, or the end
        self._ready = asyncio.Event()
        self._held: str | None = None
        self._acts: Mapping[FaultKind, Callable[[str, str, Fault], None]] = {
            FaultKind.PUSH_DROP: lambda *_: None,
            FaultKind.SEQUENCE_GAP: lambda *_: None,
            FaultKind.PUSH_DUPLICATE: self._duplicate,
            FaultKind.PUSH_REORDER: self._reorder,
            FaultKind.PUSH_DELAY: self._delay,
            FaultKind.PUSH_MALFORMED: self._malform,
            FaultKind.STREAM_SILENT: self._silence,
            FaultKind.SOCKET_ABORT: lambda *_: self.abort(),
            FaultKind.SOCKET_HALF_OPEN: lambda *_: self.freeze(),
        }

    @property
    def private(self) -> bool:
        """Say whether it carries private streams."""
        return bool(self.state.get("private"))

    def send(self, frame: Json, *, stream: str, topic: str = "", snapshot: bool = False) -> None:
        """Queue a frame, or do to it what the plan says."""
        self.counts[stream] += 1
        if self.half_open or stream in self._silent or ("*" in self._silent and stream != "pong"):
            return
        text = frame if isinstance(frame, str) else dumps(frame)
        key = (self.host, stream, topic)
        fault = self._plan.on_push(stream, snapshot=snapshot, replayable=key in self._wholes)
        if fault is not None and fault.kind is FaultKind.STALE_SNAPSHOT:
            self._put(self._wholes[key])
            return
        if snapshot:
            self._wholes[key] = text
        if fault is None:
            self._put(text)
        else:
            self._acts[fault.kind](text, stream, fault)

    def close(self) -> None:
        """Close it in good order, after what is queued."""
        self._queue.append(None)
        self._ready.set()

    def abort(self) -> None:
        """Reset it."""
        reset(self._transport)

    def freeze(self) -> None:
        """Send nothing any more, but stay connected."""
        self.half_open = True
        self._queue.clear()

    def pong(self, payload: bytes) -> None:
        """Answer a ping of the protocol."""
        if not self.half_open:
            self._queue.append(payload)
            self._ready.set()

    async def run(self) -> None:
        """Write what is queued until the connection ends."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._queue:
                item = self._queue.popleft()
                if item is None:
                    await self._ws.close()
                    return
                try:
                    await self._write(item)
                except ConnectionError:  # the client left; the reading side ends the connection
                    return

    async def _write(self, item: str | bytes) -> None:
        if isinstance(item, bytes):
            await self._ws.pong(item)
        else:
            await self._ws.send_str(item)

    def _put(self, text: str) -> None:
        if self.half_open:
            return
        self._queue.append(text)
        if self._held is not None:
            self._queue.append(self._held)
            self._held = None
        self._ready.set()
        if len(self._queue) > _BACKLOG:
            self.abort()

    def _duplicate(self, text: str, stream: str, fault: Fault) -> None:
        self._put(text)
        self._put(text)

    def _reorder(self, text: str, stream: str, fault: Fault) -> None:
        if self._held is not None:  # two in a row: the first has waited long enough
            self._release(self._held)
        self._held = text
        asyncio.get_running_loop().call_later(fault.delay_secs or _HOLD_SECS, self._release, text)

    def _release(self, text: str) -> None:
        if self._held == text:
            self._held = None
            self._put(text)

    def _delay(self, text: str, stream: str, fault: Fault) -> None:
        asyncio.get_running_loop().call_later(fault.delay_secs, self._put, text)

    def _malform(self, text: str, stream: str, fault: Fault) -> None:
        cut = text[: len(text) // 2]
        choices = (cut, "null", "[]", "{}", "<html>Bad Gateway</html>", '{"data":[null]}')
        self._put(self._plan.dice.choice(choices))

    def _silence(self, text: str, stream: str, fault: Fault) -> None:
        self._silent.add(fault.where)

"""A server on loopback that hears messages: a webhook, a watchdog, and the Bot API of Telegram."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "123456789:AAH-canary-token_of_the_bot"
CHAT = "-1001234567890"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a request instead of being taken."""

    status: int = 0
    retry_after: int | None = None  # seconds, where the protocol tells them
    location: str = ""  # redirected there
    is_silent: bool = False  # nothing is ever answered
    is_dropped: bool = False  # the line is cut
    is_dripped: bool = False  # a byte now and then
    body: bytes | None = None


@dataclass(slots=True, kw_only=True)
class Heard:
    """A request and when it came, by the monotonic clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def told(self) -> dict[str, Any]:
        """Read the body as an object of JSON."""
        told: dict[str, Any] = json.loads(self.body)
        return told


class AlertServer(ThreadingHTTPServer):
    """Meets each request with the next fault, and takes it once there are none."""

    daemon_threads = True

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = list(faults)
        self.asked: list[Heard] = []
        self.taken: list[Heard] = []
        self.news = threading.Condition()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Give the address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hear(self, heard: Heard) -> Fault | None:
        """Note a request and say what becomes of it."""
        with self.news:
            self.asked.append(heard)
            fault = self.faults.pop(0) if self.faults else None
            if fault is None:
                self.taken.append(heard)
            self.news.notify_all()
            return fault

    def until(self, test: Callable[[], Any], what: str, secs: float = 60.0) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + secs
        with self.news:
            while not test():
                left = ends - time.monotonic()
                assert left > 0, f"{what}: not within {secs} s, asked {len(self.asked)} times"
                self.news.wait(min(left, 0.02))


class _Handler(BaseHTTPRequestHandler):
    server: AlertServer

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(size)
        heard = Heard(
            method=self.command, path=self.path, headers=dict(self.headers.items()), body=body
        )
        fault = self.server.hear(heard)
        if fault is not None:
            self._fail(fault)
        elif self.path.startswith("/bot"):
            self._answer_as_telegram(heard)
        else:
            self._say(200, b"ok")

    def _answer_as_telegram(self, heard: Heard) -> None:
        """Answer as the Bot API does: by the token in the path, then by the message."""
        if heard.path != f"/bot{TOKEN}/sendMessage":
            self._say_no(404, "Not Found")
        elif heard.headers.get("Content-Type", "").split(";")[0] != "application/json":
            self._say_no(400, "Bad Request: message text is empty")
        elif heard.told.get("chat_id") != CHAT:
            self._say_no(400, "Bad Request: chat not found")
        elif not 0 < len(heard.told.get("text", "")) <= 4096:
            self._say_no(400, "Bad Request: message is too long")
        else:
            result = {"message_id": 1, "chat": {"id": int(CHAT)}, "text": heard.told["text"]}
            self._say(200, json.dumps({"ok": True, "result": result}).encode())

    def _say_no(self, status: int, description: str, retry_after: int | None = None) -> None:
        told: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
        if retry_after is not None:
            told["parameters"] = {"retry_after": retry_after}
        self._say(status, json.dumps(told).encode())

    def _fail(self, fault: Fault) -> None:
        if fault.is_dropped:
            self.close_connection = True
        elif fault.is_silent:
            self.server.closing.wait(300)
        elif fault.is_dripped:
            self._drip()
        elif fault.body is not None:
            self._say(fault.status, fault.body)
        elif self.path.startswith("/bot"):
            self._say_no(fault.status, f"Too many or too bad for {TOKEN}", fault.retry_after)
        else:
            headers = {"Location": fault.location} if fault.location else {}
            if fault.retry_after is not None:
                headers["Retry-After"] = str(fault.retry_after)
            self._say(fault.status, b"no", headers)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with suppress(OSError):
            while not self.server.closing.wait(0.02):
                self.wfile.write(b" ")

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def alert_server(*faults: Fault) -> Iterator[AlertServer]:
    """Listen until the block ends."""
    server = AlertServer(faults)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join(5)
        server.server_close()

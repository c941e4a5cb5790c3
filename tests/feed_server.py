"""A real HTTP server on loopback that serves pages as a test scripts them, also badly."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One scripted answer; `drip` sends the head, then a byte each time nothing stops it."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None  # content length, where it is a lie
    drip: bool = False
    silent: bool = False  # take the request and say nothing
    after: threading.Event | None = None  # answer only when it is set


class FeedServer(ThreadingHTTPServer):
    """Serves the answers of each path in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self, pages: Mapping[str, Sequence[Answer]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = {path: list(answers) for path, answers in pages.items()}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()

    def url(self, path: str) -> str:
        """Give the address of a path."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def next_answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Note what was asked and choose the answer."""
        with self.lock:
            self.asked.append((path, dict(headers)))
            answers = self.pages.get(path) or [Answer(status=404)]
            return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    server: FeedServer

    def do_GET(self) -> None:
        answer = self.server.next_answer(self.path, dict(self.headers))
        if answer.silent:
            self.server.closing.wait(300)
            return
        if answer.after is not None:
            answer.after.wait(30)
        self.send_response(answer.status)
        length = len(answer.body) if answer.promised is None else answer.promised
        for name, value in {"Content-Length": str(length), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # the other side may hang up
            while answer.drip and not self.server.closing.wait(0.05):
                self.wfile.write(b" ")
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(pages: Mapping[str, Sequence[Answer]]) -> Iterator[FeedServer]:
    """Serve pages until the block ends."""
    server = FeedServer(pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join(5)
        server.server_close()

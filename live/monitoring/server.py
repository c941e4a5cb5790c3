"""A small HTTP server that shows metrics and health, on this machine unless told otherwise."""

import errno
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from live.monitoring.health import Health
from morningstar_strategy.settings.monitoring import is_loopback

__all__ = ["MonitoringServer", "ServerError"]

# `Any` in this module: an environment of WSGI holds values of many types
_log = logging.getLogger(__name__)

type _Start = Callable[[str, list[tuple[str, str]]], object]

_REQUEST_SECS: Final = 10.0  # a visitor who says nothing must not keep a thread
_TEXT: Final = "text/plain; charset=utf-8"
_INDEX: Final = """\
Morningstar: a live node

/metrics  figures for Prometheus
/health   how the node is, as JSON: 200 healthy, 503 not
"""


class ServerError(RuntimeError):
    """The server cannot listen; the message says what to change."""


class MonitoringServer:
    """Serves `/metrics`, `/health` and an index from `with` to its end, on threads of its own.

    Port 0 is any free one; `mask` takes secrets out of the reasons that `/health` gives.
    Raises ValueError for a host that others reach, unless `expose`.
    """

    def __init__(
        self,
        *,
        registry: CollectorRegistry,
        look: Callable[[], Health],
        host: str = "127.0.0.1",
        port: int = 0,
        expose: bool = False,
        mask: Callable[[str], str] = str,
    ) -> None:
        if not expose and not is_loopback(host):
            raise ValueError(f"host must be of this machine's loopback, was {host}")
        self._asked = (host, port)
        self._app = _App(registry=registry, look=look, only_local=not expose, mask=mask)
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        host, port = self._asked
        try:
            server = _Server(host, port)
        except OSError as e:
            raise ServerError(_why_not(e, host, port)) from e
        server.set_app(self._app)
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="monitoring", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(_REQUEST_SECS)
            self._server = None

    @property
    def url(self) -> str:
        """Give the address of the index, without a slash at the end."""
        if self._server is None:
            raise ServerError("the monitoring server does not run")
        host = self._asked[0].strip("[]")
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.server_port}"


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: set monitoring.port to another, or 0 for any"
    return f"monitoring cannot listen on {host} port {port}: {error.strerror or error}"


class _App:
    """Answers the three pages."""

    def __init__(
        self,
        *,
        registry: CollectorRegistry,
        look: Callable[[], Health],
        only_local: bool,
        mask: Callable[[str], str],
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._look, self._mask = look, mask
        self._only_local = only_local

    def __call__(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        # A page of a stranger can have its own name point at this machine: answer to ours only
        if self._only_local and not is_loopback(_host(environ)):
            return _answer(start, HTTPStatus.FORBIDDEN, "this is no name of this machine\n")
        if environ["REQUEST_METHOD"] != "GET":
            return _answer(start, HTTPStatus.METHOD_NOT_ALLOWED, "only GET\n")
        try:
            return self._page(environ, start)
        except Exception:  # a visitor must not end the thread in silence
            _log.exception("%s cannot be shown", environ.get("PATH_INFO"))
            return _answer(start, HTTPStatus.INTERNAL_SERVER_ERROR, "this cannot be shown now\n")

    def _page(self, environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        match environ.get("PATH_INFO", "/"):
            case "/metrics":
                found: Iterable[bytes] = self._metrics(environ, start)
                return found
            case "/health":
                return self._health(start)
            case "/" | "":
                return _answer(start, HTTPStatus.OK, _INDEX)
            case _:
                return _answer(start, HTTPStatus.NOT_FOUND, "there is /metrics and /health\n")

    def _health(self, start: _Start) -> Iterable[bytes]:
        health = self._look()
        status = HTTPStatus.OK if health.is_healthy else HTTPStatus.SERVICE_UNAVAILABLE
        text = self._mask(json.dumps(health.fields())) + "\n"
        return _answer(start, status, text, kind="application/json")


def _host(environ: Mapping[str, Any]) -> str:
    """Give the host that was asked for, without its port."""
    asked: str = environ.get("HTTP_HOST", "")
    if asked.startswith("["):
        return asked.partition("]")[0]
    return asked.partition(":")[0]


def _answer(start: _Start, status: HTTPStatus, text: str, *, kind: str = _TEXT) -> list[bytes]:
    body = text.encode()
    headers = [
        ("Content-Type", kind),
        ("Content-Length", f"{len(body)}"),
        ("Cache-Control", "no-store"),
    ]
    start(f"{status.value} {status.phrase}", headers)
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int) -> None:
        name = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in name else socket.AF_INET
        super().__init__((name, port), _Handler)

    def server_bind(self) -> None:
        # The library's own asks a name server what this machine is called, which may take long
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "monitoring", self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a visitor who hangs up is no event of a trading node."""


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_SECS

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a scrape each few seconds is no event."""

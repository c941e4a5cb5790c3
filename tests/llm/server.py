"""The server: every request recorded, checked as providers check it, and answered by the script."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

from tests.llm.answers import (
    Answer,
    Hang,
    Http,
    Reset,
    Say,
    anthropic_body,
    error,
    openai_body,
)

# `Any` in this module: bodies are JSON

_PATHS = {"/v1/chat/completions": "openai", "/v1/messages": "anthropic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def protocol(self) -> str:
        """Give "openai" or "anthropic"."""
        return _PATHS[self.path.partition("?")[0]]

    @property
    def system(self) -> str:
        """Give the system's words, all together."""
        if self.protocol == "openai":
            said = [one for one in self.body["messages"] if one["role"] == "system"]
            return "\n".join(_text(one["content"]) for one in said)
        return _text(self.body.get("system", ""))

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Give (role, text) of what is not the system's."""
        said = [one for one in self.body["messages"] if one["role"] != "system"]
        return [(one["role"], _text(one["content"])) for one in said]


class LlmServer:
    """Answers with a script: a list of answers in turn, its last one for ever, or a function.

    Use as a context manager; `key` is demanded where it is set.
    """

    def __init__(
        self, *answers: Answer | str, brain: Callable[[Asked], Answer] | None = None, key: str = ""
    ) -> None:
        self._script: list[Answer] = [_answer(one) for one in answers]
        self._brain = brain
        self._key = key
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self.closing = threading.Event()
        self.arrived = threading.Condition(self._lock)
        self._http = _Server(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Give the address without a path."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def asked(self) -> list[Asked]:
        """Give what was asked so far."""
        with self._lock:
            return list(self._asked)

    def wait_until_asked(self, count: int, *, timeout_secs: float = 10.0) -> None:
        """Wait until so many requests came; raises TimeoutError."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self._asked) >= count, timeout_secs):
                raise TimeoutError(f"{len(self._asked)} requests came, not {count}")

    def then(self, *answers: Answer | str) -> None:
        """Replace the script by another."""
        with self._lock:
            self._script = [_answer(one) for one in answers]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> Answer:
        """Record a request and choose its answer."""
        with self.arrived:
            self._asked.append(asked)
            self.arrived.notify_all()
            if (complaint := self._complaint(asked)) is not None:
                return complaint
            if self._brain is None:
                return self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return self._brain(asked)

    def _complaint(self, asked: Asked) -> Http | None:
        if asked.path.partition("?")[0] not in _PATHS:
            return error(404, "not_found_error")
        if self._key and self._key not in (
            asked.headers.get("x-api-key"),
            asked.headers.get("authorization", "").removeprefix("Bearer "),
        ):
            return error(401, "invalid_api_key")
        if asked.protocol == "anthropic":
            needed = "anthropic-version" in asked.headers and "max_tokens" in asked.body
            return None if needed else error(400, "invalid_request_error")
        wants_json = asked.body.get("response_format", {}).get("type") == "json_object"
        if wants_json and "json" not in json.dumps(asked.body["messages"]).lower():
            return error(400, "invalid_request_error")
        return None


def _answer(answer: Answer | str) -> Answer:
    return Say(text=answer) if isinstance(answer, str) else answer


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: LlmServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hung up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits for an acknowledgement

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Record what a followed redirect would look like."""
        self.do_POST()

    def do_POST(self) -> None:
        """Answer one request."""
        owner = cast(_Server, self.server).owner
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(path=self.path, headers=headers, body=json.loads(body or b"{}"))
        match owner.answer(asked):
            case Say() as say:
                self._say(owner, asked, say)
            case Http() as http:
                self._send(owner, http)
            case Hang():
                owner.closing.wait()
                self.close_connection = True
            case Reset():
                self._reset()

    def _say(self, owner: LlmServer, asked: Asked, say: Say) -> None:
        word = openai_body if asked.protocol == "openai" else anthropic_body
        body = json.dumps(word(say, asked.body["model"])).encode() + b" " * say.padding
        headers = {}
        if say.compressed:
            body, headers = gzip.compress(body), {"content-encoding": "gzip"}
        self._send(owner, Http(body=body, headers=headers, after_secs=say.after_secs))

    def _send(self, owner: LlmServer, http: Http) -> None:
        owner.closing.wait(http.after_secs)
        self.send_response(http.status)
        self.send_header("content-type", http.content_type)
        self.send_header("content-length", str(len(http.body) + http.cut))
        for name, value in http.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if http.drip_secs:
            self._drip(owner, http)
        else:
            self.wfile.write(http.body)
        if http.cut:
            self.close_connection = True

    def _drip(self, owner: LlmServer, http: Http) -> None:
        for byte in http.body:
            if owner.closing.wait(http.drip_secs):
                return
            self.wfile.write(bytes([byte]))

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

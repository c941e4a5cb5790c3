"""One page fetched within a deadline and a size, over a line that may be hostile."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from morningstar_strategy.supervisor.addresses import is_this_machine

__all__ = ["MAX_BYTES", "FeedError", "Page", "check_url", "fetch", "redirected"]

MAX_BYTES: Final = 1_048_576
_CHUNK: Final = 65_536
_REDIRECTS: Final = 3
_LONGEST_TAG: Final = 256
_MOVED: Final = (301, 302, 303, 307, 308)


class FeedError(Exception):
    """A source outside gave nothing usable; ask again later, after `retry_after_secs` if said."""

    def __init__(self, detail: str, *, retry_after_secs: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after_secs = retry_after_secs


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a server sent; `validators` are the headers that ask it later for what is newer.

    `body` is None where it said that nothing changed.
    """

    body: bytes | None
    validators: Mapping[str, str] = field(default_factory=dict)


def check_url(url: str) -> None:
    """Refuse an address that is neither https nor on this machine; raises ValueError."""
    try:
        parts = urlsplit(url)
        here = is_this_machine(parts.hostname)
        secure = parts.scheme == "https" or (parts.scheme == "http" and here)
        sound = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError as e:
        raise ValueError(f"url must be an address, was {_shown(url)}") from e
    if not (secure and sound):
        told = _shown(url)
        raise ValueError(f"url must be https without a user, or http on loopback, was {told}")


def _shown(url: str) -> str:
    """Show an address without what may hold a key: its query, and a user."""
    return "one with a user" if "@" in url else f"{url.partition('?')[0]!r:.200}"


def fetch(url: str, *, deadline_secs: float, validators: Mapping[str, str] | None = None) -> Page:
    """Fetch a page, following a few redirects; raises FeedError, never a part of a page."""
    ends = time.monotonic() + deadline_secs
    for _ in range(_REDIRECTS + 1):
        page, target = _ask(url, ends, validators or {})
        if target is None:
            return page
        url = redirected(url, target)
    raise FeedError(f"more than {_REDIRECTS} redirects")


def redirected(url: str, target: str) -> str:
    """Give the address that a page sends us on to; raises FeedError where it must not."""
    try:
        new = urljoin(url, target)
        check_url(new)
    except ValueError as e:
        raise FeedError("redirected to an address that is not allowed") from e
    # A public page must not send us to a service of this machine
    came_from, goes_to = urlsplit(url).hostname, urlsplit(new).hostname
    if is_this_machine(goes_to) and not is_this_machine(came_from):
        raise FeedError("redirected to this machine")
    return new


def _ask(url: str, ends: float, validators: Mapping[str, str]) -> tuple[Page, str | None]:
    headers = {
        "Accept": "application/json, application/rss+xml, application/atom+xml, */*;q=0.5",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "morningstar-strategy",
        **validators,
    }
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    try:
        with _line(parts, ends) as connection:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            if response.status in _MOVED:
                return Page(body=None), response.headers.get("Location", "")
            return _page(response, ends), None
    except TimeoutError as e:
        raise FeedError("no answer within the deadline") from e
    except (OSError, http.client.HTTPException, UnicodeError) as e:
        late = time.monotonic() >= ends
        why = "no answer within the deadline" if late else f"no answer: {type(e).__name__}"
        raise FeedError(why) from e


@contextlib.contextmanager
def _line(parts: SplitResult, ends: float) -> Iterator[http.client.HTTPConnection]:
    """Open a line that is cut at the deadline, however slowly the other side drips."""
    connection = _connection(parts, _left(ends))
    try:
        connection.connect()
        line = connection.sock

        def sever() -> None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

        watchdog = threading.Timer(_left(ends), sever)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield connection
        finally:
            watchdog.cancel()
    finally:
        connection.close()


def _connection(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


def _left(ends: float) -> float:
    if (left := ends - time.monotonic()) <= 0.0:
        raise TimeoutError
    return left


def _page(response: http.client.HTTPResponse, ends: float) -> Page:
    if response.status == http.client.NOT_MODIFIED:
        return Page(body=None)
    if response.status != http.client.OK:
        after = response.headers.get("Retry-After", "")
        secs = int(after) if after.isascii() and after.isdigit() and len(after) < 7 else None
        raise FeedError(f"the server answered {response.status}", retry_after_secs=secs)
    if (coding := response.headers.get("Content-Encoding", "identity")) != "identity":
        raise FeedError(f"the server sent {coding!r}, asked for identity")
    return Page(body=_body(response, ends), validators=_validators(response))


def _validators(response: http.client.HTTPResponse) -> dict[str, str]:
    told = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
    tags = {ask: response.headers.get(name, "") for ask, name in told}
    # We send them back: a folded or endless one would break our own request
    return {ask: tag for ask, tag in tags.items() if tag and _is_plain(tag)}


def _is_plain(tag: str) -> bool:
    return len(tag) <= _LONGEST_TAG and tag.isascii() and tag.isprintable()


def _body(response: http.client.HTTPResponse, ends: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        parts.append(chunk)
        if (size := size + len(chunk)) > MAX_BYTES:
            raise FeedError(f"more than {MAX_BYTES} bytes")
    _left(ends)  # a line that was cut reads like one that ended
    if response.length:  # what was promised and did not come; read1 does not say
        raise FeedError(f"the body ended {response.length} bytes early")
    return b"".join(parts)

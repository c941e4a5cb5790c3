"""One HTTP request within a deadline, to an address that may hold a secret."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from morningstar_strategy.settings.monitoring import is_loopback

__all__ = ["Address", "Answer", "DeliveryError", "address_of", "ask"]

_LARGEST: Final = 65_536  # bytes of an answer
_LONGEST_WAIT: Final = 300.0  # seconds that a server may ask us to wait
_ODD: Final = "\r\n\t "


class DeliveryError(Exception):
    """A message was not taken; never holds an address or a token.

    `is_final` says that asking again will not help, `retry_after_secs` when the server wants to be
    asked again.
    """

    def __init__(
        self, detail: str, *, is_final: bool = False, retry_after_secs: float | None = None
    ) -> None:
        super().__init__(detail)
        self.is_final = is_final
        self.retry_after_secs = (
            None if retry_after_secs is None else min(max(retry_after_secs, 0.0), _LONGEST_WAIT)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to ask; path and query may hold a secret, and are never shown."""

    host: str
    port: int | None
    is_secure: bool
    target: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `retry_after_secs` is the header's."""

    status: int
    body: bytes
    retry_after_secs: float | None

    def require_success(self) -> None:
        """Raise DeliveryError unless the server took it."""
        if 200 <= self.status < 300:
            return
        again = self.status in (408, 425, 429) or self.status >= 500
        if 300 <= self.status < 400:
            raise DeliveryError(f"answered {self.status}: no redirect is followed", is_final=True)
        raise DeliveryError(
            f"answered {self.status}", is_final=not again, retry_after_secs=self.retry_after_secs
        )


def address_of(url: str, *, named: str) -> Address:
    """Read an address: https, or http on this machine; raises ValueError with its name only."""
    wrong = ValueError(f"{named} must hold an https address without a user, or http on loopback")
    if any(sign in url for sign in _ODD) or not (url.isascii() and url.isprintable()):
        raise wrong
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None  # its message may hold the address
    is_secure = parts.scheme == "https"
    allowed = is_secure or (parts.scheme == "http" and is_loopback(host))
    if not (allowed and host) or parts.username is not None or port == 0:
        raise wrong
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return Address(host=host, port=port, is_secure=is_secure, target=target)


def ask(
    address: Address,
    *,
    method: str,
    timeout_secs: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask once, past any proxy and following nothing; raises DeliveryError where nothing came."""
    ends = time.monotonic() + timeout_secs
    told = {"User-Agent": "morningstar", "Connection": "close", **(headers or {})}
    try:
        with _line(address, ends) as connection:
            connection.request(method, address.target, body=body, headers=told)
            response = connection.getresponse()
            answer = Answer(
                status=response.status,
                body=response.read(_LARGEST),
                retry_after_secs=_seconds(response.headers.get("Retry-After", "")),
            )
    except ssl.SSLCertVerificationError as e:
        raise DeliveryError(f"the certificate is not trusted: {e.verify_message}") from None
    except (OSError, http.client.HTTPException, UnicodeError) as e:
        # Not chained: the library's own words may hold the address
        late = time.monotonic() >= ends or isinstance(e, TimeoutError)
        why = f"no answer within {timeout_secs:g} s" if late else f"no answer: {type(e).__name__}"
        raise DeliveryError(why) from None
    return answer


@contextlib.contextmanager
def _line(address: Address, ends: float) -> Iterator[http.client.HTTPConnection]:
    """Open a line that is cut at the deadline, however slowly the other side drips."""
    connection = _connection(address, max(0.001, ends - time.monotonic()))
    try:
        connection.connect()
        line = connection.sock

        def sever() -> None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)

        watchdog = threading.Timer(max(0.001, ends - time.monotonic()), sever)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield connection
        finally:
            watchdog.cancel()
    finally:
        connection.close()


def _connection(address: Address, timeout: float) -> http.client.HTTPConnection:
    if address.is_secure:
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            address.host, address.port, timeout=timeout, context=context
        )
    return http.client.HTTPConnection(address.host, address.port, timeout=timeout)


def _seconds(told: str) -> float | None:
    plain = told.strip()
    return float(plain) if plain.isascii() and plain.isdigit() and len(plain) < 7 else None

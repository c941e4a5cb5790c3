"""What a dialect and the server say to each other."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Protocol

from tests.venue.model import Event

type Json = Any  # whatever json.loads gives; dialects are parsers of foreign text
type Purpose = Literal["order", "cancel", "amend", "read", "public"]


class Trouble(Enum):
    """What the server itself has to say, in the venue's words."""

    TOO_MANY = "too many requests"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The one account's credentials, and what the owner lets them do (told, not enforced)."""

    key: str = "key"
    secret: str = "secret"
    passphrase: str = "pass"
    may_trade: bool = True
    may_withdraw: bool = False
    may_transfer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `host` is the venue's own host, `path` starts with a slash."""

    method: str
    host: str
    path: str
    raw_path: str  # as sent, not unquoted
    raw_query: str  # as sent, without the question mark
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: str

    def json(self) -> Json:
        """Read the body."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP reply."""

    content: Json
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Socket(Protocol):
    """One websocket connection of a client; `state` is the dialect's own memory of it.

    A dialect sets `state["private"] = True` once the connection carries private streams.
    """

    host: str
    path: str
    query: Mapping[str, str]
    state: dict[str, Any]  # e.g. subscriptions, whether it logged in

    def send(self, frame: Json, *, stream: str, topic: str = "", snapshot: bool = False) -> None:
        """Queue a frame (text as it is, else JSON); `stream` names it for faults and tests.

        Stream names: "pong", "ack", "trades", "book", "candles", "ticker", "orders", "fills",
        "balances", "positions". `topic` says what it is about (channel and symbol); a `snapshot`
        is whole, so that an earlier one of its topic may be sent instead of it by a fault.
        """

    def close(self) -> None:
        """Close it in good order."""


class Dialect(ABC):
    """How one venue says what the exchange knows.

    All methods run on the server's one thread, between events of the exchange; none waits.
    """

    name: str  # "bitget", "kucoin", "gate"

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request: check its signature, do it, say it in the venue's envelope."""

    @abstractmethod
    def purpose(self, request: Request) -> Purpose:
        """Say what a request is for, without doing it; public is whatever is not signed."""

    @abstractmethod
    def trouble(self, trouble: Trouble) -> Reply:
        """Say in the venue's own envelope and HTTP status why nothing is served now."""

    @abstractmethod
    def opened(self, socket: Socket) -> None:
        """Greet a new connection where the venue does."""

    @abstractmethod
    def heard(self, socket: Socket, text: str) -> None:
        """Take one text frame: log in, subscribe, unsubscribe, ping."""

    @abstractmethod
    def closed(self, socket: Socket) -> None:
        """Forget a connection."""

    @abstractmethod
    def happened(self, event: Event) -> None:
        """Push an event of the exchange to whoever subscribed to it."""

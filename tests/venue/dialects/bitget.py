"""Bitget v2, classic account: spot and USDT perpetuals, REST and websocket."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import unquote

from tests.venue.dialects.bitget_market import Market
from tests.venue.dialects.bitget_memory import Memory
from tests.venue.dialects.bitget_reads import Reads
from tests.venue.dialects.bitget_settings import Settings
from tests.venue.dialects.bitget_stream import Stream
from tests.venue.dialects.bitget_trade import Trade
from tests.venue.dialects.bitget_words import Names, ProblemError, problem
from tests.venue.exchange import Exchange
from tests.venue.model import Event, Listing, Product, Refused
from tests.venue.wire import Dialect, Json, Keys, Purpose, Reply, Request, Socket, Trouble

EXCHANGE_OPTIONS: Final[Mapping[str, bool]] = {
    "fires_in_place": False,  # the order that a plan becomes has its own id,
    "fired_keeps_client_id": False,  # and the plan's id as its client id
    "fee_in_received": True,
    "unique_client_ids": False,  # only while an order of that id is open
    "post_only_cancels": True,
    "fok_cancels": True,
}

LISTINGS: Final = (
    Listing(
        base="BTC",
        quote="USDT",
        product=Product.SPOT,
        tick=Decimal("0.01"),
        lot=Decimal("0.000001"),
        min_notional=Decimal(1),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    ),
    Listing(
        base="ETH",
        quote="USDT",
        product=Product.SPOT,
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        min_notional=Decimal(1),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    ),
    Listing(
        base="BTC",
        quote="USDT",
        product=Product.PERP,
        tick=Decimal("0.1"),
        lot=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        min_notional=Decimal(5),
        max_leverage=150,
    ),
    Listing(
        base="ETH",
        quote="USDT",
        product=Product.PERP,
        tick=Decimal("0.01"),
        lot=Decimal("0.01"),
        min_quantity=Decimal("0.01"),
        min_notional=Decimal(5),
        max_leverage=125,
    ),
)

_TOLERANCE_MS: Final = 5_000
_SIGNED: Final = ("/spot/trade/", "/spot/account/", "/mix/order/", "/mix/account/")
_PRIVATE: Final = (*_SIGNED, "/mix/position/", "/common/", "/api/v3/")

type Handler = Callable[[Mapping[str, Json]], Json]


class Bitget(Dialect):
    """Answers in Bitget's envelope, pushes in its order: the order, then its fill."""

    name = "bitget"

    def __init__(self, exchange: Exchange, keys: Keys, base_url: Callable[[], str]) -> None:
        self._exchange = exchange
        self._keys = keys
        names, memory = Names(exchange), Memory(exchange)
        self._stream = Stream(exchange, names, memory, self.sign)
        self._routes: Mapping[tuple[str, str], Handler] = {
            **Market(exchange, names).routes(),
            **Reads(exchange, names, memory).routes(),
            **Settings(exchange, names, memory, keys).routes(),
            **Trade(exchange, names, memory).routes(),
        }

    def sign(self, told: str, signature: str, *, key: str, passphrase: str) -> str | None:
        """Check a signature; name what is wrong with it ("key", "passphrase", "sign")."""
        if key != self._keys.key:
            return "key"
        if passphrase != self._keys.passphrase:
            return "passphrase"
        digest = hmac.new(self._keys.secret.encode(), told.encode(), hashlib.sha256).digest()
        wanted = base64.b64encode(digest).decode()
        return None if hmac.compare_digest(wanted, signature) else "sign"

    # ---- requests ----

    def purpose(self, request: Request) -> Purpose:
        """Tell by the path's last word."""
        if not _is_private(request.path):
            return "public"
        verb = request.path.rpartition("/")[2]
        if "cancel-replace" in verb or verb.startswith("modify"):
            return "amend"
        if verb.startswith(("place-", "batch-order", "batch-place")):
            return "order"
        return "cancel" if "cancel" in verb else "read"

    def trouble(self, trouble: Trouble) -> Reply:
        """Speak for the gateway."""
        if trouble is Trouble.TOO_MANY:
            return self._envelope("429", "Too Many Requests", None, status=429)
        return self._envelope("40200", "Server upgrade, please try again later", None, status=400)

    def answer(self, request: Request) -> Reply:
        """Check who asks, find what is asked, do it."""
        try:
            handler = self._handler(request)
            asked = request.query if request.method == "GET" else request.json()
            return self._envelope("00000", "success", handler(asked))
        except ProblemError as e:
            return self._envelope(e.code, e.message, None, status=e.status)
        except Refused as e:
            product = Product.SPOT if "/spot/" in request.path else Product.PERP
            told = problem(e, product, plan="plan" in request.path)
            return self._envelope(told.code, told.message, None, status=400)

    def _handler(self, request: Request) -> Handler:
        if _is_private(request.path):
            self._check(request)
        if request.path.startswith("/api/v3/"):
            told = "You are in Classic Account mode, and the Unified Account API is not supported"
            raise ProblemError("40084", told)
        handler = self._routes.get((request.method, request.path.removeprefix("/api/v2/")))
        if handler is None:
            raise ProblemError("40404", "Request URL NOT FOUND", status=404)
        return handler

    def _check(self, request: Request) -> None:
        headers = request.headers
        given = headers.get("access-timestamp", "")
        if not given.isdigit():
            raise ProblemError("40005", "Invalid ACCESS_TIMESTAMP")
        if abs(int(given) - self._exchange.clock.wall_ms()) > _TOLERANCE_MS:
            raise ProblemError("40008", "Request timestamp expired")
        query = f"?{unquote(request.raw_query)}" if request.raw_query else ""
        told = f"{given}{request.method}{request.raw_path}{query}{request.body}"
        wrong = self.sign(
            told,
            headers.get("access-sign", ""),
            key=headers.get("access-key", ""),
            passphrase=headers.get("access-passphrase", ""),
        )
        match wrong:
            case None:
                return
            case "key":
                raise ProblemError("40006", "Invalid ACCESS_KEY")
            case "passphrase":
                raise ProblemError("40012", "apikey/password is incorrect")
            case _:
                raise ProblemError("40009", "sign signature error")

    def _envelope(self, code: str, message: str, data: Json, *, status: int = 200) -> Reply:
        now = self._exchange.clock.wall_ms()
        content = {"code": code, "msg": message, "requestTime": now, "data": data}
        return Reply(content=content, status=status)

    # ---- websockets ----

    def opened(self, socket: Socket) -> None:
        """Say nothing: the client speaks first."""
        self._stream.opened(socket)

    def heard(self, socket: Socket, text: str) -> None:
        """Take one frame."""
        self._stream.heard(socket, text)

    def closed(self, socket: Socket) -> None:
        """Forget its subscriptions."""
        self._stream.closed(socket)

    def happened(self, event: Event) -> None:
        """Push what happened to whoever listens."""
        self._stream.happened(event)


def _is_private(path: str) -> bool:
    return any(part in path for part in _PRIVATE)

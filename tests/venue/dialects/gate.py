"""Gate, version 4: spot and USDT-settled perpetuals."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_futures import FUTURES_ROUTES
from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_public import SPOT_MARKET_ROUTES
from tests.venue.dialects.gate_public_futures import FUTURES_MARKET_ROUTES
from tests.venue.dialects.gate_pushes import Pushes
from tests.venue.dialects.gate_routes import Call, find
from tests.venue.dialects.gate_sign import check_request
from tests.venue.dialects.gate_spot import SPOT_ROUTES
from tests.venue.dialects.gate_stream import Stream
from tests.venue.dialects.gate_topics import Topics
from tests.venue.dialects.gate_words import GateError
from tests.venue.exchange import Exchange
from tests.venue.model import Event, Listing, Product
from tests.venue.wire import Dialect, Keys, Purpose, Reply, Request, Socket, Trouble

EXCHANGE_OPTIONS: Final[Mapping[str, bool]] = {
    "fires_in_place": False,
    "fired_keeps_client_id": True,  # where the price order had one, which spot's never do
    "fee_in_received": True,
    "unique_client_ids": False,  # see House.place: not even among open orders
    "post_only_cancels": False,
}

LISTINGS: Final[tuple[Listing, ...]] = (
    Listing(
        base="BTC",
        quote="USDT",
        product=Product.SPOT,
        tick=Decimal("0.1"),
        lot=Decimal("0.000001"),
        min_quantity=Decimal("0.00001"),
        min_notional=Decimal(3),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    ),
    Listing(
        base="ETH",
        quote="USDT",
        product=Product.SPOT,
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        min_quantity=Decimal("0.001"),
        min_notional=Decimal(3),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    ),
    Listing(
        base="BTC",
        quote="USDT",
        product=Product.PERP,
        tick=Decimal("0.1"),
        lot=Decimal(1),
        contract_size=Decimal("0.0001"),
        min_quantity=Decimal(1),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        max_leverage=100,
    ),
    Listing(
        base="ETH",
        quote="USDT",
        product=Product.PERP,
        tick=Decimal("0.01"),
        lot=Decimal(1),
        contract_size=Decimal("0.01"),
        min_quantity=Decimal(1),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        max_leverage=100,
    ),
)
_ROUTES: Final = (
    *SPOT_MARKET_ROUTES,
    *FUTURES_MARKET_ROUTES,
    *SPOT_ROUTES,
    *FUTURES_ROUTES,
)
_RATE_HEADERS: Final = {
    "X-Gate-RateLimit-Requests-Remain": "0",
    "X-Gate-RateLimit-Limit": "10",
}


class Gate(Dialect):
    """Gate's words for what the exchange knows."""

    name = "gate"

    def __init__(self, exchange: Exchange, keys: Keys, base_url: Callable[[], str]) -> None:
        self._house = House(exchange=exchange, keys=keys)
        self._topics = Topics(now_ms=exchange.clock.now_ms)
        self._stream = Stream(self._house, self._topics)
        self._pushes = Pushes(self._house, self._topics)

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        self._house.expire()
        try:
            return self._answered(request)
        except GateError as e:
            return e.reply

    def purpose(self, request: Request) -> Purpose:
        """Say what a request is for."""
        found = find(_ROUTES, request)
        return "read" if found is None else found[0].purpose

    def trouble(self, trouble: Trouble) -> Reply:
        """Say why nothing is served now."""
        if trouble is Trouble.TOO_MANY:
            content = {
                "label": "TOO_MANY_REQUESTS",
                "message": "Request Rate limit Exceeded (211)",
            }
            return Reply(content=content, status=429, headers=_RATE_HEADERS)
        content = {"label": "TOO_BUSY", "message": "Server is too busy at the moment"}
        return Reply(content=content, status=503)

    def opened(self, socket: Socket) -> None:
        """Take in a new connection; the venue does not greet."""
        self._stream.opened(socket)

    def heard(self, socket: Socket, text: str) -> None:
        """Take one text frame."""
        self._stream.heard(socket, text)

    def closed(self, socket: Socket) -> None:
        """Forget a connection."""
        self._topics.forget(socket)

    def happened(self, event: Event) -> None:
        """Push an event to whoever subscribed to it."""
        self._pushes.happened(event)

    def _answered(self, request: Request) -> Reply:
        found = find(_ROUTES, request)
        if found is None:
            raise GateError(404, "NOT_FOUND", f"{request.method} {request.path} not found")
        route, named = found
        if route.purpose != "public":
            wall_ms = self._house.exchange.clock.wall_ms()
            check_request(request, self._house.keys, wall_ms=wall_ms)
        return route.answer(Call(house=self._house, request=request, named=named))

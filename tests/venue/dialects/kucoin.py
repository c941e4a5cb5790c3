"""KuCoin's dialect: the classic account's spot and futures interfaces, REST and websocket.

`EXCHANGE_OPTIONS` says what the venue implies: client ids must only be unique among open orders,
a taking post-only or an unfillable fill-or-kill order is accepted and then cancelled, fees are
paid in the quote coin, a fired spot stop becomes another order with the same client id.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from tests.venue.dialects.kucoin_fast import FastOrders
from tests.venue.dialects.kucoin_futures import FuturesOrders
from tests.venue.dialects.kucoin_futures_account import FuturesAccount
from tests.venue.dialects.kucoin_futures_market import FuturesMarket
from tests.venue.dialects.kucoin_futures_pushes import FuturesPushes
from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_hub import PUBLIC, Hub
from tests.venue.dialects.kucoin_pro import PRO_PRIVATE, PRO_PUBLIC, Pro
from tests.venue.dialects.kucoin_spot import SpotOrders
from tests.venue.dialects.kucoin_spot_account import SpotAccount
from tests.venue.dialects.kucoin_spot_market import SpotMarket
from tests.venue.dialects.kucoin_spot_pushes import SpotPushes
from tests.venue.dialects.kucoin_stops import SpotStops
from tests.venue.dialects.kucoin_wire import Call, KuCoinError, Route, check_signature
from tests.venue.exchange import Exchange
from tests.venue.model import (
    BalanceChanged,
    BookChanged,
    CandleChanged,
    Event,
    Listing,
    MarkChanged,
    OrderChanged,
    PositionChanged,
    Product,
    Traded,
)
from tests.venue.wire import Dialect, Keys, Purpose, Reply, Request, Socket, Trouble

EXCHANGE_OPTIONS: Final[Mapping[str, bool]] = {
    "fires_in_place": False,
    "fired_keeps_client_id": True,
    "fee_in_received": False,
    "unique_client_ids": False,
    "post_only_cancels": True,
    "fok_cancels": True,
}


def _spot(base: str, tick: str, lot: str, least: str) -> Listing:
    return Listing(
        base=base,
        quote="USDT",
        product=Product.SPOT,
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_quantity=Decimal(least),
        min_notional=Decimal("0.1"),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def _perp(base: str, tick: str, contract_size: str) -> Listing:
    return Listing(
        base=base,
        quote="USDT",
        product=Product.PERP,
        tick=Decimal(tick),
        lot=Decimal(1),
        contract_size=Decimal(contract_size),
        min_quantity=Decimal(1),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0006"),
        max_leverage=125,
    )


LISTINGS: Final[Sequence[Listing]] = (
    _spot("BTC", "0.1", "0.00000001", "0.00001"),
    _spot("ETH", "0.01", "0.0000001", "0.0001"),
    _perp("BTC", "0.1", "0.001"),
    _perp("ETH", "0.01", "0.01"),
)
_TROUBLES: Final[Mapping[Trouble, KuCoinError]] = {
    Trouble.TOO_MANY: KuCoinError(
        "429000", "Too many requests in a short period of time", status=429
    ),
    Trouble.MAINTENANCE: KuCoinError(
        "503", "Service Unavailable -- We're temporarily offline for maintenance", status=503
    ),
}


class KuCoin(Dialect):
    """Answers, greets, listens and pushes as KuCoin does."""

    name = "kucoin"

    def __init__(
        self,
        exchange: Exchange,
        keys: Keys,
        base_url: Callable[[], str],
        *,
        high_frequency: bool = False,
    ) -> None:
        self.house = House(
            exchange=exchange, keys=keys, base_url=base_url, high_frequency=high_frequency
        )
        self._hub = Hub(self.house)
        self._pro = Pro(self.house)
        self._spot = SpotPushes(self.house, self._hub)
        self._futures = FuturesPushes(self.house, self._hub)
        parts = (
            SpotMarket(self.house),
            SpotOrders(self.house),
            FastOrders(self.house),
            SpotStops(self.house),
            SpotAccount(self.house),
            FuturesMarket(self.house),
            FuturesOrders(self.house),
            FuturesAccount(self.house),
        )
        self._routes = [route for part in parts for route in part.routes()]

    # ---- REST ----

    def answer(self, request: Request) -> Reply:
        """Answer one request: check its signature, do it, say it in the venue's envelope."""
        try:
            route, args = self._route(request)
            if route.purpose != "public":
                check_signature(request, self.house.keys, self.house.now_wall_ms())
            data = route.handler(Call.of(request, args))
        except KuCoinError as e:
            return e.reply()
        return Reply(content={"code": "200000", "data": data})

    def purpose(self, request: Request) -> Purpose:
        """Say what a request is for, without doing it."""
        try:
            return self._route(request)[0].purpose
        except KuCoinError:
            return "public"

    def trouble(self, trouble: Trouble) -> Reply:
        """Say in the venue's own envelope why nothing is served now."""
        return _TROUBLES[trouble].reply()

    def _route(self, request: Request) -> tuple[Route, tuple[str, ...]]:
        for route in self._routes:
            found = route.matches(request)
            if found is not None:
                return route, found.groups()
        raise KuCoinError("404000", "URL NOT FOUND", status=404)

    # ---- websockets ----

    def _desk(self, socket: Socket) -> Hub | Pro | None:
        if socket.host in PUBLIC:
            return self._hub
        return self._pro if socket.host in (*PRO_PUBLIC, PRO_PRIVATE) else None

    def opened(self, socket: Socket) -> None:
        """Greet a new connection; hang up where the venue has no websocket."""
        desk = self._desk(socket)
        if desk is None:
            socket.close()
        else:
            desk.opened(socket)

    def heard(self, socket: Socket, text: str) -> None:
        """Take one text frame."""
        desk = self._desk(socket)
        if desk is not None and "topics" in socket.state:
            desk.heard(socket, text)

    def closed(self, socket: Socket) -> None:
        """Forget a connection."""
        desk = self._desk(socket)
        if desk is not None:
            desk.closed(socket)

    # ---- events ----

    def happened(self, event: Event) -> None:
        """Push an event of the exchange to whoever subscribed to it."""
        match event:
            case BalanceChanged(product=Product.SPOT):
                self._spot.balanced(dict(event.balances))
            case BalanceChanged():
                self._futures.balanced()
            case PositionChanged():
                self._futures.positioned(event.position)
            case MarkChanged():
                self._futures.marked(event)
                self._pro.marked(event)
            case _:
                self._happened_to_either(event)

    def _happened_to_either(
        self, event: Traded | BookChanged | CandleChanged | OrderChanged
    ) -> None:
        """Push what both products have."""
        match event:
            case Traded(trade=trade):
                self._pushes(trade.symbol).traded(trade)
            case BookChanged():
                self._pushes(event.symbol).booked(event)
            case CandleChanged():
                self._pushes(event.symbol).barred(event)
            case OrderChanged():
                self._pushes(event.order.ask.symbol).ordered(event)

    def _pushes(self, symbol: str) -> SpotPushes | FuturesPushes:
        is_spot = self.house.listing_of(symbol).product is Product.SPOT
        return self._spot if is_spot else self._futures

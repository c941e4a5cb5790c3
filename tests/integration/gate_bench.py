"""Gate's dialect without a server, on a clock that stands still, with sockets that remember."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from tests.venue.clock import VenueClock
from tests.venue.dialects.gate import EXCHANGE_OPTIONS, LISTINGS, Gate
from tests.venue.exchange import Exchange
from tests.venue.model import Product, Side
from tests.venue.wire import Json, Keys, Reply, Request

KEYS = Keys()
NOW_SECS = 1_800_000_000
USER = "10406147"
BTC, PERP = "BTC/USDT", "BTC/USDT:USDT"
LIMIT = {
    "currency_pair": "BTC_USDT",
    "type": "limit",
    "account": "spot",
    "side": "buy",
    "amount": "0.01",
    "price": "49000",
    "text": "t-1",
}
FUTURES_LIMIT = {"contract": "BTC_USDT", "size": 10, "price": "49000", "tif": "gtc", "text": "t-1"}
FUTURES_MARKET = {"contract": "BTC_USDT", "size": 10, "price": "0", "tif": "ioc"}
STOP = {
    "market": "BTC_USDT",
    "trigger": {"price": "49000", "rule": "<=", "expiration": 86400},
    "put": {"side": "sell", "price": "48000", "amount": "0.01", "time_in_force": "gtc"},
}
FUTURES_STOP = {
    "initial": {"contract": "BTC_USDT", "size": -1, "price": "0", "tif": "ioc", "text": "t-s"},
    "trigger": {"price": "49000", "rule": 2},
}


@dataclass(slots=True, eq=False)
class FakeSocket:
    """A connection that keeps what it is sent."""

    path: str
    decimals: bool = True
    host: str = "api.gateio.ws"
    query: Mapping[str, str] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    frames: list[Json] = field(default_factory=list)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"x-gate-size-decimal": "1"} if self.decimals else {}

    def send(self, frame: Json, *, stream: str, topic: str = "", snapshot: bool = False) -> None:
        self.frames.append(json.loads(json.dumps(frame)))

    def close(self) -> None:
        raise AssertionError("the venue closed the connection")

    def last(self, channel: str, event: str = "update") -> Json:
        """Find the newest frame of a channel."""
        return next(
            one
            for one in reversed(self.frames)
            if one["channel"] == channel and one["event"] == event
        )


class Bench:
    """A dialect without a server, on a clock that stands still."""

    def __init__(self) -> None:
        self.wall_secs = float(NOW_SECS)
        self.clock = VenueClock(speed=0, start_ms=NOW_SECS * 1000, wall=lambda: self.wall_secs)
        balances = {
            Product.SPOT: {"USDT": Decimal(100_000), "BTC": Decimal(2)},
            Product.PERP: {"USDT": Decimal(100_000)},
        }
        self.exchange = Exchange(LISTINGS, clock=self.clock, balances=balances, **EXCHANGE_OPTIONS)
        self.dialect = Gate(self.exchange, KEYS, lambda: "http://127.0.0.1:1")
        self.exchange.listen(self.dialect.happened)
        for listing in LISTINGS:
            self.tick(listing.symbol, "50000", "100")

    def tick(self, symbol: str, price: str, quantity: str, side: Side = Side.BUY) -> None:
        """Let somebody trade."""
        self.exchange.tick(symbol, Decimal(price), Decimal(quantity), side)

    def ask(
        self, method: str, path: str, query: str = "", body: Json = None, *, decimals: bool = False
    ) -> Reply:
        """Send one signed request."""
        text = "" if body is None else json.dumps(body)
        stamp = str(int(self.wall_secs))
        digest = hashlib.sha512(text.encode()).hexdigest()
        signed = "\n".join((method, f"/api/v4{path}", query, digest, stamp))
        headers = {"key": KEYS.key, "timestamp": stamp, "sign": _sign(signed)}
        if decimals:
            headers["x-gate-size-decimal"] = "1"
        return self.dialect.answer(
            Request(
                method=method,
                host="api.gateio.ws",
                path=f"/api/v4{path}",
                raw_path=f"/api/v4{path}",
                raw_query=query,
                query=dict(parse_qsl(query)),
                headers=headers,
                body=text,
            )
        )

    def read(self, path: str, query: str = "", **options: bool) -> Json:
        """Get something, as it leaves in JSON."""
        reply = self.ask("GET", path, query, **options)
        assert reply.status == 200, reply.content
        return json.loads(json.dumps(reply.content))

    def do(self, method: str, path: str, query: str = "", body: Json = None) -> Json:
        """Change something, and get what is answered."""
        reply = self.ask(method, path, query, body)
        assert reply.status in (200, 201), reply.content
        return json.loads(json.dumps(reply.content))

    def dial(self, product: str, *, decimals: bool = True) -> FakeSocket:
        """Open a websocket."""
        path = "/ws/v4/" if product == "spot" else "/v4/ws/usdt"
        socket = FakeSocket(path, decimals=decimals)
        self.dialect.opened(socket)
        return socket

    def subscribe(
        self, socket: FakeSocket, channel: str, payload: list[str] | None, event: str = "subscribe"
    ) -> Json:
        """Subscribe to a channel, signed, and return the answer."""
        stamp = int(self.wall_secs)
        signed = f"channel={channel}&event={event}&time={stamp}"
        auth = {"method": "api_key", "KEY": KEYS.key, "SIGN": _sign(signed)}
        frame: dict[str, Json] = {"id": 1, "time": stamp, "channel": channel, "event": event}
        if payload is not None:
            frame["payload"] = payload
        self.dialect.heard(socket, json.dumps(frame | {"auth": auth}))
        return socket.last(channel, event)


def _sign(signed: str) -> str:
    return hmac.new(KEYS.secret.encode(), signed.encode(), hashlib.sha512).hexdigest()

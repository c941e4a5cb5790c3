"""Gate's websockets: subscribing, unsubscribing, pings and what is said to nonsense."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.venue.dialects.gate_books import futures_snapshot, spot_snapshot
from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_sign import is_recent, is_signed
from tests.venue.dialects.gate_topics import ALL, STREAMS, Topics, style_of, update
from tests.venue.dialects.gate_words import USER_ID, GateError, Row
from tests.venue.model import Product
from tests.venue.wire import Json, Socket

type Frame = Mapping[str, Any]  # a parsed JSON object of the client's

_PRIVATE: Final = frozenset(
    ("orders", "usertrades", "balances", "positions", "priceorders", "autoorders")
)
_SPOT_ONLY: Final = frozenset(("obu", "priceorders"))
_FUTURES_ONLY: Final = frozenset(("positions", "autoorders"))
_FREQUENCIES: Final = ("20ms", "100ms")
_DEPTHS: Final = ("20", "50", "100")


class SubscribeError(Exception):
    """A subscription is refused, with the venue's code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Stream:
    """What connections say, and what they are answered."""

    def __init__(self, house: House, topics: Topics) -> None:
        self._house = house
        self._topics = topics

    def opened(self, socket: Socket) -> None:
        """Number a new connection."""
        self._house.memory.connections += 1
        socket.state["conn_id"] = f"{self._house.memory.connections:016x}"
        headers: Mapping[str, str] | None = getattr(socket, "headers", None)
        if headers is not None:
            socket.state["decimals"] = headers.get("x-gate-size-decimal") == "1"

    def heard(self, socket: Socket, text: str) -> None:
        """Take one frame."""
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict):
            error = {"code": 1, "message": "request message need json scheme"}
            socket.send(self._stamped({"error": error, "result": None}), stream="ack")
            return
        channel, event = str(frame.get("channel")), frame.get("event")
        if channel.endswith(".ping"):
            pong = {"channel": channel.replace(".ping", ".pong"), "event": "", "result": None}
            socket.send(self._stamped(pong), stream="pong")
        elif event == "api":
            socket.send(self._api_refusal(socket, frame), stream="ack")
        else:
            self._subscribe(socket, frame, channel, str(event))

    def _subscribe(self, socket: Socket, frame: Frame, channel: str, event: str) -> None:
        try:
            keys = self._keys(socket, frame, channel, event)
        except SubscribeError as e:
            error = {"error": {"code": e.code, "message": str(e)}, "result": {"status": "fail"}}
            socket.send(self._ack(socket, frame, error), stream="ack", topic=channel)
            return
        for key in keys:
            if event == "unsubscribe":
                self._topics.remove(socket, (channel, key))
            else:
                self._topics.add(socket, (channel, key))
        success = {"result": {"status": "success"}}
        socket.send(self._ack(socket, frame, success), stream="ack", topic=channel)
        if event == "subscribe":
            self._greet(socket, channel, keys)

    def _keys(self, socket: Socket, frame: Frame, channel: str, event: str) -> list[str]:
        """Name what a subscription asks for; raise SubscribeError unless all of it is right."""
        product, kind = self._channel(socket, channel)
        if event not in ("subscribe", "unsubscribe"):
            raise SubscribeError(2, f"unknown event {event}")
        payload = frame.get("payload")
        if not isinstance(payload, list):
            if payload is not None or kind != "balances":
                raise SubscribeError(1, "invalid payload")
            payload = []
        if kind in _PRIVATE:
            self._check_signed(frame)
            keys = self._private_keys(product, kind, payload)
            socket.state["private"] = True
            return keys
        keys = self._public_keys(product, kind, payload)
        if kind == "obu" and event == "subscribe":
            for key in keys:
                if self._topics.has(socket, (channel, key)):
                    raise SubscribeError(2, f"Alert sub {key}")
        return keys

    def _channel(self, socket: Socket, channel: str) -> tuple[Product, str]:
        family, _, kind = channel.partition(".")
        product = Product.SPOT if socket.path.startswith("/ws/v4") else Product.PERP
        wanted = "spot" if product is Product.SPOT else "futures"
        foreign = _FUTURES_ONLY if product is Product.SPOT else _SPOT_ONLY
        if family != wanted or kind not in STREAMS or kind in foreign:
            raise SubscribeError(2, f"Unknown channel {channel}")
        return product, kind

    def _check_signed(self, frame: Frame) -> None:
        wall_ms = self._house.exchange.clock.wall_ms()
        if not is_recent(frame.get("time"), wall_ms=wall_ms):
            raise SubscribeError(2, "gap between request time and server time is too large")
        if not is_signed(frame, self._house.keys):
            body = json.dumps({"label": "INVALID_KEY", "message": "Invalid key provided"})
            raise SubscribeError(4, f"{body}\n")

    def _private_keys(self, product: Product, kind: str, payload: Sequence[object]) -> list[str]:
        names = [str(one) for one in payload]
        if product is Product.PERP:
            if not names or names[0] != str(USER_ID):
                raise SubscribeError(2, f"invalid user id {names[:1]}")
            names = names[1:]
        if kind == "balances":
            return [ALL]
        if not names:
            raise SubscribeError(1, "invalid payload")
        for name in names:
            if name != ALL:
                self._check_known(product, name)
        return names

    def _public_keys(self, product: Product, kind: str, payload: Sequence[object]) -> list[str]:
        names = [str(one) for one in payload]
        if not names:
            raise SubscribeError(1, "invalid payload")
        if kind == "candlesticks":
            if len(names) != 2:
                raise SubscribeError(2, "invalid payload")
            self._check_known(product, names[1])
            return [f"{names[0]}_{names[1]}"]
        if kind == "order_book_update":
            self._check_known(product, names[0])
            self._check_depth(product, names)
            return [names[0]]
        if kind == "obu":
            return names  # an unknown stream is accepted, and stays silent
        for name in names:
            self._check_known(product, name)
        return names

    def _check_depth(self, product: Product, names: Sequence[str]) -> None:
        if len(names) < 2 or names[1] not in _FREQUENCIES:
            raise SubscribeError(2, f"provided frequency not supported: {names[1:2]}")
        if product is Product.PERP and len(names) > 2 and names[2] not in _DEPTHS:
            raise SubscribeError(2, f"provided level not supported: {names[2]}")

    def _check_known(self, product: Product, name: str) -> None:
        try:
            self._house.listing(product, name)
        except GateError:
            raise SubscribeError(2, f"unknown currency pair: {name}") from None

    def _greet(self, socket: Socket, channel: str, keys: Sequence[str]) -> None:
        """Send the whole book where a channel starts with it."""
        exchange = self._house.exchange
        now = exchange.clock.now_ms()
        for key in keys:
            if channel == "spot.obu" and len(parts := key.split(".")) == 3:
                known = {
                    f"{one.base}_{one.quote}": one for one in self._house.listings(Product.SPOT)
                }
                if parts[1] not in known:
                    continue
                book = exchange.book(known[parts[1]].symbol)
                result: Json = spot_snapshot(book, key)
            elif channel == "futures.order_book_update":
                listing = self._house.listing(Product.PERP, key)
                book = exchange.book(listing.symbol)
                result = futures_snapshot(book, listing, style_of(socket))
            else:
                continue
            frame = update(channel, result, now_ms=now)
            socket.send(frame, stream="book", topic=f"{channel} {key}", snapshot=True)

    # ---- envelopes ----

    def _stamped(self, content: Row) -> Row:
        now = self._house.exchange.clock.wall_ms()
        return {"time": now // 1000, "time_ms": now} | content

    def _ack(self, socket: Socket, frame: Frame, outcome: Row) -> Row:
        channel = str(frame.get("channel"))
        self._house.memory.updates += 1
        trace = f"{self._house.memory.updates:032x}"
        row = {
            "id": frame.get("id"),
            "conn_id": socket.state.get("conn_id"),
            "trace_id": trace,
            "channel": channel,
            "event": frame.get("event"),
            "payload": frame.get("payload"),
        }
        row |= outcome
        if channel.startswith("spot."):
            row["requestId"] = trace
        return self._stamped(row)

    def _api_refusal(self, socket: Socket, frame: Frame) -> Row:
        """Refuse orders over the websocket: this venue takes them over REST only."""
        payload = frame.get("payload")
        asked = payload if isinstance(payload, dict) else {}
        message = "orders over websockets are not modelled, use REST"
        return {
            "header": {
                "response_time": str(self._house.exchange.clock.wall_ms()),
                "status": "400",
                "channel": frame.get("channel"),
                "event": "api",
                "client_id": "127.0.0.1",
                "conn_id": socket.state.get("conn_id"),
            },
            "data": {"errs": {"label": "NOT_ACCEPTABLE", "message": message}},
            "request_id": asked.get("req_id"),
        }

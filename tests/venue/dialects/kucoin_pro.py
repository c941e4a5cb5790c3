"""KuCoin's newer "pro" websockets, as far as a classic account has a use for them."""

import json
from collections.abc import Mapping
from typing import Final

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_wire import KuCoinError, text
from tests.venue.model import MarkChanged, Product
from tests.venue.wire import Json, Socket

PRO_PUBLIC: Final = ("x-push-spot.kucoin.com", "x-push-futures.kucoin.com")
PRO_PRIVATE: Final = "wsapi-push.kucoin.com"
_CHANNELS: Final = ("mark-price", "funding-fee")


class Pro:
    """Serves mark prices and funding rates, which the classic streams of ccxt lack."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._listeners: dict[tuple[str, str], list[Socket]] = {}

    def opened(self, socket: Socket) -> None:
        """Greet a connection; a private one needs its token."""
        token = socket.query.get("token", "")
        if socket.host == PRO_PRIVATE and not self._house.tokens.get(token):
            socket.close()
            return
        socket.state["private"] = socket.host == PRO_PRIVATE
        socket.state["topics"] = set()
        session = f"ddfb0cbd-f7a7-40c2-9129-{id(socket) & 0xFFFFFFFFFFFF:012x}"
        welcome = {"sessionId": session, "message": "welcome", "pingInterval": 18_000}
        socket.send(welcome, stream="ack")

    def closed(self, socket: Socket) -> None:
        """Forget a connection."""
        for key in socket.state.get("topics", ()):
            self._listeners[key].remove(socket)

    def heard(self, socket: Socket, text: str) -> None:
        """Take one frame."""
        try:
            message: Mapping[str, Json] = json.loads(text)
        except ValueError:
            message = {}
        frame_id = str(message.get("id", ""))
        if message.get("type") == "ping":
            pong = {"id": frame_id, "type": "pong", "timestamp": self._house.now_wall_ms()}
            socket.send(pong, stream="pong")
            return
        try:
            key = self._key(socket, message)
        except KuCoinError as e:
            refused = {"id": frame_id, "result": False, "reason": e.message}
            socket.send(refused, stream="ack")
            return
        socket.send({"id": frame_id, "result": True}, stream="ack")
        self._join(socket, key, joins=message.get("action") == "subscribe")

    def _key(self, socket: Socket, message: Mapping[str, Json]) -> tuple[str, str]:
        channel, name = str(message.get("channel", "")), str(message.get("symbol", ""))
        if socket.host != PRO_PUBLIC[1] or channel not in _CHANNELS:
            raise KuCoinError("400", f"channel {channel} is not served to a classic account here")
        if not name:
            raise KuCoinError("400", f"missing `symbol` for topic: {channel}")
        try:
            return channel, self._house.listing(name, Product.PERP).symbol
        except KuCoinError as e:
            raise KuCoinError("400", f"invalid `symbol` for topic: {channel}") from e

    def _join(self, socket: Socket, key: tuple[str, str], *, joins: bool) -> None:
        listeners = self._listeners.setdefault(key, [])
        if joins and key not in socket.state["topics"]:
            socket.state["topics"].add(key)
            listeners.append(socket)
            self._push(*key)
        elif not joins and key in socket.state["topics"]:
            socket.state["topics"].discard(key)
            listeners.remove(socket)

    def marked(self, change: MarkChanged) -> None:
        """Push mark, index and funding."""
        for channel in _CHANNELS:
            self._push(channel, change.symbol)

    def _push(self, channel: str, symbol: str) -> None:
        listeners = self._listeners.get((channel, symbol))
        if not listeners:
            return
        data = self._mark(symbol) if channel == "mark-price" else self._funding(symbol)
        frame = {"T": channel, "P": str(self._house.now_ms() * 1_000_000), "d": data}
        for socket in listeners:
            socket.send(frame, stream="ticker", topic=f"{channel}:{symbol}", snapshot=True)

    def _mark(self, symbol: str) -> dict[str, Json]:
        return {
            "s": self._house.name(symbol),
            "mp": text(self._house.exchange.mark(symbol)),
            "ip": text(self._house.exchange.index(symbol)),
            "oi": "50541824",
            "ts": self._house.now_ms() // 1000 * 1000,
        }

    def _funding(self, symbol: str) -> dict[str, Json]:
        funding = self._house.exchange.funding(symbol)
        span = funding.interval_hours * 3_600_000
        return {
            "s": self._house.name(symbol),
            "fr": text(funding.rate),
            "ft": funding.next_ms - span,
            "nt": funding.next_ms,
            "gl": span,
            "fc": "0.00375",
            "ff": "-0.00375",
        }

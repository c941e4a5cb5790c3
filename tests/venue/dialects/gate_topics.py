"""Who listens to what on Gate's websockets, and how frames reach them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.venue.dialects.gate_futures_rows import Style
from tests.venue.wire import Json, Socket

ALL: Final = "!all"

# The server's word for what a channel carries
STREAMS: Final = {
    "trades": "trades",
    "tickers": "ticker",
    "book_ticker": "ticker",
    "candlesticks": "candles",
    "obu": "book",
    "order_book_update": "book",
    "orders": "orders",
    "priceorders": "orders",
    "autoorders": "orders",
    "usertrades": "fills",
    "balances": "balances",
    "positions": "positions",
}

type Topic = tuple[str, str]  # channel, and what within it


def style_of(socket: Socket) -> Style:
    """Tell how a connection wants contracts written; clients ask for decimals when they dial."""
    return Style(decimals=bool(socket.state.get("decimals", True)))


@dataclass(slots=True)
class Topics:
    """The subscriptions of all connections; `now_ms` is market time."""

    now_ms: Callable[[], int]
    _sockets: dict[Topic, dict[Socket, None]] = field(default_factory=dict)

    def add(self, socket: Socket, topic: Topic) -> None:
        """Subscribe a connection."""
        self._sockets.setdefault(topic, {})[socket] = None

    def has(self, socket: Socket, topic: Topic) -> bool:
        """Say whether a connection is subscribed."""
        return socket in self._sockets.get(topic, {})

    def remove(self, socket: Socket, topic: Topic) -> None:
        """Unsubscribe a connection."""
        found = self._sockets.get(topic)
        if found is not None:
            found.pop(socket, None)
            if not found:
                del self._sockets[topic]

    def forget(self, socket: Socket) -> None:
        """Unsubscribe a connection from everything."""
        for topic in list(self._sockets):
            self.remove(socket, topic)

    def push(self, channel: str, keys: tuple[str, ...], say: Callable[[Style], Json]) -> None:
        """Send what happened to everybody who listens to any of the keys."""
        listeners: dict[Socket, str] = {}
        for key in keys:
            for socket in self._sockets.get((channel, key), ()):
                listeners.setdefault(socket, key)
        if not listeners:
            return
        frames: dict[bool, Json] = {}
        stream = STREAMS[channel.partition(".")[2]]
        now_ms = self.now_ms()
        for socket, key in listeners.items():
            style = style_of(socket)
            if style.decimals not in frames:
                frames[style.decimals] = update(channel, say(style), now_ms=now_ms)
            socket.send(frames[style.decimals], stream=stream, topic=f"{channel} {key}")


def update(channel: str, result: Json, *, now_ms: int) -> Json:
    """Wrap what happened in the channel's envelope."""
    if channel == "spot.obu":
        return {"channel": channel, "result": result, "time_ms": now_ms, "event": "update"}
    return {
        "time": now_ms // 1000,
        "time_ms": now_ms,
        "channel": channel,
        "event": "update",
        "result": result,
    }

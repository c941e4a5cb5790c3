"""KuCoin's classic websockets: tokens, topics, subscriptions, pings."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from tests.venue.dialects.kucoin_house import House
from tests.venue.dialects.kucoin_spot_account import FUTURES_SOCKET, SPOT_SOCKET
from tests.venue.dialects.kucoin_wire import USER_ID, KuCoinError
from tests.venue.model import Listing, Product
from tests.venue.wire import Json, Socket

type Greeting = Callable[[Listing], None]

# By host: topics about markets, and topics about the account
PUBLIC: Final[Mapping[str, frozenset[str]]] = {
    SPOT_SOCKET: frozenset(
        {
            "/market/ticker",
            "/market/snapshot",
            "/market/level2",
            "/market/match",
            "/market/candles",
            "/spotMarket/level1",
            "/spotMarket/level2Depth5",
            "/spotMarket/level2Depth50",
        }
    ),
    FUTURES_SOCKET: frozenset(
        {
            "/contractMarket/ticker",
            "/contractMarket/tickerV2",
            "/contractMarket/level2",
            "/contractMarket/level2Depth5",
            "/contractMarket/level2Depth50",
            "/contractMarket/limitCandle",
            "/contractMarket/execution",
            "/contract/instrument",
        }
    ),
}
PRIVATE: Final[Mapping[str, frozenset[str]]] = {
    SPOT_SOCKET: frozenset(
        {
            "/spotMarket/tradeOrders",
            "/spotMarket/advancedOrders",
            "/spot/tradeFills",
            "/account/balance",
        }
    ),
    FUTURES_SOCKET: frozenset(
        {
            "/contractMarket/tradeOrders",
            "/contractMarket/advancedOrders",
            "/contractAccount/wallet",
            "/contract/position",
            "/contract/positionAll",
        }
    ),
}
_PRODUCTS: Final = {SPOT_SOCKET: Product.SPOT, FUTURES_SOCKET: Product.PERP}


class Hub:
    """Knows who listens to what, and passes frames on."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._listeners: dict[str, list[Socket]] = {}
        self._shown: dict[str, Callable[[str], None]] = {}  # what a new subscriber is shown

    def show(self, base: str, shown: Callable[[str], None]) -> None:
        """Say what to push when somebody subscribes to a market's topic."""
        self._shown[base] = shown

    def wants(self, topic: str) -> bool:
        """Say whether anybody listens."""
        return bool(self._listeners.get(topic))

    def push(
        self,
        topic: str,
        subject: str,
        data: Json,
        *,
        stream: str,
        extra: Mapping[str, Json] | None = None,
        snapshot: bool = False,
    ) -> None:
        """Send one message to all who listen to its topic."""
        frame = {"topic": topic, "type": "message", "subject": subject, **(extra or {})}
        for socket in self._listeners.get(topic, ()):
            socket.send({**frame, "data": data}, stream=stream, topic=topic, snapshot=snapshot)

    def push_private(
        self, topic: str, subject: str, data: Json, *, stream: str, extra: Json = None
    ) -> None:
        """Send one message about the account."""
        owner = {**(extra or {}), "userId": USER_ID, "channelType": "private"}
        self.push(topic, subject, data, stream=stream, extra=owner)

    # ---- connections ----

    def opened(self, socket: Socket) -> None:
        """Greet whoever has a token; send the others away."""
        token = socket.query.get("token", "")
        if token not in self._house.tokens:
            expired = {"id": "", "type": "error", "code": 401, "data": "token is expired"}
            socket.send(expired, stream="ack")
            socket.close()
            return
        socket.state["topics"] = set()
        socket.state["private"] = self._house.tokens[token]
        welcome = {"id": socket.query.get("connectId", ""), "type": "welcome"}
        socket.send(welcome, stream="ack")

    def closed(self, socket: Socket) -> None:
        """Forget a connection."""
        for topic in socket.state.get("topics", ()):
            self._listeners[topic].remove(socket)

    def heard(self, socket: Socket, text: str) -> None:
        """Take one frame."""
        message = _parsed(text)
        frame_id = str(message.get("id", ""))
        match message.get("type"):
            case "ping":
                now = self._house.now_wall_ms() * 1000
                pong = {"id": frame_id, "type": "pong", "timestamp": now}
                socket.send(pong, stream="pong")
            case "subscribe" | "unsubscribe" as kind:
                self._serve(socket, message, frame_id, joins=kind == "subscribe")
            case _:
                self._refuse(socket, frame_id, KuCoinError("415", "type is not supported"))

    def _serve(
        self, socket: Socket, message: Mapping[str, Json], frame_id: str, *, joins: bool
    ) -> None:
        try:
            topics = self._topics(socket, message)
        except KuCoinError as e:
            self._refuse(socket, frame_id, e)
            return
        if message.get("response") in (True, "true"):
            socket.send({"id": frame_id, "type": "ack"}, stream="ack")
        for topic in topics:
            (self._join if joins else self._leave)(socket, topic)

    def _refuse(self, socket: Socket, frame_id: str, e: KuCoinError) -> None:
        error = {"id": frame_id, "type": "error", "code": int(e.code), "data": e.message}
        socket.send(error, stream="ack")

    def _topics(self, socket: Socket, message: Mapping[str, Json]) -> list[str]:
        """Split a subscription into single topics; raise where one is not served here."""
        asked = str(message.get("topic", ""))
        base, _, names = asked.partition(":")
        if base in PRIVATE[socket.host]:
            is_private = message.get("privateChannel") in (True, "true")
            if not (is_private and socket.state["private"]):
                raise KuCoinError("403", "login is required")
        elif base not in PUBLIC[socket.host] or not names:
            raise KuCoinError("404", f"topic {asked} is not found")
        for name in filter(None, names.split(",")):
            self._check_name(socket, asked, name)
        return [f"{base}:{name}" for name in names.split(",")] if names else [base]

    def _check_name(self, socket: Socket, asked: str, name: str) -> None:
        if name == "all":
            return
        try:
            self._house.listing(name.partition("_")[0], _PRODUCTS[socket.host])
        except KuCoinError as e:
            raise KuCoinError("404", f"topic {asked} is not found") from e

    def _join(self, socket: Socket, topic: str) -> None:
        if topic in socket.state["topics"]:
            return
        socket.state["topics"].add(topic)
        self._listeners.setdefault(topic, []).append(socket)
        shown = self._shown.get(topic.partition(":")[0])
        if shown is not None:
            shown(topic)

    def _leave(self, socket: Socket, topic: str) -> None:
        if topic in socket.state["topics"]:
            socket.state["topics"].discard(topic)
            self._listeners[topic].remove(socket)


def _parsed(text: str) -> Mapping[str, Json]:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}

"""Bitget's websockets: login, subscriptions, and what is pushed to whom in which order."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.venue.dialects.bitget_accounts import mix_account_push, position_push, spot_balance_push
from tests.venue.dialects.bitget_books import Books
from tests.venue.dialects.bitget_fills import mix_fill_push, spot_fill_push
from tests.venue.dialects.bitget_market import candle_row, trade_row
from tests.venue.dialects.bitget_memory import Memory, Row
from tests.venue.dialects.bitget_pushes import mix_push, plan_push, spot_push
from tests.venue.dialects.bitget_tickers import ticker_push
from tests.venue.dialects.bitget_topics import PRIVATE, TYPE_OF, Topic, is_served
from tests.venue.dialects.bitget_words import (
    INST_TYPES,
    Names,
    interval_ms,
    is_plan,
    native,
)
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
from tests.venue.wire import Json, Socket

type Check = Callable[..., str | None]

_PATIENCE_SECS: Final = 30  # how old a login's time may be
_WRONG: Final[Mapping[str, tuple[int, str]]] = {
    "key": (30011, "Invalid ACCESS_KEY"),
    "passphrase": (30012, "Invalid ACCESS_PASSPHRASE"),
    "sign": (30015, "Invalid sign"),
}


class Stream:
    """Keeps who listens to what, and writes each event for them."""

    def __init__(self, exchange: Exchange, names: Names, memory: Memory, check: Check) -> None:
        self._exchange = exchange
        self._names = names
        self._memory = memory
        self._check = check
        self._books = Books(exchange)
        self._listeners: dict[Topic, list[Socket]] = {}
        self._candles: dict[tuple[str, int], list[Topic]] = {}  # by symbol and interval
        self._tickers: dict[str, Row] = {}  # last pushed, without its time

    # ---- connections ----

    def opened(self, socket: Socket) -> None:
        """Remember that nobody is logged in."""
        socket.state["topics"] = []

    def closed(self, socket: Socket) -> None:
        """Forget its subscriptions."""
        for topic in socket.state["topics"]:
            self._listeners[topic].remove(socket)
        socket.state["topics"] = []

    def heard(self, socket: Socket, text: str) -> None:
        """Take one frame."""
        if text == "ping":
            socket.send("pong", stream="pong")
            return
        try:
            asked = json.loads(text)
            acts = {
                "login": self._log_in,
                "subscribe": self._subscribe,
                "unsubscribe": self._unsubscribe,
            }
            act = acts[asked["op"]]
        except (ValueError, KeyError, TypeError):
            self._refuse(socket, 30003, f"invalid op {text[:100]}")
            return
        for arg in asked["args"]:
            act(socket, arg)

    def _log_in(self, socket: Socket, arg: Row) -> None:
        given = str(arg.get("timestamp", ""))
        if not given.isdigit():
            self._refuse(socket, 30013, "Invalid ACCESS_TIMESTAMP")
            return
        secs = int(given) / (1000 if len(given) > 11 else 1)
        if abs(secs - self._exchange.clock.wall_ms() / 1000) > _PATIENCE_SECS:
            self._refuse(socket, 30014, "Request timestamp expired")
            return
        wrong = self._check(
            f"{given}GET/user/verify",
            str(arg.get("sign", "")),
            key=arg.get("apiKey"),
            passphrase=arg.get("passphrase"),
        )
        if wrong is not None:
            self._refuse(socket, *_WRONG[wrong])
            return
        socket.state["private"] = True
        frame = {"event": "login", "code": 0, "connId": f"local-{id(socket):x}"}
        socket.send(frame, stream="ack")

    def _subscribe(self, socket: Socket, arg: Row) -> None:
        topic = self._topic(socket, arg)
        if topic is None:
            return
        socket.send({"event": "subscribe", "arg": arg}, stream="ack")
        if topic not in socket.state["topics"]:
            socket.state["topics"].append(topic)
            self._listeners.setdefault(topic, []).append(socket)
            if topic.channel.startswith("candle"):
                self._index_candles(topic)
        self._greet(socket, topic)

    def _unsubscribe(self, socket: Socket, arg: Row) -> None:
        topic = self._topic(socket, arg)
        if topic is None:
            return
        if topic in socket.state["topics"]:
            socket.state["topics"].remove(topic)
            self._listeners[topic].remove(socket)
        socket.send({"event": "unsubscribe", "arg": arg}, stream="ack")

    def _topic(self, socket: Socket, arg: Row) -> Topic | None:
        """Read what is asked for; say so where it cannot be had."""
        channel = str(arg.get("channel", ""))
        of = str(arg.get("instId") or arg.get("coin") or "default")
        topic = Topic(str(arg.get("instType", "")), channel, of)
        if channel in PRIVATE and not socket.state.get("private"):
            self._refuse(socket, 30004, "User needs to log in", arg)
            return None
        if is_served(topic, self._names):
            return topic
        told = f"instType:{topic.inst_type},channel:{channel},instId:{of} doesn't exist"
        self._refuse(socket, 30001, told, arg)
        return None

    def _refuse(self, socket: Socket, code: int, message: str, arg: Row | None = None) -> None:
        frame: Row = {"event": "error", "code": code, "msg": message}
        socket.send(frame if arg is None else {"event": "error", "arg": arg} | frame, stream="ack")

    # ---- the first push ----

    def _greet(self, socket: Socket, topic: Topic) -> None:
        data = self._state_of(topic)
        if data is not None:
            self._send(socket, topic, data, action="snapshot", whole=True)

    def _state_of(self, topic: Topic) -> list[Json] | None:
        """Write what a new subscriber is shown first."""
        product = INST_TYPES[topic.inst_type]
        if topic.channel == "account":
            return self._wallet(product, self._exchange.balances(product))
        if topic.channel == "positions":
            return self._held()
        if topic.channel in PRIVATE:
            return None
        listing = self._names.listing(product, topic.of)
        if topic.channel == "trade":
            latest = self._exchange.trades(listing.symbol, 50)[::-1]
            return [trade_row(trade) for trade in latest] or None
        if topic.channel == "ticker":
            return [ticker_push(self._exchange, listing)]
        if topic.channel in Books.DEPTHS:
            return [self._books.whole(listing, topic.channel)]
        step = interval_ms(topic.channel.removeprefix("candle"))
        candles = self._exchange.candles(listing.symbol, step)[-500:]
        return [candle_row(candle, listing, pushed=True) for candle in candles]

    # ---- what happens ----

    def happened(self, event: Event) -> None:
        """Push an event, an order always before its fill."""
        match event:
            case OrderChanged():
                self._order_changed(event)
            case BalanceChanged():
                data = self._wallet(event.product, event.balances)
                self._push(event.product, "account", ["default"], data)
            case PositionChanged():
                self._push(Product.PERP, "positions", ["default"], self._held())
            case Traded():
                listing = self._exchange.listings[event.trade.symbol]
                row = trade_row(event.trade)
                self._push(listing.product, "trade", [native(listing)], [row], action="update")
                self._tick(listing)
            case BookChanged():
                self._book_changed(event)
            case CandleChanged():
                self._candle_changed(event)
            case MarkChanged():
                self._tick(self._exchange.listings[event.symbol])

    def _order_changed(self, event: OrderChanged) -> None:
        order, fill = event.order, event.fill
        listing = self._names.listing_of(order)
        of = ["default", native(listing)]
        if is_plan(order):
            self._push(listing.product, "orders-algo", of, [plan_push(self._memory, order)])
            return
        is_spot = listing.product is Product.SPOT
        if fill is not None and not is_spot:
            self._memory.realise(fill)
        row = (spot_push if is_spot else mix_push)(self._memory, order, fill)
        self._push(listing.product, "orders", of, [row])
        if fill is None:
            return
        told = (spot_fill_push if is_spot else mix_fill_push)(self._memory, fill)
        self._push(listing.product, "fill", of, [told])

    def _book_changed(self, event: BookChanged) -> None:
        listing = self._exchange.listings[event.symbol]
        self._books.absorb(event)
        inst_type, of = TYPE_OF[listing.product], native(listing)
        for channel in Books.DEPTHS:
            topic = Topic(inst_type, channel, of)
            if not self._listeners.get(topic):
                continue
            if channel == "books":
                row = self._books.change(listing, event)
                self._tell(topic, [row], action="update", whole=False)
            else:
                row = self._books.whole(listing, channel)
                self._tell(topic, [row], action="snapshot", whole=True)
        self._tick(listing)

    def _candle_changed(self, event: CandleChanged) -> None:
        if event.closed:
            return  # the venue says nothing when a candle closes: the next one begins
        topics = self._candles.get((event.symbol, event.interval_ms), ())
        listing = self._exchange.listings[event.symbol]
        for topic in topics:
            row = candle_row(event.candle, listing, pushed=True)
            self._tell(topic, [row], action="update", whole=False)

    def _index_candles(self, topic: Topic) -> None:
        listing = self._names.listing(INST_TYPES[topic.inst_type], topic.of)
        step = interval_ms(topic.channel.removeprefix("candle"))
        topics = self._candles.setdefault((listing.symbol, step), [])
        if topic not in topics:
            topics.append(topic)

    def _tick(self, listing: Listing) -> None:
        """Push the ticker where something but its time moved."""
        topic = Topic(TYPE_OF[listing.product], "ticker", native(listing))
        if not self._listeners.get(topic):
            return
        row = ticker_push(self._exchange, listing)
        told = {key: value for key, value in row.items() if key != "ts"}
        if self._tickers.get(listing.symbol) != told:
            self._tickers[listing.symbol] = told
            self._tell(topic, [row], action="snapshot", whole=True)

    def _wallet(self, product: Product, balances: Mapping[str, Json]) -> list[Json]:
        write = spot_balance_push if product is Product.SPOT else mix_account_push
        return [write(self._memory, balance) for balance in balances.values()]

    def _held(self) -> list[Json]:
        held = [one for one in self._exchange.positions() if one.quantity]
        return [position_push(self._memory, one) for one in held]

    # ---- sending ----

    def _push(
        self,
        product: Product,
        channel: str,
        of: Iterable[str],
        data: list[Json],
        *,
        action: str = "snapshot",
    ) -> None:
        for one in of:
            topic = Topic(TYPE_OF[product], channel, one)
            self._tell(topic, data, action=action, whole=channel in ("account", "positions"))

    def _tell(self, topic: Topic, data: list[Json], *, action: str, whole: bool) -> None:
        for socket in self._listeners.get(topic, ()):
            self._send(socket, topic, data, action=action, whole=whole)

    def _send(
        self, socket: Socket, topic: Topic, data: list[Json], *, action: str, whole: bool
    ) -> None:
        now = self._exchange.clock.now_ms()
        frame = {"action": action, "arg": topic.arg, "data": data, "ts": now}
        name = f"{topic.inst_type} {topic.channel} {topic.of}"
        socket.send(frame, stream=topic.stream, topic=name, snapshot=whole)

"""What KuCoin pushes about spot: trades, books, bars, orders, stops, wallets."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_hub import Hub
from tests.venue.dialects.kucoin_rows import is_trigger, size_text, stop_side
from tests.venue.dialects.kucoin_spot_account import account_id
from tests.venue.dialects.kucoin_spot_market import SPANS_MS, levels
from tests.venue.dialects.kucoin_steps import Step, Steps
from tests.venue.dialects.kucoin_wire import text
from tests.venue.model import (
    Balance,
    BookChanged,
    CandleChanged,
    Fill,
    Order,
    OrderChanged,
    Product,
    PublicTrade,
    Status,
)
from tests.venue.wire import Json

_NOTHING = Decimal(0)
_SNAPSHOT_MS = 2_000
_NAMES: Final = {span: name for name, span in SPANS_MS.items()}
ORDERS, STOPS, FILLS, BALANCE = (
    "/spotMarket/tradeOrders",
    "/spotMarket/advancedOrders",
    "/spot/tradeFills",
    "/account/balance",
)
_STOP_TYPES: Final = {Status.WAITING: "open", Status.CANCELED: "cancel"}


class SpotPushes:
    """Turns events of spot markets and of the spot account into frames."""

    def __init__(self, house: House, hub: Hub) -> None:
        self._house, self._hub = house, hub
        self._steps = Steps(house)
        self._wallets = house.exchange.balances(Product.SPOT)  # as told last
        self._events = 0
        self._snapshots_ms: dict[str, int] = {}
        for base in ("level1", "level2Depth5", "level2Depth50"):
            hub.show(f"/spotMarket/{base}", lambda topic: self._whole(topic.partition(":")[2]))
        hub.show("/market/ticker", lambda topic: self._ticker(topic.partition(":")[2]))
        hub.show("/market/snapshot", lambda topic: self._snapshot(topic.partition(":")[2]))

    # ---- markets ----

    def traded(self, trade: PublicTrade) -> None:
        """Push one trade."""
        name = self._house.name(trade.symbol)
        topic = f"/market/match:{name}"
        if self._hub.wants(topic):
            data = {
                "makerOrderId": f"m{trade.trade_id}",
                "price": text(trade.price),
                "sequence": trade.trade_id,
                "side": trade.side.value,
                "size": text(trade.quantity),
                "symbol": name,
                "takerOrderId": f"t{trade.trade_id}",
                "time": str(trade.ts_ms * 1_000_000),
                "tradeId": trade.trade_id,
                "type": "match",
            }
            self._hub.push(topic, "trade.l3match", data, stream="trades")
        self._ticker(name)
        now, last = self._house.now_ms(), self._snapshots_ms.get(name, 0)
        if now - last >= _SNAPSHOT_MS and self._hub.wants(f"/market/snapshot:{name}"):
            self._snapshots_ms[name] = now
            self._snapshot(name)

    def booked(self, change: BookChanged) -> None:
        """Push what moved in a book, each level with its own number."""
        name = self._house.name(change.symbol)
        count = len(change.asks) + len(change.bids)
        first = self._house.count(change.symbol, count)
        topic = f"/market/level2:{name}"
        if count and self._hub.wants(topic):
            numbers = iter(range(first, first + count))
            sides = {
                side: [[*pair, str(next(numbers))] for pair in levels(moved)]
                for side, moved in (("asks", change.asks), ("bids", change.bids))
            }
            data = {
                "changes": sides,
                "sequenceEnd": first + count - 1,
                "sequenceStart": first,
                "symbol": name,
                "time": change.ts_ms,
            }
            self._hub.push(topic, "trade.l2update", data, stream="book")
        self._whole(name)
        self._ticker(name)

    def barred(self, change: CandleChanged) -> None:
        """Push the bar that runs, or its last state."""
        kind = _NAMES.get(change.interval_ms)
        name = self._house.name(change.symbol)
        topic = f"/market/candles:{name}_{kind}"
        if kind is None or not self._hub.wants(topic):
            return
        bar = change.candle
        figures = (bar.open, bar.close, bar.high, bar.low, bar.volume, bar.turnover)
        data = {
            "symbol": name,
            "candles": [str(bar.open_ms // 1000), *map(text, figures)],
            "time": self._house.now_ms() * 1_000_000,
        }
        self._hub.push(topic, "trade.candles.update", data, stream="candles")

    def _whole(self, name: str) -> None:
        topics = {
            depth: f"/spotMarket/{base}:{name}"
            for depth, base in ((1, "level1"), (5, "level2Depth5"), (50, "level2Depth50"))
        }
        if not any(map(self._hub.wants, topics.values())):
            return
        book = self._house.exchange.book(self._symbol(name))
        for depth, topic in topics.items():
            sides = {"asks": levels(book.asks, depth), "bids": levels(book.bids, depth)}
            if depth == 1:  # one flat pair for each side
                best = {side: rows[0] if rows else [] for side, rows in sides.items()}
                data = {**best, "timestamp": book.ts_ms}
                self._hub.push(topic, "level1", data, stream="ticker", snapshot=True)
            else:
                whole = {**sides, "timestamp": book.ts_ms}
                self._hub.push(topic, "level2", whole, stream="book", snapshot=True)

    def _symbol(self, name: str) -> str:
        return name.replace("-", "/")

    def _ticker(self, name: str) -> None:
        topics = {f"/market/ticker:{name}": "trade.ticker", "/market/ticker:all": name}
        if name == "all" or not any(map(self._hub.wants, topics)):
            return
        symbol = self._symbol(name)
        book, trades = self._house.exchange.book(symbol), self._house.exchange.trades(symbol, 1)
        if not (trades and book.asks and book.bids):
            return
        data = {
            "bestAsk": text(book.asks[0].price),
            "bestAskSize": text(book.asks[0].quantity),
            "bestBid": text(book.bids[0].price),
            "bestBidSize": text(book.bids[0].quantity),
            "price": text(trades[-1].price),
            "sequence": str(self._house.sequence(symbol)),
            "size": text(trades[-1].quantity),
            "time": self._house.now_ms(),
        }
        for topic, subject in topics.items():
            self._hub.push(topic, subject, data, stream="ticker", snapshot=True)

    def _snapshot(self, name: str) -> None:
        symbol = self._symbol(name)
        one, day = self._house.listing_of(symbol), self._house.day(symbol)
        book = self._house.exchange.book(symbol)
        change = day.last - day.open
        data = {
            "trading": True,
            "symbol": wire_name(one),
            "buy": float(book.bids[0].price) if book.bids else None,
            "sell": float(book.asks[0].price) if book.asks else None,
            "sort": 100,
            "volValue": float(day.turnover),
            "baseCurrency": one.base,
            "market": "USDS",
            "quoteCurrency": one.quote,
            "symbolCode": wire_name(one),
            "datetime": self._house.now_ms(),
            "high": float(day.high),
            "vol": float(day.volume),
            "low": float(day.low),
            "changePrice": float(change),
            "changeRate": float(round(change / day.open, 4)) if day.open else 0.0,
            "lastTradedPrice": float(day.last),
            "board": 0,
            "mark": 0,
        }
        whole = {"sequence": str(self._house.sequence(symbol)), "data": data}
        topic = f"/market/snapshot:{name}"
        self._hub.push(topic, "trade.snapshot", whole, stream="ticker", snapshot=True)

    # ---- the account ----

    def ordered(self, change: OrderChanged) -> None:
        """Push what happened to an order: stops on a topic of their own."""
        if is_trigger(change.order):
            self._stopped(change.order)
            return
        for step in self._steps.of(change):
            data = order_frame(change.order, step, self._house, change.fill)
            self._hub.push_private(ORDERS, "orderChange", data, stream="orders")
        if change.fill is not None:
            data = fill_frame(change.fill, change.order, self._house)
            self._hub.push_private(FILLS, FILLS, data, stream="fills")

    def _stopped(self, order: Order) -> None:
        assert order.trigger is not None
        now = self._house.now_ms()
        data: dict[str, Json] = {
            "createdAt": order.created_ms,
            "orderId": order.order_id,
            "orderPrice": text(order.price or _NOTHING),
            "orderType": "stop",
            "side": order.ask.side.value,
            "size": size_text(order),
            "stop": stop_side(order.trigger),
            "stopPrice": text(order.trigger.price),
            "symbol": self._house.name(order.ask.symbol),
            "tradeType": "TRADE",
            "ts": now * 1_000_000,
            "type": _STOP_TYPES.get(order.status, "TRIGGERED"),
        }
        if order.status in (Status.FIRED, Status.FAILED):
            data["triggerSuccess"] = order.status is Status.FIRED
        if order.status is Status.FAILED:
            data["error"] = "Balance insufficient!"
        self._hub.push_private(STOPS, "stopOrder", data, stream="orders")

    def balanced(self, balances: dict[str, Balance]) -> None:
        """Push every wallet that changed, one frame each."""
        for coin, now in balances.items():
            before = self._wallets.get(coin, Balance(coin=coin, total=_NOTHING, held=_NOTHING))
            self._wallets[coin] = now
            self._events += 1
            event = "setted" if now.total != before.total else "hold"
            account = "trade_hf" if self._house.high_frequency else "trade"
            event_id = str(354_689_988_084_000 + self._events)
            data = {
                "accountId": account_id(coin),
                "available": text(now.free),
                "availableChange": text(now.free - before.free),
                "currency": coin,
                "hold": text(now.held),
                "holdChange": text(now.held - before.held),
                "relationContext": {},
                "relationEvent": f"{account}.{event}",
                "relationEventId": event_id,
                "time": str(self._house.now_ms()),
                "total": text(now.total),
            }
            self._hub.push_private(
                BALANCE, "account.balance", data, stream="balances", extra={"id": event_id}
            )


def order_frame(order: Order, step: Step, house: House, fill: Fill | None) -> dict[str, Json]:
    """Write what happened to an order."""
    data: dict[str, Json] = {
        "symbol": house.name(order.ask.symbol),
        "orderType": order.ask.kind.value,
        "side": order.ask.side.value,
        "canceledSize": text(order.left if step is Step.CANCELED else _NOTHING),
        "orderId": order.order_id,
        "type": step.value,
        "orderTime": order.created_ms,
        "size": size_text(order),
        "filledSize": text(order.filled),
        "price": text(order.price or _NOTHING),
        "clientOid": order.ask.client_id or "",
        "remainSize": text(_NOTHING if step is Step.CANCELED else order.left),
        "status": step.status,
        "ts": house.now_ms() * 1_000_000,
    }
    if step is Step.MATCH and fill is not None:
        role = "maker" if fill.maker else "taker"
        data |= {
            "liquidity": role,
            "feeType": f"{role}Fee",
            "matchPrice": text(fill.price),
            "matchSize": text(fill.quantity),
            "tradeId": fill.trade_id,
        }
    if order.ask.cost is not None:
        data |= {"funds": text(order.ask.cost), "originFunds": text(order.ask.cost)}
    return data


def fill_frame(fill: Fill, order: Order, house: House) -> dict[str, Json]:
    """Write one fill with its fee."""
    one = house.listing_of(fill.symbol)
    return {
        "fee": float(fill.fee),
        "feeCurrency": fill.fee_coin,
        "feeRate": float(one.maker_fee if fill.maker else one.taker_fee),
        "orderId": fill.order_id,
        "orderType": order.ask.kind.value,
        "price": float(fill.price),
        "side": fill.side.value,
        "size": float(fill.quantity),
        "symbol": house.name(fill.symbol),
        "time": str(fill.ts_ms * 1_000_000),
        "tradeId": fill.trade_id,
    }

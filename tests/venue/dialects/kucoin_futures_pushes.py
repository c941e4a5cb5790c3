"""What KuCoin pushes about futures: markets, marks, orders, stops, wallet, positions."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.kucoin_futures_account import wallet
from tests.venue.dialects.kucoin_futures_market import ticker, whole_levels
from tests.venue.dialects.kucoin_futures_rows import position_row
from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_hub import Hub
from tests.venue.dialects.kucoin_rows import is_trigger, size_text
from tests.venue.dialects.kucoin_spot_market import SPANS_MS
from tests.venue.dialects.kucoin_steps import Step, Steps
from tests.venue.dialects.kucoin_wire import number, text
from tests.venue.model import (
    BookChanged,
    CandleChanged,
    Fill,
    Listing,
    MarkChanged,
    Order,
    OrderChanged,
    Position,
    Product,
    PublicTrade,
    Status,
)
from tests.venue.wire import Json

_NOTHING = Decimal(0)
_NAMES: Final = {span: name for name, span in SPANS_MS.items()}
ORDERS, STOPS, WALLET, POSITION = (
    "/contractMarket/tradeOrders",
    "/contractMarket/advancedOrders",
    "/contractAccount/wallet",
    "/contract/position",
)
_STOP_TYPES: Final = {Status.WAITING: "open", Status.CANCELED: "cancel"}


class FuturesPushes:
    """Turns events of contracts and of the margin account into frames."""

    def __init__(self, house: House, hub: Hub) -> None:
        self._house, self._hub = house, hub
        self._steps = Steps(house)
        self._versions = 0
        for base in ("tickerV2", "level2Depth5", "level2Depth50"):
            hub.show(f"/contractMarket/{base}", self._show_whole)
        hub.show("/contractMarket/ticker", self._show_ticker)

    def _named(self, topic: str) -> Listing:
        return self._house.listing(topic.partition(":")[2], Product.PERP)

    def _show_whole(self, topic: str) -> None:
        self._whole(self._named(topic))

    def _show_ticker(self, topic: str) -> None:
        self._ticker(self._named(topic))

    # ---- markets ----

    def traded(self, trade: PublicTrade) -> None:
        """Push one trade."""
        one = self._house.listing_of(trade.symbol)
        topic = f"/contractMarket/execution:{wire_name(one)}"
        if self._hub.wants(topic):
            data = {
                "symbol": wire_name(one),
                "sequence": int(trade.trade_id),
                "side": trade.side.value,
                "size": number(trade.quantity),
                "price": text(trade.price),
                "takerOrderId": f"t{trade.trade_id}",
                "makerOrderId": f"m{trade.trade_id}",
                "tradeId": trade.trade_id,
                "ts": trade.ts_ms * 1_000_000,
            }
            extra = {"sn": int(trade.trade_id)}
            self._hub.push(topic, "match", data, stream="trades", extra=extra)
        self._ticker(one)

    def booked(self, change: BookChanged) -> None:
        """Push what moved in a book: one frame for each level."""
        one = self._house.listing_of(change.symbol)
        moved = [("sell", level) for level in change.asks]
        moved += [("buy", level) for level in change.bids]
        sequence = self._house.count(change.symbol, len(moved))
        topic = f"/contractMarket/level2:{wire_name(one)}"
        if self._hub.wants(topic):
            for position, (side, level) in enumerate(moved, start=sequence):
                data = {
                    "sequence": position,
                    "change": f"{text(level.price)},{side},{text(level.quantity)}",
                    "timestamp": change.ts_ms,
                }
                extra = {"sn": position}
                self._hub.push(topic, "level2", data, stream="book", extra=extra)
        self._whole(one)

    def barred(self, change: CandleChanged) -> None:
        """Push the bar that runs: its sixth figure is the turnover, its seventh the contracts."""
        one, kind = self._house.listing_of(change.symbol), _NAMES.get(change.interval_ms)
        topic = f"/contractMarket/limitCandle:{wire_name(one)}_{kind}"
        if kind is None or not self._hub.wants(topic):
            return
        bar = change.candle
        contracts = bar.volume / one.contract_size
        figures = (bar.open, bar.close, bar.high, bar.low, bar.turnover, contracts)
        data = {
            "symbol": wire_name(one),
            "candles": [str(bar.open_ms // 1000), *map(text, figures)],
            "time": self._house.now_ms(),
        }
        self._hub.push(topic, "candle.stick", data, stream="candles")

    def marked(self, change: MarkChanged) -> None:
        """Push mark, index and funding."""
        topic = f"/contract/instrument:{self._house.name(change.symbol)}"
        if not self._hub.wants(topic):
            return
        now = self._house.now_ms()
        prices = {
            "markPrice": float(change.mark),
            "indexPrice": float(change.index),
            "granularity": 1000,
            "timestamp": now,
        }
        funding = {
            "period": 1,
            "granularity": 60000,
            "fundingRate": float(change.funding.rate),
            "timestamp": now,
        }
        self._hub.push(topic, "mark.index.price", prices, stream="ticker")
        self._hub.push(topic, "funding.rate", funding, stream="ticker")

    def _ticker(self, one: Listing) -> None:
        topic = f"/contractMarket/ticker:{wire_name(one)}"
        if self._hub.wants(topic):
            data = ticker(one, self._house)
            self._hub.push(topic, "ticker", data, stream="ticker", snapshot=True)

    def _whole(self, one: Listing) -> None:
        base = "/contractMarket"
        best = f"{base}/tickerV2:{wire_name(one)}"
        depths = {d: f"{base}/level2Depth{d}:{wire_name(one)}" for d in (5, 50)}
        if not any(map(self._hub.wants, (best, *depths.values()))):
            return
        book = self._house.exchange.book(one.symbol)
        sequence = self._house.sequence(one.symbol)
        if book.asks and book.bids:
            row = ticker(one, self._house)
            keys = ("symbol", "sequence", "bestBidSize", "bestBidPrice")
            data = {key: row[key] for key in (*keys, "bestAskPrice", "bestAskSize")}
            data["ts"] = book.ts_ms * 1_000_000
            self._hub.push(best, "tickerV2", data, stream="ticker", snapshot=True)
        for depth, topic in depths.items():
            whole = {
                "bids": whole_levels(book.bids, depth),
                "sequence": sequence,
                "timestamp": book.ts_ms,
                "ts": book.ts_ms,
                "asks": whole_levels(book.asks, depth),
            }
            extra = {"sn": sequence}
            self._hub.push(topic, "level2", whole, stream="book", extra=extra, snapshot=True)

    # ---- the account ----

    def ordered(self, change: OrderChanged) -> None:
        """Push what happened to an order: stops on a topic of their own until they fire."""
        order = change.order
        if is_trigger(order):
            self._stopped(order)
            return
        named = f"{ORDERS}:{self._house.name(order.ask.symbol)}"
        for step in self._steps.of(change):
            data = order_frame(order, step, self._house, change.fill)
            self._hub.push_private(ORDERS, "orderChange", data, stream="orders")
            self._hub.push_private(named, "symbolOrderChange", data, stream="orders")

    def _stopped(self, order: Order) -> None:
        assert order.trigger is not None
        data: dict[str, Json] = {
            "createdAt": order.created_ms,
            "marginMode": self._house.margin_mode(order.ask.symbol),
            "orderId": order.order_id,
            "orderPrice": text(order.price or _NOTHING),
            "orderType": "stop",
            "side": order.ask.side.value,
            "size": number(order.quantity or _NOTHING),
            "stop": "up" if order.trigger.rising else "down",
            "stopPrice": text(order.trigger.price),
            "stopPriceType": self._house.stop_types.get(order.order_id, "TP"),
            "symbol": self._house.name(order.ask.symbol),
            "ts": self._house.now_ms() * 1_000_000,
            "type": _STOP_TYPES.get(order.status, "triggered"),
        }
        if order.status is Status.FAILED:
            data["error"] = "Balance not enough"
        extra = {"id": f"6720{order.order_id}"}
        self._hub.push_private(STOPS, "stopOrder", data, stream="orders", extra=extra)

    def balanced(self) -> None:
        """Push the margin wallet."""
        if not self._hub.wants(WALLET):
            return
        for coin in self._house.exchange.balances(Product.PERP):
            self._versions += 1
            sums = wallet(coin, self._house)
            gain = sums["isolated_gain"] + sums["cross_gain"]
            data = {
                "crossPosMargin": text(sums["cross"]),
                "isolatedOrderMargin": text(sums["orders"]),
                "holdBalance": "0",
                "equity": text(sums["total"] + gain),
                "version": str(self._versions),
                "availableBalance": text(sums["free"]),
                "isolatedPosMargin": text(sums["isolated"]),
                "maxWithdrawAmount": text(sums["free"]),
                "walletBalance": text(sums["total"]),
                "isolatedFundingFeeMargin": "0",
                "crossUnPnl": text(sums["cross_gain"]),
                "totalCrossMargin": text(sums["free"] + sums["cross"]),
                "currency": coin,
                "isolatedUnPnl": text(sums["isolated_gain"]),
                "availableMargin": text(sums["free"]),
                "crossOrderMargin": "0",
                "timestamp": str(self._house.now_ms()),
            }
            extra = {"id": f"699f586d{self._versions:016x}"}
            self._hub.push_private(
                WALLET, "walletBalance.change", data, stream="balances", extra=extra
            )

    def positioned(self, position: Position) -> None:
        """Push one position."""
        name = self._house.name(position.symbol)
        topics = (f"{POSITION}:{name}", f"{POSITION}All")
        if not any(map(self._hub.wants, topics)):
            return
        row = position_row(position, self._house)
        data = {key: value for key, value in row.items() if key not in ("id", "isInverse")}
        data["changeReason"] = "positionChange"
        for topic in topics:
            self._hub.push_private(topic, "position.change", data, stream="positions")


def order_frame(order: Order, step: Step, house: House, fill: Fill | None) -> dict[str, Json]:
    """Write what happened to an order."""
    data: dict[str, Json] = {
        "symbol": house.name(order.ask.symbol),
        "orderType": order.ask.kind.value,
        "side": order.ask.side.value,
        "canceledSize": text(order.left if step is Step.CANCELED else _NOTHING),
        "orderId": house.shown_id(order),
        "positionSide": "BOTH",
        "marginMode": house.margin_mode(order.ask.symbol),
        "type": step.value,
        "orderTime": str(order.created_ms * 1_000_000),
        "size": size_text(order),
        "filledSize": text(order.filled),
        "price": text(order.price or _NOTHING),
        "remainSize": text(_NOTHING if step is Step.CANCELED else order.left),
        "clientOid": order.ask.client_id or "",
        "tradeType": "trade",
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
    return data

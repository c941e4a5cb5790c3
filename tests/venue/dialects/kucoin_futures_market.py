"""KuCoin's public futures endpoints."""

from collections.abc import Callable, Sequence
from typing import Final

from tests.venue.dialects.kucoin_futures_rows import contract
from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_wire import (
    FUTURES_HOST,
    Call,
    Handler,
    KuCoinError,
    Route,
    number,
    text,
)
from tests.venue.model import Level, Listing, Product
from tests.venue.wire import Json

_MINUTE_MS = 60_000
_MINUTES: Final = frozenset((1, 3, 5, 15, 30, 60, 120, 240, 480, 720, 1440, 10080))
_MOST_BARS = 500
_EIGHT_HOURS_MS = 28_800_000


def whole_levels(side: Sequence[Level], depth: int | None = None) -> list[list[Json]]:
    """Write one side of a book: price as text, contracts as a number."""
    return [[text(level.price), number(level.quantity)] for level in side[:depth]]


def ticker(one: Listing, house: House) -> dict[str, Json]:
    """Write the last trade and the best prices."""
    book, trades = house.exchange.book(one.symbol), house.exchange.trades(one.symbol, 1)
    last = trades[-1] if trades else None
    return {
        "sequence": house.sequence(one.symbol),
        "symbol": wire_name(one),
        "side": last.side.value if last else "buy",
        "size": number(last.quantity) if last else 0,
        "price": text(last.price) if last else "0",
        "bestBidSize": number(book.bids[0].quantity) if book.bids else 0,
        "bestBidPrice": text(book.bids[0].price) if book.bids else "0",
        "bestAskPrice": text(book.asks[0].price) if book.asks else "0",
        "tradeId": last.trade_id if last else "0",
        "ts": (last.ts_ms if last else house.now_ms()) * 1_000_000,
        "bestAskSize": number(book.asks[0].quantity) if book.asks else 0,
    }


class FuturesMarket:
    """Answers what everybody may ask about contracts."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        """List the endpoints."""
        handlers: dict[str, Handler] = {
            "/api/v1/timestamp": lambda _: self._house.now_ms(),
            "/api/v1/status": lambda _: {"status": "open", "msg": ""},
            "/api/v1/contracts/active": lambda _: [
                contract(one, self._house) for one in self._listings()
            ],
            "/api/v1/contracts/{}": lambda call: contract(self._named(call), self._house),
            "/api/v1/ticker": lambda call: ticker(self._asked(call), self._house),
            "/api/v1/allTickers": lambda _: [ticker(one, self._house) for one in self._listings()],
            "/api/v1/level2/snapshot": self._book(None),
            "/api/v1/level2/depth20": self._book(20),
            "/api/v1/level2/depth100": self._book(100),
            "/api/v1/trade/history": self._trades,
            "/api/v1/kline/query": self._bars,
            "/api/v1/mark-price/{}/current": self._mark,
            "/api/v1/funding-rate/{}/current": self._funding,
            "/api/v1/contract/funding-rates": self._rates,
        }
        return [
            Route(method="GET", host=FUTURES_HOST, path=path, handler=handler, purpose="public")
            for path, handler in handlers.items()
        ]

    def _listings(self) -> list[Listing]:
        return self._house.listings(Product.PERP)

    def _asked(self, call: Call) -> Listing:
        return self._house.listing(call.query.need("symbol"), Product.PERP)

    def _named(self, call: Call) -> Listing:
        return self._house.listing(call.args[0], Product.PERP)

    def _book(self, depth: int | None) -> Callable[[Call], Json]:
        def answer(call: Call) -> Json:
            one = self._asked(call)
            book = self._house.exchange.book(one.symbol)
            return {
                "symbol": wire_name(one),
                "sequence": self._house.sequence(one.symbol),
                "asks": whole_levels(book.asks, depth),
                "bids": whole_levels(book.bids, depth),
                "ts": book.ts_ms * 1_000_000,
            }

        return answer

    def _trades(self, call: Call) -> Json:
        trades = self._house.exchange.trades(self._asked(call).symbol, 100)
        return [
            {
                "sequence": int(trade.trade_id),
                "side": trade.side.value,
                "size": number(trade.quantity),
                "price": text(trade.price),
                "takerOrderId": f"t{trade.trade_id}",
                "makerOrderId": f"m{trade.trade_id}",
                "tradeId": trade.trade_id,
                "ts": trade.ts_ms * 1_000_000,
            }
            for trade in reversed(trades)
        ]

    def _bars(self, call: Call) -> Json:
        """Answer bars within [from, to], oldest first; volume counts contracts."""
        one, minutes = self._asked(call), call.query.whole("granularity", 0)
        if minutes not in _MINUTES:
            raise KuCoinError("100001", "granularity is invalid")
        start = call.query.whole("from", 0)
        end = call.query.whole("to", 0) or self._house.now_ms()
        bars = self._house.exchange.candles(one.symbol, minutes * _MINUTE_MS, start, end)
        return [
            [
                bar.open_ms,
                *(float(price) for price in (bar.open, bar.high, bar.low, bar.close)),
                number(bar.volume / one.contract_size),
            ]
            for bar in bars[-_MOST_BARS:]
        ]

    def _mark(self, call: Call) -> Json:
        one = self._named(call)
        return {
            "symbol": wire_name(one),
            "granularity": 1000,
            "timePoint": self._house.now_ms() // 1000 * 1000,
            "value": float(self._house.exchange.mark(one.symbol)),
            "indexPrice": float(self._house.exchange.index(one.symbol)),
        }

    def _funding(self, call: Call) -> Json:
        one = self._named(call)
        funding = self._house.exchange.funding(one.symbol)
        return {
            "symbol": f".{wire_name(one)}FPI8H",
            "granularity": funding.interval_hours * 3_600_000,
            "timePoint": funding.next_ms - _EIGHT_HOURS_MS,
            "value": float(funding.rate),
            "dailyInterestRate": 0.0003,
            "fundingRateCap": 0.00375,
            "fundingRateFloor": -0.00375,
            "period": 1,
            "fundingTime": funding.next_ms,
        }

    def _rates(self, call: Call) -> Json:
        one = self._asked(call)
        start = call.query.whole("from", 0)
        end = call.query.whole("to", 0) or self._house.now_ms()
        return [
            {
                "symbol": wire_name(one),
                "fundingRate": float(settled.rate),
                "timepoint": settled.next_ms,
            }
            for settled in reversed(self._house.exchange.funding_history(one.symbol, 1000))
            if start <= settled.next_ms <= end
        ][:100]

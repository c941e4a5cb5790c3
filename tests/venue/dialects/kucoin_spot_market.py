"""KuCoin's public spot endpoints."""

from collections.abc import Callable, Sequence
from typing import Final

from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_wire import SPOT_HOST, Call, Handler, KuCoinError, Route, text
from tests.venue.model import Level, Listing, Product
from tests.venue.wire import Json, Purpose

SPANS_MS: Final = {
    "1min": 60_000,
    "3min": 180_000,
    "5min": 300_000,
    "15min": 900_000,
    "30min": 1_800_000,
    "1hour": 3_600_000,
    "2hour": 7_200_000,
    "4hour": 14_400_000,
    "6hour": 21_600_000,
    "8hour": 28_800_000,
    "12hour": 43_200_000,
    "1day": 86_400_000,
    "1week": 604_800_000,
}
_MOST_BARS = 1_500


def levels(side: Sequence[Level], depth: int | None = None) -> list[list[str]]:
    """Write one side of a book."""
    return [[text(level.price), text(level.quantity)] for level in side[:depth]]


class SpotMarket:
    """Answers what everybody may ask about spot markets."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        """List the endpoints."""
        public: dict[str, Handler] = {
            "/api/v1/timestamp": lambda _: self._house.now_ms(),
            "/api/v1/status": lambda _: {"status": "open", "msg": ""},
            "/api/v3/currencies": lambda _: self._currencies(),
            "/api/v2/symbols": lambda _: [self._symbol(one) for one in self._listings()],
            "/api/v1/market/allTickers": lambda _: self._all_tickers(),
            "/api/v1/market/stats": lambda call: self._stats(self._asked(call)),
            "/api/v1/market/orderbook/level1": lambda call: self._level1(self._asked(call)),
            "/api/v1/market/orderbook/level2_20": self._book(20),
            "/api/v1/market/orderbook/level2_100": self._book(100),
            "/api/v1/market/histories": self._histories,
            "/api/v1/market/candles": self._candles,
        }
        signed: dict[str, Handler] = {
            "/api/v3/market/orderbook/level2": self._book(None),
            "/api/v3/margin/symbols": lambda _: {"timestamp": self._house.now_ms(), "items": []},
            "/api/v1/isolated/symbols": lambda _: [],
        }
        listed: list[tuple[dict[str, Handler], Purpose]] = [(public, "public"), (signed, "read")]
        return [
            Route(method="GET", host=SPOT_HOST, path=path, handler=handler, purpose=purpose)
            for handlers, purpose in listed
            for path, handler in handlers.items()
        ]

    def _listings(self) -> list[Listing]:
        return self._house.listings(Product.SPOT)

    def _asked(self, call: Call) -> Listing:
        return self._house.listing(call.query.need("symbol"), Product.SPOT)

    def _currencies(self) -> list[Json]:
        coins = {coin for one in self._listings() for coin in (one.base, one.quote)}
        coins |= {one.quote for one in self._house.listings(Product.PERP)}
        return [_currency(coin) for coin in sorted(coins)]

    def _symbol(self, one: Listing) -> Json:
        return {
            "symbol": wire_name(one),
            "name": wire_name(one),
            "baseCurrency": one.base,
            "quoteCurrency": one.quote,
            "feeCurrency": one.quote,
            "market": "USDS",
            "baseMinSize": text(max(one.min_quantity, one.lot)),
            "quoteMinSize": "0.1",
            "baseMaxSize": "10000000000",
            "quoteMaxSize": "99999999",
            "baseIncrement": text(one.lot),
            "quoteIncrement": "0.000001",
            "priceIncrement": text(one.tick),
            "priceLimitRate": "0.1",
            "minFunds": text(one.min_notional),
            "isMarginEnabled": True,
            "enableTrading": True,
            "feeCategory": 1,
            "makerFeeCoefficient": "1.00",
            "takerFeeCoefficient": "1.00",
            "st": False,
        }

    def _ticker(self, one: Listing) -> dict[str, Json]:
        day = self._house.day(one.symbol)
        book = self._house.exchange.book(one.symbol)
        change = day.last - day.open
        return {
            "symbol": wire_name(one),
            "buy": text(book.bids[0].price) if book.bids else None,
            "sell": text(book.asks[0].price) if book.asks else None,
            "changeRate": text(round(change / day.open, 4)) if day.open else "0",
            "changePrice": text(change),
            "high": text(day.high),
            "low": text(day.low),
            "vol": text(day.volume),
            "volValue": text(day.turnover),
            "last": text(day.last),
            "averagePrice": text(round(day.turnover / day.volume, 8)) if day.volume else None,
            "takerFeeRate": text(one.taker_fee),
            "makerFeeRate": text(one.maker_fee),
            "takerCoefficient": "1",
            "makerCoefficient": "1",
        }

    def _all_tickers(self) -> Json:
        rows = []
        for one in self._listings():
            ticker = self._ticker(one)
            rows.append({"symbol": ticker.pop("symbol"), "symbolName": wire_name(one), **ticker})
        return {"time": self._house.now_ms(), "ticker": rows}

    def _stats(self, one: Listing) -> Json:
        return {"time": self._house.now_ms(), **self._ticker(one)}

    def _level1(self, one: Listing) -> Json:
        book = self._house.exchange.book(one.symbol)
        trades = self._house.exchange.trades(one.symbol, 1)
        return {
            "time": self._house.now_ms(),
            "sequence": str(self._house.sequence(one.symbol)),
            "price": text(self._house.last(one.symbol)),
            "size": text(trades[-1].quantity) if trades else "0",
            "bestBid": text(book.bids[0].price) if book.bids else None,
            "bestBidSize": text(book.bids[0].quantity) if book.bids else None,
            "bestAsk": text(book.asks[0].price) if book.asks else None,
            "bestAskSize": text(book.asks[0].quantity) if book.asks else None,
        }

    def _book(self, depth: int | None) -> Callable[[Call], Json]:
        def answer(call: Call) -> Json:
            one = self._asked(call)
            book = self._house.exchange.book(one.symbol)
            return {
                "time": book.ts_ms,
                "sequence": str(self._house.sequence(one.symbol)),
                "bids": levels(book.bids, depth),
                "asks": levels(book.asks, depth),
            }

        return answer

    def _histories(self, call: Call) -> Json:
        trades = self._house.exchange.trades(self._asked(call).symbol, 100)
        return [
            {
                "sequence": trade.trade_id,
                "price": text(trade.price),
                "size": text(trade.quantity),
                "side": trade.side.value,
                "time": trade.ts_ms * 1_000_000,
            }
            for trade in sorted(trades, key=lambda trade: trade.ts_ms, reverse=True)
        ]

    def _candles(self, call: Call) -> Json:
        """Answer the newest bars within [startAt, endAt), in seconds, newest first."""
        one, kind = self._asked(call), call.query.need("type")
        if kind not in SPANS_MS:
            raise KuCoinError("400100", "Incorrect candlestick type.")
        now = self._house.now_ms()
        end = call.query.whole("endAt", 0) * 1000 or now + 1
        start = call.query.whole("startAt", 0) * 1000
        candles = self._house.exchange.candles(one.symbol, SPANS_MS[kind], start, end)
        within = [candle for candle in candles if start <= candle.open_ms < end]
        return [
            [
                str(bar.open_ms // 1000),
                *map(text, (bar.open, bar.close, bar.high, bar.low, bar.volume, bar.turnover)),
            ]
            for bar in reversed(within[-_MOST_BARS:])
        ]


def _currency(coin: str) -> Json:
    chain = {
        "chainName": "ERC20" if coin != "BTC" else "BTC",
        "withdrawalMinSize": "0.001",
        "depositMinSize": None,
        "withdrawFeeRate": "0",
        "withdrawalMinFee": "0.0005",
        "isWithdrawEnabled": True,
        "isDepositEnabled": True,
        "confirms": 12,
        "preConfirms": 12,
        "contractAddress": "",
        "withdrawPrecision": 8,
        "maxWithdraw": None,
        "maxDeposit": None,
        "needTag": False,
        "chainId": "eth" if coin != "BTC" else "btc",
    }
    return {
        "currency": coin,
        "name": coin,
        "fullName": coin,
        "precision": 8,
        "confirms": None,
        "contractAddress": None,
        "isMarginEnabled": True,
        "isDebitEnabled": True,
        "chains": [chain],
    }

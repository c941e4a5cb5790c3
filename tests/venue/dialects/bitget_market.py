"""Bitget's public endpoints: markets, books, trades, candles, tickers, funding."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from tests.venue.bitget_rest import CHAIN, PERP, SPOT
from tests.venue.dialects.bitget_memory import ZERO, Row
from tests.venue.dialects.bitget_tickers import mix_ticker, spot_ticker
from tests.venue.dialects.bitget_words import (
    USDT_FUTURES,
    Names,
    ProblemError,
    bad,
    interval_ms,
    native,
    text,
)
from tests.venue.exchange import Exchange
from tests.venue.model import Book, Candle, Level, Listing, Product, PublicTrade
from tests.venue.wire import Json

type Asked = Mapping[str, Json]

_SPOT_TRADE: Final = ("symbol", "tradeId", "side", "price", "size", "ts")
_MIX_TRADE: Final = ("tradeId", "price", "size", "side", "ts", "symbol")
_SPOT_GRANULARITIES: Final = frozenset(
    f"{count}{unit}"
    for counts, unit in (
        ((1, 3, 5, 15, 30), "min"),
        ((1, 4, 6, 12), "h"),
        ((6, 12), "Hutc"),
        ((1, 3), "day"),
        ((1, 3), "Dutc"),
        ((1,), "week"),
        ((1,), "Wutc"),
    )
    for count in counts
)
_DEPTHS: Final[Mapping[str, int]] = {"1": 1, "5": 5, "15": 15, "50": 50, "100": 100, "max": 200}


class Market:
    """Reads only."""

    def __init__(self, exchange: Exchange, names: Names) -> None:
        self._exchange = exchange
        self._names = names

    def routes(self) -> Mapping[tuple[str, str], Callable[[Asked], Json]]:
        """Name the endpoints."""
        both = {
            f"{product}/market/{endpoint}": handler
            for product in ("spot", "mix")
            for endpoint, handler in (
                ("tickers", self._tickers),
                ("ticker", self._ticker),
                ("orderbook", self._book),
                ("fills", self._trades),
                ("fills-history", self._trades),
                ("candles", self._candles),
                ("history-candles", self._candles),
            )
        }
        spot_only = {
            "public/time": self._time,
            "spot/public/coins": self._coins,
            "spot/public/symbols": self._symbols,
            "margin/currencies": lambda _: [],
        }
        mix_only = {
            "mix/market/contracts": self._contracts,
            "mix/market/merge-depth": self._merged_book,
            "mix/market/symbol-price": self._prices,
            "mix/market/current-fund-rate": self._rate,
            "mix/market/funding-time": self._funding_time,
            "mix/market/history-fund-rate": self._rates,
        }
        return {("GET", path): h for path, h in {**both, **spot_only, **mix_only}.items()}

    # ---- what is listed ----

    def _time(self, asked: Asked) -> Row:
        return {"serverTime": str(self._exchange.clock.now_ms())}

    def _coins(self, asked: Asked) -> list[Row]:
        listings = self._exchange.listings.values()
        coins = sorted({coin for listing in listings for coin in (listing.base, listing.quote)})
        chains = [{"chain": "BTC", **CHAIN}]
        return [{"coin": coin, "transfer": "true", "chains": chains} for coin in coins]

    def _symbols(self, asked: Asked) -> list[Row]:
        return [_spot_row(x) for x in self._wanted(Product.SPOT, asked)]

    def _contracts(self, asked: Asked) -> list[Row]:
        if not _is_ours(asked):
            return []
        return [_mix_row(x) for x in self._wanted(Product.PERP, asked)]

    # ---- prices ----

    def _tickers(self, asked: Asked) -> list[Row]:
        product = self._product(asked)
        write = spot_ticker if product is Product.SPOT else mix_ticker
        listings = self._wanted(product, asked)
        return [write(self._exchange, x) for x in listings if self._exchange.trades(x.symbol, 1)]

    def _ticker(self, asked: Asked) -> list[Row]:
        return [mix_ticker(self._exchange, self._listing(asked))]

    def _prices(self, asked: Asked) -> list[Row]:
        listing = self._listing(asked)
        last = self._exchange.trades(listing.symbol, 1)
        return [
            {
                "symbol": native(listing),
                "price": text(last[0].price if last else ZERO),
                "indexPrice": text(self._exchange.index(listing.symbol)),
                "markPrice": text(self._exchange.mark(listing.symbol)),
                "ts": str(self._exchange.clock.now_ms()),
            }
        ]

    def _book(self, asked: Asked) -> Row:
        book, depth = self._shown_book(asked)
        return {
            "asks": level_rows(book.asks[:depth]),
            "bids": level_rows(book.bids[:depth]),
            "ts": str(book.ts_ms),
        }

    def _merged_book(self, asked: Asked) -> Row:
        """Write the book of a perpetual: this endpoint alone writes numbers bare."""
        book, depth = self._shown_book(asked)
        listing = self._listing(asked)
        return {
            "asks": [[float(x.price), float(x.quantity)] for x in book.asks[:depth]],
            "bids": [[float(x.price), float(x.quantity)] for x in book.bids[:depth]],
            "ts": str(book.ts_ms),
            "scale": text(listing.tick),
            "precision": "scale0",
            "isMaxPrecision": "NO",
        }

    def _shown_book(self, asked: Asked) -> tuple[Book, int]:
        limit = str(asked.get("limit", "100"))
        if limit not in _DEPTHS and not limit.isdigit():
            raise bad(f"limit {limit}")
        return self._exchange.book(self._listing(asked).symbol), _DEPTHS.get(limit) or int(limit)

    def _trades(self, asked: Asked) -> list[Row]:
        listing = self._listing(asked)
        limit = int(asked.get("limit", 100))
        if not 1 <= limit <= 1000:
            raise bad(f"limit {limit}")
        start, end = int(asked.get("startTime", 0)), int(asked.get("endTime", 2**62))
        below = int(asked.get("idLessThan", 2**62))
        trades = [
            _history_row(trade, listing)
            for trade in reversed(self._exchange.trades(listing.symbol, 10_000))
            if start <= trade.ts_ms <= end and int(trade.trade_id) < below
        ]
        return trades[:limit]

    def _candles(self, asked: Asked) -> list[list[str]]:
        """List the newest candles that open in [startTime, endTime), oldest first."""
        listing = self._listing(asked)
        limit = int(asked.get("limit", 100))
        if not 1 <= limit <= 1000:
            raise bad(f"limit {limit}")
        granularity = str(asked["granularity"])
        if listing.product is Product.SPOT and granularity not in _SPOT_GRANULARITIES:
            raise ProblemError("400171", f"Parameter verification failed granularity {granularity}")
        step = interval_ms(granularity)
        start, end = int(asked.get("startTime", 0)), int(asked.get("endTime", 2**62)) - 1
        try:
            candles = self._exchange.candles(listing.symbol, step, start, end)
        except ValueError as e:
            raise ProblemError("400171", f"Parameter verification failed {e}") from e
        return [candle_row(candle, listing, pushed=False) for candle in candles[-limit:]]

    # ---- funding ----

    def _rate(self, asked: Asked) -> list[Row]:
        listing = self._listing(asked)
        funding = self._exchange.funding(listing.symbol)
        return [
            {
                "symbol": native(listing),
                "fundingRate": text(funding.rate),
                "fundingRateInterval": str(funding.interval_hours),
                "nextUpdate": str(funding.next_ms),
                "minFundingRate": "-0.003",
                "maxFundingRate": "0.003",
            }
        ]

    def _funding_time(self, asked: Asked) -> list[Row]:
        listing = self._listing(asked)
        funding = self._exchange.funding(listing.symbol)
        times = {"nextFundingTime": str(funding.next_ms), "ratePeriod": str(funding.interval_hours)}
        return [{"symbol": native(listing), **times}]

    def _rates(self, asked: Asked) -> list[Row]:
        """List settled rates, newest first, by page."""
        listing = self._listing(asked)
        size, page = int(asked.get("pageSize", 20)), int(asked.get("pageNo", 1))
        if not 1 <= size <= 100 or page < 1:
            raise bad(f"pageSize {size} pageNo {page}")
        settled = self._exchange.funding_history(listing.symbol, 10_000)[::-1]
        return [
            {
                "symbol": native(listing),
                "fundingRate": text(one.rate),
                "fundingTime": str(one.next_ms),
            }
            for one in settled[(page - 1) * size : page * size]
        ]

    # ---- what is asked for ----

    def _product(self, asked: Asked) -> Product:
        if "productType" not in asked:
            return Product.SPOT
        if not _is_ours(asked):
            raise bad(f"productType {asked['productType']}")
        return Product.PERP

    def _listing(self, asked: Asked) -> Listing:
        return self._names.listing(self._product(asked), str(asked.get("symbol", "")))

    def _wanted(self, product: Product, asked: Asked) -> list[Listing]:
        if asked.get("symbol"):
            return [self._names.listing(product, str(asked["symbol"]))]
        return self._names.of(product)


def _is_ours(asked: Asked) -> bool:
    return str(asked.get("productType", "")).upper() == USDT_FUTURES


def level_rows(levels: tuple[Level, ...]) -> list[list[str]]:
    """Write levels of a book."""
    return [[text(level.price), text(level.quantity)] for level in levels]


def trade_row(trade: PublicTrade) -> Row:
    """Write a public trade as the channel does."""
    return {
        "ts": str(trade.ts_ms),
        "price": text(trade.price),
        "size": text(trade.quantity),
        "side": trade.side.value,
        "tradeId": trade.trade_id,
    }


def _history_row(trade: PublicTrade, listing: Listing) -> Row:
    row = trade_row(trade) | {"symbol": native(listing)}
    keys = _SPOT_TRADE if listing.product is Product.SPOT else _MIX_TRADE
    return {key: row[key] for key in keys}


def candle_row(candle: Candle, listing: Listing, *, pushed: bool) -> list[str]:
    """Write a candle: spot and the channel count the turnover twice, in quote coins and USDT."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    amounts = [text(candle.volume), text(candle.turnover)]
    if pushed or listing.product is Product.SPOT:
        amounts.append(amounts[1])
    return [str(candle.open_ms), *(text(price) for price in prices), *amounts]


def _places(step: Decimal) -> int:
    return max(0, -int(step.normalize().as_tuple().exponent))


def _spot_row(listing: Listing) -> Row:
    return {
        **SPOT,
        "symbol": native(listing),
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "minTradeAmount": text(listing.min_quantity),
        "takerFeeRate": text(listing.taker_fee),
        "makerFeeRate": text(listing.maker_fee),
        "pricePrecision": str(_places(listing.tick)),
        "quantityPrecision": str(_places(listing.lot)),
        "minTradeUSDT": text(listing.min_notional),
    }


def _mix_row(listing: Listing) -> Row:
    places = _places(listing.tick)
    return {
        **PERP,
        "symbol": native(listing),
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "makerFeeRate": text(listing.maker_fee),
        "takerFeeRate": text(listing.taker_fee),
        "supportMarginCoins": [listing.quote],
        "minTradeNum": text(listing.min_quantity),
        "priceEndStep": text(listing.tick.scaleb(places)),
        "volumePlace": str(_places(listing.lot)),
        "pricePlace": str(places),
        "sizeMultiplier": text(listing.lot),
        "minTradeUSDT": text(listing.min_notional),
        "maxLever": str(listing.max_leverage),
    }

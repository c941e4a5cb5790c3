"""What anybody may ask Gate about spot: markets, books, trades, candles."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_figures import interval_ms, spot_candle, spot_ticker, top
from tests.venue.dialects.gate_routes import Call, Route
from tests.venue.dialects.gate_tape import asked, candles, get, none, window
from tests.venue.dialects.gate_words import Row, market_id, text
from tests.venue.model import Listing, Product

STARTED: Final = 1_516_378_650  # when the markets opened, in seconds


def _time(call: Call) -> Row:
    return {"server_time": call.house.exchange.clock.now_ms()}


def _currencies(call: Call) -> list[Row]:
    listings = call.house.exchange.listings.values()
    coins = dict.fromkeys(coin for one in listings for coin in (one.base, one.quote))
    return [_currency(coin) for coin in coins]


def _currency(coin: str) -> Row:
    chain = {
        "name": coin,
        "addr": "",
        "withdraw_disabled": False,
        "withdraw_delayed": False,
        "deposit_disabled": False,
    }
    return {
        "currency": coin,
        "name": coin,
        "delisted": False,
        "withdraw_disabled": False,
        "withdraw_delayed": False,
        "deposit_disabled": False,
        "trade_disabled": False,
        "fixed_rate": "",
        "chain": coin,
        "chains": [chain],
    }


def _pairs(call: Call) -> list[Row]:
    return [_pair(one) for one in call.house.listings(Product.SPOT)]


def _one_pair(call: Call) -> Row:
    return _pair(call.house.listing(Product.SPOT, call.named["name"]))


def _pair(listing: Listing) -> Row:
    return {
        "id": market_id(listing),
        "base": listing.base,
        "base_name": listing.base,
        "quote": listing.quote,
        "quote_name": listing.quote,
        "fee": text(listing.taker_fee * 100),
        "min_base_amount": text(listing.min_quantity or listing.lot),
        "min_quote_amount": text(listing.min_notional),
        "max_quote_amount": "5000000",
        "amount_precision": _digits(listing.lot),
        "precision": _digits(listing.tick),
        "trade_status": "tradable",
        "sell_start": 0,
        "buy_start": STARTED,
        "type": "normal",
        "trade_url": f"https://www.gate.com/trade/{market_id(listing)}",
    }


def _digits(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _spot_tickers(call: Call) -> list[Row]:
    return [_with_sizes(call, one) for one in asked(call, Product.SPOT, "currency_pair")]


def _with_sizes(call: Call, listing: Listing) -> Row:
    bid, ask = top(call.house.exchange.book(listing.symbol))
    return spot_ticker(call.house, listing) | {
        "lowest_size": text(ask.quantity) if ask else "",
        "highest_size": text(bid.quantity) if bid else "",
    }


def _spot_book(call: Call) -> Row:
    listing = call.house.listing(Product.SPOT, call.get("currency_pair"))
    book = call.house.exchange.book(listing.symbol)
    limit = call.count("limit", 10)
    row: Row = {"id": book.sequence} if call.get("with_id") == "true" else {}
    return row | {
        "current": call.house.exchange.clock.now_ms(),
        "update": book.ts_ms,
        "asks": [[text(one.price), text(one.quantity)] for one in book.asks[:limit]],
        "bids": [[text(one.price), text(one.quantity)] for one in book.bids[:limit]],
    }


def _spot_trades(call: Call) -> list[Row]:
    listing = call.house.listing(Product.SPOT, call.get("currency_pair"))
    return [
        {
            "id": one.trade_id,
            "create_time": str(one.ts_ms // 1000),
            "create_time_ms": f"{one.ts_ms}.000000",
            "currency_pair": market_id(listing),
            "side": one.side.value,
            "amount": text(one.quantity),
            "price": text(one.price),
            "sequence_id": one.trade_id,
        }
        for one in window(call, listing)
    ]


def _spot_candles(call: Call) -> list[list[str]]:
    listing = call.house.listing(Product.SPOT, call.get("currency_pair"))
    width = interval_ms(call.get("interval", "30m"))
    now = call.house.exchange.clock.now_ms()
    return [
        spot_candle(one, closed=one.open_ms + width <= now)
        for one in candles(call, listing, width, most=1000)
    ]


SPOT_MARKET_ROUTES: Final[tuple[Route, ...]] = (
    get("/spot/time", _time),
    get("/spot/currencies", _currencies),
    get("/spot/currency_pairs", _pairs),
    get("/spot/currency_pairs/{name}", _one_pair),
    get("/spot/tickers", _spot_tickers),
    get("/spot/order_book", _spot_book),
    get("/spot/trades", _spot_trades),
    get("/spot/candlesticks", _spot_candles),
    get("/margin/currency_pairs", none),
    get("/delivery/{settle}/contracts", none),
    get("/options/underlyings", none),
)

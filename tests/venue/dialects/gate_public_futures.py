"""What anybody may ask Gate about perpetuals: contracts, books, trades, candles, funding."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_figures import futures_candle, futures_ticker, interval_ms, top
from tests.venue.dialects.gate_public import STARTED
from tests.venue.dialects.gate_routes import FOREVER_MS, Call, Route
from tests.venue.dialects.gate_tape import asked, candles, get, window
from tests.venue.dialects.gate_words import Row, market_id, seconds, text
from tests.venue.model import Level, Listing, Product


def _contracts(call: Call) -> list[Row]:
    if call.named["settle"] != "usdt":
        return []
    return [_contract(call, one) for one in call.house.listings(Product.PERP)]


def _one_contract(call: Call) -> Row:
    return _contract(call, call.house.listing(Product.PERP, call.named["name"]))


def _contract(call: Call, listing: Listing) -> Row:
    house = call.house
    funding = house.exchange.funding(listing.symbol)
    whole = listing.lot == listing.lot.to_integral_value()
    mark = text(house.exchange.mark(listing.symbol))
    least = listing.min_quantity or listing.lot
    held = house.exchange.position(listing.symbol)
    return {
        "funding_rate_indicative": text(funding.rate),
        "mark_price_round": text(listing.tick),
        "funding_offset": 0,
        "in_delisting": False,
        "risk_limit_base": "1000000",
        "interest_rate": "0.0003",
        "index_price": text(house.exchange.index(listing.symbol)),
        "order_price_round": text(listing.tick),
        "order_size_min": int(least) if whole else text(least),
        "enable_decimal": not whole,
        "ref_rebate_rate": "0.2",
        "name": market_id(listing),
        "ref_discount_rate": "0",
        "order_price_deviate": "0.5",
        "maintenance_rate": "0.005",
        "mark_type": "index",
        "funding_interval": funding.interval_hours * 3600,
        "type": "direct",
        "risk_limit_step": "1000000",
        "enable_bonus": True,
        "enable_credit": True,
        "leverage_min": "1",
        "funding_rate": text(funding.rate),
        "last_price": text(house.exchange.last(listing.symbol) or Decimal(0)),
        "mark_price": mark,
        "order_size_max": 1_000_000,
        "funding_next_apply": funding.next_ms // 1000,
        "short_users": 157,
        "config_change_time": STARTED,
        "create_time": STARTED,
        "trade_size": 28_530_850_594,
        "position_size": int(abs(held.quantity)),
        "long_users": 191,
        "quanto_multiplier": text(listing.contract_size),
        "funding_impact_value": "60000",
        "leverage_max": str(listing.max_leverage),
        "cross_leverage_default": "10",
        "risk_limit_max": "8000000",
        "maker_fee_rate": text(listing.maker_fee),
        "taker_fee_rate": text(listing.taker_fee),
        "orders_limit": 100,
        "trade_id": 10_851_092,
        "orderbook_id": house.exchange.book(listing.symbol).sequence,
        "funding_cap_ratio": "0.75",
        "voucher_leverage": "0",
        "is_pre_market": False,
        "status": "trading",
        "launch_time": STARTED,
        "enable_circuit_breaker": False,
        "funding_rate_limit": "0.003",
        "market_order_slip_ratio": "0.05",
        "market_order_size_max": "0",
        "contract_type": "",
    }


def _futures_tickers(call: Call) -> list[Row]:
    rows: list[Row] = []
    for one in asked(call, Product.PERP, "contract"):
        bid, ask = top(call.house.exchange.book(one.symbol))
        rows.append(
            futures_ticker(call.house, one)
            | {
                "lowest_ask": text(ask.price) if ask else "",
                "lowest_size": text(ask.quantity) if ask else "",
                "highest_bid": text(bid.price) if bid else "",
                "highest_size": text(bid.quantity) if bid else "",
                "quanto_multiplier": text(one.contract_size),
            }
        )
    return rows


def _futures_book(call: Call) -> Row:
    listing = call.house.listing(Product.PERP, call.get("contract"))
    book = call.house.exchange.book(listing.symbol)
    limit = call.count("limit", 10, most=300)

    def row(level: Level) -> Row:
        return {"s": call.style.size(level.quantity), "p": text(level.price)}

    head: Row = {"id": book.sequence} if call.get("with_id") == "true" else {}
    return head | {
        "current": seconds(call.house.exchange.clock.now_ms()),
        "asks": [row(one) for one in book.asks[:limit]],
        "bids": [row(one) for one in book.bids[:limit]],
        "update": seconds(book.ts_ms),
    }


def _futures_trades(call: Call) -> list[Row]:
    listing = call.house.listing(Product.PERP, call.get("contract"))
    return [
        {
            "id": int(one.trade_id),
            "create_time": seconds(one.ts_ms),
            "create_time_ms": seconds(one.ts_ms),
            "contract": market_id(listing),
            "size": call.style.size(one.side.sign * one.quantity),
            "price": text(one.price),
        }
        for one in window(call, listing)
    ]


def _futures_candles(call: Call) -> list[Row]:
    listing = call.house.listing(Product.PERP, call.get("contract"))
    width = interval_ms(call.get("interval", "5m"))
    found = candles(call, listing, width, most=2000)
    return [futures_candle(one, listing, decimals=call.style.decimals) for one in found]


def _funding_rates(call: Call) -> list[Row]:
    listing = call.house.listing(Product.PERP, call.get("contract"))
    limit = call.count("limit", 100)
    start = call.moment_ms("from", 0)
    end = call.moment_ms("to", FOREVER_MS)
    settled = call.house.exchange.funding_history(listing.symbol, 1000)
    found = [one for one in settled if start <= one.next_ms <= end + 999]
    found.sort(key=lambda one: one.next_ms, reverse=True)
    return [{"r": text(one.rate), "t": one.next_ms // 1000} for one in found[:limit]]


FUTURES_MARKET_ROUTES: Final[tuple[Route, ...]] = (
    get("/futures/{settle}/contracts", _contracts),
    get("/futures/{settle}/contracts/{name}", _one_contract),
    get("/futures/{settle}/tickers", _futures_tickers),
    get("/futures/{settle}/order_book", _futures_book),
    get("/futures/{settle}/trades", _futures_trades),
    get("/futures/{settle}/candlesticks", _futures_candles),
    get("/futures/{settle}/funding_rate", _funding_rates),
)

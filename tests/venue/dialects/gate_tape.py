"""What public requests of Gate have in common: markets asked for, windows of trades and candles."""

from collections.abc import Sequence

from tests.venue.candles import opening
from tests.venue.dialects.gate_routes import FOREVER_MS, Call, Handler, Route
from tests.venue.dialects.gate_words import GateError, Row
from tests.venue.model import Candle, Listing, Product, PublicTrade


def asked(call: Call, product: Product, name: str) -> list[Listing]:
    """List the markets that a request is about: one, or all."""
    if call.has(name):
        return [call.house.listing(product, call.get(name))]
    return call.house.listings(product)


def _tape(call: Call, listing: Listing, limit: int) -> Sequence[PublicTrade]:
    """List trades, newest first."""
    return call.house.exchange.trades(listing.symbol, limit)[::-1]


def window(call: Call, listing: Listing) -> list[PublicTrade]:
    """List the trades that a request asks for, newest first."""
    limit = call.count("limit", 100)
    start = call.moment_ms("from", 0)
    end = call.moment_ms("to", FOREVER_MS) + 999
    last_id = call.count("last_id", 0, most=10**18)
    found = [
        one
        for one in _tape(call, listing, 100_000)
        if start <= one.ts_ms <= end and _is_beyond(one, last_id, call)
    ]
    if last_id and call.get("reverse") != "true":
        found = found[-limit:]  # the oldest ones after it
    return found[:limit]


def _is_beyond(trade: PublicTrade, last_id: int, call: Call) -> bool:
    if not last_id:
        return True
    older = call.get("reverse") == "true"
    return int(trade.trade_id) < last_id if older else int(trade.trade_id) > last_id


def candles(call: Call, listing: Listing, width: int, *, most: int) -> list[Candle]:
    """List candles oldest first: the last ones, or those that open within [from, to]."""
    now = call.house.exchange.clock.now_ms()
    if call.has("limit") and call.has("from"):
        raise GateError(400, "INVALID_PARAM_VALUE", "limit conflicts with from and to")
    limit = call.count("limit", 100, most=most)
    end = call.moment_ms("to", now)
    start = call.moment_ms("from", max(end - (limit - 1) * width, 0))
    if (end - start) // width + 1 > most:
        message = f"Candlestick range too broad. Maximum {most} data points are allowed per request"
        raise GateError(400, "INVALID_PARAM_VALUE", message)
    first = opening(start, width)
    if call.has("from") and first < start:
        first += width
    return call.house.exchange.candles(listing.symbol, width, first, end)


def none(call: Call) -> list[Row]:
    """List nothing: what is asked for is not traded here."""
    return []


def get(path: str, handle: Handler) -> Route:
    """Open an endpoint to everybody."""
    return Route(method="GET", path=path, purpose="public", handle=handle)

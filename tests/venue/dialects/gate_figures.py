"""Figures that Gate derives from the tape: tickers, candles, the top of the book."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_words import ZERO, Row, invalid, market_id, number, text
from tests.venue.model import Book, Candle, CandleChanged, Level, Listing, PublicTrade

_HOUR_MS: Final = 3_600_000
INTERVALS_MS: Final[Mapping[str, int]] = {
    "10s": 10_000,
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": _HOUR_MS,
    "2h": 2 * _HOUR_MS,
    "4h": 4 * _HOUR_MS,
    "8h": 8 * _HOUR_MS,
    "1d": 24 * _HOUR_MS,
    "7d": 7 * 24 * _HOUR_MS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The last 24 hours of one market."""

    last: Decimal
    high: Decimal
    low: Decimal
    percent: Decimal  # change of the price
    volume: Decimal  # base coins
    turnover: Decimal  # quote coins


def interval_ms(name: str) -> int:
    """Read the name of an interval; raise GateError where there is none."""
    try:
        return INTERVALS_MS[name]
    except KeyError:
        raise invalid("interval") from None


def day(house: House, listing: Listing) -> Day:
    """Sum up the last 24 hours."""
    now = house.exchange.clock.now_ms()
    candles = house.exchange.candles(listing.symbol, _HOUR_MS, now - 24 * _HOUR_MS, now)
    if not candles:
        return Day(last=ZERO, high=ZERO, low=ZERO, percent=ZERO, volume=ZERO, turnover=ZERO)
    first, last = candles[0].open, candles[-1].close
    return Day(
        last=last,
        high=max(one.high for one in candles),
        low=min(one.low for one in candles),
        percent=((last - first) * 100 / first).quantize(Decimal("1e-4")),
        volume=sum((one.volume for one in candles), ZERO),
        turnover=sum((one.turnover for one in candles), ZERO),
    )


def top(book: Book) -> tuple[Level | None, Level | None]:
    """Find the best bid and the best ask."""
    return (book.bids[0] if book.bids else None), (book.asks[0] if book.asks else None)


def spot_ticker(house: House, listing: Listing) -> Row:
    """Show a spot market's day."""
    bid, ask = top(house.exchange.book(listing.symbol))
    found = day(house, listing)
    return {
        "currency_pair": market_id(listing),
        "last": text(found.last),
        "lowest_ask": text(ask.price) if ask else "",
        "highest_bid": text(bid.price) if bid else "",
        "change_percentage": text(found.percent),
        "base_volume": text(found.volume),
        "quote_volume": text(found.turnover),
        "high_24h": text(found.high),
        "low_24h": text(found.low),
    }


def futures_ticker(house: House, listing: Listing) -> Row:
    """Show a perpetual's day, with mark, index and funding."""
    found = day(house, listing)
    funding = house.exchange.funding(listing.symbol)
    contracts = found.volume / listing.contract_size
    return {
        "contract": market_id(listing),
        "last": text(found.last),
        "change_percentage": text(found.percent),
        "total_size": text(contracts),
        "volume_24h": text(contracts),
        "volume_24h_base": text(found.volume),
        "volume_24h_quote": text(found.turnover),
        "volume_24h_settle": text(found.turnover),
        "volume_24h_btc": text(found.volume),
        "volume_24h_usd": text(found.turnover),
        "mark_price": text(house.exchange.mark(listing.symbol)),
        "funding_rate": text(funding.rate),
        "funding_rate_indicative": text(funding.rate),
        "index_price": text(house.exchange.index(listing.symbol)),
        "quanto_base_rate": "",
        "low_24h": text(found.low),
        "high_24h": text(found.high),
    }


def book_ticker(house: House, listing: Listing, *, decimals: bool | None) -> Row:
    """Show the top of the book; `decimals` is None for spot, whose quantities are text."""
    book = house.exchange.book(listing.symbol)
    bid, ask = top(book)

    def quantity(level: Level | None) -> str | int:
        amount = level.quantity if level else ZERO
        return int(amount) if decimals is False else text(amount)

    return {
        "t": book.ts_ms,
        "u": book.sequence,
        "s": market_id(listing),
        "b": text(bid.price) if bid else "",
        "B": quantity(bid),
        "a": text(ask.price) if ask else "",
        "A": quantity(ask),
    }


def spot_candle(candle: Candle, *, closed: bool) -> list[str]:
    """Show a spot candle over REST: quote volume second, base volume seventh."""
    prices = (candle.close, candle.high, candle.low, candle.open)
    return [
        str(candle.open_ms // 1000),
        text(candle.turnover),
        *(text(price) for price in prices),
        text(candle.volume),
        "true" if closed else "false",
    ]


def futures_candle(candle: Candle, listing: Listing, *, decimals: bool) -> Row:
    """Show a perpetual's candle over REST: volume in contracts, sum in quote coins."""
    contracts = candle.volume / listing.contract_size
    return {
        "t": candle.open_ms // 1000,
        "v": text(contracts) if decimals else number(contracts),
        "c": text(candle.close),
        "h": text(candle.high),
        "l": text(candle.low),
        "o": text(candle.open),
        "sum": text(candle.turnover),
    }


def spot_trade_push(trade: PublicTrade, name: str) -> Row:
    """Show a public spot trade on its channel."""
    return {
        "id": int(trade.trade_id),
        "id_market": int(trade.trade_id),
        "create_time": trade.ts_ms // 1000,
        "create_time_ms": f"{trade.ts_ms}.000000",
        "side": trade.side.value,
        "currency_pair": name,
        "amount": text(trade.quantity),
        "price": text(trade.price),
        "range": f"{trade.trade_id}-{trade.trade_id}",
    }


def spot_candle_push(candle: Candle, key: str, *, closed: bool) -> Row:
    """Show a spot candle on its channel: `v` counts quote coins, `a` base coins."""
    return {
        "t": str(candle.open_ms // 1000),
        "v": text(candle.turnover),
        "c": text(candle.close),
        "h": text(candle.high),
        "l": text(candle.low),
        "o": text(candle.open),
        "n": key,
        "a": text(candle.volume),
        "w": closed,
    }


def futures_candle_push(event: CandleChanged, listing: Listing, key: str, *, decimals: bool) -> Row:
    """Show a perpetual's candle on its channel: `v` counts contracts, `a` quote coins."""
    candle = event.candle
    contracts = candle.volume / listing.contract_size
    return {
        "t": candle.open_ms // 1000,
        "c": text(candle.close),
        "h": text(candle.high),
        "l": text(candle.low),
        "o": text(candle.open),
        "a": text(candle.turnover),
        "n": key,
        "w": event.closed,
        "v": text(contracts) if decimals else number(contracts),
    }

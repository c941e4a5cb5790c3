"""Bitget's tickers: the last day of one market in one row."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.venue.dialects.bitget_memory import ZERO, Row
from tests.venue.dialects.bitget_words import native, text
from tests.venue.exchange import Exchange
from tests.venue.model import Level, Listing, Product

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_NONE: Final = Level(price=ZERO, quantity=ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the last day of a market was, and where it stands now."""

    last: Decimal
    bid: Level
    ask: Level
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    turnover: Decimal
    open_utc: Decimal
    ts_ms: int

    @property
    def change(self) -> str:
        """Tell the change over the day as a fraction."""
        return _change(self.open, self.last)

    @property
    def change_utc(self) -> str:
        """Tell the change since midnight."""
        return _change(self.open_utc, self.last)


def day_of(exchange: Exchange, listing: Listing) -> Day:
    """Look at a market's last day."""
    now = exchange.clock.now_ms()
    hours = exchange.candles(listing.symbol, _HOUR_MS, now - _DAY_MS)
    midnight = now // _DAY_MS * _DAY_MS
    trades = exchange.trades(listing.symbol, 1)
    last = trades[0].price if trades else ZERO
    book = exchange.book(listing.symbol)
    today = [hour.open for hour in hours if hour.open_ms >= midnight]
    return Day(
        last=last,
        bid=book.bids[0] if book.bids else _NONE,
        ask=book.asks[0] if book.asks else _NONE,
        open=hours[0].open if hours else last,
        high=max((hour.high for hour in hours), default=last),
        low=min((hour.low for hour in hours), default=last),
        volume=sum((hour.volume for hour in hours), ZERO),
        turnover=sum((hour.turnover for hour in hours), ZERO),
        open_utc=today[0] if today else last,
        ts_ms=now,
    )


def spot_ticker(exchange: Exchange, listing: Listing) -> Row:
    """Write a spot ticker as REST does."""
    day = day_of(exchange, listing)
    return {
        "open": text(day.open),
        "symbol": native(listing),
        "high24h": text(day.high),
        "low24h": text(day.low),
        "lastPr": text(day.last),
        "quoteVolume": text(day.turnover),
        "baseVolume": text(day.volume),
        "usdtVolume": text(day.turnover),
        "ts": str(day.ts_ms),
        "bidPr": text(day.bid.price),
        "askPr": text(day.ask.price),
        "bidSz": text(day.bid.quantity),
        "askSz": text(day.ask.quantity),
        "openUtc": text(day.open_utc),
        "changeUtc24h": day.change_utc,
        "change24h": day.change,
    }


def mix_ticker(exchange: Exchange, listing: Listing) -> Row:
    """Write a perpetual's ticker as REST does."""
    day = day_of(exchange, listing)
    return {
        "symbol": native(listing),
        "lastPr": text(day.last),
        "askPr": text(day.ask.price),
        "bidPr": text(day.bid.price),
        "bidSz": text(day.bid.quantity),
        "askSz": text(day.ask.quantity),
        "high24h": text(day.high),
        "low24h": text(day.low),
        "ts": str(day.ts_ms),
        "change24h": day.change,
        "baseVolume": text(day.volume),
        "quoteVolume": text(day.turnover),
        "usdtVolume": text(day.turnover),
        "openUtc": text(day.open_utc),
        "changeUtc24h": day.change_utc,
        "indexPrice": text(exchange.index(listing.symbol)),
        "fundingRate": text(exchange.funding(listing.symbol).rate),
        "holdingAmount": "0",
        "deliveryStartTime": None,
        "deliveryTime": None,
        "deliveryStatus": "",
        "open24h": text(day.open),
        "markPrice": text(exchange.mark(listing.symbol)),
    }


def ticker_push(exchange: Exchange, listing: Listing) -> Row:
    """Write a ticker as the channel does."""
    day = day_of(exchange, listing)
    best = {
        "bidPr": text(day.bid.price),
        "askPr": text(day.ask.price),
        "bidSz": text(day.bid.quantity),
        "askSz": text(day.ask.quantity),
    }
    range_ = {
        "open24h": text(day.open),
        "high24h": text(day.high),
        "low24h": text(day.low),
        "change24h": day.change,
    }
    traded = {"baseVolume": text(day.volume), "quoteVolume": text(day.turnover)}
    row = {"instId": native(listing), "lastPr": text(day.last)}
    if listing.product is Product.SPOT:
        utc = {"openUtc": text(day.open_utc), "changeUtc24h": day.change_utc}
        return row | range_ | best | traded | utc | {"ts": str(day.ts_ms)}
    funding = exchange.funding(listing.symbol)
    return (
        row
        | best
        | range_
        | {
            "fundingRate": text(funding.rate),
            "nextFundingTime": str(funding.next_ms),
            "markPrice": text(exchange.mark(listing.symbol)),
            "indexPrice": text(exchange.index(listing.symbol)),
            "holdingAmount": "0",
        }
        | traded
        | {
            "openUtc": text(day.open_utc),
            "symbolType": "1",
            "symbol": native(listing),
            "deliveryPrice": "0",
            "ts": str(day.ts_ms),
        }
    )


def _change(before: Decimal, now: Decimal) -> str:
    if not before:
        return "0"
    return text((now / before - 1).quantize(Decimal("0.00001")))

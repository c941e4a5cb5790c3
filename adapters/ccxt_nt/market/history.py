"""What a venue remembers: bars, trades and funding, page by page."""

from dataclasses import dataclass
from typing import Any, Final

from nautilus_trader.model import FundingRateUpdate

from ccxt_nt import parsing
from ccxt_nt.conversion import Instrument
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.line.paging import counted, whole
from ccxt_nt.market.bar_feed import fetch_bars
from ccxt_nt.market.feeds import Station
from ccxt_nt.market.past_trades import PastTrades
from ccxt_nt.values import BarRow, MarketRow, TradeRow

# `Any` in this module: ccxt's answers have no types

_MS: Final = 1_000_000
_DAY_NS: Final = 86_400_000_000_000
_MOST_PAGES: Final = 1_000
_MOST_EMPTY: Final = 5  # pages in a row, after which nothing older is expected


@dataclass(frozen=True, slots=True)
class _Bars:
    """The closed bars of one market and timeframe, a page at a time."""

    station: Station
    market: MarketRow
    timeframe: str
    interval_ns: int
    page: int  # bars that one request brings

    async def within(self, start_ns: int, end_ns: int, limit: int | None) -> list[BarRow]:
        """Walk from the oldest on."""
        since, found = self._aligned(start_ns), dict[int, BarRow]()
        for _ in range(_MOST_PAGES):
            if since >= end_ns or (limit and len(found) >= limit):
                break
            size = min(self.page, (end_ns - since) // self.interval_ns + 1)
            fresh = await self._ask(since, end_ns, size)
            found |= fresh
            # An empty page may be a stretch without trades, or without a listing: look further
            last = max(fresh, default=since + (size - 1) * self.interval_ns)
            since = last + self.interval_ns
        else:
            self.station.log(
                f"bars of {self.market.symbol} {self.timeframe}: {len(found)} found in "
                f"{_MOST_PAGES} requests, the rest is left out: ask again from {since}"
            )
        rows = [found[key] for key in sorted(found)]
        return rows[:limit] if limit else rows

    async def before(self, end_ns: int, limit: int) -> list[BarRow]:
        """Walk from the newest back, until there are enough or the venue knows no more."""
        until, empty, found = end_ns, 0, list[BarRow]()
        while len(found) < limit and empty < _MOST_EMPTY and until > 0:
            size = min(self.page, limit - len(found) + 1)  # one may be running
            since = max(self._aligned(until - size * self.interval_ns), 0)
            # Venues limit the days of an answer too: it may end before the window does
            rows = await self.within(since, until, None)
            found = rows + found
            until, empty = since, 0 if rows else empty + 1
        return found[-limit:]

    async def _ask(self, since: int, end_ns: int, size: int) -> dict[int, BarRow]:
        rows = await fetch_bars(
            self.station,
            self.market,
            self.timeframe,
            since_ns=since,
            limit=size,
            urgency=Urgency.BACKGROUND,
        )
        now_ns = self.station.venue_ns
        return {
            row.open_ns: row
            for row in rows
            if since <= row.open_ns < end_ns and row.open_ns + self.interval_ns <= now_ns
        }

    def _aligned(self, ns: int) -> int:
        """Round up to where a bar may open; bars longer than a day open at any midnight."""
        grid = min(self.interval_ns, _DAY_NS)
        return -(-ns // grid) * grid


class History:
    """Questions about the past; every answer is oldest first and has each row once."""

    def __init__(self, station: Station) -> None:
        self._station = station

    async def bars(
        self,
        market: MarketRow,
        timeframe: str,
        interval_ns: int,
        *,
        start_ns: int | None,
        end_ns: int | None,
        limit: int | None,
    ) -> list[BarRow]:
        """Fetch closed bars that open within [start, end).

        With a start the first `limit` of them, without one the last: a page where no limit is set.
        """
        paging = self._station.line.profile.paging
        page = paging.bars
        if paging.bars_days is not None:
            page = max(min(page, paging.bars_days * _DAY_NS // interval_ns), 1)
        asked = _Bars(self._station, market, timeframe, interval_ns, page)
        now_ns = self._station.venue_ns
        end = min(end_ns or now_ns, now_ns)
        if start_ns is None:
            return await asked.before(end, limit or paging.bars)
        return await asked.within(start_ns, end, limit)

    async def trades(
        self, market: MarketRow, *, start_ns: int | None, end_ns: int | None, limit: int | None
    ) -> list[TradeRow]:
        """Fetch the trades of a window as far as the venue tells them, and log where it does not.

        With a start the first `limit` of them, without one the last: a page where no limit is set.
        """
        past = PastTrades(self._station, market)
        if start_ns is None:
            return await past.last(limit or self._station.line.profile.paging.trades, end_ns)
        rows = await past.within(start_ns, end_ns)
        return rows[:limit] if limit else rows

    async def funding(
        self,
        market: MarketRow,
        instrument: Instrument,
        *,
        start_ns: int | None,
        end_ns: int | None,
        limit: int | None,
    ) -> list[FundingRateUpdate]:
        """Fetch the funding rates that were paid, and log where the venue does not tell all."""
        paging = self._station.line.profile.paging
        size, number_key = paging.funding, paging.funding_number_key
        since_ms = None if start_ns is None else start_ns // _MS

        async def by_time(since: int | None, until: int | None) -> list[dict[str, Any]]:
            more = {} if until is None else {"until": until}
            return await self._funding_page(market, since, size, more)

        async def by_number(number: int) -> list[dict[str, Any]]:
            return await self._funding_page(market, since_ms, size, {str(number_key): number})

        is_whole = True
        if since_ms is None:
            told = await self._funding_page(market, None, min(limit or size, size), {})
        elif number_key is not None:
            told, is_whole = await counted(by_number, limit=size)
        else:
            told, is_whole = await whole(by_time, limit=size, since_ms=since_ms)
        paid = {one["id"]: one["row"] for one in told if one["row"].funding_rate is not None}
        rows = [paid[ts] for ts in sorted(paid)]
        if not is_whole:
            self._station.log(
                f"funding of {market.symbol} since {start_ns}: the venue told {len(rows)} payments"
                " and no more: what is delivered is not all of it"
            )
        inside = [
            row
            for row in rows
            if (start_ns is None or row.ts_event >= start_ns)
            and (end_ns is None or row.ts_event <= end_ns)
        ]
        ts_init = self._station.now_ns()
        return [
            FundingRateUpdate(instrument.id, row.funding_rate, row.ts_event, ts_init)
            for row in (inside[-limit:] if limit else inside)
        ]

    async def _funding_page(
        self, market: MarketRow, since_ms: int | None, limit: int, more: dict[str, Any]
    ) -> list[dict[str, Any]]:
        answer = await self._station.line.ask(
            "fetch_funding_rate_history",
            market.symbol,
            since_ms,
            limit,
            more,
            urgency=Urgency.BACKGROUND,
        )
        rows = [parsing.mark_row(each, symbol=market.symbol) for each in answer]
        return [{"id": x.ts_event, "timestamp": x.ts_event // _MS, "row": x} for x in rows]

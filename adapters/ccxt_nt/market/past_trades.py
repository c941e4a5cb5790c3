"""Past trades of one market: pages are asked for on both sides of what a venue told first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ccxt_nt.line.lanes import Urgency
from ccxt_nt.line.paging import whole
from ccxt_nt.market.feeds import Station
from ccxt_nt.market.tape import in_order
from ccxt_nt.market.tick_feeds import read_trade
from ccxt_nt.parsing import Unreadable
from ccxt_nt.values import MarketRow, TradeRow

# `Any` in this module: ccxt's answers have no types

_MS: Final = 1_000_000
_SECOND_MS: Final = 1_000
_MOST_PAGES: Final = 200  # of which the last trades are made up

type Told = dict[str, Any]  # id and timestamp as paging wants them, and the row


@dataclass(frozen=True, slots=True)
class PastTrades:
    """The trades that a venue still tells; what it does not is said in the log."""

    station: Station
    market: MarketRow

    async def within(self, start_ns: int, end_ns: int | None) -> list[TradeRow]:
        """Fetch those of a window, oldest first."""
        told, is_whole = await whole(
            self._page,
            limit=self._size,
            since_ms=start_ns // _MS,
            until_ms=None if end_ns is None else end_ns // _MS,
        )
        rows = _rows(told)
        if not is_whole:
            self._complain(f"since {_text(start_ns)}", rows)
        return [
            row for row in rows if start_ns <= row.ts_event and _is_before(row.ts_event, end_ns)
        ]

    async def last(self, count: int, end_ns: int | None) -> list[TradeRow]:
        """Fetch the last ones, oldest first, walking back until there are enough."""
        found: dict[str, Told] = {}
        until = None if end_ns is None else end_ns // _MS
        is_stuck = False
        for _ in range(_MOST_PAGES):
            told = await self._page(None, until)
            fresh = {one["id"]: one for one in told if one["id"] not in found}
            found |= fresh
            rows = [row for row in _rows(found.values()) if _is_before(row.ts_event, end_ns)]
            times = [one["timestamp"] for one in told if one["timestamp"] is not None]
            if len(rows) >= count or len(told) < self._size:
                break
            is_stuck = not fresh or not times
            if is_stuck:
                self._complain(f"the last {count}", rows)
                break
            until = min(times)
        return rows[-count:]

    @property
    def _size(self) -> int:
        return self.station.line.profile.paging.trades

    async def _page(self, since_ms: int | None, until_ms: int | None) -> list[Told]:
        params: dict[str, object] = {}
        if until_ms is not None:
            seconds = self.station.line.profile.paging.trades_by_second
            step = _SECOND_MS if seconds else 1  # upwards, or the rest of a second were left out
            params["until"] = -(-until_ms // step) * step
        answer = await self.station.line.ask(
            "fetch_trades",
            self.market.symbol,
            since_ms,
            self._size,
            params,
            urgency=Urgency.BACKGROUND,
        )
        return [self._told(raw) for raw in answer] if isinstance(answer, list) else []

    def _told(self, raw: Any) -> Told:
        """Read one; what cannot be read still counts as one of its page."""
        try:
            row = read_trade(self.station, self.market, raw)
        except Unreadable as e:
            self.station.log(f"trades of {self.market.symbol}: left out: {e} in {raw!r:.100}")
            return {"id": f"unreadable {raw!r}", "timestamp": None, "row": None}
        return {"id": row.trade_id, "timestamp": row.ts_event // _MS, "row": row}

    def _complain(self, wanted: str, rows: list[TradeRow]) -> None:
        since = f" from {_text(rows[0].ts_event)} on" if rows else ""
        self.station.log(
            f"trades of {self.market.symbol}, {wanted}: the venue told {len(rows)}{since} and no"
            " more, so what is delivered is not all of them"
        )


def _rows(told: Iterable[Told]) -> list[TradeRow]:
    return in_order(one["row"] for one in told if one["row"] is not None)


def _is_before(ns: int, end_ns: int | None) -> bool:
    return end_ns is None or ns <= end_ns


def _text(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")

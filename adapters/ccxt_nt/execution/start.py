"""What the engine asks at its start, and whenever it compares: the account as reports."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from decimal import Decimal
from random import Random

from nautilus_trader.live.clients import ExecutionClient
from nautilus_trader.model import (
    ExecutionMassStatus,
    FillReport,
    OrderStatusReport,
    PositionStatusReport,
    Venue,
)

from ccxt_nt.execution.reports import fill_report, order_report, position_report
from ccxt_nt.line.connecting import persist
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.inquiry import Inquiry, Listing
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.values import FillRow, OrderRow, OrderStatus, Product, Side

type _Snapshot = tuple[list[OrderRow], list[FillRow], list[PositionStatusReport]]

_DAY_MS = 86_400_000


class Reporter:
    """Answers from REST alone; an answer that could not be had raises, it is never empty."""

    def __init__(
        self,
        client: ExecutionClient,
        venue: Venue,
        *,
        cases: Cases,
        inquiry: Inquiry,
        provider: CcxtInstrumentProvider,
        now_ms: Callable[[], int],
        note: Callable[[str], None],
        all_symbols: bool,
        rng: Random,
        failures: list[str],
    ) -> None:
        self._client = client
        self._venue = venue
        self._cases = cases
        self._inquiry = inquiry
        self._provider = provider
        self._now_ms = now_ms
        self._note = note
        self._rng = rng
        self._failures = failures  # why the account could not be seen at the start
        self._all_symbols = all_symbols  # the past of each loaded instrument is asked for

    async def mass_status(self, lookback_mins: int | None) -> ExecutionMassStatus:
        """Report open orders with all their fills, and positions; with a lookback, the past too."""
        client = self._client
        since_ms = None if lookback_mins is None else self._now_ms() - lookback_mins * 60_000
        rows, fills, positions = await self._persistent_snapshot(since_ms)
        orders, filled = [], []
        explained: dict[str, Decimal] = {}
        for case, row, own in _as_one(self._met(rows), fills):
            for fill in fills:
                if fill.trade_id in {each.trade_id for each in own}:
                    self._cases.take_fill(fill)
            orders.append(self._order(case, row, own))
            self._cases.reported(case, own)
            filled += [self._fill(case, fill) for fill in own]
            explained[row.symbol] = explained.get(row.symbol, Decimal(0)) + sum(map(_signed, own))
        status = ExecutionMassStatus(
            client.client_id, client.account_id, self._venue, client.clock.timestamp_ns()
        )
        status.add_order_reports(orders)
        status.add_fill_reports(filled)
        status.add_position_reports([x for x in positions if not self._explains(explained, x)])
        return status

    def _explains(self, filled: Mapping[str, Decimal], position: PositionStatusReport) -> bool:
        """Say whether the fills that are told add up to a position, which then needs no telling.

        Of an instrument whose position is told, the engine drops the orders and fills before the
        last time it was flat: what closed a plan would be lost where a person trades after it.
        """
        symbol = self._provider.market(position.instrument_id).symbol
        size = position.quantity.as_decimal()
        return filled.get(symbol) == (size if position.is_long else -size)

    async def _persistent_snapshot(self, since_ms: int | None) -> _Snapshot:
        """Ask again where one of many questions fails, or a node would not start for it."""
        found: list[_Snapshot] = []

        async def ask() -> None:
            found.append(await self._snapshot(since_ms))

        await persist(ask, rng=self._rng, note=self._note, failures=self._failures)
        return found[-1]

    async def _snapshot(self, since_ms: int | None) -> _Snapshot:
        """Ask for orders, fills and positions until nothing filled while we asked.

        A fill that the positions count already must not be told again.
        """
        before = await self._recent_ids(self._named())
        while True:
            rows = await self.order_rows(since_ms=since_ms, open_only=False)
            fills = await self.fill_rows(rows, since_ms=since_ms)
            positions = await self.positions()
            held = {self._provider.market(each.instrument_id).symbol for each in positions}
            recent = await self._recent_ids({row.symbol for row in rows} | held | self._named())
            if before == recent:
                self._cases.past |= recent | {fill.trade_id for fill in fills}
                return rows, fills, positions
            before = recent

    async def _recent_ids(self, symbols: AbstractSet[str]) -> set[str]:
        found: set[str] = set()
        for symbol in sorted(symbols):
            found |= {fill.trade_id for fill in await self._inquiry.recent_fills(symbol)}
        return found

    async def orders(self, *, since_ms: int | None, open_only: bool) -> list[OrderStatusReport]:
        """Report orders as they are."""
        rows = await self.order_rows(since_ms=since_ms, open_only=open_only)
        fills = await self.fill_rows(rows, since_ms=since_ms)
        reports = []
        for case, row in self._met(rows):
            own = tuple(fill for fill in fills if fill.venue_order_id == row.venue_order_id)
            reports.append(self._order(case, row, own))
        return reports

    def one(self, case: Case, row: OrderRow) -> OrderStatusReport:
        """Report one order with the fills that the engine was told."""
        known = tuple(f for f in case.ledger.fills if f.trade_id in case.told.fills)
        return self._order(case, row, known)

    async def fills(self, *, since_ms: int | None) -> list[FillReport]:
        """Report the fills of the orders that `orders` reports."""
        rows = await self.order_rows(since_ms=since_ms, open_only=False)
        fills = await self.fill_rows(rows, since_ms=since_ms)
        by_id = {row.venue_order_id: case for case, row in self._met(rows)}
        return [self._fill(by_id[f.venue_order_id], f) for f in fills if f.venue_order_id in by_id]

    async def positions(self) -> list[PositionStatusReport]:
        """Report every position of an instrument that was loaded."""
        if self._inquiry.profile.product is Product.SPOT:
            return []
        rows = await self._inquiry.positions()
        now = self._client.clock.timestamp_ns()
        account_id = self._client.account_id
        return [
            position_report(
                row, self._provider.instrument(row.symbol), account_id=account_id, ts_init=now
            )
            for row in rows
            if self._knows(row.symbol)
        ]

    # ---- rows ----

    async def order_rows(self, *, since_ms: int | None, open_only: bool) -> list[OrderRow]:
        """Ask for open orders, and for closed ones since a time where one is given."""
        symbols = self._provider.symbols
        listing = await self._inquiry.all_open_orders(symbols)
        if since_ms is not None and not open_only:
            for symbol in self._cases.symbols | self._named():
                listing += await self._inquiry.past_orders(symbol, since_ms=since_ms)
        self._complain(listing)
        latest: dict[str, OrderRow] = {}
        for row in listing.rows:
            known = latest.get(row.venue_order_id)
            if known is None or row.updated_ns >= known.updated_ns:
                latest[row.venue_order_id] = row
        return [row for row in latest.values() if self._knows(row.symbol)]

    async def fill_rows(self, rows: list[OrderRow], *, since_ms: int | None) -> list[FillRow]:
        """Ask for the fills of orders, by symbol, from the oldest of them on."""
        since: dict[str, int] = {}
        for row in rows:
            if row.filled is not None and not row.filled and since_ms is None:
                continue
            began = max(row.created_ns // 1_000_000 - 60_000, self._now_ms() - 30 * _DAY_MS)
            since[row.symbol] = min(since.get(row.symbol, began), began)
        found: list[FillRow] = []
        for symbol, began in sorted(since.items()):
            found += await self._inquiry.fills(symbol, since_ms=began)
        return found

    def _met(self, rows: list[OrderRow]) -> list[tuple[Case, OrderRow]]:
        """Find whose order each row is, when all are known.

        What a trigger order became may be listed before it, and is nobody's until it is linked.
        """
        for row in rows:
            self._cases.take_order(row)
        return [(self._cases.take_order(row), row) for row in rows]

    def _order(self, case: Case, row: OrderRow, fills: tuple[FillRow, ...]) -> OrderStatusReport:
        return order_report(
            row,
            self._provider.instrument(row.symbol),
            account_id=self._client.account_id,
            client_order_id=_named_id(case, row.venue_order_id),
            fills=fills,
            ts_init=self._client.clock.timestamp_ns(),
        )

    def _fill(self, case: Case, fill: FillRow) -> FillReport:
        return fill_report(
            fill,
            self._provider.instrument(fill.symbol),
            account_id=self._client.account_id,
            client_order_id=_named_id(case, fill.venue_order_id),
            ts_init=self._client.clock.timestamp_ns(),
        )

    def _named(self) -> set[str]:
        return set(self._provider.symbols) if self._all_symbols else set()

    def _knows(self, symbol: str) -> bool:
        if self._provider.knows(symbol):
            return True
        self._note(f"{symbol} is held or ordered and not loaded: it is left out")
        return False

    def _complain(self, listing: Listing) -> None:
        for complaint in listing.complaints:
            self._note(f"an order could not be read and is left out: {complaint}")


def _as_one(
    told: list[tuple[Case, OrderRow]], fills: list[FillRow]
) -> Iterator[tuple[Case, OrderRow, tuple[FillRow, ...]]]:
    """Give orders with their fills; what was replaced or fired is told as what came of it.

    Of several reports with one name the engine takes the first: an order that is open at the venue
    would be over for it, and a stop that fired would have closed nothing.
    """
    filled = {fill.venue_order_id for fill in fills}
    for case, rows in _by_case(told):
        row = max(reversed(rows), key=lambda each: _weight(each, filled))
        legs = {each.venue_order_id for each in rows}
        own = tuple(
            replace(fill, venue_order_id=row.venue_order_id)
            for fill in fills
            if fill.venue_order_id in legs
        )
        before = sum(
            (f.quantity for f in fills if f.venue_order_id in legs - {row.venue_order_id}),
            Decimal(0),
        )
        whole = None if row.quantity is None else row.quantity + before
        yield case, replace(row, quantity=whole), own


def _signed(fill: FillRow) -> Decimal:
    return fill.quantity if fill.side is Side.BUY else -fill.quantity


def _by_case(told: list[tuple[Case, OrderRow]]) -> Iterator[tuple[Case, list[OrderRow]]]:
    """Bring together the rows of one order, in the order they were listed."""
    cases: dict[int, tuple[Case, list[OrderRow]]] = {}
    for case, row in told:
        cases.setdefault(id(case), (case, []))[1].append(row)
    yield from cases.values()


def _weight(row: OrderRow, filled: AbstractSet[str]) -> tuple[bool, bool, bool, int]:
    """Rank the rows of one order: what is open, then what filled, then what came last."""
    is_open = row.status is OrderStatus.OPEN
    has_fired = row.status is OrderStatus.TRIGGERED
    return is_open, row.venue_order_id in filled, not has_fired, row.created_ns


def _named_id(case: Case, venue_order_id: str) -> str | None:
    """Give the engine's id; the engine itself names an order by the venue's id where it is None."""
    return None if case.client_order_id == venue_order_id else case.client_order_id

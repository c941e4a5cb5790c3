"""What an account looks like at a venue: orders, fills, balances, positions, asked by REST."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ccxt_nt.errors import Closed, Missing, Unknown, Unsupported
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.line.paging import More, everything
from ccxt_nt.parsing import Unreadable, balance_rows, fill_row, order_row, position_row
from ccxt_nt.profiles import Profile, StopStyle
from ccxt_nt.values import BalanceRow, FillRow, OrderRow, OrderStatus, PositionRow, Ticket

# `Any` in this module: ccxt's answers have no types


class Asks(Protocol):
    """What is needed of a line: one ccxt call, once, through its queue."""

    async def ask(
        self,
        method: str,
        *args: object,
        urgency: Urgency = Urgency.NORMAL,
        wrote: bool = False,
        deadline_secs: float | None = None,
    ) -> Any:
        """Make one call; raises kinds of VenueError only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """What an order is asked for by: the venue's id once known, else the client's."""

    symbol: str
    client_id: str | None  # as the venue has it
    venue_order_id: str | None
    waiting: bool = False  # a trigger order that did not fire yet, as far as we know
    likeness: Ticket | None = None  # to know it by, where the venue keeps no client id
    others: frozenset[str] = frozenset()  # ids of orders that it is not
    since_ms: int = 0  # it is not older


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Orders as listed, and how much their absence from it proves."""

    rows: tuple[OrderRow, ...]
    unread: tuple[str | None, ...] = ()  # client ids of rows that could not be read
    complaints: tuple[str, ...] = ()  # about those rows
    whole: bool = True  # every page was had

    def may_hide(self, client_id: str | None) -> bool:
        """Say whether an order that is not in it may still be open."""
        return not self.whole or client_id in self.unread or None in self.unread

    def __add__(self, other: "Listing") -> "Listing":
        """Join two listings."""
        return Listing(
            rows=self.rows + other.rows,
            unread=self.unread + other.unread,
            complaints=self.complaints + other.complaints,
            whole=self.whole and other.whole,
        )


class Inquiry:
    """The questions about one account; a question may be asked again, it changes nothing."""

    def __init__(self, profile: Profile, account: Asks, *, now_ms: Callable[[], int]) -> None:
        self.profile = profile
        self._account = account
        self._now_ms = now_ms  # the venue's clock

    # ---- one order ----

    async def find(self, key: OrderKey) -> OrderRow:
        """Ask for one order by its id or its client id; Missing if the venue knows of none."""
        stops = waiting_style(key, self.profile)
        if stops is None:
            return await self._fetch(key, {})
        try:
            waiting = await self._find_waiting(key, stops)
        except (Missing, Closed):
            name = _fired_name(stops, key.venue_order_id, key.client_id)
            if name is None:
                raise
            return await self._find_fired(key, name, key.venue_order_id)
        name = _fired_name(stops, waiting.venue_order_id, waiting.client_order_id)
        is_unlinked = waiting.status is OrderStatus.TRIGGERED and waiting.fired_id is None
        if name is None or not is_unlinked:
            return waiting
        try:
            return await self._find_fired(key, name, waiting.venue_order_id)
        except (Missing, Closed):
            return waiting

    async def _find_fired(self, key: OrderKey, client_id: str, trigger_id: str | None) -> OrderRow:
        """Ask for what a trigger order became by the client id that it has then."""
        fired = OrderKey(symbol=key.symbol, client_id=client_id, venue_order_id=None)
        row = await self._fetch(fired, {})
        is_other = row.venue_order_id != trigger_id
        return replace(row, fired_from=trigger_id) if is_other else row

    async def _find_waiting(self, key: OrderKey, stops: StopStyle) -> OrderRow:
        if stops.fetch_params is not None and (key.venue_order_id or stops.by_client_id):
            return await self._fetch(key, dict(stops.fetch_params))
        listed = await self._orders("fetch_open_orders", key.symbol, stops.query_params)
        found = _pick(listed.rows, key)
        if found is None and stops.history_method is not None:
            past = await self._orders(stops.history_method, key.symbol, stops.query_params)
            found = _pick(past.rows, key)
        if found is None and listed.may_hide(key.client_id):
            raise Unknown("the list of waiting trigger orders is not complete")
        if found is None:
            raise Missing(f"no trigger order {key.venue_order_id or key.client_id} is listed")
        return found

    async def _fetch(self, key: OrderKey, params: dict[str, object]) -> OrderRow:
        order_id = key.venue_order_id or instead_of_id(key, params, self.profile)
        answer = await self._account.ask("fetch_order", order_id, key.symbol, params)
        try:
            row = order_row(answer, self.profile, symbol=key.symbol)
        except Unreadable as e:
            raise Unknown(f"fetch_order could not be read: {e}") from e
        by_id = key.venue_order_id is not None
        wanted = key.venue_order_id if by_id else key.client_id
        told = row.venue_order_id if by_id else row.client_order_id
        if told != wanted:  # never take another order's fate for this one's
            raise Unknown(f"fetch_order was answered with order {told}, asked for was {wanted}")
        return row

    # ---- many orders ----

    async def open_orders(self, symbol: str | None = None) -> Listing:
        """List open orders, waiting trigger orders included."""
        plain = await self._orders("fetch_open_orders", symbol, {})
        if self.profile.stops is None:
            return plain
        return plain + await self._orders(
            "fetch_open_orders", symbol, self.profile.stops.query_params
        )

    async def all_open_orders(self, symbols: Collection[str]) -> Listing:
        """List the open orders of an account; `symbols` is where the venue must be told."""
        if not self.profile.open_orders_need_symbol:
            return await self.open_orders()
        listing = Listing(rows=())
        for symbol in sorted(symbols):
            listing += await self.open_orders(symbol)
        return listing

    async def past_orders(self, symbol: str, *, since_ms: int) -> Listing:
        """List one symbol's closed orders, fired and cancelled trigger orders included."""
        listing = await self._orders(
            self.profile.closed_orders_method, symbol, {}, since_ms=since_ms
        )
        stops = self.profile.stops
        if stops is None or stops.history_method is None:
            return listing
        return listing + await self._orders(
            stops.history_method,
            symbol,
            stops.query_params,
            since_ms=since_ms if stops.history_since else None,
        )

    async def _orders(
        self,
        method: str,
        symbol: str | None,
        params: Mapping[str, object],
        *,
        since_ms: int | None = None,
    ) -> Listing:
        sent = {**({} if symbol else self.profile.type_params), **params}

        async def page(since: int | None, limit: int | None, more: More) -> list[Any]:
            answer = await self._account.ask(
                method, symbol, since, limit, {**sent, **more}, urgency=Urgency.BACKGROUND
            )
            return _rows_of(answer, method)

        paging = self.profile.paging
        raws, is_whole = await everything(
            page, paging, limit=paging.orders, since_ms=since_ms, now_ms=self._now_ms()
        )
        rows, unread, complaints = [], [], []
        for raw in raws:
            try:
                rows.append(order_row(raw, self.profile))
            except Unreadable as e:
                complaints.append(str(e))
                unread.append(raw.get("clientOrderId"))
        return Listing(
            rows=tuple(rows), unread=tuple(unread), complaints=tuple(complaints), whole=is_whole
        )

    # ---- fills ----

    async def fills(self, symbol: str, *, since_ms: int) -> tuple[FillRow, ...]:
        """List one symbol's fills since a time, oldest first.

        Raises Unknown when not all of them could be had: a fill is never left out silently.
        """
        limit = self.profile.paging.fills

        async def page(since: int | None, limit: int | None, more: More) -> list[Any]:
            answer = await self._account.ask("fetch_my_trades", symbol, since, limit, more)
            return _rows_of(answer, "fetch_my_trades")

        paging = self.profile.paging
        raws, is_whole = await everything(
            page, paging, limit=limit, since_ms=since_ms, now_ms=self._now_ms()
        )
        if not is_whole:
            raise Unknown(f"more fills of {symbol} in one instant than one page of {limit} holds")
        try:
            rows = [fill_row(raw, self.profile, symbol=symbol) for raw in raws]
        except Unreadable as e:
            raise Unknown(f"fills of {symbol} could not be read: {e}") from e
        return tuple(sorted(rows, key=lambda row: (row.ts_event, row.trade_id)))

    async def recent_fills(
        self, symbol: str, *, since_ms: int | None = None
    ) -> tuple[FillRow, ...]:
        """List one symbol's fills of the last minutes, or since an earlier time."""
        recent_ms = self._now_ms() - 10 * 60_000
        return await self.fills(symbol, since_ms=min(recent_ms, since_ms or recent_ms))

    # ---- the account ----

    async def balances(self) -> tuple[BalanceRow, ...]:
        """Ask for every currency."""
        answer = await self._account.ask("fetch_balance", dict(self.profile.type_params))
        try:
            return balance_rows(answer, self.profile)
        except Unreadable as e:
            raise Unknown(f"fetch_balance could not be read: {e}") from e

    async def positions(self) -> tuple[PositionRow, ...]:
        """Ask for every position that is not flat."""
        answer = await self._account.ask("fetch_positions", None, dict(self.profile.type_params))
        try:
            rows = [
                position_row(raw, received_ns=self._now_ms() * 1_000_000)
                for raw in _rows_of(answer, "fetch_positions")
            ]
        except Unreadable as e:
            raise Unknown(f"fetch_positions could not be read: {e}") from e
        return tuple(row for row in rows if row.quantity)


def waiting_style(key: OrderKey, profile: Profile) -> StopStyle | None:
    """Tell how to treat an order that waits for its trigger; None for any other."""
    if not key.waiting:
        return None
    if profile.stops is None:
        raise Unsupported(f"{profile.key} has no trigger orders")
    return profile.stops


def _fired_name(stops: StopStyle, venue_order_id: str | None, client_id: str | None) -> str | None:
    """Tell the client id of what a trigger order becomes; None where it has one of its own."""
    if stops.names_fired:
        return venue_order_id
    return client_id if stops.keeps_client_id else None


def instead_of_id(key: OrderKey, params: dict[str, object], profile: Profile) -> str:
    """Name an order by its client id, in the way the venue takes it."""
    if key.client_id is None:
        raise Missing("an order without any id cannot be asked for")
    if profile.client_id_as_id:
        return key.client_id
    params["clientOrderId"] = key.client_id
    return ""


def _rows_of(answer: Any, method: str) -> list[Any]:
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise Unknown(f"{method} was not answered with a list")
    return answer


def _pick(rows: tuple[OrderRow, ...], key: OrderKey) -> OrderRow | None:
    """Find the order in a listing by id or client id, or as a last resort by its likeness."""
    for row in rows:
        if row.venue_order_id == key.venue_order_id:
            return row
        if row.client_order_id is not None and row.client_order_id == key.client_id:
            return row
    if key.venue_order_id is not None or key.likeness is None:
        return None
    # Of several alike any will do: they are ours, unclaimed, and the same in everything
    alike = [row for row in rows if _is_like(row, key, key.likeness)]
    return min(alike, key=lambda row: (row.created_ns, row.venue_order_id), default=None)


def _is_like(row: OrderRow, key: OrderKey, ticket: Ticket) -> bool:
    """Say whether an order without a client id may be the one we sent."""
    return (
        row.client_order_id is None
        and row.venue_order_id not in key.others
        and row.created_ns >= key.since_ms * 1_000_000
        and row.kind.is_trigger is ticket.kind.is_trigger
        and row.kind.is_limit is ticket.kind.is_limit
        and row.side is ticket.side
        and row.quantity == ticket.quantity
        and row.trigger_price == ticket.trigger_price
    )

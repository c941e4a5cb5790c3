"""One account at a venue, asked and acted on without any node: orders, positions, reductions."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from ccxt_nt.errors import Closed, Missing, Unknown
from ccxt_nt.execution.lines import Lines
from ccxt_nt.ids import codec
from ccxt_nt.orders.desk import Desk, Terms
from ccxt_nt.orders.inquiry import Inquiry, OrderKey
from ccxt_nt.profiles import Profile
from ccxt_nt.settings import Settings as VenueSettings
from ccxt_nt.values import MarketRow, OrderKind, OrderRow, PositionRow, Product, Side, Ticket
from ccxt_nt.venues import profile
from live.venues import Link
from morningstar_strategy.strategy.booking import OURS

__all__ = ["Sight", "Witness", "may_open"]

_DEADLINE_SECS: Final = 5.0  # of one request: whoever halts looks again rather than waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the account holds of the instruments, as the venue told it at one look."""

    positions: tuple[PositionRow, ...]
    orders: tuple[OrderRow, ...]
    entries: tuple[OrderRow, ...]  # of those orders: ours, and they may open a position

    @property
    def is_flat(self) -> bool:
        """Say whether no position and no order is left."""
        return not self.positions and not self.orders

    def told(self) -> tuple[str, ...]:
        """Name what is left, in the venue's units."""
        return (
            *(f"position {each.quantity:f} {each.symbol}" for each in self.positions),
            *(f"order {each.venue_order_id} {each.symbol}" for each in self.orders),
        )


class Witness:
    """Asks the venue itself; open it with `async with`, and `prepare` it before the first look."""

    def __init__(
        self,
        row: Profile,
        settings: VenueSettings,
        *,
        environment: Mapping[str, str],
        log: Callable[[str], None],
    ) -> None:
        short = replace(settings, deadline_secs=min(settings.deadline_secs, _DEADLINE_SECS))
        self.name = row.venue
        self._row = row
        self._names = settings.instruments or ()
        self._lines = Lines.of(row, short, environment=environment, log=log)
        self._inquiry = Inquiry(row, self._lines.account, now_ms=lambda: self._lines.clock.now_ms)
        self._codec = codec(row.codec)
        self._symbols: frozenset[str] = frozenset()
        self._sent = 0

    @classmethod
    def of(cls, link: Link, *, log: Callable[[str], None]) -> Self:
        """Take the node's own settings; raises ValueError where the environment lacks a key."""
        settings: VenueSettings = link.clients.execution_config.settings  # type: ignore[attr-defined]  # of any engine's client
        row = profile(settings.venue, settings.product, allow_untested=settings.allow_untested)
        return cls(row, settings, environment=os.environ, log=log)

    @property
    def can_hold(self) -> bool:
        """Say whether the venue tells positions: a spot account only has balances."""
        return self._row.product is not Product.SPOT

    async def __aenter__(self) -> Self:
        await self._lines.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._lines.close()

    async def prepare(self) -> None:
        """Learn markets and time, once; raises VenueError where the venue does not tell."""
        if self._symbols:
            return
        await self._lines.public.load_markets()
        await self._lines.share()
        symbols = self._lines.public.symbols
        self._symbols = frozenset(symbols.symbol(name) for name in self._names)

    async def look(self) -> Sight:
        """Ask for all orders, then for all positions: what fills meanwhile is seen as either.

        Raises VenueError where not all of it could be had: a look is whole or none.
        """
        listing = await self._inquiry.all_open_orders(self._symbols)
        if listing.unread or not listing.whole:
            why = "; ".join(listing.complaints) or "there are more than it tells"
            raise Unknown(f"the open orders of {self.name} could not all be read: {why}")
        orders = tuple(row for row in listing.rows if row.symbol in self._symbols)
        positions: tuple[PositionRow, ...] = ()
        if self.can_hold:
            asked = await self._inquiry.positions()
            positions = tuple(row for row in asked if row.symbol in self._symbols)
        return Sight(
            positions=positions,
            orders=orders,
            entries=tuple(row for row in orders if self._is_entry(row)),
        )

    def _is_entry(self, row: OrderRow) -> bool:
        if not may_open(row) or row.client_order_id is None:
            return False
        ours = self._codec.decode(row.client_order_id)
        return ours is not None and ours.startswith(OURS)

    async def cancel(self, row: OrderRow) -> None:
        """Ask for an order's end; one that ended meanwhile is no error."""
        key = OrderKey(
            symbol=row.symbol,
            client_id=row.client_order_id,
            venue_order_id=row.venue_order_id,
            waiting=row.kind.is_trigger and not row.triggered,
        )
        try:
            await Desk(self._row, self._lines.orders).cancel(key)
        except (Missing, Closed):
            return

    async def close(self, position: PositionRow) -> None:
        """Ask for a position's end at market, reduce-only: asked twice, it closes no more."""
        held, largest = abs(position.quantity), self._market(position.symbol).max_quantity
        ticket = Ticket(
            symbol=position.symbol,
            client_order_id=self._codec.encode(self._next_id()),
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            kind=OrderKind.MARKET,
            quantity=held if largest is None else min(held, largest),
            reduce_only=True,
        )
        await Desk(self._row, self._lines.orders, terms=_terms(position)).place(ticket)

    def _market(self, symbol: str) -> MarketRow:
        return self._lines.public.symbols.market(symbol)

    def _next_id(self) -> str:
        """Name an order unlike any of a node, so that no node takes it for its own."""
        self._sent += 1
        return f"halt{time.time_ns():x}{self._sent}"


def may_open(row: OrderRow) -> bool:
    """Say whether an order may open or enlarge a position.

    No order that waits for a trigger is taken for one: a node's are all exits, and a venue may list
    them without saying that they only reduce.
    """
    waits = row.kind.is_trigger or row.triggered or row.fired_from is not None
    return not (row.reduce_only or waits)


def _terms(position: PositionRow) -> Terms:
    """Send an order on the terms that its position has, where the venue wants them with each."""
    symbol, leverage, cross = position.symbol, position.leverage, position.cross
    return Terms(
        margin_modes={} if cross is None else {symbol: "cross" if cross else "isolated"},
        leverage={} if leverage is None else {symbol: max(int(leverage), 1)},
    )

"""Write to the engine what became of its orders, in its own events."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from nautilus_trader.live.clients import ExecutionClient
from nautilus_trader.model import (
    ClientOrderId,
    Currency,
    InstrumentId,
    OrderStatus,
    Position,
    StrategyId,
    TradeId,
    VenueOrderId,
)

from ccxt_nt.conversion import Instrument, price, quantity
from ccxt_nt.execution.reports import commission, fill_report, liquidity, order_report
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.story import (
    Accepted,
    Canceled,
    CancelRefused,
    ChangeRefused,
    Expired,
    Filled,
    Rejected,
    Saying,
    Surplus,
    Triggered,
    Updated,
)
from ccxt_nt.values import FillRow, Force, OrderKind, OrderRow, Side
from ccxt_nt.values import OrderStatus as VenueStatus

# `Any` in this module: the engine's stubs have no common type of orders


_MANY_FILLS = 64  # told, before it is looked which of them the engine has taken in


@dataclass(frozen=True, slots=True, kw_only=True)
class _FillTold:
    """A fill on its way into the engine, which takes events in a moment later."""

    client_order_id: ClientOrderId
    key: tuple[InstrumentId, StrategyId]
    trade_id: TradeId
    signed: Decimal


class Scribe:
    """Turns sayings into events of one execution client."""

    def __init__(
        self,
        client: ExecutionClient,
        *,
        instrument: Callable[[str], Instrument],
        note: Callable[[str], None],
    ) -> None:
        self._client = client
        self._instrument = instrument
        self._note = note
        self._fills_told: list[_FillTold] = []

    def order(self, client_order_id: str) -> Any:
        """Find an order in the engine's cache; None where it has none."""
        return self._client.cache.order(ClientOrderId(client_order_id))

    def knows(self, symbol: str) -> bool:
        """Say whether a symbol's instrument was loaded."""
        try:
            self._instrument(symbol)
        except ValueError:
            return False
        return True

    def check(self, row: OrderRow | FillRow) -> None:
        """Raise ValueError where the engine's types cannot hold what a row says."""
        of = self._instrument(row.symbol)
        VenueOrderId(row.venue_order_id)
        for size in (row.quantity, getattr(row, "filled", None)):
            if size is not None:
                quantity(size, of.size_precision)
        for at in (row.price, getattr(row, "trigger_price", None)):
            if at is not None:
                price(at, of.price_precision)
        if isinstance(row, FillRow):
            TradeId(row.trade_id)
            commission(row, of)

    def is_dead(self, client_order_id: str) -> bool:
        """Say whether the engine gave up on an order, and would not hear of it any more."""
        order = self.order(client_order_id)
        return order is not None and order.status in (OrderStatus.REJECTED, OrderStatus.DENIED)

    def is_pending(self, client_order_id: str) -> bool:
        """Say whether the engine waits for the answer to a cancellation or a change."""
        order = self.order(client_order_id)
        waiting = (OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE)
        return order is not None and order.status in waiting

    def can_reduce(self, case: Case, fill: FillRow) -> bool:
        """Say whether the engine holds what a reduce-only fill takes away.

        Of one that came before the fill that it undoes, the engine would move no position.
        """
        order = self.order(case.client_order_id)
        if order is None:
            return True
        held = self._client.cache.positions_open(
            instrument_id=order.instrument_id, strategy_id=order.strategy_id
        )
        size = sum((_signed(each) for each in held), self._under_way(order))
        return (size if fill.side is Side.SELL else -size) >= fill.quantity

    def _under_way(self, order: Any) -> Decimal:
        """Sum the fills of its strategy and instrument that the engine has not taken in yet."""
        self._fills_told = [each for each in self._fills_told if not self._has_taken(each)]
        key = (order.instrument_id, order.strategy_id)
        return sum((each.signed for each in self._fills_told if each.key == key), Decimal(0))

    def _has_taken(self, told: _FillTold) -> bool:
        order = self._client.cache.order(told.client_order_id)
        return order is None or order.is_closed or told.trade_id in order.trade_ids

    def say(self, case: Case, saying: Saying) -> None:
        """Write one event."""
        order = self.order(case.client_order_id)
        if order is None:
            self._note(f"{case.client_order_id}: the engine does not know it: {saying}")
            return
        self._write(case, order, saying)

    def _write(self, case: Case, order: Any, saying: Saying) -> None:  # noqa: C901 - a closed set
        client, now = self._client, self._client.clock.timestamp_ns()
        row = None if case.ledger.current is None else case.ledger.current.last
        at = now if row is None else row.updated_ns
        venue_id = _venue_id(case)
        match saying:
            case Accepted(venue_order_id=accepted_as):
                since = now if row is None else row.created_ns
                client.generate_order_accepted(order, VenueOrderId(accepted_as), since)
            case Triggered(venue_order_id=fired_as):
                client.generate_order_triggered(order, VenueOrderId(fired_as), at)
            case Updated():
                self._update(order, case, saying, at)
            case Filled(fill=fill):
                self._fill(order, case, fill)
            case Surplus(fill=fill):
                self._note(f"{case.client_order_id}: filled above its quantity: {fill.trade_id}")
                alone = f"{fill.venue_order_id}-{fill.trade_id}"
                self.announce_fill(replace(fill, venue_order_id=alone))
            case Canceled():
                client.generate_order_canceled(order, venue_id, at)
            case Expired():
                client.generate_order_expired(order, venue_id, at)
            case Rejected(reason=reason, would_take=would_take):
                client.generate_order_rejected(order, reason, now, would_take)
            case CancelRefused(reason=reason):
                client.generate_order_cancel_rejected(order, venue_id, reason, now)
            case ChangeRefused(reason=reason):
                client.generate_order_modify_rejected(order, venue_id, reason, now)

    def _update(self, order: Any, case: Case, saying: Updated, at: int) -> None:
        of = self._instrument(case.ticket.symbol)
        digits = of.price_precision
        has_price = getattr(order, "has_price", False)  # market orders have no such word
        has_trigger = getattr(order, "has_trigger_price", False)
        self._client.generate_order_updated(
            order,
            VenueOrderId(saying.venue_order_id),
            quantity(saying.quantity, of.size_precision),
            price(saying.price, digits) if has_price and saying.price is not None else None,
            price(saying.trigger_price, digits)
            if has_trigger and saying.trigger_price is not None
            else None,
            None,
            at,
        )

    def _fill(self, order: Any, case: Case, fill: FillRow) -> None:
        of = self._instrument(case.ticket.symbol)
        if len(self._fills_told) >= _MANY_FILLS:
            self._fills_told = [each for each in self._fills_told if not self._has_taken(each)]
        self._fills_told.append(
            _FillTold(
                client_order_id=order.client_order_id,
                key=(order.instrument_id, order.strategy_id),
                trade_id=TradeId(fill.trade_id),
                signed=fill.quantity if fill.side is Side.BUY else -fill.quantity,
            )
        )
        self._client.generate_order_filled(
            order,
            VenueOrderId(fill.venue_order_id),
            None,
            TradeId(fill.trade_id),
            quantity(fill.quantity, of.size_precision),
            price(fill.price, of.price_precision),
            Currency.from_str(of.quote_currency.code),
            commission(fill, of),
            liquidity(fill),
            fill.ts_event,
        )

    # ---- orders of others ----

    def announce(self, case: Case, row: OrderRow) -> None:
        """Report an order that the engine does not know, as it began; the rest follows as events.

        That it only reduces is left out: the venue means the account's position, and the engine,
        which keeps one for each strategy, would leave its fills out.
        """
        client = self._client
        own_id = case.client_order_id
        report = order_report(
            replace(row, status=VenueStatus.OPEN, reduce_only=False),
            self._instrument(row.symbol),
            account_id=client.account_id,
            client_order_id=None if own_id == row.venue_order_id else own_id,
            fills=(),
            ts_init=client.clock.timestamp_ns(),
        )
        client._handle_report(report)  # the engine's own name for its adapters' way in

    def announce_fill(self, fill: FillRow) -> None:
        """Report a fill of an order that the venue itself no longer knows.

        An order is reported with it: the engine takes one that it makes up itself for
        reduce-only, and would leave the fill out of the position.
        """
        client, of = self._client, self._instrument(fill.symbol)
        now = client.clock.timestamp_ns()
        order = order_report(
            _market_order(fill),
            of,
            account_id=client.account_id,
            client_order_id=None,
            fills=(fill,),
            ts_init=now,
        )
        report = fill_report(
            fill, of, account_id=client.account_id, client_order_id=None, ts_init=now
        )
        client._handle_report(order, [report])


def _venue_id(case: Case) -> VenueOrderId | None:
    found = case.told.venue_order_id or case.ledger.venue_order_id
    return None if found is None else VenueOrderId(found)


def _signed(position: Position) -> Decimal:
    size: Decimal = position.quantity.as_decimal()
    return -size if position.signed_qty < 0 else size


def _market_order(fill: FillRow) -> OrderRow:
    """Show the order that a fill alone proves."""
    return OrderRow(
        symbol=fill.symbol,
        venue_order_id=fill.venue_order_id,
        client_order_id=None,
        side=fill.side,
        kind=OrderKind.MARKET,
        force=Force.GTC,
        post_only=False,
        reduce_only=False,
        status=VenueStatus.FILLED,
        quantity=fill.quantity,
        filled=fill.quantity,
        average=fill.price,
        price=None,
        trigger_price=None,
        fired_id=None,
        created_ns=fill.ts_event,
        updated_ns=fill.ts_event,
    )

"""The only writer of engine state: carries out what the gate approved and tends brackets."""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nautilus_trader.common import Cache, OrderFactory
from nautilus_trader.model import ClientOrderId, OrderStatus
from nautilus_trader.trading import Strategy

from morningstar_strategy.core.bracket import (
    Bracket,
    CancelExit,
    Change,
    CloseAtMarket,
    MoveStop,
    PlaceStop,
    PlaceTarget,
    WorkingExit,
    changes,
    wanted_targets,
)
from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
)
from morningstar_strategy.core.ledger import Ledger, OrderRef, Role
from morningstar_strategy.core.risk import Approved
from morningstar_strategy.core.state import Plan
from morningstar_strategy.snapshot import Terms
from morningstar_strategy.tickets import Order, Tickets, price_of, quantity_of

_MAX_PASSES: Final = 8
_KEEP_CLOSED_NS: Final = 3_600_000_000_000
_SETTLED: Final = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
_REFUSED: Final = (OrderStatus.REJECTED, OrderStatus.DENIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueStyle:
    """How exits behave at a venue.

    `link_stop`: the entry carries its stop as a child that works from the first fill on, inside
    the same bar; where a venue has none, the stop is sent on the fill. `shrinks_exits`: the venue
    itself cuts reduce-only orders to the position. `slippage_charged`: share of notional by which
    a simulated venue's commission on taker fills stands for slippage.
    """

    link_stop: bool
    shrinks_exits: bool
    slippage_charged: Decimal = Decimal(0)


class Orders:
    """Sends, moves and cancels the orders of plans, and keeps the book of open plans.

    A plan is in the book before its orders go out, because an order can be denied while it is
    being submitted.
    """

    def __init__(
        self, *, strategy: Strategy, cache: Cache, factory: OrderFactory, style: VenueStyle
    ) -> None:
        self.book: dict[str, Ledger] = {}
        self.style = style
        self._strategy = strategy
        self._cache = cache
        self._factory = factory
        self._tickets = Tickets(strategy=strategy, factory=factory)
        self._ended: deque[tuple[int, str]] = deque()  # (time, order id), to be dropped
        self.restless: set[str] = set()  # instruments whose orders may not be as they should
        self._tending: set[str] = set()
        self._again: set[str] = set()

    # ------------------------------------------------------------ what was approved

    def execute(self, approved: Approved, terms: Terms, *, now_ns: int) -> None:
        """Carry out an approved command on one instrument."""
        name = terms.instrument_id.value
        match approved.command:
            case PlanTrade(trade_setup=setup, reasoning=reasoning):
                plan = Plan(
                    order_id=self._factory.generate_client_order_id().value,
                    setup=setup,
                    quantity=approved.quantity,
                    planned_ns=now_ns,
                    reason=reasoning,
                )
                self._enter(plan, terms)
            case CancelOrder(reasoning=reasoning):
                self.book[name] = self.book[name].calling_off(reasoning or "called off")
                self.tend(terms)
            case AdjustTrade(new_stop_loss_price=stop, new_take_profit_prices=targets):
                self.book[name] = self.book[name].adjusted(stop, targets)
                self.tend(terms)
            case DoNothing():
                pass

    def _enter(self, plan: Plan, terms: Terms) -> None:
        """Send the entry, with its stop where the venue links them."""
        entry_id = ClientOrderId(plan.order_id)
        entry_ref = OrderRef(order_id=plan.order_id, role=Role.ENTRY, quantity=plan.quantity)
        name = terms.instrument_id.value
        if not self.style.link_stop:
            self.book[name] = Ledger.open(plan, (entry_ref,))
            self._strategy.submit_order(self._tickets.entry(plan, terms, entry_id))
            return
        stop_id = self._factory.generate_client_order_id()
        stop_ref = OrderRef(order_id=stop_id.value, role=Role.STOP, quantity=plan.quantity)
        self.book[name] = Ledger.open(plan, (entry_ref, stop_ref))
        pair = self._tickets.linked_pair(plan, terms, entry_id, stop_id)
        self._strategy.submit_order_list(pair)

    # ------------------------------------------------------------ tending

    def tend(self, terms: Terms) -> None:
        """Bring a plan's orders to what they should be; call it after every event.

        An event that arrives while orders are being sent asks for one more pass.
        """
        name = terms.instrument_id.value
        self.restless.add(name)
        if name in self._tending:
            self._again.add(name)
            return
        self._tending.add(name)
        try:
            for _ in range(_MAX_PASSES):
                self._again.discard(name)
                self._tend_once(name, terms)
                if name not in self._again:
                    return
        finally:
            self._tending.discard(name)

    def _tend_once(self, name: str, terms: Terms) -> None:
        ledger = self.book[name]
        entry = self._order(ledger.entry_ref)
        expired = ledger.rest_has_expired(self._strategy.clock.timestamp_ns())
        if ledger.called_off or ledger.exited > 0 or expired:
            self._cancel(entry)
        if ledger.open_quantity > 0:
            bracket = self._bracket(ledger, terms)
            needed = changes(bracket)
            if not needed and bracket.is_settled:
                self.restless.discard(name)
            for change in needed:
                self._apply(change, name, terms)
        elif entry.is_closed:
            for order in self._alive(ledger):
                self._cancel(order)

    def is_over(self, ledger: Ledger) -> bool:
        """Say whether nothing is open and no order of the plan is left."""
        return ledger.open_quantity <= 0 and not self._alive(ledger)

    def entry_was_refused(self, ledger: Ledger) -> bool:
        """Say whether the venue or the engine refused the entry."""
        return self._order(ledger.entry_ref).status in _REFUSED

    def forget(self, name: str, *, now_ns: int) -> None:
        """Take an ended plan out of the book; a later `sweep` drops its orders."""
        self._ended.extend((now_ns, ref.order_id) for ref in self.book.pop(name).orders)
        self.restless.discard(name)

    def sweep(self, *, now_ns: int) -> None:
        """Drop the orders of plans that ended a while ago from the engine's cache.

        The engine walks over closed orders and copies all states of an account, so keeping them
        makes every later bar slower; the journal holds what happened. The delay is there because
        the engine may still have an event for an order that has just closed.
        """
        while self._ended and now_ns - self._ended[0][0] > _KEEP_CLOSED_NS:
            self._cache.purge_order(ClientOrderId(self._ended.popleft()[1]))
        self._cache.purge_account_events(now_ns, lookback_secs=0)

    def flatten(self, terms: Terms) -> None:
        """Close at market whatever is held of an instrument."""
        self._strategy.close_all_positions(terms.instrument_id, reduce_only=True)

    def _order(self, ref: OrderRef) -> Order:
        order = self._cache.order(ClientOrderId(ref.order_id))
        if order is None:
            raise LookupError(f"order {ref.order_id} is not in the engine's cache")
        return order

    def _alive(self, ledger: Ledger) -> list[Order]:
        orders = (self._order(ref) for ref in ledger.orders)
        return [order for order in orders if not order.is_closed]

    def _cancel(self, order: Order) -> None:
        if not (order.is_closed or order.is_pending_cancel):
            self._strategy.cancel_order(order.client_order_id)

    # ------------------------------------------------------------ brackets

    def _bracket(self, ledger: Ledger, terms: Terms) -> Bracket:
        stops: list[WorkingExit] = []
        targets: list[WorkingExit | None] = [None] * len(ledger.fractions)
        strays: list[WorkingExit] = []
        close_working = False
        for ref in ledger.orders:
            order = None if ref.role is Role.ENTRY else self._order(ref)
            if order is None or order.is_closed:
                continue
            match ref.role:
                case Role.STOP if not order.is_pending_cancel:
                    stops.append(_working_stop(order))
                case Role.TARGET if ref.index < len(targets) and targets[ref.index] is None:
                    targets[ref.index] = _working_target(order, ref)
                case Role.TARGET:
                    strays.append(_working_target(order, ref))
                case Role.CLOSE:
                    close_working = True
        for stray in strays:
            self._cancel(self._cache.order(ClientOrderId(stray.order_id)))
        wanted = wanted_targets(
            ledger.open_quantity,
            ledger.target_filled,
            ledger.fractions,
            terms.lot,
            terms.min_quantity,
        )
        return Bracket(
            direction=ledger.plan.direction,
            open_quantity=ledger.open_quantity,
            stop_price=ledger.stop_price,
            stops=tuple(stops),
            stop_refused=ledger.stop_refused,
            targets=tuple(
                (price, Decimal(0) if ledger.gives_up(index) else quantity)
                for index, (price, quantity) in enumerate(
                    zip(ledger.target_prices, wanted, strict=True)
                )
            ),
            working_targets=tuple(targets),
            closing=bool(ledger.called_off),
            close_working=close_working,
            entry_done=self._order(ledger.entry_ref).is_closed,
            stop_fixed=ledger.stop_fixed,
        )

    def _apply(self, change: Change, name: str, terms: Terms) -> None:
        match change:
            case PlaceStop():
                self._place_stop(change, name, terms)
            case PlaceTarget():
                self._place_target(change, name, terms)
            case CloseAtMarket():
                self._close(change, name, terms)
            case MoveStop():
                self._move_stop(change, terms)
            case CancelExit(order_id=order_id):
                self._cancel(self._cache.order(ClientOrderId(order_id)))

    def _move_stop(self, change: MoveStop, terms: Terms) -> None:
        order: Order = self._cache.order(ClientOrderId(change.order_id))
        total = change.quantity + order.filled_qty.as_decimal()
        self._strategy.modify_order(
            order.client_order_id,
            quantity=quantity_of(total, terms),
            trigger_price=price_of(change.price, terms),
        )

    def _place_stop(self, change: PlaceStop, name: str, terms: Terms) -> None:
        order = self._tickets.stop(self._direction(name), change.quantity, change.price, terms)
        self._send(order, name, Role.STOP, change.quantity)

    def _place_target(self, change: PlaceTarget, name: str, terms: Terms) -> None:
        order = self._tickets.target(self._direction(name), change.quantity, change.price, terms)
        self._send(order, name, Role.TARGET, change.quantity, index=change.index)

    def _close(self, change: CloseAtMarket, name: str, terms: Terms) -> None:
        order = self._tickets.close(self._direction(name), change.quantity, terms)
        self._send(order, name, Role.CLOSE, change.quantity)

    def _direction(self, name: str) -> Direction:
        return self.book[name].plan.direction

    def _send(
        self, order: Order, name: str, role: Role, quantity: Decimal, *, index: int = 0
    ) -> None:
        order_id = order.client_order_id.value
        ref = OrderRef(order_id=order_id, role=role, quantity=quantity, index=index)
        self.book[name] = self.book[name].with_order(ref)
        self._strategy.submit_order(order)


def _working_stop(order: Order) -> WorkingExit:
    return WorkingExit(
        order_id=order.client_order_id.value,
        price=order.trigger_price.as_decimal(),
        quantity=order.leaves_qty.as_decimal(),
        settled=order.status in _SETTLED,
    )


def _working_target(order: Order, ref: OrderRef) -> WorkingExit:
    """Take the quantity we meant: a simulated venue grows reduce-only orders."""
    return WorkingExit(
        order_id=ref.order_id,
        price=order.price.as_decimal(),
        quantity=ref.quantity - order.filled_qty.as_decimal(),
        settled=order.status in _SETTLED,
    )

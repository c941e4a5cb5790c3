"""The only writer of engine state: carries out what the gate approved and tends brackets."""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nautilus_trader.common import Cache, OrderFactory
from nautilus_trader.model import ClientOrderId, OrderStatus
from nautilus_trader.trading import Strategy

from morningstar_strategy.book import Book
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
from morningstar_strategy.core.records import of_plan
from morningstar_strategy.core.risk import Approved
from morningstar_strategy.core.state import Ended, Pending, Plan
from morningstar_strategy.snapshot import Terms
from morningstar_strategy.standing import Standing
from morningstar_strategy.tickets import (
    WORKING,
    Order,
    Tickets,
    exit_side,
    is_unheard,
    price_of,
    quantity_of,
    working_stop,
    working_target,
)

_MAX_PASSES: Final = 8
_KEEP_CLOSED_NS: Final = 3_600_000_000_000
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


class Orders(Standing):
    """Sends, moves and cancels the orders of plans, and keeps the book of open plans.

    A plan is in the book before its orders go out, because an order can be denied while it is
    being submitted.
    """

    def __init__(
        self,
        *,
        strategy: Strategy,
        cache: Cache,
        factory: OrderFactory,
        style: VenueStyle,
        book: Book,
    ) -> None:
        self.book = book
        self.style = style
        super().__init__(strategy=strategy, cache=cache)
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
            self._begin(name, Ledger.open(plan, (entry_ref,)))
            self._strategy.submit_order(self._tickets.entry(plan, terms, entry_id))
            return
        stop_id = self._factory.generate_client_order_id()
        stop_ref = OrderRef(order_id=stop_id.value, role=Role.STOP, quantity=plan.quantity)
        self._begin(name, Ledger.open(plan, (entry_ref, stop_ref)))
        pair = self._tickets.linked_pair(plan, terms, entry_id, stop_id)
        self._strategy.submit_order_list(pair)

    def _begin(self, name: str, ledger: Ledger) -> None:
        plan = ledger.plan
        self.book.put(name, ledger, of_plan(Pending(plan=plan), ts_event=plan.planned_ns))

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
        entry = self.known(ledger.entry_ref)
        expired = ledger.rest_has_expired(self._strategy.clock.timestamp_ns())
        if entry is not None and (ledger.called_off or ledger.exited > 0 or expired):
            self._cancel(entry)
        if ledger.open_quantity > 0:
            bracket = self._bracket(ledger, terms)
            needed = changes(bracket)
            if not needed and bracket.is_settled:
                self.restless.discard(name)
            for change in needed:
                self._apply(change, name, terms)
        elif entry is None or entry.is_closed:
            for order in self._alive(ledger):
                self._cancel(order)

    def is_over(self, ledger: Ledger) -> bool:
        """Say whether nothing is open and no order of the plan is left."""
        return ledger.open_quantity <= 0 and not self._alive(ledger)

    def entry_was_refused(self, ledger: Ledger) -> bool:
        """Say whether the venue or the engine refused the entry."""
        entry = self.known(ledger.entry_ref)
        return entry is not None and entry.status in _REFUSED

    def forget(self, name: str, ended: Ended, *, now_ns: int) -> None:
        """Take an ended plan out of the book; a later `sweep` drops its orders."""
        ledger = self.book.forget(name, of_plan(ended, ts_event=now_ns))
        self._ended.extend((now_ns, ref.order_id) for ref in ledger.orders)
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

    def _closing(self, direction: Direction, quantity: Decimal, terms: Terms) -> Order:
        """Make the order that closes at once, also where nothing was heard of the market yet."""
        name, cache = terms.instrument_id, self._cache
        prices = (cache.bar(terms.bar_type), cache.trade(name), cache.quote(name))
        is_priced = any(price is not None for price in prices)
        held = [] if is_priced else cache.positions_open(instrument_id=name)
        if not held:
            return self._tickets.close(direction, quantity, terms)
        paid = Decimal(str(held[-1].avg_px_open))
        return self._tickets.close_near(direction, quantity, paid, terms)

    def close_excess(self, terms: Terms, direction: Direction, quantity: Decimal) -> None:
        """Close at market what is held beside the plan, of a position in this direction."""
        order = self._closing(direction, quantity, terms)
        self.book.stray(order.client_order_id.value, Decimal(0))
        self._strategy.submit_order(order)

    def closing_beside(self, terms: Terms, direction: Direction) -> Decimal:
        """Give what orders of no plan are about to close, those left out that nobody answers."""
        about = [
            terms.base_of(order.leaves_qty)
            for order in self.alive(terms)
            if order.client_order_id.value in self.book.strays
            and order.side == exit_side(direction)
            and not self._is_unheard(order)
        ]
        return sum(about, Decimal(0))

    def cancel_orphan(self, order: Order) -> None:
        """Take back an order that belongs to no open plan."""
        self._cancel(order)

    def cancel_entry(self, ledger: Ledger) -> None:
        """Take back what has not filled of an entry."""
        entry = self.known(ledger.entry_ref)
        if entry is not None:
            self._cancel(entry)

    def cancel_exits(self, ledger: Ledger) -> None:
        """Take back what protects a position that is being closed."""
        for ref in ledger.orders:
            order = self.known(ref)
            if order is not None and ref.role in (Role.STOP, Role.TARGET):
                self._cancel(order)

    def has_stop_beside(self, name: str, order_id: str) -> bool:
        """Say whether another stop of the plan works, sent when nobody answered for this one."""
        refs = (ref for ref in self.book[name].orders if ref.role is Role.STOP)
        orders = (self.known(ref) for ref in refs if ref.order_id != order_id)
        return any(order is not None and order.status in WORKING for order in orders)

    def _is_unheard(self, order: Order) -> bool:
        """Say whether the venue may never have got an exit; a simulated one has."""
        if self.style.shrinks_exits or order.status in WORKING:
            return False
        beside = (each for each in self.beside(order) if each.is_reduce_only)
        return is_unheard(order, beside, now_ns=self._strategy.clock.timestamp_ns())

    def _alive(self, ledger: Ledger) -> list[Order]:
        orders = (self.known(ref) for ref in ledger.orders)
        return [order for order in orders if order is not None and not order.is_closed]

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
            order = None if ref.role is Role.ENTRY else self.known(ref)
            if order is None or order.is_closed:
                continue
            match ref.role:
                case Role.STOP if not (order.is_pending_cancel or self._is_unheard(order)):
                    stops.append(working_stop(order, terms))
                case Role.TARGET if ref.index < len(targets) and targets[ref.index] is None:
                    targets[ref.index] = working_target(order, ref, terms)
                case Role.TARGET:
                    strays.append(working_target(order, ref, terms))
                case Role.CLOSE if not self._is_unheard(order):
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
            entry_done=self._entry_is_done(ledger),
            stop_fixed=ledger.stop_fixed,
        )

    def _entry_is_done(self, ledger: Ledger) -> bool:
        entry = self.known(ledger.entry_ref)
        return entry is None or entry.is_closed

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
        total = change.quantity + terms.base_of(order.filled_qty)
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
        order = self._closing(self._direction(name), change.quantity, terms)
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

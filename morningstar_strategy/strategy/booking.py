"""Books fills, and holds what the venue says is held against what was planned."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from nautilus_trader.common import Clock
from nautilus_trader.model import OrderFilled, OrderSide, OrderType

from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.ledger import Fill, Ledger, OrderRef, Role
from morningstar_strategy.core.records import of_plan
from morningstar_strategy.core.state import Active, Pending
from morningstar_strategy.fills import foreign_fee, of_fill, part_of, read_fill
from morningstar_strategy.orders import Orders
from morningstar_strategy.snapshot import Reader, Terms
from morningstar_strategy.strategy.mandate import Mandate
from morningstar_strategy.strategy.telling import Teller

__all__ = ["OURS", "Booker"]

OURS: Final = "O-"  # how the engine's own order ids begin; a person's orders have the venue's


class Booker(Teller):
    """Keeps ledgers true to fills and positions."""

    _clock: Clock
    _mandate: Mandate
    _orders: Orders
    _reader: Reader
    _terms: Mapping[str, Terms]
    _filled_ns: int = 0  # when a fill was booked last

    def _book_fill(self, event: OrderFilled, ref: OrderRef, quantity: Decimal) -> Ledger:
        """Book so much of a fill of one of a plan's orders, and tell of it."""
        name, mandate = event.instrument_id.value, self._mandate
        ledger = self._book[name]
        self._filled_ns = self._clock.timestamp_ns()
        fill = part_of(self._read(event), quantity)
        if fee := foreign_fee(event, mandate.currency):
            self._say(event.ts_event, name, "fee not counted", fee)
        booked = ledger.filled(fill)
        records = [of_fill(fill, event, role=ref.role, plan_id=booked.plan.order_id)]
        begun = booked.trade if isinstance(ledger.trade, Pending) else None
        if isinstance(begun, Active):
            records.append(of_plan(begun, ts_event=event.ts_event))
        self._book.put(name, booked, *records)
        self._record(records[0])
        if isinstance(begun, Active):
            self._tell_plan(begun, ts_event=event.ts_event)
        return booked

    def _read(self, event: OrderFilled) -> Fill:
        mandate = self._mandate
        return read_fill(
            event,
            mandate.currency,
            terms=self._terms[event.instrument_id.value],
            slippage_charged=mandate.style.slippage_charged,
        )

    def _book_stray(self, event: OrderFilled, quantity: Decimal) -> None:
        """Put so much of a fill of no plan on record: the balance changes by it all the same."""
        fill = part_of(self._read(event), quantity)
        record = of_fill(fill, event, role=Role.STRAY, plan_id="")
        if fill.order_id.startswith(OURS):
            booked = self._book.strays.get(fill.order_id, Decimal(0))
            self._book.stray(fill.order_id, booked + quantity, record)
        self._record(record)
        order = self._orders.named(fill.order_id)
        if order is not None and order.is_closed:
            self._book.forget_stray(fill.order_id)

    def _even_out(self, name: str) -> None:
        """Hold what the venue says is held against the plan: close what nobody planned.

        A position smaller than the plan's was closed by somebody else: the plan gives up so much.
        What is being closed already is not closed twice, since that would close the plan's part.
        """
        terms, ledger = self._terms[name], self._book.get(name)
        net = self._orders.held(terms)
        sign = 0 if ledger is None else ledger.plan.direction.sign
        planned = Decimal(0) if ledger is None else max(ledger.open_quantity, Decimal(0))
        held = max(sign * net, Decimal(0))
        now_ns = self._clock.timestamp_ns()
        if ledger is not None and held < planned:
            price = self._price_of_loss(name, ledger)
            self._book[name] = ledger.vanished(price, held)
            self._say(now_ns, name, "position vanished", f"{planned - held} of {planned}")
        excess = abs(net - sign * min(held, planned))
        direction = Direction.LONG if net > 0 else Direction.SHORT
        excess -= self._orders.closing_beside(terms, direction)
        if excess > 0:
            self._say(now_ns, name, "unplanned position", f"{excess} {direction.value}: closing it")
            self._orders.close_excess(terms, direction, excess)

    def _closing(self, name: str) -> Decimal:
        """Give how much the market orders close that no plan knows and that have not ended."""
        terms, ledger = self._terms[name], self._book.get(name)
        side = OrderSide.SELL if self._orders.held(terms) > 0 else OrderSide.BUY
        return sum(
            (
                order.leaves_qty.as_decimal()
                for order in self._orders.alive(terms)
                if order.order_type == OrderType.MARKET
                and order.is_reduce_only
                and order.side == side
                and (ledger is None or ledger.ref(order.client_order_id.value) is None)
            ),
            Decimal(0),
        )

    def _price_of_loss(self, name: str, ledger: Ledger) -> Decimal:
        """Give the best known price of what was closed by somebody else."""
        priced = self._reader.price(self._terms[name])
        if priced is not None:
            return priced[0]
        trade = ledger.trade
        return trade.entry_price if isinstance(trade, Active) else ledger.stop_price

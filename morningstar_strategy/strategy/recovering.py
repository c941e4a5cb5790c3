"""After a restart: what was planned, what the venue did meanwhile, and what nobody planned."""

from collections.abc import Iterator
from decimal import Decimal

from nautilus_trader.model import OrderFilled

from morningstar_strategy.border.engine import fills_of
from morningstar_strategy.core.ledger import OrderRef, Role
from morningstar_strategy.core.records import Kind, Record, Value
from morningstar_strategy.strategy.booking import OURS
from morningstar_strategy.strategy.keeping import PlanKeeper

__all__ = ["Recoverer"]


class Recoverer(PlanKeeper):
    """Takes plans up where a restart left them, and holds positions against them."""

    def _recover(self) -> None:
        """Bring the book level with the venue before anything is decided.

        The engine has asked the venue by now: its orders, fills and positions are in the cache.
        Raises ValueError for a kept plan on an instrument that is not traded any more.
        """
        self._book.restore(venue=self._mandate.venue.value, tag=self._mandate.tag)
        strange = sorted(set(self._book) - set(self._terms))
        if strange:
            raise ValueError(
                f"the store holds an open plan on {strange[0]}, which data.instruments does not "
                f"name: name it, or close the plan at the venue and remove it from the store"
            )
        for name in list(self._book):
            self._catch_up(name)
        self._catch_up_strays()
        self._cancel_orphans()
        for name in self._terms:
            self._even_out(name)
            self._tend(name)

    def _catch_up(self, name: str) -> None:
        """Book the fills that were missed."""
        ledger = self._book[name]
        now_ns = self._clock.timestamp_ns()
        missed = [(*found, ref) for ref in ledger.orders for found in self._missed(ref)]
        for event, quantity, ref in sorted(missed, key=lambda each: each[0].ts_event):
            self._book_fill(event, ref, quantity)
        known = sum(self._orders.known(ref) is not None for ref in ledger.orders)
        told = f"{known} of {len(ledger.orders)} orders known, {len(missed)} fills missed"
        self._tell_known(name)
        self._say(now_ns, name, "plan taken up", told)
        if ledger.entered == 0 and self._orders.known(ledger.entry_ref) is None:
            self._book[name] = self._book[name].calling_off("the entry never reached the venue")

    def _catch_up_strays(self) -> None:
        """Book what orders of no plan filled meanwhile, and forget those that are over."""
        for order_id, filled in list(self._book.strays.items()):
            ref = OrderRef(order_id=order_id, role=Role.STRAY, quantity=Decimal(0), filled=filled)
            for event, quantity in self._missed(ref):
                self._say(event.ts_event, event.instrument_id.value, "stray fill", order_id)
                self._book_stray(event, quantity)
            order = self._orders.named(order_id)
            if order is None or order.is_closed:
                self._book.forget_stray(order_id)

    def _tell_known(self, name: str) -> None:
        """Put a plan's orders on record that the venue has: who was killed may not have."""
        ledger = self._book[name]
        now_ns = self._clock.timestamp_ns()
        for ref in ledger.orders:
            if self._orders.known(ref) is not None:
                fields: dict[str, Value] = {
                    "event": "taken up",
                    "order_id": ref.order_id,
                    "plan_id": ledger.plan.order_id,
                    "role": ref.role.value,
                }
                self._record(
                    Record(ts_event=now_ns, kind=Kind.ORDER, instrument_id=name, fields=fields)
                )

    def _missed(self, ref: OrderRef) -> Iterator[tuple[OrderFilled, Decimal]]:
        """Give what is not booked of an order's fills; the venue tells them in their order."""
        fills = fills_of(self._cache, ref.order_id)
        booked = ref.filled
        for event in sorted(fills, key=lambda event: event.ts_event):
            quantity = self._terms[event.instrument_id.value].base_of(event.last_qty)
            known = min(booked, quantity)
            booked -= known
            if quantity > known:
                yield event, quantity - known

    def _cancel_orphans(self) -> None:
        """Take back orders of ours that no open plan knows; a person's orders are left alone."""
        planned = {ref.order_id for ledger in self._book.values() for ref in ledger.orders}
        for name, terms in self._terms.items():
            for order in self._orders.working(terms):
                order_id = order.client_order_id.value
                if order_id in planned:
                    continue
                ours = order_id.startswith(OURS)
                word = "orphan cancelled" if ours else "foreign order"
                self._say(self._clock.timestamp_ns(), name, word, order_id)
                if ours:
                    self._orders.cancel_orphan(order)

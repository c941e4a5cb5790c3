"""A strategy of the engine that puts what happens to its plans on record."""

from typing import Any, Final, Self

from nautilus_trader.trading import Strategy, StrategyConfig

from morningstar_strategy.book import Book
from morningstar_strategy.core.ledger import Role
from morningstar_strategy.core.records import Kind, Record, Value, of_health, of_plan
from morningstar_strategy.core.state import Active, Ended, Pending
from morningstar_strategy.strategy.mandate import Mandate
from morningstar_strategy.topics import PLAN, RECORD

__all__ = ["Event", "Teller"]

_OVER: Final = frozenset({"canceled", "expired", "rejected", "denied"})

type Event = Any  # the engine has no common type for the events of orders


class Teller(Strategy):
    """Publishes records and the states of plans."""

    _book: Book

    def __new__(cls, *, mandate: Mandate, **_kwargs: Any) -> Self:
        """Keep our arguments from the engine's constructor."""
        claimed = [each.instrument_id for each in mandate.traded.bar_types]
        config = StrategyConfig(
            order_id_tag=mandate.tag,
            external_order_instrument_ids=claimed if mandate.claims else None,
            log_events=False,
            log_commands=False,
        )
        # The stub hides the engine's constructor behind __init__
        return super().__new__(cls, config)  # type: ignore[call-arg]

    def _tell_order(self, event: Event, word: str, reason: str) -> Role | None:
        name = event.instrument_id.value
        ledger = self._book.get(name)
        ref = None if ledger is None else ledger.ref(event.client_order_id.value)
        order_id = event.client_order_id.value
        role = Role.STRAY if ref is None and order_id in self._book.strays else None
        if ledger is not None and ref is not None:
            role = ref.role
        if role is None:
            return None
        fields: dict[str, Value] = {
            "event": word,
            "order_id": order_id,
            "plan_id": ledger.plan.order_id if ledger is not None and ref is not None else "",
            "role": role.value,
        }
        if reason:
            fields["reason"] = reason
        ts_event = event.ts_event
        self._record(Record(ts_event=ts_event, kind=Kind.ORDER, instrument_id=name, fields=fields))
        if role is Role.STRAY and word in _OVER:
            self._book.forget_stray(order_id)
        return role

    def _say(self, ts_event: int, name: str, state: str, reason: str) -> None:
        self._record(of_health(ts_event=ts_event, instrument_id=name, state=state, reason=reason))

    def _tell_plan(self, state: Pending | Active | Ended, *, ts_event: int) -> None:
        self._record(of_plan(state, ts_event=ts_event))
        self.publish_message(PLAN, state)

    def _record(self, record: Record) -> None:
        self.publish_message(RECORD, record)

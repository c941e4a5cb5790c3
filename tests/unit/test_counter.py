"""The executor tells of the plan that it has just made, of no other, and says where none was."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from live.answers import Kind
from live.counter import Counter
from live.meaning import Refusal
from morningstar_strategy.core.ledger import Ledger, OrderRef, Role
from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.risk import Approved, Ruling, rule_on
from morningstar_strategy.core.strict import Fields, load
from morningstar_strategy.core.wire import parse_command
from morningstar_strategy.hindrances import Hindrances
from tests.unit.test_wishes import FLAT, NAME, PLAN, WIDE

OLD, NEW = "O-1", "O-2"
OPENED = Ledger.open(
    replace(PLAN, order_id=NEW), (OrderRef(order_id=NEW, role=Role.ENTRY, quantity=Decimal(1)),)
)


class ScriptedStrategy:
    """Approves what it is asked; `ledger_after` and `made` are what comes of it."""

    policy = DecisionPolicy()
    names = (NAME,)

    def __init__(self, *, ledger_after: Ledger | None, made: str = "", status: str = "") -> None:
        self.hindrances = Hindrances()
        self._after, self._made, self._status = ledger_after, made, status
        self._ledger: Ledger | None = None
        self._orders = {OLD: "filled"}

    def snapshot(self, name: str) -> Any:
        del name
        return FLAT

    def ledger(self, name: str) -> Ledger | None:
        del name
        return self._ledger

    def entries(self, name: str) -> frozenset[str]:
        del name
        return frozenset(self._orders)

    def execute_command(self, text: str) -> Ruling:
        ruling = rule_on(parse_command(text), FLAT, WIDE, RiskMemory())
        assert isinstance(ruling, Approved)
        self._ledger = self._after
        if self._made:
            self._orders[self._made] = self._status
        else:
            self.hindrances.note("store", "the disk is full")
        return ruling

    def show_order(self, order_id: str) -> dict[str, Any] | None:
        if order_id not in self._orders:
            return None
        status = self._orders[order_id]
        return {"order_id": order_id, "type": "market", "status": status, "reason": "too many"}


def placed(strategy: ScriptedStrategy) -> Any:
    """Ask a counter for a market order, and give its answer."""
    given: Any = strategy
    counter = Counter((given,), given, now_ns=lambda: 0, close_all=lambda reason: None)
    args = {"symbol": NAME, "type": "market", "side": "buy", "amount": 1, "params": {}}
    fields = Fields(load(json.dumps(args)), where="args")
    return asyncio.run(_awaited(counter, fields))


async def _awaited(counter: Counter, fields: Fields) -> Any:
    return await counter.operation("place_order")(fields)


def test_the_order_of_the_plan_just_made_is_told() -> None:
    told = placed(ScriptedStrategy(ledger_after=OPENED, made=NEW, status="filled"))
    assert (told["order_id"], told["status"]) == (NEW, "filled")


def test_where_no_plan_was_begun_no_older_order_is_told() -> None:
    with pytest.raises(Refusal, match="was not begun: store: the disk is full") as refused:
        placed(ScriptedStrategy(ledger_after=None))
    assert refused.value.kind is Kind.NOT_READY


def test_an_order_that_is_denied_while_it_is_sent_is_told_with_its_reason() -> None:
    with pytest.raises(Refusal, match="the order was denied: too many") as refused:
        placed(ScriptedStrategy(ledger_after=None, made=NEW, status="denied"))
    assert refused.value.kind is Kind.REJECTED

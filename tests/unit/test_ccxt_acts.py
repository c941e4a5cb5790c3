"""Submit, cancel and change before a line that answers as it is told to."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from ccxt_nt.errors import Missing, Throttled, Unknown, Unsent
from ccxt_nt.ids import codec
from ccxt_nt.orders.acts import Acts
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.desk import Change, Desk
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.office import Office
from ccxt_nt.orders.resolver import Patience, Resolver
from ccxt_nt.orders.story import Rejected, Saying, Told
from ccxt_nt.values import OrderKind, Product, Side
from ccxt_nt.venues import profile
from tests.unit.ccxt_desk_fakes import SYMBOL, ScriptedLine, TurnedClock, ticket

# `Any` in this module: ccxt's answers have no types

BITGET = profile("BITGET", Product.LINEAR)
STOP: dict[str, Any] = {
    "kind": OrderKind.STOP_MARKET,
    "side": Side.SELL,
    "price": None,
    "trigger_price": Decimal(48_000),
}
PLACED = {"id": "v1", "info": {}}
ABOVE = {"symbol": SYMBOL, "last": "50000"}
BELOW = {"symbol": SYMBOL, "last": "47000"}


class Bench:
    """Acts whose engine is a list."""

    def __init__(self, **answers: list[Any]) -> None:
        self.line = ScriptedLine(answers)
        self.clock = TurnedClock()
        self.said: list[Saying] = []
        self.notes: list[str] = []
        rng = Random(1)
        inquiry = Inquiry(BITGET, self.line, now_ms=lambda: 1_700_000_001_000)
        self.cases = Cases(
            BITGET,
            codec(BITGET.codec),
            say=lambda _, saying: self.said.append(saying),
            announce=lambda case, row: None,
            on_ghost=lambda case, leg: None,
            on_want=lambda: None,
            note=self.notes.append,
            secs=self.clock.secs,
            rng=rng,
        )
        self.acts = Acts(
            Office(
                desk=Desk(BITGET, self.line),
                inquiry=inquiry,
                resolver=Resolver(inquiry, secs=self.clock.secs, sleep=self.clock.sleep, rng=rng),
                cases=self.cases,
                patience=Patience(),
                secs=self.clock.secs,
                sleep=self.clock.sleep,
                rng=rng,
                note=self.notes.append,
                confirm_secs=0.0,
            )
        )

    def open(self, **terms: Any) -> Case:
        sent = ticket(**terms)
        told = Told(quantity=sent.quantity, price=sent.price, trigger_price=sent.trigger_price)
        return self.cases.open("c1", sent, told, since_ms=0)

    def submit(self, ready: Callable[[], Awaitable[None]] | None = None, **terms: Any) -> Case:
        case = self.open(**terms)
        asyncio.run(self.acts.submit(case, ready=ready or _at_once))
        return case

    @property
    def kinds(self) -> list[str]:
        return [type(saying).__name__ for saying in self.said]


async def _at_once() -> None:
    return None


def _plan(status: str) -> dict[str, Any]:
    """Tell of the stop as Bitget lists its trigger orders."""
    info = {
        "orderId": "v1",
        "clientOid": "c1",
        "planType": "normal_plan",
        "planStatus": status,
        "orderType": "market",
        "size": "0.3",
        "side": "sell",
        "uTime": "1700000000500",
    }
    return {
        "id": "v1",
        "clientOrderId": "c1",
        "symbol": SYMBOL,
        "side": "sell",
        "type": "market",
        "amount": "0.3",
        "triggerPrice": "48000",
        "timestamp": 1_700_000_000_000,
        "lastUpdateTimestamp": 1_700_000_000_500,
        "info": info,
    }


@pytest.mark.parametrize("e", [RuntimeError("out of order"), Unknown("no streams")])
def test_what_goes_wrong_before_an_order_is_sent_refuses_it_at_once(e: Exception) -> None:
    async def fails() -> None:
        raise e

    bench = Bench()
    bench.submit(fails)
    (refusal,) = bench.said
    assert isinstance(refusal, Rejected)
    assert refusal.reason.startswith("not sent: ")
    assert str(e) in refusal.reason
    assert bench.line.asked == []


def test_an_order_that_never_left_the_queue_is_refused_without_asking() -> None:
    bench = Bench(create_order=[Unsent("create_order was not sent: it waited 2 s for its turn")])
    bench.submit()
    assert bench.kinds == ["Rejected"]
    assert [each.method for each in bench.line.asked] == ["create_order"]


def test_a_throttled_order_is_asked_for() -> None:
    bench = Bench(
        create_order=[Throttled("too many requests")],
        fetch_order=[Missing("no such order")] * 9,
        fetch_open_orders=[[]] * 9,
        fetch_my_trades=[[]] * 9,
    )
    bench.submit()
    assert bench.kinds == ["Rejected"]
    assert len(bench.line.sent("create_order")) == 1
    assert len(bench.line.sent("fetch_order")) > 1


def test_a_cancellation_that_never_left_the_queue_is_sent_again() -> None:
    bench = Bench(
        create_order=[PLACED],
        cancel_order=[Unsent("cancel_order was not sent"), PLACED],
        fetch_order=[_order("live"), _order("canceled")],
        fetch_my_trades=[[]],
    )
    case = bench.submit()
    asyncio.run(bench.acts.cancel(case))
    assert len(bench.line.sent("cancel_order")) == 2
    assert bench.kinds == ["Accepted", "Canceled"]


def _order(state: str) -> dict[str, Any]:
    info = {
        "orderId": "v1",
        "clientOid": "c1",
        "orderType": "limit",
        "size": "0.3",
        "price": "49000",
        "side": "buy",
        "state": state,
        "baseVolume": "0",
        "uTime": "1700000000500",
    }
    return {
        "id": "v1",
        "clientOrderId": "c1",
        "symbol": SYMBOL,
        "side": "buy",
        "type": "limit",
        "amount": "0.3",
        "price": "49000",
        "timestamp": 1_700_000_000_000,
        "lastUpdateTimestamp": 1_700_000_000_500,
        "info": info,
    }


def test_a_placed_trigger_is_looked_after_until_a_price_can_be_had() -> None:
    bench = Bench(
        create_order=[PLACED],
        fetch_ticker=[ABOVE, Unknown("no answer"), Unknown("no answer"), BELOW],
        fetch_open_orders=[[_plan("live")], *[[]] * 9],
        cancel_order=[PLACED],
        fetch_canceled_and_closed_orders=[[_plan("cancelled")]] * 9,
    )
    bench.submit(**STOP)
    assert len(bench.line.sent("cancel_order")) == 1
    assert bench.kinds == ["Accepted", "Canceled"]


def test_a_changed_trigger_that_the_price_overtook_is_ended_too() -> None:
    bench = Bench(
        create_order=[PLACED],
        edit_order=[PLACED],
        fetch_ticker=[ABOVE, ABOVE, ABOVE, BELOW],
        fetch_open_orders=[[_plan("live")], *[[]] * 9],
        cancel_order=[PLACED],
        fetch_canceled_and_closed_orders=[[_plan("cancelled")]] * 9,
    )
    case = bench.submit(**STOP)
    change = Change(quantity=Decimal("0.3"), price=None, trigger_price=Decimal(47_500))
    asyncio.run(bench.acts.change(case, change))
    assert bench.kinds == ["Accepted", "Updated", "Canceled"]


def test_a_change_that_never_left_the_queue_is_refused() -> None:
    bench = Bench(
        create_order=[PLACED],
        edit_order=[Unsent("edit_order was not sent")],
        fetch_ticker=[ABOVE] * 4,
    )
    case = bench.submit(**STOP)
    change = Change(quantity=Decimal("0.3"), price=None, trigger_price=Decimal(47_500))
    asyncio.run(bench.acts.change(case, change))
    assert bench.kinds == ["Accepted", "ChangeRefused"]

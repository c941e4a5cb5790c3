"""What random faults found: replacements told early, stops that fire twice, fills out of order."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from ccxt_nt.ids import codec
from ccxt_nt.orders.case import Awaited, Case
from ccxt_nt.orders.cases import FEE_PATIENCE_SECS, Cases
from ccxt_nt.orders.ledger import Ledger
from ccxt_nt.orders.story import (
    Accepted,
    Canceled,
    Facts,
    Filled,
    Saying,
    Surplus,
    Told,
    Triggered,
    Updated,
    due,
)
from ccxt_nt.values import FillRow, OrderKind, OrderRow, OrderStatus, Product, Side
from ccxt_nt.venues import profile
from tests.unit.ccxt_desk_fakes import TurnedClock, fill, order, ticket

BITGET = profile("BITGET", Product.LINEAR)
NAME = "O-20260101-000000-001-000-1"
STOP: dict[str, Any] = {
    "kind": OrderKind.STOP_MARKET,
    "side": Side.SELL,
    "price": None,
    "trigger_price": Decimal(48_000),
}


class Registry:
    """Cases whose outlets are lists, and an engine that answers as it is told to."""

    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.said: list[Saying] = []
        self.announced: list[OrderRow] = []
        self.can_reduce = True
        self.is_pending = False
        self.wants = 0
        self.cases = Cases(
            BITGET,
            codec(BITGET.codec),
            say=lambda _, saying: self.said.append(saying),
            announce=lambda _, told: self.announced.append(told),
            on_ghost=lambda case, leg: None,
            on_want=self._want,
            note=lambda text: None,
            secs=self.clock.secs,
            rng=Random(1),
            pending=lambda _: self.is_pending,
            can_reduce=lambda case, row: self.can_reduce,
        )
        self.cases.open_doors()

    def _want(self) -> None:
        self.wants += 1

    def submit(self, **terms: Any) -> Case:
        sent = ticket(client_order_id=NAME, **terms)
        told = Told(quantity=sent.quantity, price=sent.price, trigger_price=sent.trigger_price)
        case = self.cases.open(NAME, sent, told, since_ms=0)
        case.is_sent = True
        self.cases.placed(case, "v1")
        return case

    def later(self, secs: float) -> None:
        self.clock.now += secs
        self.cases.advance()

    @property
    def kinds(self) -> list[type[Saying]]:
        return [type(saying) for saying in self.said]


def expect(case: Case, awaited: Awaited) -> None:
    case.awaited = awaited


def test_a_replacement_that_fills_before_its_answer_has_its_own_terms() -> None:
    desk = Registry()
    case = desk.submit()
    name = desk.cases.next_name(case)
    more = replace(case.ticket, client_order_id=name, quantity=case.ticket.quantity * 5)
    expect(case, Awaited(client_id=name, old_id="v1", terms=more))
    desk.cases.take_order(order(venue_order_id="v2", client_order_id=name, quantity=more.quantity))
    whole = fill(venue_order_id="v2", client_order_id=name, quantity=more.quantity)
    desk.cases.take_fill(whole)
    assert desk.kinds == [Accepted, Updated, Filled]
    assert case.awaited is None
    assert case.ledger.venue_order_id == "v2"


def test_nothing_else_is_taken_for_the_awaited_replacement() -> None:
    desk = Registry()
    case = desk.submit(**STOP)
    expect(case, Awaited(client_id="other", old_id="v1", terms=case.ticket))
    desk.cases.take_order(order(status=OrderStatus.TRIGGERED, fired_id="v2", updated_ns=9, **STOP))
    assert case.awaited is not None


@pytest.mark.parametrize(
    ("old", "new", "whole"),
    [
        (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.FILLED),
        (OrderStatus.CANCELED, OrderStatus.FILLED, OrderStatus.FILLED),
        (OrderStatus.CANCELED, OrderStatus.OPEN, OrderStatus.OPEN),
        (OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.OPEN),
        (OrderStatus.CANCELED, OrderStatus.CANCELED, OrderStatus.CANCELED),
    ],
)
def test_an_order_and_its_replacement_stand_where_the_living_or_the_filled_one_stands(
    old: OrderStatus, new: OrderStatus, whole: OrderStatus
) -> None:
    ledger = Ledger("c1")
    ledger.replace("v1", "v2")
    ledger.absorb_order(order(status=old))
    ledger.absorb_order(order(venue_order_id="v2", status=new))
    assert ledger.status is whole


def test_a_plain_order_in_place_of_a_fired_stop_is_not_asked_for_as_a_stop() -> None:
    desk = Registry()
    case = desk.submit(**STOP)
    desk.cases.take_order(order(status=OrderStatus.TRIGGERED, fired_id="v2", updated_ns=9, **STOP))
    desk.cases.replaced(case, "v2", "v3", waits=False)
    assert not desk.cases.key(case, "v3").waiting


def test_an_order_that_fills_above_its_known_quantity_is_enlarged_as_far_as_the_venue_says() -> (
    None
):
    facts = Facts(
        kind=OrderKind.LIMIT,
        status=OrderStatus.OPEN,
        venue_order_id="v1",
        fills=(fill(quantity=Decimal(3)),),
        quantity=Decimal(5),
    )
    told = Told(quantity=Decimal(2), venue_order_id="v1")
    assert [type(each) for each in due(facts, told)] == [Updated, Filled]
    contradiction = replace(facts, quantity=Decimal(2))
    assert [type(each) for each in due(contradiction, told)] == [Surplus]


def test_a_trigger_is_told_when_the_engine_can_hear_of_it() -> None:
    desk = Registry()
    terms = {**STOP, "kind": OrderKind.STOP_LIMIT, "price": Decimal(47_900)}
    desk.submit(**terms)
    desk.is_pending = True
    desk.cases.take_order(order(triggered=True, updated_ns=9, **terms))
    assert desk.kinds == [Accepted]
    desk.is_pending = False
    desk.later(0.1)
    assert desk.kinds == [Accepted, Triggered]


def test_a_reduce_only_fill_waits_for_the_fill_that_it_undoes() -> None:
    desk = Registry()
    desk.submit(reduce_only=True)
    desk.can_reduce = False
    desk.cases.take_fill(fill())
    assert desk.kinds == [Accepted]
    assert desk.cases.wanted  # the other fill may have been lost
    desk.can_reduce = True
    desk.later(0.1)
    assert desk.kinds == [Accepted, Filled]


def test_a_reduce_only_fill_does_not_wait_for_ever() -> None:
    desk = Registry()
    desk.submit(reduce_only=True)
    desk.can_reduce = False
    desk.cases.take_fill(fill())
    desk.later(FEE_PATIENCE_SECS + 0.1)
    assert desk.kinds == [Accepted, Filled]


def test_a_fired_order_known_before_its_trigger_order_becomes_part_of_it() -> None:
    desk = Registry()
    sent = ticket(client_order_id=NAME, **STOP)
    told = Told(quantity=sent.quantity, trigger_price=sent.trigger_price)
    case = desk.cases.open(NAME, sent, told, since_ms=0)
    case.is_sent = True  # and its answer is lost
    fired = order(
        venue_order_id="v2",
        client_order_id="v1",  # the trigger order's id at the venue
        side=Side.SELL,
        status=OrderStatus.FILLED,
        filled=fill().quantity,
        quantity=fill().quantity,
    )
    desk.cases.take_order(fired)
    desk.cases.take_fill(fill(venue_order_id="v2", client_order_id="v1", side=Side.SELL))
    desk.later(5.0)
    assert desk.announced == []
    desk.cases.placed(case, "v1")
    desk.later(5.0)
    assert desk.announced == []
    assert set(case.ledger.legs) == {"v1", "v2"}
    assert Filled in desk.kinds


def stranger(**terms: Any) -> OrderRow:
    return order(venue_order_id="x1", client_order_id=None, **terms)


def strange_fill(**terms: Any) -> FillRow:
    return fill(venue_order_id="x1", client_order_id=None, **terms)


def test_an_order_of_others_whose_end_is_told_before_its_fill_is_announced() -> None:
    desk = Registry()
    row = stranger(status=OrderStatus.FILLED, filled=fill().quantity, quantity=fill().quantity)
    desk.cases.take_order(row)
    desk.later(5.0)
    assert desk.announced == []
    desk.cases.take_fill(strange_fill())
    desk.later(5.0)
    assert [each.venue_order_id for each in desk.announced] == ["x1"]


def test_a_market_buy_of_others_by_cost_is_announced_with_what_it_bought() -> None:
    desk = Registry()
    row = stranger(
        kind=OrderKind.MARKET,
        status=OrderStatus.FILLED,
        price=None,
        quantity=None,
        filled=fill().quantity,
    )
    desk.cases.take_order(row)
    desk.cases.take_fill(strange_fill())
    desk.later(5.0)
    assert [each.quantity for each in desk.announced] == [fill().quantity]


def test_a_stop_of_others_ends_where_it_is_told_as_the_order_that_it_became() -> None:
    desk = Registry()
    desk.cases.take_order(stranger(**STOP))
    desk.later(5.0)
    desk.cases.registered("x1", "x1")
    fired = order(venue_order_id="x2", client_order_id=None, created_ns=5, updated_ns=5)
    desk.cases.take_order(replace(fired, side=Side.SELL, quantity=Decimal(7)))
    desk.later(5.0)
    assert [each.venue_order_id for each in desk.announced] == ["x1", "x2"]
    desk.cases.take_order(
        stranger(status=OrderStatus.TRIGGERED, fired_id="x2", updated_ns=9, **STOP)
    )
    desk.later(0.1)
    assert Canceled in desk.kinds


def test_a_stop_of_others_goes_on_as_what_it_became_where_that_was_not_told_yet() -> None:
    desk = Registry()
    desk.cases.take_order(stranger(**STOP))
    desk.later(5.0)
    desk.cases.registered("x1", "x1")
    desk.cases.take_fill(fill(venue_order_id="x2", client_order_id=None, side=Side.SELL))
    desk.cases.take_order(
        stranger(status=OrderStatus.TRIGGERED, fired_id="x2", updated_ns=9, **STOP)
    )
    desk.later(5.0)
    assert [each.venue_order_id for each in desk.announced] == ["x1"]
    assert desk.kinds == [Updated, Filled]


def test_a_stop_of_others_that_has_fired_is_not_announced() -> None:
    desk = Registry()
    desk.cases.take_order(stranger(status=OrderStatus.TRIGGERED, **STOP))
    desk.later(5.0)
    assert desk.announced == []


def test_the_terms_of_a_replaced_order_are_compared_as_a_whole() -> None:
    desk = Registry()
    case = desk.submit(quantity=Decimal(5))
    desk.cases.take_fill(fill(quantity=Decimal(2)))
    case.is_replacing = True
    desk.cases.take_order(
        order(status=OrderStatus.CANCELED, quantity=Decimal(5), filled=Decimal(2), updated_ns=3)
    )
    desk.cases.replaced(case, "v1", "v2", waits=False)
    rest = order(venue_order_id="v2", quantity=Decimal(3), created_ns=4, updated_ns=4)
    desk.cases.take_order(rest)
    case.is_replacing = False
    said = len(desk.said)
    desk.cases.compare(rest, asked=desk.clock.now + 1)
    assert desk.said[said:] == []  # two that filled and three that are left: still five
    desk.cases.compare(replace(rest, quantity=Decimal(4)), asked=desk.clock.now + 1)
    (update,) = desk.said[said:]
    assert isinstance(update, Updated)
    assert update.quantity == 6


def test_a_fill_above_the_known_quantity_waits_while_a_change_is_under_way() -> None:
    desk = Registry()
    case = desk.submit(quantity=Decimal(2))

    async def change() -> None:
        async with case.turn:
            desk.cases.take_fill(fill(quantity=Decimal(3)))
            assert desk.kinds == [Accepted]
            desk.cases.update(case, replace(case.ticket, quantity=Decimal(3)))
        desk.later(0.1)

    asyncio.run(change())
    assert desk.kinds == [Accepted, Updated, Filled]


def test_a_fill_too_large_for_what_was_told_waits_until_its_order_is_known() -> None:
    desk = Registry()
    case = desk.submit(quantity=Decimal(2), **STOP)
    desk.cases.take_order(
        order(
            status=OrderStatus.TRIGGERED, fired_id="v2", updated_ns=9, quantity=Decimal(2), **STOP
        )
    )
    desk.cases.take_fill(fill(venue_order_id="v2", side=Side.SELL, quantity=Decimal(5)))
    assert Surplus not in desk.kinds
    assert desk.cases.suspects == (case,)  # it is asked for
    desk.cases.take_order(
        order(
            venue_order_id="v2",
            side=Side.SELL,
            status=OrderStatus.FILLED,
            quantity=Decimal(5),
            filled=Decimal(5),
            created_ns=10,
            updated_ns=10,
        )
    )
    assert desk.kinds[-2:] == [Updated, Filled]
    assert case.told.closed


def test_a_stranger_like_a_stop_whose_id_came_later_is_told_once_the_stop_was_asked_for() -> None:
    desk = Registry()
    sent = ticket(client_order_id=NAME, **STOP)
    told = Told(quantity=sent.quantity, trigger_price=sent.trigger_price)
    case = desk.cases.open(NAME, sent, told, since_ms=0)
    case.is_sent = True
    desk.clock.now += 1.0
    row = stranger(side=Side.SELL, quantity=sent.quantity)
    desk.cases.take_order(row)
    desk.cases.placed(case, "v1")
    desk.wants = 0
    desk.later(5.0)
    assert desk.announced == []
    assert desk.wants  # nobody else would ask
    desk.cases.asked(case)
    desk.later(0.1)
    assert [each.venue_order_id for each in desk.announced] == ["x1"]


def test_an_order_without_a_name_may_be_the_replacement_of_one_that_filled_meanwhile() -> None:
    desk = Registry()
    case = desk.submit(**STOP)
    desk.cases.take_order(order(status=OrderStatus.OPEN, **STOP))
    name = desk.cases.next_name(case)
    expect(case, Awaited(client_id=name, old_id="v1", terms=case.ticket, waits=True))
    case.is_replacing = True
    desk.cases.take_fill(fill(quantity=case.ticket.quantity))
    assert case.told.closed
    desk.cases.take_order(order(venue_order_id="v2", client_order_id=None, **STOP))
    desk.later(5.0)
    assert desk.announced == []  # it was just sent, and its answer is on its way
    desk.cases.arrived(case, "v2")
    desk.later(5.0)
    assert desk.announced == []

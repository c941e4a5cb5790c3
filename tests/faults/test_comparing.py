"""The comparison finds what it is there to find."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.faults.comparing import (
    EngineFill,
    EngineOrder,
    EngineState,
    Lens,
    VenueState,
    differences,
)
from tests.faults.plans import Act, schedule
from tests.venue.faults import FaultKind
from tests.venue.model import Ask, Balance, Fill, Kind, Order, Side, Status

ONE = Decimal(1)
LENS = Lens(decode=lambda text: text, money=lambda value, coin: value)
FILL = EngineFill(trade_id="7", price=Decimal(100), quantity=ONE, fee=Decimal("0.06"), fee_coin="U")
ORDER = EngineOrder(
    client_order_id="O-1",
    ours=True,
    status="PARTIALLY_FILLED",
    side="BUY",
    quantity=Decimal(3),
    filled=ONE,
    price=Decimal(100),
    trigger_price=None,
    reduce_only=False,
    is_limit_trigger=False,
    venue_order_ids=("55",),
    fills=(FILL,),
)
ENGINE = EngineState(
    orders=(ORDER,),
    positions={"B/U:U": ONE},
    balances={"U": (Decimal(99), Decimal(5))},
)
VENUE = VenueState(
    orders=(
        Order(
            order_id="55",
            ask=Ask(
                symbol="B/U:U",
                side=Side.BUY,
                kind=Kind.LIMIT,
                quantity=Decimal(3),
                price=Decimal(100),
                client_id="O-1",
            ),
            quantity=Decimal(3),
            price=Decimal(100),
            trigger=None,
            status=Status.OPEN,
            created_ms=1,
            updated_ms=2,
            filled=ONE,
        ),
    ),
    fills=(
        Fill(
            trade_id="7",
            order_id="55",
            client_id="O-1",
            symbol="B/U:U",
            side=Side.BUY,
            price=Decimal(100),
            quantity=ONE,
            maker=True,
            fee=Decimal("0.06"),
            fee_coin="U",
            ts_ms=2,
        ),
    ),
    positions={"B/U:U": ONE},
    balances={"U": Balance(coin="U", total=Decimal(99), held=Decimal(5))},
    accepted={"O-1": 1},
)


def with_order(**changes: Any) -> EngineState:  # of the order's own fields
    """Change the engine's only order."""
    return replace(ENGINE, orders=(replace(ORDER, **changes),))


def test_nothing_differs_where_both_sides_say_the_same() -> None:
    assert differences(ENGINE, VENUE, LENS) == []


@pytest.mark.parametrize(
    ("engine", "venue", "words"),
    [
        (with_order(status="CANCELED"), VENUE, "CANCELED, should be PARTIALLY_FILLED"),
        (with_order(filled=Decimal(2)), VENUE, "filled 2, should be 1"),
        (with_order(quantity=Decimal(4)), VENUE, "quantity 4, should be 3"),
        (with_order(price=Decimal(99)), VENUE, "price 99, should be 100"),
        (with_order(venue_order_ids=("54", "56")), VENUE, "is order ('56',), should be 55"),
        (with_order(fills=()), VENUE, "fill 7 is missing"),
        (with_order(fills=(FILL, FILL)), VENUE, "fill 7 twice"),
        (with_order(fills=(FILL, replace(FILL, trade_id="8"))), VENUE, "8 never happened"),
        (with_order(fills=(replace(FILL, fee=ONE),)), VENUE, "should be EngineFill"),
        (with_order(fills=(replace(FILL, fee_coin="B"),)), VENUE, "should be EngineFill"),
        (with_order(status="REJECTED"), VENUE, "REJECTED, should be"),
        (replace(ENGINE, orders=()), VENUE, "the engine does not know it"),
        (with_order(client_order_id="O-2", venue_order_ids=()), VENUE, "never had it"),
        (with_order(ours=False, venue_order_ids=("9",)), VENUE, "not at the exchange"),
        (replace(ENGINE, positions={}), VENUE, "position B/U:U: 0, should be 1"),
        (replace(ENGINE, balances={}), VENUE, "balance U: unknown"),
        (replace(ENGINE, balances={"U": (ONE, Decimal(5))}), VENUE, "total 1, should be 99"),
        (replace(ENGINE, balances={"U": (Decimal(99), ONE)}), VENUE, "locked 1, should be 5"),
        (ENGINE, replace(VENUE, accepted={"O-1": 2}), "placed 2 times"),
        (
            ENGINE,
            replace(VENUE, orders=(*VENUE.orders, replace(VENUE.orders[0], order_id="56"))),
            "2 orders of it are open",
        ),
    ],
)
def test_what_differs_is_said(engine: EngineState, venue: VenueState, words: str) -> None:
    assert any(words in each for each in differences(engine, venue, LENS))


def test_schedules_are_the_same_for_the_same_seed_and_have_every_act_and_fault() -> None:
    drawn = [schedule(seed, orders=200, perp=True) for seed in range(30)]
    assert drawn[3] == schedule(3, orders=200, perp=True)
    assert all(each.orders == 200 for each in drawn)
    steps = [step for each in drawn for step in each.steps]
    assert {step.act for step in steps} == set(Act)
    assert {fault.kind for step in steps for fault in step.faults} == set(FaultKind)


def test_a_market_buy_by_hand_for_a_cost_is_expected_once_it_filled() -> None:
    by_cost = replace(LENS, cost_buys=True)
    ask = Ask(symbol="B/U", side=Side.BUY, kind=Kind.MARKET, quantity=Decimal(3))
    waiting = replace(
        VENUE.orders[0],
        order_id="66",
        ask=ask,
        quantity=None,
        status=Status.WAITING,
        filled=Decimal(0),
    )
    venue = replace(VENUE, orders=(*VENUE.orders, waiting))
    assert differences(ENGINE, venue, by_cost) == []
    assert differences(ENGINE, venue, LENS)
    filled = replace(VENUE.fills[0], trade_id="8", order_id="66")
    assert differences(ENGINE, replace(venue, fills=(*VENUE.fills, filled)), by_cost)

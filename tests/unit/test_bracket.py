"""Splits and changes with the numbers written out."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.bracket import (
    Bracket,
    CancelExit,
    Change,
    CloseAtMarket,
    MoveStop,
    PlaceStop,
    PlaceTarget,
    WorkingExit,
    ceil_to,
    changes,
    floor_to,
    sooner,
    split,
    tighter,
    wanted_targets,
)
from morningstar_strategy.core.commands import Direction

LOT = Decimal("0.1")


def numbers(*values: object) -> tuple[Decimal, ...]:
    return tuple(Decimal(f"{value}") for value in values)


def stop(
    name: str = "S-1", quantity: object = 10, price: object = 95, *, settled: bool = True
) -> WorkingExit:
    return WorkingExit(
        order_id=name, price=Decimal(f"{price}"), quantity=Decimal(f"{quantity}"), settled=settled
    )


STANDS = Bracket(
    direction=Direction.LONG,
    open_quantity=Decimal(10),
    stop_price=Decimal(95),
    stops=(stop(),),
    stop_refused=False,
    targets=((Decimal(110), Decimal(6)), (Decimal(120), Decimal(4))),
    working_targets=(stop("T-0", 6, 110), stop("T-1", 4, 120)),
    closing=False,
    close_working=False,
)


def wanted(**changed: Any) -> tuple[Change, ...]:  # Any: any field of a bracket
    return changes(replace(STANDS, **changed))


def test_a_stop_that_cannot_be_moved_is_replaced_and_goes_when_the_nearer_one_stands() -> None:
    nearer = {"stop_fixed": True, "stop_price": Decimal(98)}
    assert wanted(**nearer) == (PlaceStop(quantity=Decimal(10), price=Decimal(98)),)
    sent = stop("S-2", 10, 98, settled=False)
    assert wanted(**nearer, stops=(stop(), sent)) == ()
    stands = stop("S-2", 10, 98)
    assert wanted(**nearer, stops=(stop(), stands)) == (CancelExit(order_id="S-1"),)
    assert wanted(**nearer, stops=(stands,)) == ()


def test_prices_round_to_the_tick_on_either_side() -> None:
    assert (floor_to(Decimal("1.29"), LOT), ceil_to(Decimal("1.21"), LOT)) == (
        Decimal("1.2"),
        Decimal("1.3"),
    )
    assert floor_to(Decimal("1.2"), LOT) == ceil_to(Decimal("1.2"), LOT) == Decimal("1.2")
    assert floor_to(Decimal("-1.21"), LOT) == Decimal("-1.3")
    assert ceil_to(Decimal("-1.29"), LOT) == Decimal("-1.2")
    assert tighter(Direction.LONG, Decimal("1.21"), LOT) == Decimal("1.3")
    assert tighter(Direction.SHORT, Decimal("1.29"), LOT) == Decimal("1.2")
    assert sooner(Direction.LONG, Decimal("1.29"), LOT) == Decimal("1.2")
    assert sooner(Direction.SHORT, Decimal("1.21"), LOT) == Decimal("1.3")


@pytest.mark.parametrize(
    ("quantity", "fractions", "minimum", "parts"),
    [
        ("1", (1,), "0", (1,)),
        ("1", ("0.5", "0.5"), "0.1", ("0.5", "0.5")),
        ("1", ("0.55", "0.45"), "0", ("0.5", "0.5")),  # 0.55 rounds down to whole lots
        ("1", ("0.15", "0.85"), "0.2", (0, 1)),  # 0.1 is below the minimum
        ("1", ("0.2", "0.8"), "0.2", ("0.2", "0.8")),  # at the minimum
        ("1", ("0.9", "0.1"), "0.2", (1, 0)),  # the rest is too small and joins the first
        ("1", ("0.8", "0.2"), "0.2", ("0.8", "0.2")),
        ("1", ("0.5", "0.1", "0.4"), "0.2", ("0.5", 0, "0.5")),
        ("1", ("0.6", "0.3", "0.1"), "0.2", ("0.6", "0.4", 0)),  # joins the last that stands
        ("1", ("0.85", "0.1", "0.05"), "0.3", (1, 0, 0)),  # over one that does not stand
        ("0.1", ("0.5", "0.5"), "0.2", (0, "0.1")),  # all of it is too small
        ("0", ("0.5", "0.5"), "0.1", (0, 0)),
    ],
)
def test_a_split_gives_lots_and_the_rest_to_the_last_that_stands(
    quantity: str, fractions: tuple[object, ...], minimum: str, parts: tuple[object, ...]
) -> None:
    assert split(Decimal(quantity), numbers(*fractions), LOT, Decimal(minimum)) == numbers(*parts)


def test_a_split_never_gives_more_than_there_is() -> None:
    assert split(Decimal(1), numbers("0.7", "0.7", "0.1"), LOT, Decimal(0)) == numbers(
        "0.7", "0.3", 0
    )


@pytest.mark.parametrize(
    ("open_quantity", "filled", "wanted_parts"),
    [
        ("10", ("0", "0", "0"), ("5", "3", "2")),
        ("5", ("5", "0", "0"), ("0", "3", "2")),
        ("8", ("2", "0", "0"), ("3", "3", "2")),
        ("7", ("0", "3", "0"), ("5", "0", "2")),
        ("4", ("6", "0", "0"), ("0", "3", "1")),  # more filled than its part: the last gives way
        ("1", ("9", "0", "0"), ("0", "1", "0")),  # and the one before it
        ("0", ("5", "3", "2"), ("0", "0", "0")),
        ("20", ("0", "0", "0"), ("10", "6", "4")),
    ],
)
def test_targets_want_what_is_still_open(
    open_quantity: str, filled: tuple[str, ...], wanted_parts: tuple[str, ...]
) -> None:
    found = wanted_targets(
        Decimal(open_quantity),
        numbers(*filled),
        numbers("0.5", "0.3", "0.2"),
        Decimal(1),
        Decimal(1),
    )
    assert found == numbers(*wanted_parts)


def test_as_many_fills_as_targets_are_told() -> None:
    with pytest.raises(ValueError, match="zip"):
        wanted_targets(Decimal(1), (Decimal(0),), numbers("0.5", "0.5"), Decimal(1), Decimal(1))
    with pytest.raises(ValueError, match="zip"):
        changes(replace(STANDS, working_targets=(None,)))


def test_a_bracket_that_stands_wants_nothing() -> None:
    assert wanted() == ()
    assert wanted(stops=(stop(settled=False),)) == ()


def test_a_stop_comes_first_and_for_the_whole() -> None:
    assert wanted(stops=(), working_targets=(None, None)) == (
        PlaceStop(quantity=Decimal(10), price=Decimal(95)),
        PlaceTarget(index=0, quantity=Decimal(6), price=Decimal(110)),
        PlaceTarget(index=1, quantity=Decimal(4), price=Decimal(120)),
    )


@pytest.mark.parametrize(
    ("standing", "quantity"),
    [
        (stop(quantity=9), 10),
        (stop(quantity="9.9"), 10),
        (stop(price=94), 10),
        (stop(price=94, quantity=12), 12),
        (stop(price=94, quantity=3), 10),
    ],
)
def test_a_stop_that_is_short_or_elsewhere_is_moved(standing: WorkingExit, quantity: int) -> None:
    moved = MoveStop(order_id="S-1", quantity=Decimal(quantity), price=Decimal(95))
    assert wanted(stops=(standing,)) == (moved,)
    assert wanted(stops=(standing, stop("S-2"))) == (moved,)
    assert wanted(stops=(replace(standing, settled=False),)) == ()
    assert wanted(stops=(replace(standing, settled=False), stop("S-2"))) == ()


def test_a_stop_for_more_than_is_open_stays() -> None:
    assert wanted(stops=(stop(quantity=11),)) == ()


def test_two_stops_that_cover_together_become_one() -> None:
    half = (stop("S-1", 5), stop("S-2", 5, 90))
    assert wanted(stops=half) == (
        MoveStop(order_id="S-1", quantity=Decimal(10), price=Decimal(95)),
    )
    assert wanted(stops=(stop("S-1"), stop("S-2", 5), stop("S-3", 1))) == (
        CancelExit(order_id="S-2"),
        CancelExit(order_id="S-3"),
    )


def test_targets_are_taken_back_before_they_are_put_anew() -> None:
    assert wanted(working_targets=(stop("T-0", 5, 110), stop("T-1", 4, 121))) == (
        CancelExit(order_id="T-0"),
        CancelExit(order_id="T-1"),
    )
    assert wanted(working_targets=(None, stop("T-1", 4, 120))) == (
        PlaceTarget(index=0, quantity=Decimal(6), price=Decimal(110)),
    )
    assert wanted(
        targets=((Decimal(110), Decimal(0)), (Decimal(120), Decimal(10))),
        working_targets=(None, None),
    ) == (PlaceTarget(index=1, quantity=Decimal(10), price=Decimal(120)),)
    assert wanted(
        targets=((Decimal(110), Decimal("0.5")), (Decimal(120), Decimal("9.5"))),
        working_targets=(None, None),
    ) == (
        PlaceTarget(index=0, quantity=Decimal("0.5"), price=Decimal(110)),
        PlaceTarget(index=1, quantity=Decimal("9.5"), price=Decimal(120)),
    )


def test_nothing_is_left_when_flat() -> None:
    gone = (
        CancelExit(order_id="S-1"),
        CancelExit(order_id="T-1"),
    )
    flat = replace(STANDS, working_targets=(None, stop("T-1", 4, 120)), open_quantity=Decimal(0))
    assert changes(flat) == gone
    assert changes(replace(flat, closing=True)) == gone
    assert changes(replace(flat, open_quantity=Decimal(-1))) == gone
    assert changes(replace(flat, open_quantity=Decimal("0.5"), closing=True))[-1] == CloseAtMarket(
        quantity=Decimal("0.5"), reason="closing"
    )


def test_closing_takes_the_targets_back_keeps_the_stop_and_closes_once() -> None:
    targets = (stop("T-0", 6, 110), None)
    close = CloseAtMarket(quantity=Decimal(10), reason="closing")
    assert wanted(closing=True, working_targets=targets) == (CancelExit(order_id="T-0"), close)
    assert wanted(closing=True, close_working=True) == (
        CancelExit(order_id="T-0"),
        CancelExit(order_id="T-1"),
    )
    assert wanted(closing=True, stops=(), working_targets=(None, None)) == (
        PlaceStop(quantity=Decimal(10), price=Decimal(95)),
        close,
    )


def test_a_refused_stop_closes_the_position_and_is_not_put_again() -> None:
    refused = wanted(stop_refused=True, stops=(), working_targets=(None, None))
    assert refused == (CloseAtMarket(quantity=Decimal(10), reason="stop refused"),)
    both = wanted(stop_refused=True, closing=True, stops=(), working_targets=(None, None))
    assert both == (CloseAtMarket(quantity=Decimal(10), reason="stop refused"),)
    beside = wanted(stop_refused=True, stop_fixed=True, stops=(stop("S-0", 10, 90),))
    assert beside[-1] == CloseAtMarket(quantity=Decimal(10), reason="stop refused")
    assert not any(isinstance(each, PlaceStop | MoveStop) for each in beside)

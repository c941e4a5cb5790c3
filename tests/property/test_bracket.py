"""Laws of the bracket: exact splits, a stop over all that is open, nothing left when flat."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from hypothesis import event, given
from hypothesis import strategies as st

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
from tests.property.strategies import DIRECTIONS, numbers, shares

_ZERO: Final = Decimal(0)
_STEPS: Final = st.tuples(st.sampled_from((1, 5, 25)), st.integers(-9, 3)).map(
    lambda drawn: Decimal(drawn[0]).scaleb(drawn[1])
)
_LOTS: Final = st.integers(0, 10_000) | st.integers(0, 12)
_WEIGHTS: Final = st.lists(st.integers(1, 200), min_size=0, max_size=4)


# ---------------------------------------------------------------- rounding and splitting


@given(numbers(0, 10**12, 6), _STEPS, DIRECTIONS)
def test_rounding_moves_to_the_nearest_multiple_on_one_side(
    value: Decimal, step: Decimal, direction: Direction
) -> None:
    low, high = floor_to(value, step), ceil_to(value, step)
    assert low <= value <= high
    assert low % step == high % step == 0
    assert high - low == (0 if value % step == 0 else step)
    sign = direction.sign
    assert 0 <= sign * (tighter(direction, value, step) - value) < step
    assert 0 <= sign * (value - sooner(direction, value, step)) < step


@given(_LOTS, _WEIGHTS, _STEPS, st.integers(0, 30))
def test_a_split_sums_exactly_in_lots_that_are_large_enough(
    lots: int, weights: list[int], lot: Decimal, least: int
) -> None:
    quantity, minimum, fractions = lots * lot, least * lot, shares(weights)
    parts = split(quantity, fractions, lot, minimum)
    assert len(parts) == len(fractions)
    assert sum(parts) == quantity
    assert all(part % lot == 0 and part >= 0 for part in parts)
    if quantity >= minimum:
        assert all(part == 0 or part >= minimum for part in parts)
    else:
        assert parts[-1] == quantity
    for part, share in zip(parts[:-1], fractions, strict=False):
        kept = part <= quantity * share
        assert kept or not any(parts[parts.index(part) + 1 :])


@given(_LOTS, st.lists(_LOTS, min_size=1, max_size=5), st.data(), _STEPS, st.integers(0, 30))
def test_wanted_targets_are_exactly_what_is_open(
    lots: int, done: list[int], data: st.DataObject, lot: Decimal, least: int
) -> None:
    count = len(done)
    weights = data.draw(st.lists(st.integers(1, 200), min_size=count - 1, max_size=count - 1))
    filled = [each * lot for each in done]
    wanted = wanted_targets(lots * lot, filled, shares(weights), lot, least * lot)
    assert len(wanted) == count
    assert sum(wanted) == lots * lot
    assert all(part >= 0 and part % lot == 0 for part in wanted)
    whole = split(lots * lot + sum(filled), shares(weights), lot, least * lot)
    for part, planned, over in zip(wanted, whole, filled, strict=True):
        assert part <= max(planned - over, _ZERO)


# ---------------------------------------------------------------- what to change

_EXITS: Final = st.tuples(st.integers(1, 6), st.integers(1, 4), st.booleans())


def _exit(name: str, drawn: tuple[int, int, bool]) -> WorkingExit:
    quantity, price, settled = drawn
    return WorkingExit(
        order_id=name, price=Decimal(price), quantity=Decimal(quantity), settled=settled
    )


@st.composite
def brackets(draw: st.DrawFn) -> Bracket:
    """Draw what protects a position in any state, however it came about."""
    lots, stops, targets, flags = draw(_BRACKET_PARTS)
    open_quantity = Decimal(lots)
    wanted = wanted_targets(
        open_quantity,
        [_ZERO] * len(targets),
        shares([200] * (len(targets) - 1)),
        Decimal(1),
        _ZERO,
    )
    closing, close_working, refused = flags
    return Bracket(
        direction=Direction.LONG,
        open_quantity=open_quantity,
        stop_price=Decimal(1),
        stops=tuple(_exit(f"S-{at}", each) for at, each in enumerate(stops)),
        stop_refused=refused and not stops,
        targets=tuple((Decimal(9), quantity) for quantity in wanted),
        working_targets=tuple(
            None if each is None else replace(_exit(f"T-{at}", each), price=Decimal(each[1] + 7))
            for at, each in enumerate(targets)
        ),
        closing=closing,
        close_working=closing and close_working,
    )


_BRACKET_PARTS: Final = st.tuples(
    st.integers(0, 6),
    st.lists(_EXITS, max_size=3),
    st.lists(st.none() | _EXITS, min_size=1, max_size=4),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
)


def _apply(bracket: Bracket, wanted: tuple[Change, ...]) -> Bracket:
    """Carry the changes out at once, as a prompt venue does; all orders are settled after it."""
    stops = {stop.order_id: stop for stop in bracket.stops}
    targets = list(bracket.working_targets)
    open_quantity = bracket.open_quantity
    for change in wanted:
        match change:
            case PlaceStop(quantity=quantity, price=price):
                assert not stops, "a second stop beside a working one"
                stops["S-new"] = WorkingExit(
                    order_id="S-new", price=price, quantity=quantity, settled=True
                )
            case MoveStop(order_id=name, quantity=quantity, price=price):
                stops[name] = WorkingExit(
                    order_id=name, price=price, quantity=quantity, settled=True
                )
            case PlaceTarget(index=index, quantity=quantity, price=price):
                assert targets[index] is None
                targets[index] = WorkingExit(
                    order_id=f"T-new-{index}", price=price, quantity=quantity, settled=True
                )
            case CancelExit(order_id=name):
                stops.pop(name, None)
                targets = [None if t is not None and t.order_id == name else t for t in targets]
            case CloseAtMarket(quantity=quantity):
                open_quantity -= quantity
        assert open_quantity <= 0 or stops or bracket.stop_refused or bracket.stops == ()
    return replace(
        bracket,
        open_quantity=open_quantity,
        stops=tuple(replace(stop, settled=True) for stop in stops.values()),
        working_targets=tuple(t and replace(t, settled=True) for t in targets),
        close_working=False,
    )


def _settled(bracket: Bracket) -> Bracket:
    """Apply changes until there are none; a handful of rounds is enough."""
    for _ in range(5):
        wanted = changes(bracket)
        if not wanted:
            return bracket
        bracket = _apply(bracket, wanted)
    raise AssertionError(f"still wants {changes(bracket)}")


@given(brackets())
def test_the_only_stop_is_never_taken_back_while_something_is_open(bracket: Bracket) -> None:
    wanted = changes(bracket)
    gone = {change.order_id for change in wanted if isinstance(change, CancelExit)}
    names = {stop.order_id for stop in bracket.stops}
    event(f"open {bracket.open_quantity > 0}, stops {len(names)}, changes {len(wanted)}")
    if bracket.open_quantity > 0 and names:
        assert names - gone
        kept = [stop for stop in bracket.stops if stop.order_id not in gone]
        if gone & names:
            assert kept[0].settled
            assert kept[0].quantity >= bracket.open_quantity
            assert kept[0].price == bracket.stop_price


@given(brackets())
def test_what_is_changed_first_is_the_stop_and_only_where_it_may_be(bracket: Bracket) -> None:
    kinds = [type(change) for change in changes(bracket)]
    for kind in (PlaceStop, MoveStop):
        assert kinds.count(kind) <= 1
        assert kind not in kinds or kinds.index(kind) == 0
    may_change = {stop.order_id for stop in bracket.stops if stop.settled}
    for change in changes(bracket):
        if isinstance(change, MoveStop):
            assert change.order_id in may_change
            assert change.quantity >= bracket.open_quantity
            assert change.price == bracket.stop_price
        if isinstance(change, PlaceStop):
            assert not bracket.stops
            assert (change.quantity, change.price) == (bracket.open_quantity, bracket.stop_price)


@given(brackets())
def test_once_carried_out_the_stop_covers_all_and_the_targets_are_what_is_open(
    bracket: Bracket,
) -> None:
    if bracket.close_working:
        bracket = replace(bracket, close_working=False)
    stands = _settled(
        replace(bracket, stops=tuple(replace(s, settled=True) for s in bracket.stops))
    )
    working = [target for target in stands.working_targets if target is not None]
    if stands.open_quantity <= 0:
        assert not stands.stops
        assert not working
        return
    assert not bracket.closing
    assert not bracket.stop_refused
    (stop,) = stands.stops
    assert stop.quantity >= stands.open_quantity
    assert stop.price == bracket.stop_price
    assert sum(target.quantity for target in working) == stands.open_quantity
    assert all(target.price == 9 for target in working)


@given(brackets())
def test_a_position_that_must_go_is_closed_once_and_wholly(bracket: Bracket) -> None:
    closes = [change for change in changes(bracket) if isinstance(change, CloseAtMarket)]
    must_go = bracket.open_quantity > 0 and (bracket.closing or bracket.stop_refused)
    assert len(closes) == int(must_go and not bracket.close_working)
    for close in closes:
        assert close.quantity == bracket.open_quantity
        assert close.reason
    if must_go:
        assert not any(isinstance(change, PlaceTarget) for change in changes(bracket))
        gone = {c.order_id for c in changes(bracket) if isinstance(c, CancelExit)}
        assert {t.order_id for t in bracket.working_targets if t is not None} <= gone


@given(brackets())
def test_a_flat_bracket_takes_back_everything_and_asks_for_nothing(bracket: Bracket) -> None:
    bracket = replace(bracket, open_quantity=_ZERO)
    wanted = changes(bracket)
    exits = (*bracket.stops, *(t for t in bracket.working_targets if t is not None))
    assert all(isinstance(change, CancelExit) for change in wanted)
    assert {exit_.order_id for exit_ in exits} == {
        change.order_id for change in wanted if isinstance(change, CancelExit)
    }

"""Laws of the bracket: exact splits, a stop over all that is open, nothing left when flat."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
from tests.property.strategies import DIRECTIONS, numbers

_ZERO: Final = Decimal(0)
_STEPS: Final = st.tuples(st.sampled_from((1, 5, 25)), st.integers(-9, 3)).map(
    lambda drawn: Decimal(drawn[0]).scaleb(drawn[1])
)
_LOTS: Final = st.integers(0, 10_000) | st.integers(0, 12)
_WEIGHTS: Final = st.lists(st.integers(1, 200), min_size=0, max_size=4)


def _shares(weights: list[int]) -> tuple[Decimal, ...]:
    parts = [Decimal(weight).scaleb(-3) for weight in weights]
    return (*parts, 1 - sum(parts, _ZERO))


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
    quantity, minimum, shares = lots * lot, least * lot, _shares(weights)
    parts = split(quantity, shares, lot, minimum)
    assert len(parts) == len(shares)
    assert sum(parts) == quantity
    assert all(part % lot == 0 and part >= 0 for part in parts)
    if quantity >= minimum:
        assert all(part == 0 or part >= minimum for part in parts)
    else:
        assert parts[-1] == quantity
    for part, share in zip(parts[:-1], shares, strict=False):
        kept = part <= quantity * share
        assert kept or not any(parts[parts.index(part) + 1 :])


@given(_LOTS, st.lists(_LOTS, min_size=1, max_size=5), st.data(), _STEPS, st.integers(0, 30))
def test_wanted_targets_are_exactly_what_is_open(
    lots: int, done: list[int], data: st.DataObject, lot: Decimal, least: int
) -> None:
    count = len(done)
    weights = data.draw(st.lists(st.integers(1, 200), min_size=count - 1, max_size=count - 1))
    filled = [each * lot for each in done]
    wanted = wanted_targets(lots * lot, filled, _shares(weights), lot, least * lot)
    assert len(wanted) == count
    assert sum(wanted) == lots * lot
    assert all(part >= 0 and part % lot == 0 for part in wanted)
    whole = split(lots * lot + sum(filled), _shares(weights), lot, least * lot)
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
        _shares([200] * (len(targets) - 1)),
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


# ---------------------------------------------------------------- the life of a position


@dataclass(slots=True, kw_only=True)
class Sent:
    """An exit at the venue; `next` is what was asked of it and has not been answered."""

    price: Decimal
    quantity: Decimal
    next: tuple[Decimal, Decimal] | None = None
    leaving: bool = False
    accepted: bool = False

    @property
    def settled(self) -> bool:
        """Say whether nothing is under way."""
        return self.accepted and self.next is None and not self.leaving


class Position(RuleBasedStateMachine):
    """Fills, partial exits, moved stops and slow answers, in any order."""

    @initialize(weights=_WEIGHTS, least=st.integers(0, 4))
    def opens(self, weights: list[int], least: int) -> None:
        self.shares, self.least = _shares(weights), Decimal(least)
        self.open, self.stop_price = _ZERO, Decimal(50)
        self.filled = [_ZERO] * len(self.shares)
        self.stops: dict[str, Sent] = {}
        self.targets: list[tuple[str, Sent] | None] = [None] * len(self.shares)
        self.closing = self.refused = self.close_working = False
        self.count = 0

    def _bracket(self) -> Bracket:
        wanted = wanted_targets(self.open, self.filled, self.shares, Decimal(1), self.least)
        return Bracket(
            direction=Direction.LONG,
            open_quantity=self.open,
            stop_price=self.stop_price,
            stops=tuple(_working(name, sent) for name, sent in self.stops.items()),
            stop_refused=self.refused,
            targets=tuple((Decimal(90 + at), part) for at, part in enumerate(wanted)),
            working_targets=tuple(each and _working(*each) for each in self.targets),
            closing=self.closing,
            close_working=self.close_working,
        )

    def _all(self) -> dict[str, Sent]:
        return self.stops | dict(each for each in self.targets if each is not None)

    def _send(self) -> None:
        for change in changes(self._bracket()):
            self.count += 1
            match change:
                case PlaceStop(quantity=quantity, price=price):
                    self.stops[f"S-{self.count}"] = Sent(price=price, quantity=quantity)
                case MoveStop(order_id=name, quantity=quantity, price=price):
                    assert self.stops[name].settled
                    self.stops[name].next = (price, quantity)
                case PlaceTarget(index=index, quantity=quantity, price=price):
                    assert self.targets[index] is None
                    self.targets[index] = (f"T-{self.count}", Sent(price=price, quantity=quantity))
                case CancelExit(order_id=name):
                    assert self.open <= 0 or name not in self.stops or len(self.stops) > 1
                    self._all()[name].leaving = True
                case CloseAtMarket(quantity=quantity):
                    assert quantity == self.open
                    self.close_working = True

    def _answer(self, name: str, sent: Sent) -> None:
        if sent.leaving:
            self.stops.pop(name, None)
            self.targets = [None if t is not None and t[0] == name else t for t in self.targets]
        elif sent.next is not None:
            (sent.price, sent.quantity), sent.next = sent.next, None
        sent.accepted = True

    def _exits(self, quantity: Decimal) -> None:
        self.open -= quantity
        if not self.open:
            self.close_working = False

    @precondition(lambda self: not self.closing and not self.refused)
    @rule(lots=st.integers(1, 9))
    def fills_the_entry(self, lots: int) -> None:
        self.open += lots
        self._send()

    @precondition(lambda self: self._all())
    @rule(which=st.integers(0, 9))
    def answers_one(self, which: int) -> None:
        name, sent = list(self._all().items())[which % len(self._all())]
        self._answer(name, sent)
        self._send()

    @precondition(lambda self: self.open > 0 and any(self.targets))
    @rule(which=st.integers(0, 9), lots=st.integers(1, 9))
    def fills_a_target(self, which: int, lots: int) -> None:
        standing = [at for at, each in enumerate(self.targets) if each is not None]
        index = standing[which % len(standing)]
        each = self.targets[index]
        assert each is not None
        part = min(Decimal(lots), each[1].quantity, self.open)
        each[1].quantity -= part
        self.filled[index] += part
        if not each[1].quantity:
            self.targets[index] = None
        self._exits(part)
        self._send()

    @precondition(lambda self: self.open > 0 and self.stops)
    @rule(lots=st.integers(1, 9))
    def fills_a_stop(self, lots: int) -> None:
        name, sent = next(iter(self.stops.items()))
        part = min(Decimal(lots), sent.quantity, self.open)
        sent.quantity -= part
        if sent.next is not None:
            sent.next = (sent.next[0], max(sent.next[1] - part, _ZERO))
        if not sent.quantity:
            del self.stops[name]
        self._exits(part)
        self._send()

    @precondition(lambda self: self.open > 0 and len(self.stops) == 1)
    @rule()
    def refuses_the_stop(self) -> None:
        self.stops.clear()
        self.refused = True
        self._send()

    @precondition(lambda self: self.close_working)
    @rule()
    def closes_at_market(self) -> None:
        self._exits(self.open)
        self._send()

    @rule(ticks=st.integers(0, 5))
    def tightens_the_stop(self, ticks: int) -> None:
        self.stop_price += ticks
        self._send()

    @rule()
    def is_called_off(self) -> None:
        self.closing = True
        self._send()

    @invariant()
    def a_stop_is_there_or_the_position_is_being_closed(self) -> None:
        assert not self.open or self.stops or (self.refused and self.close_working)

    @rule()
    def comes_to_rest(self) -> None:
        for _ in range(8):
            for name, sent in list(self._all().items()):
                self._answer(name, sent)
            self._send()
            if all(sent.settled for sent in self._all().values()):
                break
        if not self.open:
            assert not self._all()
        elif not self.close_working:
            (stop,) = self.stops.values()
            assert stop.quantity >= self.open
            assert stop.price == self.stop_price
            assert sum(each[1].quantity for each in self.targets if each) == self.open


def _working(name: str, sent: Sent) -> WorkingExit:
    return WorkingExit(
        order_id=name, price=sent.price, quantity=sent.quantity, settled=sent.settled
    )


TestPosition = Position.TestCase
TestPosition.settings = settings(settings.default, stateful_step_count=30)

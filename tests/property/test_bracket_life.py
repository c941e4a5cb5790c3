"""The life of a position under its bracket: fills, moves and slow answers, in any order."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from morningstar_strategy.core.bracket import (
    Bracket,
    CancelExit,
    CloseAtMarket,
    MoveStop,
    PlaceStop,
    PlaceTarget,
    WorkingExit,
    changes,
    wanted_targets,
)
from morningstar_strategy.core.commands import Direction
from tests.property.strategies import shares

_ZERO: Final = Decimal(0)
_WEIGHTS: Final = st.lists(st.integers(1, 200), min_size=0, max_size=4)


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
        self.shares, self.least = shares(weights), Decimal(least)
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
TestPosition.settings = settings(settings.default, stateful_step_count=25)

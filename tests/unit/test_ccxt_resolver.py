"""Unknown outcomes: asked until definite, never believed too soon, never asked in vain for ever."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.errors import Missing, Throttled, Unauthorised, Unknown, VenueError
from ccxt_nt.orders.inquiry import Listing, OrderKey
from ccxt_nt.orders.resolver import Absent, Found, Outcome, Patience, Resolver, Traded
from ccxt_nt.values import FillRow, OrderRow
from tests.unit.ccxt_desk_fakes import SYMBOL, TurnedClock, fill, order

KEY = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id=None)
OLD = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id="v1")
PATIENCE = Patience(settle_secs=10.0, looks=3)

type Answer = Any  # a row, a listing, fills, or an exception to raise


@dataclass
class Counter:
    """Answers each question from its list; the last answer is given for ever."""

    rows: list[Answer] = field(default_factory=lambda: [Missing("no")])
    listings: list[Answer] = field(default_factory=lambda: [Listing(rows=())])
    fills: list[Answer] = field(default_factory=lambda: [()])
    asked: list[str] = field(default_factory=list)
    since_ms: int | None = None

    def _next(self, name: str, answers: list[Answer]) -> Answer:
        self.asked.append(name)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find(self, key: OrderKey) -> OrderRow:
        found: OrderRow = self._next("find", self.rows)
        return found

    async def open_orders(self, symbol: str) -> Listing:
        found: Listing = self._next("open", self.listings)
        return found

    async def recent_fills(
        self, symbol: str, *, since_ms: int | None = None
    ) -> tuple[FillRow, ...]:
        self.since_ms = since_ms
        found: tuple[FillRow, ...] = self._next("fills", self.fills)
        return found


def ask(
    counter: Counter, *, known: Callable[[], bool] = lambda: False, seed: int = 1
) -> tuple[Outcome | None, TurnedClock]:
    clock = TurnedClock()
    resolver = Resolver(counter, secs=clock.secs, sleep=clock.sleep, rng=Random(seed))
    outcome = asyncio.run(
        resolver.outcome(lambda: KEY, sent=clock.now, patience=PATIENCE, known=known)
    )
    return outcome, clock


def test_an_order_that_is_there_is_found_at_once() -> None:
    outcome, clock = ask(Counter(rows=[order()]))
    assert outcome == Found(row=order())
    assert clock.slept == []


@given(st.lists(st.sampled_from((Unknown, Throttled, Missing)), max_size=12), st.integers(0, 99))
def test_an_order_is_found_however_long_the_venue_cannot_be_asked(
    errors: list[type[VenueError]], seed: int
) -> None:
    outcome, _ = ask(Counter(rows=[*(error("x") for error in errors), order()]), seed=seed)
    assert isinstance(outcome, Found | Absent)
    if isinstance(outcome, Absent):
        assert sum(error is Missing for error in errors) > PATIENCE.looks
        assert outcome.waited_secs >= PATIENCE.settle_secs


def test_no_such_order_is_believed_only_late_and_after_all_three_questions() -> None:
    counter = Counter()
    outcome, clock = ask(counter)
    assert isinstance(outcome, Absent)
    assert outcome.looks >= PATIENCE.looks
    assert clock.now - 1_000.0 >= PATIENCE.settle_secs
    assert counter.asked[-3:] == ["find", "open", "fills"]


def test_an_outage_of_an_hour_proves_nothing() -> None:
    failures: list[Answer] = [Unknown("down") for _ in range(1_000)]
    outcome, clock = ask(Counter(rows=[*failures, order()]))
    assert outcome == Found(row=order())
    assert clock.now - 1_000.0 > 3_600


def test_a_list_that_may_hide_the_order_proves_nothing() -> None:
    hiding = Listing(rows=(), unread=(None,))
    counter = Counter(listings=[hiding] * 20 + [Listing(rows=(order(),))])
    outcome, _ = ask(counter)
    assert outcome == Found(row=order())


def test_an_order_that_only_its_fills_tell_of_has_traded() -> None:
    counter = Counter(fills=[(fill(), fill("t2", client_order_id="another"))])
    assert ask(counter)[0] == Traded(fills=(fill(),))


def test_fills_are_looked_for_as_far_back_as_the_order_was_sent() -> None:
    counter = Counter()
    clock = TurnedClock()
    resolver = Resolver(counter, secs=clock.secs, sleep=clock.sleep, rng=Random(1))
    key = replace(KEY, since_ms=7)
    asyncio.run(resolver.outcome(lambda: key, sent=clock.now, patience=PATIENCE))
    assert counter.since_ms == 7  # an outage may have lasted longer than "recent"


def test_the_asking_ends_when_a_stream_tells() -> None:
    counter = Counter()
    outcome, _ = ask(counter, known=lambda: len(counter.asked) > 2)
    assert outcome is None


def test_the_pauses_grow_and_are_never_in_step() -> None:
    _, first = ask(Counter(), seed=1)
    _, second = ask(Counter(), seed=2)
    assert first.slept != second.slept
    assert first.slept[0] <= PATIENCE.first_secs
    assert max(first.slept) <= PATIENCE.most_secs


def row_of(counter: Counter) -> OrderRow:
    clock = TurnedClock()
    resolver = Resolver(counter, secs=clock.secs, sleep=clock.sleep, rng=Random(1))
    return asyncio.run(resolver.row(OLD, patience=PATIENCE))


def test_an_order_that_the_venue_had_is_gone_only_when_it_says_so_again_and_again() -> None:
    counter = Counter(rows=[Missing("lag"), Missing("lag"), order()])
    assert row_of(counter) == order()
    with pytest.raises(Missing, match="not there any more"):
        row_of(Counter())


def test_answers_that_cannot_be_read_are_replaced_by_the_list_of_open_orders() -> None:
    unreadable: list[Answer] = [Unknown("fetch_order could not be read")]
    assert row_of(Counter(rows=unreadable, listings=[Listing(rows=(order(),))])) == order()
    with pytest.raises(Missing):
        row_of(Counter(rows=unreadable))


def test_keys_that_are_refused_do_not_end_the_asking() -> None:
    assert row_of(Counter(rows=[Unauthorised("ip"), order()])) == order()


@pytest.mark.parametrize(
    ("field_name", "value"), [("settle_secs", 0.0), ("first_secs", -1.0), ("looks", 0)]
)
def test_patience_cannot_be_none(field_name: str, value: float) -> None:
    with pytest.raises(ValueError, match=field_name):
        Patience(**{field_name: value})  # type: ignore[arg-type] # a wrong value is the point

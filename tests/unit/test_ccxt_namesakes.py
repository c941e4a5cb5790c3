"""Two orders of one client id: another node's is never taken for ours, and ours never for its."""

from dataclasses import replace
from decimal import Decimal

from ccxt_nt.orders.case import Case
from ccxt_nt.orders.namesakes import is_namesake
from ccxt_nt.orders.story import Accepted, Filled
from ccxt_nt.values import Side
from tests.unit.ccxt_desk_fakes import fill, order
from tests.unit.test_ccxt_cases import Counter

OTHER = "ETH/USDT:USDT"


def test_an_order_on_another_symbol_or_side_is_somebody_elses() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.take_order(order(venue_order_id="x1", symbol=OTHER))
    desk.cases.take_order(order(venue_order_id="x2", side=Side.SELL))
    desk.cases.take_fill(fill(venue_order_id="x1", symbol=OTHER))
    assert desk.sayings() == []
    assert case.ledger.legs == {}
    desk.cases.placed(case, "v1")
    desk.later(5.0)
    assert desk.sayings() == [Accepted]
    assert {row.venue_order_id for row in desk.announced} == {"x1", "x2"}
    assert all(row.client_order_id is None for row in desk.announced)


def test_an_order_of_another_quantity_is_somebody_elses_unless_ours_was_changed_or_cut() -> None:
    desk = Counter()
    case = desk.submit(quantity=Decimal(2))
    larger = order(venue_order_id="x1", quantity=Decimal(3))
    smaller = order(venue_order_id="x2", quantity=Decimal(1))
    assert is_namesake(case, larger)
    assert is_namesake(case, smaller)
    case.ticket = replace(case.ticket, reduce_only=True)
    assert is_namesake(case, larger)
    assert not is_namesake(case, smaller)
    case.changed_at = 1.0
    assert not is_namesake(case, larger)


def test_an_order_from_long_before_ours_is_somebody_elses() -> None:
    desk = Counter()
    case = desk.submit()
    case.since_ms = 5_000
    assert is_namesake(case, order(venue_order_id="x1", created_ns=4_999 * 10**6))
    assert is_namesake(case, fill(venue_order_id="x1", ts_event=4_999 * 10**6))
    assert not is_namesake(case, order(created_ns=5_000 * 10**6))


def test_what_is_known_to_be_ours_stays_ours_whatever_it_says() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.placed(case, "v1")
    desk.cases.take_order(order(side=Side.SELL))
    assert set(case.ledger.legs) == {"v1"}
    assert desk.announced == []


def test_an_order_seen_before_one_of_its_name_is_sent_is_not_that_one() -> None:
    desk = Counter()
    desk.cases.take_order(order(venue_order_id="x1"))
    case = desk.submit()
    desk.cases.take_order(order(venue_order_id="x1", updated_ns=9_000_000_000))
    desk.cases.take_fill(fill(venue_order_id="x1"))
    assert _is_untouched(case)
    desk.cases.placed(case, "v1")
    desk.cases.take_fill(fill("t2"))
    desk.later(5.0)
    assert desk.sayings() == [Accepted, Filled]
    assert [row.venue_order_id for row in desk.announced] == ["x1"]


def _is_untouched(case: Case) -> bool:
    return case.ledger.legs == {} and case.told.fills == set()

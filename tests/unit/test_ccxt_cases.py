"""Orders between engine and venue: the ghost, the stranger, the fired stop, the missing fee."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from ccxt_nt.execution.start import _as_one
from ccxt_nt.ids import codec
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.cases import FEE_PATIENCE_SECS, Cases
from ccxt_nt.orders.story import Accepted, Canceled, Filled, Rejected, Saying, Told, Updated
from ccxt_nt.profiles import Profile
from ccxt_nt.values import OrderKind, OrderRow, OrderStatus, Product, Side
from ccxt_nt.venues import profile
from tests.unit.ccxt_desk_fakes import TurnedClock, fill, order, ticket

BITGET = profile("BITGET", Product.LINEAR)
STOP_TERMS: dict[str, Any] = {
    "kind": OrderKind.STOP_MARKET,
    "side": Side.SELL,
    "price": None,
    "trigger_price": Decimal(48_000),
}


class Counter:
    """A registry of orders whose outlets are lists."""

    def __init__(self, row: Profile = BITGET) -> None:
        self.clock = TurnedClock()
        self.said: list[tuple[str, Saying]] = []
        self.announced: list[OrderRow] = []
        self.ghosts: list[tuple[Case, str | None]] = []
        self.wants = 0
        self.notes: list[str] = []
        self.is_deaf = False
        self.cases = Cases(
            row,
            codec(row.codec),
            say=self._say,
            announce=lambda case, told: self.announced.append(told),
            on_ghost=lambda case, leg: self.ghosts.append((case, leg)),
            on_want=self._want,
            note=self.notes.append,
            secs=self.clock.secs,
            rng=Random(1),
        )
        self.cases.open_doors()

    def _say(self, case: Case, saying: Saying) -> None:
        if self.is_deaf:
            raise RuntimeError("the engine is busy")
        self.said.append((case.client_order_id, saying))

    def _want(self) -> None:
        self.wants += 1

    def submit(self, name: str = "c1", **terms: object) -> Case:
        sent = ticket(client_order_id=name, **terms)
        told = Told(quantity=sent.quantity, price=sent.price, trigger_price=sent.trigger_price)
        case = self.cases.open(name, sent, told, since_ms=0)
        case.is_sent = True
        return case

    def later(self, secs: float) -> None:
        self.clock.now += secs
        self.cases.advance()

    def sayings(self, name: str = "c1") -> list[type[Saying]]:
        return [type(saying) for found, saying in self.said if found == name]


def test_an_order_is_accepted_once_whoever_tells_first() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.take_order(order())
    desk.cases.placed(case, "v1")
    desk.cases.take_order(order())
    assert desk.sayings() == [Accepted]


def test_a_fill_comes_once_with_its_fee_even_where_the_stream_has_none() -> None:
    desk = Counter()
    desk.submit()
    desk.cases.take_fill(fill(fee=None, fee_currency=None))
    assert desk.sayings() == [Accepted]
    assert desk.cases.wanted
    desk.cases.take_fill(fill())
    desk.cases.take_fill(fill(fee=None, fee_currency=None))
    assert desk.said[1:] == [("c1", Filled(fill=fill()))]
    assert not desk.cases.wanted


def test_a_fee_that_never_comes_does_not_hide_a_fill_for_ever() -> None:
    desk = Counter()
    desk.submit()
    desk.cases.take_fill(fill(fee=None, fee_currency=None))
    desk.later(FEE_PATIENCE_SECS / 2)
    assert desk.sayings() == [Accepted]
    desk.later(FEE_PATIENCE_SECS)
    assert desk.sayings() == [Accepted, Filled]


def test_a_market_order_of_which_no_stream_tells_is_asked_for_soon() -> None:
    desk = Counter()
    case = desk.submit(kind=OrderKind.MARKET, price=None)
    assert list(desk.cases.mute) == []  # it is still on its way
    desk.cases.placed(case, "v1")
    assert list(desk.cases.mute) == [case]
    assert (desk.cases.overdue, desk.wants) == ((), 1)
    desk.later(0.3)
    assert desk.cases.overdue == (case,)
    desk.cases.take_fill(fill())
    assert desk.cases.mute == ()


def test_a_limit_order_of_which_no_stream_tells_may_rest() -> None:
    desk = Counter()
    desk.cases.placed(desk.submit(), "v1")
    desk.later(60)
    assert desk.cases.mute == ()


def test_an_order_given_up_that_is_there_after_all_is_ended_and_told_as_somebody_elses() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.say(case, Rejected(reason="the venue never had it"))
    desk.cases.take_order(order())
    assert desk.ghosts == [(case, None)]
    desk.later(1.0)
    assert [row.venue_order_id for row in desk.announced] == ["v1"]
    desk.cases.registered("v1", "v1")
    desk.cases.take_fill(fill())
    assert ("v1", Filled(fill=fill())) in desk.said
    assert desk.sayings("c1") == [Rejected]


def test_an_order_refused_by_the_venue_stays_refused_when_it_says_so_again() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.say(case, Rejected(reason="no money"))
    desk.cases.take_order(order(status=OrderStatus.REJECTED))
    assert desk.ghosts == []
    assert desk.sayings() == [Rejected]


def test_a_stranger_is_announced_once_and_its_fills_follow() -> None:
    desk = Counter()
    desk.cases.take_order(order(client_order_id="web-1"))
    assert desk.announced == []
    desk.later(1.0)
    desk.later(1.0)
    assert [row.client_order_id for row in desk.announced] == ["web-1"]
    desk.cases.take_fill(fill(client_order_id="web-1"))
    assert desk.said == []
    desk.cases.registered("web-1", "v1")
    assert desk.sayings("web-1") == [Filled]


def test_nobody_is_a_stranger_while_an_order_of_ours_is_on_its_way() -> None:
    desk = Counter()
    case = desk.submit(**STOP_TERMS)
    desk.cases.take_order(order(client_order_id=None, **STOP_TERMS))
    desk.later(5.0)
    assert desk.announced == []
    desk.cases.placed(case, "v1")
    desk.later(5.0)
    assert desk.announced == []
    assert desk.sayings() == [Accepted]


def test_strangers_from_before_the_engine_began_are_none_of_its_business() -> None:
    desk = Counter()
    desk.cases.past.add("t1")
    row = order(
        client_order_id="web-1", status=OrderStatus.FILLED, quantity=Decimal("0.1"), filled=None
    )
    desk.cases.take_fill(fill(client_order_id="web-1"))
    assert not desk.cases.orphans
    desk.cases.take_order(row)
    desk.later(5.0)
    assert desk.announced == []


def test_a_fired_order_is_known_by_the_id_of_its_trigger() -> None:
    desk = Counter()
    case = desk.submit(**STOP_TERMS)
    desk.cases.placed(case, "v1")
    fired = replace(
        order(venue_order_id="v2", client_order_id="v1", side=Side.SELL),
        kind=OrderKind.MARKET,
        price=None,
    )
    desk.cases.take_order(fired)
    desk.cases.take_fill(fill(venue_order_id="v2", client_order_id="v1", side=Side.SELL))
    desk.later(5.0)
    assert desk.announced == []
    assert desk.sayings() == [Accepted, Updated, Filled]
    assert case.has_fired


def test_a_trigger_order_is_asked_before_what_it_may_have_become_is_a_stranger() -> None:
    desk = Counter()
    case = desk.submit(**STOP_TERMS)
    desk.cases.placed(case, "v1")
    desk.cases.take_order(order(**{**STOP_TERMS, "client_order_id": "c1"}))
    desk.cases.take_order(
        order(
            venue_order_id="v2",
            client_order_id=None,
            side=Side.SELL,
            kind=OrderKind.MARKET,
            price=None,
        )
    )
    assert desk.cases.suspects == (case,)
    desk.later(5.0)
    assert desk.announced == []
    told = order(status=OrderStatus.TRIGGERED, fired_id="v2", updated_ns=9, **STOP_TERMS)
    desk.cases.take_order(told)
    desk.later(5.0)
    assert desk.announced == []
    assert case.ledger.venue_order_id == "v2"


def test_a_replacements_row_is_the_orders_own_even_before_the_answer() -> None:
    desk = Counter()
    case = desk.submit("O-20260101-000000-001-000-1", **STOP_TERMS)
    desk.cases.placed(case, "v1")
    name = desk.cases.next_name(case)
    desk.cases.take_order(order(venue_order_id="v2", client_order_id=name, **STOP_TERMS))
    desk.later(5.0)
    assert desk.announced == []
    assert set(case.ledger.legs) == {"v1", "v2"}


def test_an_order_gone_from_the_venue_is_over_after_several_looks_and_its_fills() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.placed(case, "v1")
    key = desk.cases.key(case)
    for _ in range(5):
        desk.cases.missed(key)
    assert not case.is_gone  # one part of a venue may lag behind another for a moment
    desk.clock.now += 2.0
    desk.cases.missed(key)
    assert desk.cases.alive == ()
    assert Canceled not in desk.sayings()
    desk.clock.now += 2.0
    desk.cases.checked(desk.cases.unsure(case.ticket.symbol))
    assert desk.sayings() == [Accepted, Canceled]


def test_an_order_held_to_be_over_that_is_listed_again_and_again_is_ended_and_told() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.placed(case, "v1")
    case.is_sure = True
    desk.cases.gone(case)
    assert desk.sayings() == [Accepted, Canceled]
    desk.cases.take_order(order())
    for _ in range(2):  # an old answer, or two
        desk.cases.compare(order(), asked=desk.clock.now)
    assert desk.ghosts == []
    desk.cases.compare(order(), asked=desk.clock.now)
    assert desk.ghosts == [(case, "v1")]
    assert not case.is_gone


def test_what_fills_though_it_was_held_to_be_over_is_told_of_the_order_that_it_is() -> None:
    desk = Counter()
    case = desk.submit(quantity=Decimal(5))
    row = order(quantity=Decimal(5), filled=Decimal(2))
    desk.cases.take_order(row)
    desk.cases.take_fill(fill(quantity=Decimal(2)))
    case.is_sure = True
    desk.cases.gone(case)
    for _ in range(3):
        desk.cases.take_order(row)
        desk.cases.compare(row, asked=desk.clock.now)
    desk.cases.take_fill(fill("t2", quantity=Decimal(3)))
    assert desk.sayings() == [Accepted, Filled, Canceled, Filled]  # the engine takes it
    assert desk.announced == []


def test_an_order_of_others_that_turns_up_again_is_left_alone() -> None:
    desk = Counter()
    case = desk.cases.take_order(order(venue_order_id="x1", client_order_id=None))
    desk.later(5.0)
    desk.cases.registered("x1", "x1")
    case.is_sure = True
    desk.cases.gone(case)
    row = order(venue_order_id="x1", client_order_id=None)
    for _ in range(4):
        desk.cases.compare(row, asked=desk.clock.now)
    assert desk.ghosts == []
    assert not case.is_gone


def test_a_fill_that_the_engine_would_not_hear_is_told_of_the_risen_order() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.say(case, Rejected(reason="the venue never had it"))
    desk.cases.take_fill(fill())
    desk.cases.take_order(order(filled=fill().quantity))
    desk.later(5.0)
    desk.cases.registered("v1", "v1")
    assert [saying for name, saying in desk.said if isinstance(saying, Filled)] == [
        Filled(fill=fill())
    ]


def test_all_fills_of_an_order_that_nobody_can_name_are_told_once() -> None:
    desk = Counter()
    for trade_id in ("l1", "l2"):
        desk.cases.take_fill(fill(trade_id, venue_order_id="liq", client_order_id=None))
    assert list(desk.cases.orphans) == ["liq"]
    told = desk.cases.orphaned("liq")
    assert [each.venue_order_id for each in told] == ["liq", "liq-l2"]
    desk.cases.take_fill(fill("l1", venue_order_id="liq", client_order_id=None))
    assert not desk.cases.orphans
    desk.cases.take_fill(fill("l3", venue_order_id="liq", client_order_id=None))
    assert [each.venue_order_id for each in desk.cases.orphaned("liq")] == ["liq-l3"]


def test_what_was_told_under_another_name_is_not_told_again() -> None:
    desk = Counter()
    case = desk.submit(**STOP_TERMS)
    desk.cases.placed(case, "v1")
    fired = order(venue_order_id="v2", client_order_id=None, quantity=Decimal(1), filled=Decimal(1))
    desk.cases.take_order(fired)
    desk.cases.take_fill(fill(venue_order_id="v2", client_order_id=None, quantity=Decimal(1)))
    desk.later(9.0)
    desk.cases.registered("v2", "v2")
    desk.cases.take_order(
        order(status=OrderStatus.TRIGGERED, fired_id="v2", updated_ns=9, **STOP_TERMS)
    )
    told = [name for name, saying in desk.said if isinstance(saying, Filled)]
    assert told == ["v2"]


def test_orders_of_others_that_are_over_are_forgotten_too() -> None:
    desk = Counter()
    for number in range(2_100):
        name = f"x{number}"
        done = order(
            venue_order_id=name,
            client_order_id=None,
            status=OrderStatus.CANCELED,
            filled=Decimal(0),
        )
        desk.cases.take_order(replace(done, status=OrderStatus.OPEN))
        desk.later(1.0)
        desk.cases.registered(name, name)
        desk.cases.take_order(replace(done, updated_ns=9_000_000_000))
    assert len(desk.cases.symbols) == 1
    assert desk.cases.find("x0") is None
    assert desk.cases.find("x2099") is not None


def test_a_replaced_order_that_is_listed_again_and_again_is_ended() -> None:
    desk = Counter()
    case = desk.submit(**STOP_TERMS)
    first = order(**STOP_TERMS)
    desk.cases.take_order(first)
    desk.cases.replaced(case, "v1", "v2", waits=True)
    desk.cases.take_order(replace(first, venue_order_id="v2", client_order_id="c1-2"))
    for _ in range(2):
        desk.cases.compare(first, asked=desk.clock.now)
    assert desk.ghosts == []
    desk.cases.compare(first, asked=desk.clock.now)
    assert desk.ghosts == [(case, "v1")]


def test_a_stop_that_still_waits_for_an_order_that_is_filled_is_ended() -> None:
    desk = Counter()
    case = desk.submit(**STOP_TERMS)
    first = order(**STOP_TERMS)
    desk.cases.take_order(first)
    desk.cases.replaced(case, "v1", "v2", waits=True)
    second = replace(first, venue_order_id="v2", client_order_id="c1-2")
    desk.cases.take_order(second)
    desk.cases.take_order(replace(first, status=OrderStatus.TRIGGERED, fired_id="v3", updated_ns=9))
    whole = fill(venue_order_id="v3", side=Side.SELL, quantity=first.quantity)
    desk.cases.take_fill(whole)
    assert case.told.closed
    for _ in range(3):
        desk.cases.compare(second, asked=desk.clock.now)
    assert desk.ghosts == [(case, "v2")]


def test_terms_that_somebody_changed_by_hand_are_told_and_old_news_of_our_own_are_not() -> None:
    desk = Counter()
    case = desk.submit()
    desk.cases.placed(case, "v1")
    by_hand = order(price=Decimal(48_000), updated_ns=2_000_000_000)
    desk.cases.take_order(by_hand)
    desk.cases.compare(by_hand, asked=desk.clock.now)
    assert desk.sayings() == [Accepted, Updated]
    desk.clock.now += 1.0
    desk.cases.update(case, replace(case.ticket, price=Decimal(47_000)))
    desk.cases.compare(by_hand, asked=desk.clock.now - 0.5)
    assert case.ticket.price == 47_000


def test_what_could_not_be_said_is_said_later() -> None:
    desk = Counter()
    case = desk.submit()
    desk.is_deaf = True
    with pytest.raises(RuntimeError):
        desk.cases.placed(case, "v1")
    desk.later(1.0)
    assert desk.said == []
    assert any("could not be told" in note for note in desk.notes)
    desk.is_deaf = False
    desk.later(1.0)
    assert desk.sayings() == [Accepted]


def test_very_many_orders_that_are_over_are_forgotten() -> None:
    desk = Counter()
    for number in range(2_100):
        name = f"c{number}"
        case = desk.submit(name)
        desk.cases.placed(case, f"v{number}")
        desk.cases.take_order(
            order(client_order_id=name, venue_order_id=f"v{number}", status=OrderStatus.CANCELED)
        )
    assert desk.cases.find("c0") is None
    assert desk.cases.find("c2099") is not None
    assert list(desk.cases) == []


def test_a_stop_of_others_that_fired_as_nobody_tells_what_is_over_once_it_was_asked() -> None:
    desk = Counter()
    stop = order(venue_order_id="x1", client_order_id=None, **STOP_TERMS)
    case = desk.cases.take_order(stop)
    desk.later(5.0)
    desk.cases.registered("x1", "x1")
    desk.cases.take_order(replace(stop, status=OrderStatus.TRIGGERED, updated_ns=9))
    assert list(desk.cases.suspects) == [case]
    assert Canceled not in desk.sayings("x1")
    desk.cases.asked(case)
    assert Canceled in desk.sayings("x1")
    assert not desk.cases.suspects


def test_a_stranger_who_would_bear_a_name_were_he_ours_waits_for_no_order_in_doubt() -> None:
    desk = Counter()
    desk.submit(**STOP_TERMS)  # whose outcome nobody knows
    by_hand = order(client_order_id=None, kind=OrderKind.MARKET, price=None, venue_order_id="v9")
    desk.cases.take_order(by_hand)
    desk.later(1.0)
    desk.later(1.0)
    assert [row.venue_order_id for row in desk.announced] == ["v9"]


def test_an_order_that_was_replaced_is_reported_as_the_one_that_stands() -> None:
    desk = Counter()
    case = desk.submit()
    was = order(status=OrderStatus.CANCELED, quantity=Decimal("0.3"), filled=Decimal("0.1"))
    now = order(venue_order_id="v2", quantity=Decimal("0.2"))
    partly = fill()
    told = list(_as_one([(case, was), (case, now)], [partly]))
    ((of, row, fills),) = told
    assert of is case
    assert (row.venue_order_id, row.quantity) == ("v2", Decimal("0.3"))
    assert [(each.trade_id, each.venue_order_id) for each in fills] == [("t1", "v2")]
    shot = order(venue_order_id="v3", status=OrderStatus.FILLED, quantity=Decimal("0.2"))
    last = fill("t2", venue_order_id="v3", quantity=Decimal("0.2"))
    ((_, row, fills),) = _as_one([(case, was), (case, shot)], [partly, last])
    assert (row.venue_order_id, row.quantity) == ("v3", Decimal("0.3"))
    assert {each.trade_id for each in fills} == {"t1", "t2"}
    (alone,) = _as_one([(case, was)], [partly])
    assert alone == (case, was, (partly,))


@pytest.mark.parametrize("fired_first", [True, False])
def test_a_stop_that_fired_is_reported_as_what_it_became(fired_first: bool) -> None:
    case = Counter().submit(**STOP_TERMS)
    waited = order(status=OrderStatus.TRIGGERED, venue_order_id="v1")
    became = order(status=OrderStatus.FILLED, venue_order_id="v2", kind=OrderKind.MARKET)
    rows = [(case, became), (case, waited)] if fired_first else [(case, waited), (case, became)]
    shot = fill(venue_order_id="v2")
    assert list(_as_one(rows, [shot])) == [(case, became, (shot,))]
    ended = replace(became, status=OrderStatus.CANCELED, created_ns=waited.created_ns)
    ((_, row, _),) = _as_one([(of, ended if each is became else each) for of, each in rows], [])
    assert row is not waited
    assert row.status is OrderStatus.CANCELED


def test_what_a_stop_became_is_that_stop_also_where_it_is_listed_first() -> None:
    desk = Counter()
    became = order(client_order_id="71", venue_order_id="v2", kind=OrderKind.MARKET)
    waited = order(
        client_order_id="x1", venue_order_id="71", status=OrderStatus.TRIGGERED, fired_id="v2"
    )
    for row in (became, waited):
        desk.cases.take_order(row)
    assert desk.cases.take_order(became) is desk.cases.take_order(waited)

"""What the engine is told: legal, in order, once, whatever order the facts came in."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.orders.story import (
    Accepted,
    Canceled,
    Expired,
    Facts,
    Filled,
    Rejected,
    Saying,
    Surplus,
    Told,
    Triggered,
    Updated,
    due,
)
from ccxt_nt.values import FillRow, OrderKind, OrderStatus, Side

LOT = Decimal("0.1")


def fill(number: int, quantity: Decimal = LOT, *, fee: Decimal | None = LOT) -> FillRow:
    return FillRow(
        symbol="BTC/USDT",
        trade_id=f"t{number}",
        venue_order_id="v1",
        client_order_id=None,
        side=Side.BUY,
        price=Decimal(50_000),
        quantity=quantity,
        is_maker=True,
        fee=fee,
        fee_currency="USDT",
        ts_event=number,
    )


def facts(
    status: OrderStatus = OrderStatus.OPEN,
    *fills: FillRow,
    kind: OrderKind = OrderKind.LIMIT,
    missing: Decimal = Decimal(0),
    sure: bool = True,
    fired: bool = False,
    venue_order_id: str | None = "v1",
) -> Facts:
    return Facts(
        kind=kind,
        status=status,
        venue_order_id=venue_order_id,
        fills=fills,
        missing=missing,
        sure=sure,
        fired=fired,
    )


def told(quantity: str = "0.3", *, in_quote: bool = False) -> Told:
    return Told(quantity=Decimal(quantity), price=Decimal(50_000), in_quote=in_quote)


def say(f: Facts, t: Told, *, held: tuple[str, ...] = ()) -> list[Saying]:
    sayings = due(f, t, held=held)
    for saying in sayings:
        t.hear(saying)
    return sayings


@st.composite
def lives(draw: st.DrawFn) -> list[Facts]:
    """Views of one order's life as they may be had: the venue's sum may run ahead of the fills."""
    count = draw(st.integers(0, 3))
    end = draw(st.sampled_from((OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FILLED)))
    if end is OrderStatus.FILLED:
        count = 3
    views = []
    for known in sorted(draw(st.lists(st.integers(0, count), max_size=6))):
        ahead = draw(st.integers(known, count))
        closed = draw(st.booleans()) and ahead == count
        missing = LOT * (ahead - known)
        fills = [fill(n) for n in range(known)]
        views.append(facts(end if closed else OrderStatus.OPEN, *fills, missing=missing))
    return [*views, facts(end, *(fill(n) for n in range(count)))]


@given(lives())
def test_every_life_is_told_once_in_legal_order_and_to_its_end(views: list[Facts]) -> None:
    t = told()
    heard: list[Saying] = []
    for view in views:
        heard += say(view, t)
        assert say(view, t) == []  # what was said is not said again
    assert heard[0] == Accepted(venue_order_id="v1")
    trades = [each.fill.trade_id for each in heard if isinstance(each, Filled)]
    assert trades == [row.trade_id for row in views[-1].fills]
    endings = [each for each in heard if isinstance(each, Canceled | Expired)]
    assert len(endings) == (len(trades) < 3)  # a full one is over by its fills alone
    assert endings == heard[-1:] or not endings
    assert t.closed


def test_a_cancelled_order_is_not_over_while_a_fill_is_missing() -> None:
    t = told()
    assert say(facts(OrderStatus.CANCELED, missing=LOT), t) == [Accepted(venue_order_id="v1")]
    assert say(facts(OrderStatus.CANCELED, fill(1)), t) == [Filled(fill=fill(1)), Canceled()]


def test_a_cancelled_order_is_not_over_while_its_fills_were_not_asked_for() -> None:
    t = told()
    assert Canceled() not in say(facts(OrderStatus.CANCELED, sure=False), t)
    assert say(facts(OrderStatus.CANCELED), t) == [Canceled()]


def test_a_fill_that_waits_for_its_fee_holds_back_the_end_and_no_other_fill() -> None:
    t = told()
    view = facts(OrderStatus.CANCELED, fill(1, fee=None), fill(2))
    assert say(view, t, held=("t1",)) == [Accepted(venue_order_id="v1"), Filled(fill=fill(2))]
    known = facts(OrderStatus.CANCELED, fill(1), fill(2))
    assert say(known, t) == [Filled(fill=fill(1)), Canceled()]


def test_a_late_fill_of_a_cancelled_order_is_still_told() -> None:
    t = told()
    say(facts(OrderStatus.CANCELED), t)
    assert say(facts(OrderStatus.CANCELED, fill(1)), t) == [Filled(fill=fill(1))]


def test_an_order_refused_after_it_was_taken_is_rejected_and_one_that_traded_is_cancelled() -> None:
    t = told()
    say(facts(), t)
    assert say(facts(OrderStatus.REJECTED), t) == [Rejected(reason="refused by the venue")]
    t = told()
    said = say(facts(OrderStatus.REJECTED, fill(1)), t)
    assert said[-2:] == [Filled(fill=fill(1)), Canceled()]


def test_an_order_that_was_refused_at_once_is_never_accepted() -> None:
    assert say(facts(OrderStatus.REJECTED), told()) == [Rejected(reason="refused by the venue")]


def test_a_fired_stop_limit_is_triggered_once_and_takes_its_new_id_before_it_fills() -> None:
    t = told()
    say(facts(kind=OrderKind.STOP_LIMIT), t)
    fired = facts(
        OrderStatus.OPEN, fill(1), kind=OrderKind.STOP_LIMIT, fired=True, venue_order_id="v2"
    )
    said = say(fired, t)
    assert [type(each) for each in said] == [Triggered, Updated, Filled]
    assert say(fired, t) == []


def test_a_fired_stop_market_is_not_triggered_for_the_engine_knows_no_such_event() -> None:
    t = told()
    say(facts(kind=OrderKind.STOP_MARKET), t)
    said = say(facts(kind=OrderKind.STOP_MARKET, fired=True, venue_order_id="v2"), t)
    assert [type(each) for each in said] == [Updated]


def test_a_market_buy_by_cost_gets_its_quantity_before_its_fills() -> None:
    t = told("2500", in_quote=True)
    assert say(facts(OrderStatus.OPEN, fill(1)), t) == [Accepted(venue_order_id="v1")]
    said = say(facts(OrderStatus.FILLED, fill(1), fill(2)), t)
    assert isinstance(said[0], Updated)
    assert said[0].quantity == 2 * LOT
    assert said[1:] == [Filled(fill=fill(1)), Filled(fill=fill(2))]
    assert t.closed


def test_a_buy_by_cost_that_ends_with_a_rest_is_over_at_what_filled() -> None:
    t = told("2500", in_quote=True)
    said = say(facts(OrderStatus.CANCELED, fill(1)), t)
    assert [type(each) for each in said] == [Accepted, Updated, Filled]
    assert t.closed


def test_a_buy_by_cost_that_filled_nothing_is_cancelled() -> None:
    t = told("2500", in_quote=True)
    assert say(facts(OrderStatus.CANCELED), t) == [Accepted(venue_order_id="v1"), Canceled()]


def test_an_order_that_the_venue_cut_to_the_position_is_told_smaller_before_its_last_fill() -> None:
    t = told()
    said = say(facts(OrderStatus.FILLED, fill(1)), t)
    assert [type(each) for each in said] == [Accepted, Updated, Filled]
    assert t.quantity == LOT
    assert t.closed


def test_a_fill_without_room_is_told_apart_and_the_order_stays_full() -> None:
    t = told("0.2")
    said = say(facts(OrderStatus.FILLED, fill(1), fill(2), fill(3)), t)
    assert said[1:] == [Filled(fill=fill(1)), Filled(fill=fill(2)), Surplus(fill=fill(3))]
    assert t.closed
    assert say(facts(OrderStatus.FILLED, fill(1), fill(2), fill(3)), t) == []


def test_nothing_is_said_before_the_venue_names_the_order_nor_after_it_was_refused() -> None:
    assert say(facts(venue_order_id=None), told()) == []
    t = told()
    t.hear(Rejected(reason="no"))
    assert say(facts(), t) == []

"""Laws of the ledger: whatever fills come, in whatever order, its sums are those of the fills."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.bracket import wanted_targets
from morningstar_strategy.core.commands import Direction, TradeSetup
from morningstar_strategy.core.ledger import Fill, Ledger, OrderRef, Role
from morningstar_strategy.core.state import Active, Outcome, Pending, Plan

LOT = Decimal("0.001")
ROLES = {"E": Role.ENTRY, "S": Role.STOP, "T0": Role.TARGET, "T1": Role.TARGET, "C": Role.CLOSE}
DIRECTIONS = st.sampled_from(Direction)
# Order, lots, price in cents, fee and slippage in cents
FILLS = st.tuples(
    st.sampled_from(("E", "E", "E", *ROLES)),
    st.integers(1, 5_000),
    st.integers(1, 10**7),
    st.integers(0, 500),
    st.integers(0, 500),
)


def opened(direction: Direction, targets: int = 2) -> Ledger:
    sign = direction.sign
    setup = TradeSetup(
        symbol="X.Y",
        direction=direction,
        entry_price=Decimal(100),
        stop_loss_price=Decimal(100 - 10 * sign),
        take_profit_prices=tuple(Decimal(100 + sign * n) for n in range(1, targets + 1)),
        position_size_percent=Decimal(10),
    )
    plan = Plan(order_id="E", setup=setup, quantity=Decimal(10), planned_ns=1, reason="")
    refs = [
        OrderRef(order_id=name, role=role, quantity=Decimal(10), index=1 if name == "T1" else 0)
        for name, role in ROLES.items()
    ]
    return Ledger.open(plan, tuple(refs))


def fill_of(parts: tuple[str, int, int, int, int], ts_event: int = 2) -> Fill:
    order_id, lots, price, fee, slippage = parts
    return Fill(
        order_id=order_id,
        quantity=lots * LOT,
        price=Decimal(price).scaleb(-2),
        fee=Decimal(fee).scaleb(-2),
        slippage=Decimal(slippage).scaleb(-2),
        ts_event=ts_event,
    )


def booked(ledger: Ledger, fills: list[Fill]) -> Ledger:
    for fill in fills:
        ledger = ledger.filled(fill)
    return ledger


SEQUENCES = st.tuples(DIRECTIONS, st.lists(FILLS, max_size=12).map(lambda x: [*map(fill_of, x)]))


def total(fills: list[Fill], *, entries: bool) -> Decimal:
    return sum((f.quantity for f in fills if (f.order_id == "E") == entries), Decimal(0))


@given(SEQUENCES)
def test_open_is_entered_less_exited_whatever_the_order(
    drawn: tuple[Direction, list[Fill]],
) -> None:
    direction, fills = drawn
    ledger = booked(opened(direction), fills)
    assert ledger.entered == total(fills, entries=True)
    assert ledger.exited == total(fills, entries=False)
    assert ledger.open_quantity == ledger.entered - ledger.exited
    assert ledger.costs == sum((f.fee + f.slippage for f in fills), Decimal(0))


@given(SEQUENCES)
def test_an_active_trade_tells_what_is_open_and_what_it_cost(
    drawn: tuple[Direction, list[Fill]],
) -> None:
    direction, fills = drawn
    ledger = opened(direction)
    for fill in fills:
        ledger = ledger.filled(fill)
        if ledger.open_quantity > 0:
            assert isinstance(ledger.trade, Active)
            assert ledger.trade.open_quantity == ledger.open_quantity
            assert ledger.trade.entry_price == ledger.entry_value / ledger.entered
            assert ledger.stop_price == ledger.plan.setup.stop_loss_price


@given(SEQUENCES, st.booleans())
def test_the_end_sums_up_every_fill(
    drawn: tuple[Direction, list[Fill]], entry_rejected: bool
) -> None:
    direction, fills = drawn
    ledger = booked(opened(direction), fills)
    if ledger.entered == 0 or ledger.open_quantity > 0:
        return
    ended = ledger.ended(now_ns=9, entry_rejected=entry_rejected)
    earned = sum(
        (f.quantity * f.price * (-1 if f.order_id == "E" else 1) for f in fills), Decimal(0)
    )
    assert ended.outcome is Outcome.CLOSED
    assert ended.gross_pnl == direction.sign * earned
    assert ended.fees == ledger.costs
    assert ended.quantity == ledger.entered
    assert ended.exit_price is not None
    prices = [f.price for f in fills if f.order_id != "E"]
    assert min(prices) <= round(ended.exit_price, 12) <= max(prices)


@given(DIRECTIONS, st.booleans(), st.sampled_from(("", "entry expired", "opposite signal")))
def test_a_plan_that_never_filled_ends_as_one_of_three(
    direction: Direction, entry_rejected: bool, reason: str
) -> None:
    ledger = opened(direction)
    if reason:
        ledger = ledger.calling_off(reason)
    ended = ledger.ended(now_ns=9, entry_rejected=entry_rejected)
    assert ended.outcome in (Outcome.REJECTED, Outcome.CANCELLED, Outcome.EXPIRED)
    assert (ended.outcome is Outcome.EXPIRED) == (reason == "entry expired")
    assert ended.reason
    assert ended.gross_pnl == ended.fees == ended.quantity == 0


@given(SEQUENCES)
def test_fills_of_take_profits_are_counted_each_for_itself(
    drawn: tuple[Direction, list[Fill]],
) -> None:
    direction, fills = drawn
    ledger = booked(opened(direction), fills)
    for index, name in enumerate(("T0", "T1")):
        done = sum((f.quantity for f in fills if f.order_id == name), Decimal(0))
        assert ledger.target_filled[index] == done


@given(SEQUENCES, st.lists(st.integers(1, 10**6), min_size=1, max_size=5), st.booleans())
def test_an_adjustment_keeps_every_sum(
    drawn: tuple[Direction, list[Fill]], cents: list[int], moves_stop: bool
) -> None:
    direction, fills = drawn
    before = booked(opened(direction), fills)
    if not isinstance(before.trade, Active):
        with pytest.raises(TypeError, match="E is not active"):
            before.adjusted(None, (Decimal(1),))
        return
    targets = tuple(Decimal(price).scaleb(-2) for price in cents)
    stop = Decimal("97.5") if moves_stop else None
    after = before.adjusted(stop, targets)
    for name in ("entered", "exited", "entry_value", "exit_value", "costs", "open_quantity"):
        assert getattr(after, name) == getattr(before, name)
    assert after.target_prices == targets
    assert sum(after.fractions) == 1
    assert after.stop_price == (stop or before.stop_price)
    if after.open_quantity > 0:
        wanted = wanted_targets(
            after.open_quantity, after.target_filled, after.fractions, LOT, Decimal(0)
        )
        assert sum(wanted) == after.open_quantity


@given(SEQUENCES, st.text().filter(lambda name: name not in ROLES))
def test_a_fill_of_another_order_is_refused(
    drawn: tuple[Direction, list[Fill]], order_id: str
) -> None:
    direction, fills = drawn
    ledger = booked(opened(direction), fills)
    stranger = replace(fill_of(("E", 1, 1, 0, 0)), order_id=order_id)
    with pytest.raises(KeyError, match="is not an order of plan E"):
        ledger.filled(stranger)
    assert ledger.ref(order_id) is None


@given(SEQUENCES, st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=3))
def test_the_first_reason_to_call_off_stays(
    drawn: tuple[Direction, list[Fill]], reasons: list[str]
) -> None:
    direction, fills = drawn
    ledger = booked(opened(direction), fills)
    for reason in reasons:
        ledger = ledger.calling_off(reason)
    assert ledger.called_off == reasons[0]
    assert isinstance(ledger.trade, Pending) or ledger.trade.closing
    late = ledger.filled(fill_of(("E", 10**7, 10_000, 0, 0)))
    assert isinstance(late.trade, Active)
    assert late.trade.closing

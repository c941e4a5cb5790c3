"""Examples of a plan's bookkeeping: averages, parts, ends and their reasons."""

from decimal import Decimal

import pytest

from morningstar_strategy.core.commands import Direction, TradeSetup
from morningstar_strategy.core.ledger import Fill, Ledger, OrderRef, Role
from morningstar_strategy.core.state import Active, Outcome, Pending, Plan


def exact(*numbers: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(number) for number in numbers)


def opened(direction: Direction = Direction.LONG) -> Ledger:
    sign = direction.sign
    setup = TradeSetup(
        symbol="BTCUSDT-PERP.BINANCE",
        direction=direction,
        entry_price=Decimal(100),
        stop_loss_price=Decimal(100 - 10 * sign),
        take_profit_prices=(Decimal(100 + 10 * sign), Decimal(100 + 20 * sign)),
        position_size_percent=Decimal(10),
    )
    plan = Plan(order_id="E", setup=setup, quantity=Decimal(10), planned_ns=1, reason="told")
    entry = OrderRef(order_id="E", role=Role.ENTRY, quantity=Decimal(10))
    ledger = Ledger.open(plan, (entry,))
    for name, role, index in (
        ("S", Role.STOP, 0),
        ("T0", Role.TARGET, 0),
        ("T1", Role.TARGET, 1),
        ("C", Role.CLOSE, 0),
    ):
        ledger = ledger.with_order(
            OrderRef(order_id=name, role=role, quantity=Decimal(5), index=index)
        )
    return ledger


def fill(order_id: str, quantity: str, price: str, *, fee: str = "0", ts_event: int = 2) -> Fill:
    return Fill(
        order_id=order_id,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        slippage=Decimal("0.01"),
        ts_event=ts_event,
    )


def test_a_new_ledger_is_pending_and_knows_its_orders() -> None:
    ledger = opened()
    assert isinstance(ledger.trade, Pending)
    assert (ledger.open_quantity, ledger.stop_price) == exact(0, 90)
    assert ledger.target_prices == exact(110, 120)
    assert ledger.entry_ref.order_id == "E"
    assert ledger.ref("T1") == OrderRef(
        order_id="T1", role=Role.TARGET, quantity=Decimal(5), index=1
    )
    assert ledger.ref("X") is None


def test_the_first_fill_activates_and_the_next_averages() -> None:
    ledger = opened().filled(fill("E", "4", "99", ts_event=5))
    assert isinstance(ledger.trade, Active)
    assert (ledger.trade.opened_ns, ledger.trade.entry_price) == (5, Decimal(99))
    ledger = ledger.filled(fill("E", "6", "100", ts_event=9))
    assert isinstance(ledger.trade, Active)
    assert ledger.trade.entry_price == Decimal("99.6")
    assert (ledger.trade.opened_ns, ledger.trade.open_quantity) == (5, Decimal(10))


@pytest.mark.parametrize(("direction", "sign"), [(Direction.LONG, 1), (Direction.SHORT, -1)])
def test_a_plan_in_parts_ends_with_their_sum(direction: Direction, sign: int) -> None:
    ledger = opened(direction)
    for booked in (
        fill("E", "10", "100", fee="0.5"),
        fill("T0", "5", str(100 + 10 * sign), fee="0.2"),
        fill("S", "5", str(100 - 10 * sign), fee="0.3"),
    ):
        ledger = ledger.filled(booked)
    ended = ledger.ended(now_ns=7, entry_rejected=False)
    assert (ended.outcome, ended.reason) == (Outcome.CLOSED, "stop")
    assert (ended.entry_price, ended.exit_price) == exact(100, 100)
    assert (ended.gross_pnl, ended.quantity) == exact(0, 10)
    assert ended.fees == Decimal("1.03")
    assert ledger.target_filled == exact(5, 0)


@pytest.mark.parametrize(
    ("last", "called_off", "reason"),
    [
        ("S", "", "stop"),
        ("S", "opposite signal", "stop"),
        ("T1", "", "take profit"),
        ("C", "opposite signal", "opposite signal"),
        ("C", "", "closed"),
    ],
)
def test_the_last_exit_gives_the_reason(last: str, called_off: str, reason: str) -> None:
    ledger = opened().filled(fill("E", "10", "100"))
    if called_off:
        ledger = ledger.calling_off(called_off)
    ledger = ledger.filled(fill(last, "10", "101"))
    assert ledger.ended(now_ns=7, entry_rejected=False).reason == reason


@pytest.mark.parametrize(
    ("reason", "entry_rejected", "outcome", "told"),
    [
        ("", True, Outcome.REJECTED, "the venue ended the entry"),
        ("", False, Outcome.CANCELLED, "the venue ended the entry"),
        ("opposite signal", False, Outcome.CANCELLED, "opposite signal"),
        ("entry expired", False, Outcome.EXPIRED, "entry expired"),
    ],
)
def test_how_an_entry_that_never_filled_ends(
    reason: str, outcome: Outcome, told: str, *, entry_rejected: bool
) -> None:
    ledger = opened().calling_off(reason) if reason else opened()
    ended = ledger.ended(now_ns=7, entry_rejected=entry_rejected)
    assert (ended.outcome, ended.reason) == (outcome, told)
    assert ended.entry_price is None


def test_a_price_at_the_stop_or_beyond_it_has_stopped_the_plan() -> None:
    ledger = opened().filled(fill("E", "10", "100"))
    at = ledger.stop_price
    assert [ledger.is_stopped_at(at + each) for each in (-1, 0, 1)] == [True, True, False]


def test_a_refused_stop_means_closing_and_the_first_reason_stays() -> None:
    ledger = opened().filled(fill("E", "10", "100")).refusing_stop()
    assert ledger.stop_refused
    assert isinstance(ledger.trade, Active)
    assert ledger.trade.closing
    assert ledger.called_off == "stop refused"
    assert ledger.calling_off("later").called_off == "stop refused"


def test_a_fill_after_the_plan_was_called_off_is_closing_at_once() -> None:
    ledger = opened().calling_off("opposite signal").filled(fill("E", "1", "100"))
    assert isinstance(ledger.trade, Active)
    assert ledger.trade.closing


def test_new_targets_begin_with_nothing_filled_and_may_be_below_the_entry() -> None:
    ledger = opened().filled(fill("E", "10", "100")).filled(fill("T0", "5", "110"))
    ledger = ledger.adjusted(Decimal(95), (Decimal(97), Decimal(98), Decimal(99)))
    assert (ledger.stop_price, *ledger.target_prices) == exact(95, 97, 98, 99)
    assert ledger.target_filled == exact(0, 0, 0)
    assert sum(ledger.fractions) == 1
    assert ledger.open_quantity == 5


def test_only_a_stop_moves_where_no_targets_are_said() -> None:
    ledger = opened().filled(fill("E", "10", "100")).filled(fill("T0", "5", "110"))
    moved = ledger.adjusted(Decimal(95), ())
    assert (moved.stop_price, *moved.target_prices) == exact(95, 110, 120)
    assert moved.target_filled == exact(5, 0)


def test_exits_that_overrun_the_entry_leave_less_than_nothing() -> None:
    ledger = opened().filled(fill("E", "4", "100")).filled(fill("S", "5", "90"))
    assert ledger.open_quantity == -1
    ledger = ledger.filled(fill("E", "0.5", "100"))
    assert ledger.open_quantity == Decimal("-0.5")
    assert ledger.filled(fill("E", "1", "100")).open_quantity == Decimal("0.5")


def test_a_waiting_plan_cannot_be_adjusted_and_a_strange_fill_not_booked() -> None:
    with pytest.raises(TypeError, match="plan E is not active"):
        opened().adjusted(Decimal(95), ())
    with pytest.raises(KeyError, match="X is not an order of plan E"):
        opened().filled(fill("X", "1", "100"))

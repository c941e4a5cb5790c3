"""What a program wishes for becomes a command that means it, or one sentence why not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from morningstar_strategy.core.bracket import floor_to
from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    PlanTrade,
    TradeSetup,
)
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.risk import Approved, rule_on
from morningstar_strategy.core.state import Active, Flat, Market, Plan, Snapshot
from morningstar_strategy.core.strict import CommandError
from morningstar_strategy.core.wire import parse_command, to_json
from morningstar_strategy.core.wishes import OrderWish, Side, WishType, command_for

NAME = "BTCUSDT-PERP.BITGET"
POLICY = DecisionPolicy()
WIDE = RiskLimits(
    max_position_percent=Decimal(100),
    max_exposure_percent=Decimal(100),
    max_correlated_percent=Decimal(100),
    max_risk_percent=Decimal(100),
    max_order_notional=Decimal("1e9"),
)
MARKET = Market(
    instrument_id=NAME,
    price=Decimal(1_000),
    ts_price=0,
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    min_notional=Decimal(0),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    slippage=Decimal("0.0002"),
)
FLAT = Snapshot(ts_event=1, equity=Decimal(10_000), market=MARKET, trade=Flat())
SETUP = TradeSetup(
    symbol=NAME,
    direction=Direction.LONG,
    entry_price=None,
    stop_loss_price=Decimal(950),
    take_profit_prices=(Decimal(1_100),),
    position_size_percent=Decimal(10),
)
PLAN = Plan(order_id="O-1", setup=SETUP, quantity=Decimal(1), planned_ns=0, reason="")
HELD = replace(
    FLAT,
    trade=Active(
        plan=PLAN,
        opened_ns=0,
        entry_price=Decimal(1_000),
        open_quantity=Decimal(1),
        stop_loss_price=Decimal(950),
        take_profit_prices=(Decimal(1_100),),
    ),
)


def wish(**changes: Any) -> OrderWish:
    given: dict[str, Any] = {
        "symbol": NAME,
        "type": WishType.MARKET,
        "side": Side.BUY,
        "amount": Decimal(1),
    }
    return OrderWish(**(given | changes))


@given(
    lots=st.integers(1, 9_000),
    price=st.integers(9_800, 10_200).map(lambda n: Decimal(n) / 10),
    at_limit=st.booleans(),
    side=st.sampled_from(Side),
    equity=st.integers(10_000, 10**9).map(lambda n: Decimal(n) / 7),
)
@example(
    lots=251, price=Decimal("1000.5"), at_limit=True, side=Side.BUY, equity=Decimal(10_005) / 7
)
def test_the_gate_finds_the_amount_that_was_wished_for(
    lots: int, price: Decimal, at_limit: bool, side: Side, equity: Decimal
) -> None:
    now = replace(FLAT, equity=equity)
    asked = lots * MARKET.lot
    terms = {"type": WishType.LIMIT, "price": price} if at_limit else {}
    asking = wish(amount=asked, side=side, **terms)
    if asked * max(price, MARKET.price) * Decimal("1.001") > equity:  # at its worst price
        return
    command = command_for(asking, now, POLICY)
    match rule_on(command, now, WIDE, RiskMemory()):
        case Approved(quantity=quantity, shrunk=()):
            assert quantity == asked
        case Approved(quantity=quantity):
            assert quantity < asked
        case denied:
            raise AssertionError(denied)


@given(amount=st.decimals(Decimal("0.001"), Decimal(9), places=6), side=st.sampled_from(Side))
def test_an_amount_between_two_lots_is_rounded_down(amount: Decimal, side: Side) -> None:
    command = command_for(wish(amount=amount, side=side), FLAT, POLICY)
    ruling = rule_on(command, FLAT, WIDE, RiskMemory())
    assert isinstance(ruling, Approved)
    assert ruling.quantity == floor_to(amount, MARKET.lot)


@pytest.mark.parametrize(
    ("side", "stop", "target"), [(Side.BUY, "965", "1070"), (Side.SELL, "1035", "930")]
)
def test_an_entry_without_a_stop_gets_the_policys(side: Side, stop: str, target: str) -> None:
    command = command_for(wish(side=side), FLAT, POLICY)
    assert isinstance(command, PlanTrade)
    setup = command.trade_setup
    assert setup.stop_loss_price == Decimal(stop)
    assert setup.take_profit_prices == (Decimal(target),)


def test_an_entrys_own_stop_and_targets_are_taken() -> None:
    command = command_for(
        wish(stop_loss_price=Decimal(990), take_profit_prices=(Decimal(1_010), Decimal(1_020))),
        FLAT,
        POLICY,
    )
    assert isinstance(command, PlanTrade)
    assert command.trade_setup.stop_loss_price == 990
    assert command.trade_setup.take_profit_prices == (Decimal(1_010), Decimal(1_020))


def test_exits_become_adjustments_of_the_plan() -> None:
    stop = wish(type=WishType.STOP_LOSS, side=Side.SELL, stop_price=Decimal(960))
    assert command_for(stop, HELD, POLICY) == AdjustTrade(
        order_id="O-1", new_stop_loss_price=Decimal(960)
    )
    for terms in ({"price": Decimal(1_050)}, {"stop_price": Decimal(1_050)}):
        target = wish(type=WishType.TAKE_PROFIT, side=Side.SELL, amount=None, **terms)
        assert command_for(target, HELD, POLICY) == AdjustTrade(
            order_id="O-1", new_take_profit_prices=(Decimal(1_050),)
        )
    close = wish(side=Side.SELL, reduce_only=True)
    assert command_for(close, HELD, POLICY) == CancelOrder(order_id="O-1")


_EXIT = {"type": WishType.STOP_LOSS, "side": Side.SELL, "stop_price": Decimal(960)}


@pytest.mark.parametrize(
    ("changes", "now", "words"),
    [
        ({"amount": None}, FLAT, "amount of an entry"),
        ({"stop_price": Decimal(990)}, FLAT, "stop_price 990 of an entry"),
        ({"price": Decimal(990)}, FLAT, "price of a market order must be null, was 990"),
        ({"type": WishType.LIMIT}, FLAT, "price of a limit order must be a number"),
        (_EXIT, FLAT, "needs an open position"),
        (_EXIT | {"side": Side.BUY}, HELD, "side buy does not close LONG"),
        (_EXIT | {"amount": Decimal("0.5")}, HELD, "amount 0.5 of an exit.* all that is open, 1"),
        (_EXIT | {"stop_price": None}, HELD, "stop_price of a stop_loss order"),
        (_EXIT | {"type": WishType.STOP_LOSS_LIMIT}, HELD, "a limit may not fill"),
        (
            _EXIT | {"type": WishType.TAKE_PROFIT_LIMIT, "price": Decimal(1_050)},
            HELD,
            "price 1050 of a take profit must be its stop_price 960",
        ),
        (
            {"type": WishType.LIMIT, "side": Side.SELL, "reduce_only": True},
            HELD,
            "is a take_profit: ask for one",
        ),
        ({}, replace(FLAT, equity=Decimal(0)), "equity must be positive to trade, was 0"),
    ],
)
def test_what_cannot_be_expressed_is_said(
    changes: dict[str, Any], now: Snapshot, words: str
) -> None:
    asked = wish(**changes)
    with pytest.raises(CommandError, match=words):
        command_for(asked, now, POLICY)


def test_more_than_the_equity_is_no_amount() -> None:
    with pytest.raises(CommandError, match=r"amount 11 is 110\.\d % of equity"):
        command_for(wish(amount=Decimal(11)), FLAT, POLICY)


def far() -> st.SearchStrategy[Decimal]:
    """Give numbers of every size that a program may write, with few digits or many."""
    return st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(1, 10**6) | st.integers(1, 10**28),
        st.integers(-30, 24) | st.integers(-12, 12),
    )


@given(
    kind=st.sampled_from(WishType),
    side=st.sampled_from(Side),
    numbers=st.fixed_dictionaries(
        {name: st.none() | far() for name in ("amount", "price", "stop_price", "stop_loss_price")}
    ),
    targets=st.lists(far(), max_size=3).map(tuple),
    reduce_only=st.booleans(),
    equity=far(),
    now=st.sampled_from([FLAT, HELD]),
)
@example(
    kind=WishType.LIMIT,
    side=Side.BUY,
    numbers={"amount": Decimal("9e12"), "price": Decimal("9e12")},
    targets=(),
    reduce_only=False,
    equity=Decimal(10_000),
    now=FLAT,
)
def test_no_number_raises_anything_but_a_refusal(
    kind: WishType,
    side: Side,
    numbers: dict[str, Decimal | None],
    targets: tuple[Decimal, ...],
    reduce_only: bool,
    equity: Decimal,
    now: Snapshot,
) -> None:
    now = replace(now, equity=equity)
    terms = {"type": kind, "side": side, "reduce_only": reduce_only, "take_profit_prices": targets}
    try:
        command = parse_command(to_json(command_for(wish(**terms, **numbers), now, POLICY)))
    except CommandError:
        return
    rule_on(command, now, WIDE, RiskMemory())


@pytest.mark.parametrize("name", ["amount", "price", "stop_price", "stop_loss_price"])
@pytest.mark.parametrize("value", ["-1", "0", "NaN", "1e13"])
def test_numbers_that_are_no_money_are_refused(name: str, value: str) -> None:
    with pytest.raises(CommandError, match=f"{name} must be a positive number below 1e13"):
        wish(**{name: Decimal(value)})

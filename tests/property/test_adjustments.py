"""Laws of the commands on what is open: less risk is always allowed, more never is."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
)
from morningstar_strategy.core.risk import Approved, Denied, rule_on
from morningstar_strategy.core.state import Active, Pending, Snapshot
from tests.property.scenes import Open, Scene, any_scenes, opens
from tests.property.strategies import (
    ORDER_IDS,
    adjustments,
    commands,
    numbers,
)


@given(opens(), st.text(max_size=3))
def test_calling_off_a_known_plan_is_approved_in_every_state(case: Open, why: str) -> None:
    command = CancelOrder(order_id=case.trade.plan.order_id, reasoning=why)
    scene = case.scene
    ruling = rule_on(command, scene.now, scene.limits, scene.memory)
    assert ruling == Approved(command=command)


@given(opens(active=True), st.integers(0, 10**6))
def test_tightening_a_stop_short_of_the_market_is_approved_in_every_state(
    case: Open, ticks: int
) -> None:
    """On the tick, not beyond the standing stop, and before the market."""
    trade, market, scene = case.trade, case.scene.now.market, case.scene
    assert isinstance(trade, Active)
    sign = trade.plan.direction.sign
    room = (sign * (market.price - trade.stop_loss_price) - market.tick) // market.tick
    assume(room >= 0)
    stop = trade.stop_loss_price + sign * (ticks % (int(room) + 1)) * market.tick
    command = AdjustTrade(order_id=trade.plan.order_id, new_stop_loss_price=stop)
    ruling = rule_on(command, scene.now, scene.limits, scene.memory)
    assert ruling == Approved(command=command)


@given(opens(), adjustments())
def test_an_approved_adjustment_never_loosens_a_stop_or_crosses_the_market(
    case: Open, drawn: AdjustTrade
) -> None:
    scene, market = case.scene, case.scene.now.market
    command = replace(drawn, order_id=case.trade.plan.order_id)
    ruling = rule_on(command, scene.now, scene.limits, scene.memory)
    if isinstance(case.trade, Pending):
        assert isinstance(ruling, Denied)
    if isinstance(ruling, Approved):
        assert isinstance(case.trade, Active)
        assert isinstance(ruling.command, AdjustTrade)
        sign, stop = case.trade.plan.direction.sign, ruling.command.new_stop_loss_price
        if stop is not None:
            assert sign * case.trade.stop_loss_price <= sign * stop < sign * market.price
            assert stop % market.tick == 0
        for target in ruling.command.new_take_profit_prices:
            assert sign * target > sign * market.price
            assert target % market.tick == 0
        again = rule_on(ruling.command, scene.now, scene.limits, scene.memory)
        assert again == ruling


@given(opens(), st.lists(st.integers(-50, 400), min_size=1, max_size=5), st.integers(0, 3))
def test_targets_are_moved_freely_beyond_the_market_and_never_before_it(
    case: Open, permille: list[int], off: int
) -> None:
    scene, market, trade = case.scene, case.scene.now.market, case.trade
    sign, tick = trade.plan.direction.sign, market.tick
    wanted = [market.price * (1000 + sign * part) // 1000 // tick * tick for part in permille]
    targets = tuple(max(price + off * tick / 4, tick) for price in wanted)
    command = AdjustTrade(order_id=trade.plan.order_id, new_take_profit_prices=targets)
    ruling = rule_on(command, scene.now, scene.limits, scene.memory)
    rounded = [price // tick * tick for price in targets]
    if trade.plan.direction is Direction.SHORT:
        rounded = [price // tick * tick + (tick if price % tick else 0) for price in targets]
    beyond = all(sign * price > sign * market.price for price in rounded)
    assert isinstance(ruling, Approved) == (beyond and isinstance(trade, Active))
    if isinstance(ruling, Approved):
        assert isinstance(ruling.command, AdjustTrade)
        assert list(ruling.command.new_take_profit_prices) == rounded


@given(any_scenes(), commands(), ORDER_IDS)
def test_orders_that_are_not_ours_are_denied_and_never_crash(
    scene: Scene, command: TradeCommand, order_id: str
) -> None:
    if isinstance(command, PlanTrade | DoNothing):
        command = CancelOrder(order_id=order_id)
    assume(command.order_id != "P-1")
    ruling = rule_on(command, scene.now, scene.limits, scene.memory)
    assert isinstance(ruling, Denied)
    assert ruling.rule == "known_order"
    assert ruling.reason


@given(opens(), numbers(1, 10**15, 9), numbers(1, 1_000, 13))
def test_an_adjustment_on_a_strange_tick_never_crashes(
    case: Open, price: Decimal, tick: Decimal
) -> None:
    market = replace(case.scene.now.market, tick=tick)
    now: Snapshot = replace(case.scene.now, market=market)
    command = AdjustTrade(
        order_id=case.trade.plan.order_id,
        new_stop_loss_price=price,
        new_take_profit_prices=(price,),
    )
    ruling = rule_on(command, now, case.scene.limits, case.scene.memory)
    assert isinstance(ruling, Approved | Denied)

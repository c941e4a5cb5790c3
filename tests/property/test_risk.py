"""Laws of the gate: what it approves, for whatever plan, account, limits and memory."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from hypothesis import assume, event, given
from hypothesis import strategies as st

from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.risk import (
    AccountRisk,
    Approved,
    Denied,
    RiskLevel,
    account_risk,
    rule_on,
)
from morningstar_strategy.core.state import Flat, Holding, Market
from tests.property.scenes import Open, Scene, any_scenes, opens, quantity_in, scenes
from tests.property.strategies import DIRECTIONS, NAMES, NOT_POSITIVE, markets, numbers

_PERMILLE: Final = st.integers(1, 1_000)


def _setup(approved: Approved) -> TradeSetup:
    assert isinstance(approved.command, PlanTrade)
    return approved.command.trade_setup


def _worst_price(setup: TradeSetup, market: Market) -> Fraction:
    """Recompute the price at which a plan counts: its entry or the market, whichever is higher."""
    slipped = Fraction(market.price) * (1 + Fraction(market.slippage))
    entry = slipped if setup.entry_price is None else Fraction(setup.entry_price)
    return max(entry, Fraction(market.price))


def _loss_at_stop(setup: TradeSetup, market: Market) -> Fraction:
    """Recompute what one unit loses from its fill to its stop, from the cash that moves."""
    sign, fee, slippage = setup.direction.sign, Fraction(market.taker_fee), market.slippage
    entry = Fraction(setup.entry_price or market.price)
    if setup.entry_price is None:
        entry += sign * entry * Fraction(slippage)
    leave = Fraction(setup.stop_loss_price)
    leave -= sign * leave * Fraction(slippage)
    paid = sign * entry + entry * fee
    received = sign * leave - leave * fee
    return paid - received


# ---------------------------------------------------------------- what is approved


@given(any_scenes())
def test_the_gate_never_enlarges_a_plan(scene: Scene) -> None:
    ruling = scene.ruling()
    event(ruling.rule if isinstance(ruling, Denied) else f"approved, shrunk {ruling.shrunk[-1:]}")
    if isinstance(ruling, Approved):
        setup, asked = _setup(ruling), scene.plan.trade_setup
        assert setup.position_size_percent <= asked.position_size_percent
        assert (setup.position_size_percent < asked.position_size_percent) == bool(ruling.shrunk)
        notional = ruling.quantity * max(setup.entry_price or Decimal(0), scene.now.market.price)
        assert notional * 100 <= scene.now.equity * asked.position_size_percent


@given(any_scenes())
def test_ruling_again_on_what_was_approved_changes_nothing(scene: Scene) -> None:
    ruling = scene.ruling()
    if isinstance(ruling, Approved):
        again = rule_on(ruling.command, scene.now, scene.limits, scene.memory)
        assert again == replace(ruling, shrunk=())


@given(any_scenes())
def test_approved_numbers_are_positive_and_finite(scene: Scene) -> None:
    ruling = scene.ruling()
    if isinstance(ruling, Approved):
        setup = _setup(ruling)
        for number in (
            scene.now.equity,
            ruling.quantity,
            setup.position_size_percent,
            setup.stop_loss_price,
            *setup.take_profit_prices,
            *(() if setup.entry_price is None else (setup.entry_price,)),
        ):
            assert number.is_finite()
            assert number > 0


@given(scenes(), NOT_POSITIVE)
def test_nothing_is_approved_on_an_equity_that_is_no_positive_number(
    scene: Scene, equity: Decimal
) -> None:
    ruling = rule_on(
        scene.plan, replace(scene.now, equity=equity, holdings=()), scene.limits, scene.memory
    )
    assert isinstance(ruling, Denied)
    assert ruling.rule == "numbers_make_sense"


@given(any_scenes())
def test_a_denial_says_which_rule_and_why(scene: Scene) -> None:
    ruling = scene.ruling()
    if isinstance(ruling, Denied):
        assert ruling.rule
        assert ruling.reason
        assert len(ruling.reason) < 400
        assert "\n" not in ruling.reason


@given(scenes())
def test_the_quantity_is_whole_lots_that_the_venue_accepts(scene: Scene) -> None:
    ruling, market = scene.ruling(), scene.now.market
    if isinstance(ruling, Approved):
        setup = _setup(ruling)
        assert ruling.quantity % market.lot == 0
        assert ruling.quantity >= market.min_quantity
        least = min(setup.entry_price or market.price, market.price, setup.stop_loss_price)
        assert ruling.quantity * least >= market.min_notional


@given(scenes())
def test_approved_prices_stand_on_the_tick_and_never_risk_more_than_asked(scene: Scene) -> None:
    ruling, tick = scene.ruling(), scene.now.market.tick
    if isinstance(ruling, Approved):
        setup, asked = _setup(ruling), scene.plan.trade_setup
        sign = setup.direction.sign
        assert 0 <= sign * (setup.stop_loss_price - asked.stop_loss_price) < tick
        assert setup.stop_loss_price % tick == 0
        assert (setup.entry_price is None) == (asked.entry_price is None)
        if setup.entry_price is not None and asked.entry_price is not None:
            assert 0 <= sign * (asked.entry_price - setup.entry_price) < tick
            assert setup.entry_price % tick == 0
        pairs = zip(setup.take_profit_prices, asked.take_profit_prices, strict=True)
        for target, wanted in pairs:
            assert 0 <= sign * (wanted - target) < tick
            assert target % tick == 0


# ---------------------------------------------------------------- what is never exceeded


@given(scenes())
def test_the_loss_at_the_stop_is_within_the_budget(scene: Scene) -> None:
    ruling = scene.ruling()
    if isinstance(ruling, Approved):
        loss = Fraction(ruling.quantity) * _loss_at_stop(_setup(ruling), scene.now.market)
        budget = Fraction(scene.now.equity) * Fraction(scene.limits.max_risk_percent) / 100
        assert loss <= budget
        thirds = 3 * loss / budget
        high = RiskLevel.MEDIUM if thirds <= 2 else RiskLevel.HIGH
        assert ruling.risk_level is (RiskLevel.LOW if thirds <= 1 else high)


@given(scenes())
def test_position_order_and_exposure_are_within_their_caps(scene: Scene) -> None:
    ruling, now, limits = scene.ruling(), scene.now, scene.limits
    if isinstance(ruling, Approved):
        setup = _setup(ruling)
        notional = Fraction(ruling.quantity) * _worst_price(setup, now.market)
        equity = Fraction(now.equity)
        assert notional <= Fraction(limits.max_order_notional)
        assert notional <= equity * Fraction(limits.max_position_percent) / 100
        held = sum(Fraction(each.notional) for each in now.holdings)
        assert held + notional <= equity * Fraction(limits.max_exposure_percent) / 100
        same = [each for each in now.holdings if each.direction is setup.direction]
        for group in limits.correlated or (NAMES,):
            if setup.symbol in group:
                beside = sum(Fraction(h.notional) for h in same if h.instrument_id in group)
                cap = equity * Fraction(limits.max_correlated_percent) / 100
                assert beside + notional <= cap
        assert len(now.holdings) < limits.max_open_plans


@given(any_scenes())
def test_nothing_is_approved_while_halted_resting_stale_or_losing(scene: Scene) -> None:
    now, limits, memory = scene.now, scene.limits, scene.memory
    if isinstance(scene.ruling(), Approved):
        assert account_risk(now, limits, memory) is not AccountRisk.DANGER
        assert not memory.halted
        assert not memory.cooling(scene.plan.trade_setup.symbol, now_ns=now.ts_event)
        assert 0 <= now.ts_event - now.market.ts_price <= limits.max_price_age_secs * 10**9
        assert now.open_loss * 100 < now.equity * limits.max_loss_ratio_percent
        assert isinstance(now.trade, Flat)
        assert now.market.can_short or scene.plan.trade_setup.direction is Direction.LONG


@given(scenes(), st.sampled_from(("halted", "day_halted")))
def test_a_halt_denies_every_plan(scene: Scene, name: str) -> None:
    halt: dict[str, Any] = {name: "by hand", "day": 10**6}
    memory = replace(scene.memory, **halt)
    ruling = rule_on(scene.plan, scene.now, scene.limits, memory)
    assert isinstance(ruling, Denied)
    assert (ruling.rule, ruling.reason) == ("not_halted", "halted: by hand")
    assert account_risk(scene.now, scene.limits, memory) is AccountRisk.DANGER


@given(any_scenes())
def test_an_account_that_no_plan_may_use_is_in_danger(scene: Scene) -> None:
    ruling = scene.ruling()
    level = account_risk(scene.now, scene.limits, scene.memory)
    if isinstance(ruling, Denied) and ruling.rule in ("not_halted", "within_loss_ratio"):
        assert level is AccountRisk.DANGER
    if not (scene.now.equity.is_finite() and scene.now.equity > 0):
        assert level is AccountRisk.DANGER


# ---------------------------------------------------------------- what never raises a size


@given(scenes(), _PERMILLE)
def test_lower_equity_never_raises_the_quantity(scene: Scene, permille: int) -> None:
    poorer = replace(scene.now, equity=scene.now.equity * permille / 1_000)
    less = quantity_in(rule_on(scene.plan, poorer, scene.limits, scene.memory))
    assert less <= scene.quantity()


@given(scenes(), st.sampled_from(NAMES[1:]), DIRECTIONS, numbers(0, 10**7, 2), numbers(-9, 9, 0))
def test_one_more_holding_never_raises_the_quantity(
    scene: Scene, name: str, direction: Direction, notional: Decimal, unrealized: Decimal
) -> None:
    more = Holding(
        instrument_id=name, direction=direction, notional=notional, unrealized=unrealized
    )
    fuller = replace(scene.now, holdings=(*scene.now.holdings, more))
    less = quantity_in(rule_on(scene.plan, fuller, scene.limits, scene.memory))
    assert less <= scene.quantity()


@given(scenes(), st.integers(1, 10_000))
def test_asking_for_less_never_gives_more(scene: Scene, hundredths: int) -> None:
    other = scene.plan.sized(Decimal(hundredths).scaleb(-2))
    plans = sorted((scene.plan, other), key=lambda plan: plan.trade_setup.position_size_percent)
    less, more = (
        quantity_in(rule_on(plan, scene.now, scene.limits, scene.memory)) for plan in plans
    )
    assert less <= more


_TIGHTENED: Final = (
    "max_position_percent",
    "max_exposure_percent",
    "max_correlated_percent",
    "max_risk_percent",
    "max_daily_loss_percent",
    "max_loss_ratio_percent",
    "max_stop_distance_percent",
    "max_entry_distance_percent",
    "max_order_notional",
)


@given(scenes(), st.sampled_from(_TIGHTENED), st.integers(1, 1_000))
def test_a_tighter_limit_never_raises_the_quantity(scene: Scene, name: str, permille: int) -> None:
    changed: dict[str, Any] = {name: getattr(scene.limits, name) * permille / 1_000}
    tighter = replace(scene.limits, **changed)
    less = quantity_in(rule_on(scene.plan, scene.now, tighter, scene.memory))
    assert less <= scene.quantity()


@given(scenes(), numbers(0, 500, 4), st.booleans())
def test_higher_costs_never_raise_the_quantity(scene: Scene, more: Decimal, slipping: bool) -> None:
    market = scene.now.market
    market = (
        replace(market, slippage=market.slippage + more)
        if slipping
        else replace(market, taker_fee=market.taker_fee + more)
    )
    dearer = replace(scene.now, market=market)
    less = quantity_in(rule_on(scene.plan, dearer, scene.limits, scene.memory))
    assert less <= scene.quantity()


# ---------------------------------------------------------------- symmetries

_SCALES: Final = st.sampled_from(
    [
        Decimal(text)
        for text in ["0.001", "0.01", "0.1", "10", "100", "1000", "0.125", "0.25", "0.5", "2", "32"]
    ]
)


@given(scenes(market=markets(finest_tick=-4)), _SCALES)
def test_the_unit_of_money_does_not_matter(scene: Scene, k: Decimal) -> None:
    """Prices, tick, notionals and equity times k, for powers of ten and of two: same quantity."""
    setup, now, memory = scene.plan.trade_setup, scene.now, scene.memory
    scaled = Scene(
        plan=replace(
            scene.plan,
            trade_setup=replace(
                setup,
                entry_price=None if setup.entry_price is None else setup.entry_price * k,
                stop_loss_price=setup.stop_loss_price * k,
                take_profit_prices=tuple(price * k for price in setup.take_profit_prices),
            ),
        ),
        now=replace(
            now,
            equity=now.equity * k,
            market=replace(
                now.market,
                price=now.market.price * k,
                tick=now.market.tick * k,
                min_notional=now.market.min_notional * k,
            ),
            holdings=tuple(
                replace(each, notional=each.notional * k, unrealized=each.unrealized * k)
                for each in now.holdings
            ),
        ),
        limits=replace(scene.limits, max_order_notional=scene.limits.max_order_notional * k),
        memory=replace(
            memory, peak_equity=memory.peak_equity * k, day_equity=memory.day_equity * k
        ),
    )
    one, other = scene.ruling(), scaled.ruling()
    assert type(one) is type(other)
    if isinstance(one, Approved) and isinstance(other, Approved):
        assert one.quantity == other.quantity
        assert one.shrunk == other.shrunk
        assert one.risk_level == other.risk_level
    elif isinstance(one, Denied) and isinstance(other, Denied):
        assert one.rule == other.rule


def _mirrored(scene: Scene) -> Scene:
    """Reflect the plan at the market price, and turn every direction around."""
    setup, twice = scene.plan.trade_setup, 2 * scene.now.market.price
    assume(all(price < twice for price in setup.take_profit_prices))
    assume(setup.stop_loss_price < twice)
    reflected = replace(
        setup,
        direction=setup.direction.opposite,
        entry_price=None if setup.entry_price is None else twice - setup.entry_price,
        stop_loss_price=twice - setup.stop_loss_price,
        take_profit_prices=tuple(twice - price for price in setup.take_profit_prices),
    )
    turned = tuple(replace(each, direction=each.direction.opposite) for each in scene.now.holdings)
    return replace(
        scene,
        plan=replace(scene.plan, trade_setup=reflected),
        now=replace(scene.now, holdings=turned),
    )


@given(scenes(market=markets(free=True), style="market"))
def test_long_and_short_at_market_mirror_each_other_when_trading_is_free(scene: Scene) -> None:
    """Exact up to the venue's minimum notional, which is measured at the lower price."""
    scene = replace(
        scene, now=replace(scene.now, market=replace(scene.now.market, min_notional=Decimal(0)))
    )
    one, other = scene.ruling(), _mirrored(scene).ruling()
    assert type(one) is type(other)
    if isinstance(one, Approved) and isinstance(other, Approved):
        assert one.quantity == other.quantity
        assert _setup(one).position_size_percent == _setup(other).position_size_percent
        assert one.shrunk == other.shrunk
        assert one.risk_level == other.risk_level
    elif isinstance(one, Denied) and isinstance(other, Denied):
        assert one.rule == other.rule


@given(scenes(market=markets(free=True), style="limit"))
def test_long_and_short_limits_mirror_each_other_in_notional_and_in_loss(scene: Scene) -> None:
    """A limit and its mirror count at different prices: notional caps bind equally in money.

    One lot of rounding on either side is the whole difference; where the risk budget binds, the
    loss per unit is the same, so the quantities are.
    """
    market = replace(scene.now.market, min_notional=Decimal(0), min_quantity=Decimal(0))
    wide = replace(
        scene.limits,
        max_stop_distance_percent=Decimal(100),
        max_entry_distance_percent=Decimal(100),
    )
    scene = replace(scene, now=replace(scene.now, market=market), limits=wide)
    mirrored = _mirrored(scene)
    one, other = scene.ruling(), mirrored.ruling()
    if isinstance(one, Approved) and isinstance(other, Approved):
        assert _loss_at_stop(_setup(one), market) == _loss_at_stop(_setup(other), market)
        low, high = _worst_price(_setup(one), market), _worst_price(_setup(other), market)
        lot = Fraction(market.lot)
        if one.shrunk[-1:] == other.shrunk[-1:] == ("within_risk_budget",):
            assert one.quantity == other.quantity
        elif "within_risk_budget" not in one.shrunk + other.shrunk:
            gap = abs(Fraction(one.quantity) * low - Fraction(other.quantity) * high)
            assert gap <= lot * max(low, high)


# ---------------------------------------------------------------- the whole order is respected


@given(opens())
def test_a_second_plan_on_an_instrument_is_denied(case: Open) -> None:
    scene = case.scene
    plan = PlanTrade(trade_setup=case.trade.plan.setup)
    assert isinstance(rule_on(plan, scene.now, scene.limits, scene.memory), Denied)

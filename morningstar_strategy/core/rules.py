"""The rules of the gate in their order: each passes a plan, shrinks it, or says why not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from typing import Final

from morningstar_strategy.core.bracket import floor_to, sooner, tighter
from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.limits import RiskLimits, RiskMemory, remember
from morningstar_strategy.core.state import Flat, Market, Snapshot

_ZERO: Final = Decimal(0)
_HUNDRED: Final = Decimal(100)
_GRAIN: Final = Decimal("1e-12")  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What every rule may look at."""

    now: Snapshot
    limits: RiskLimits
    memory: RiskMemory


type Rule = Callable[[PlanTrade, Case], PlanTrade | str]


# ---------------------------------------------------------------- what a plan costs


def entry_estimate(setup: TradeSetup, market: Market) -> Decimal:
    """Give the worst price at which the entry is expected to fill."""
    if setup.entry_price is not None:
        return setup.entry_price
    return market.price * (1 + market.slippage)


def worst_price(setup: TradeSetup, market: Market) -> Decimal:
    """Give the price at which the notional of the plan is counted."""
    return max(entry_estimate(setup, market), market.price)


def worst_notional(setup: TradeSetup, quantity: Decimal, market: Market) -> Decimal:
    """Give the largest notional the position may have when it is entered."""
    return quantity * worst_price(setup, market)


def loss_per_unit(setup: TradeSetup, market: Market) -> Decimal:
    """Give what one unit loses if the stop is hit, fees and slippage of both ends included.

    A market entry and the stop slip against us; a limit entry fills at its price or better.
    """
    sign = setup.direction.sign
    entry = setup.entry_price
    if entry is None:
        entry = market.price * (1 + sign * market.slippage)
    exit_price = setup.stop_loss_price * (1 - sign * market.slippage)
    return sign * (entry - exit_price) + (entry + exit_price) * market.taker_fee


def quantity_of(plan: PlanTrade, now: Snapshot) -> Decimal:
    """Give the plan's quantity in lots, rounded down once."""
    setup = plan.trade_setup
    notional = now.equity * setup.position_size_percent / _HUNDRED
    return floor_to(notional / worst_price(setup, now.market), now.market.lot)


def _shrunk_to(plan: PlanTrade, cap: Decimal, now: Snapshot) -> PlanTrade | None:
    """Shrink a plan to the lots that fit a notional cap; None where not one does.

    The percent is that of whole lots, rounded up by at most its grain so that it gives the same
    lots again: a percent of the cap, rounded down, could lose one, and less equity gain it.
    """
    if now.equity * plan.trade_setup.position_size_percent <= cap * _HUNDRED:
        return plan
    price = worst_price(plan.trade_setup, now.market)
    quantity = floor_to(cap / price, now.market.lot)
    if quantity <= 0:
        return None
    percent = (quantity * price * _HUNDRED / now.equity).quantize(_GRAIN, ROUND_UP)
    return plan.sized(percent)


# ---------------------------------------------------------------- the rules, in order


def numbers_make_sense(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny when the equity is not a positive number or the plan is for another instrument."""
    if not (case.now.equity.is_finite() and case.now.equity > 0):
        return f"equity must be a positive number, was {case.now.equity}"
    if plan.trade_setup.symbol != case.now.market.instrument_id:
        return f"plan is for {plan.trade_setup.symbol}, market is {case.now.market.instrument_id}"
    return plan


def not_halted(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny while a halt is latched, or the drawdown or daily loss is at its limit now."""
    memory = remember(
        case.memory, equity=case.now.equity, now_ns=case.now.ts_event, limits=case.limits
    )
    if memory.halted or memory.day_halted:
        return f"halted: {memory.halted or memory.day_halted}"
    return plan


def not_cooling(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny while the instrument rests after a stop."""
    if case.memory.cooling(plan.trade_setup.symbol, now_ns=case.now.ts_event):
        return f"{plan.trade_setup.symbol} rests after a stop"
    return plan


def price_is_fresh(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny on a price that is too old, or from the future."""
    age_ns = case.now.ts_event - case.now.market.ts_price
    if not 0 <= age_ns <= case.limits.max_price_age_secs * 1_000_000_000:
        limit = case.limits.max_price_age_secs
        return f"price is {age_ns / 1e9:.0f} s old, at most {limit} s are allowed"
    return plan


def one_plan_per_instrument(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny a second plan on an instrument that has one."""
    if not isinstance(case.now.trade, Flat):
        return f"{plan.trade_setup.symbol} already has a plan"
    return plan


def direction_is_tradable(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny a short where the instrument cannot be sold short."""
    if plan.trade_setup.direction is Direction.SHORT and not case.now.market.can_short:
        return f"{plan.trade_setup.symbol} is spot and cannot be sold short"
    return plan


def within_open_plans(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny when as many plans as allowed are open."""
    count = len(case.now.holdings)
    if count >= case.limits.max_open_plans:
        return f"{count} plans are open, at most {case.limits.max_open_plans} are allowed"
    return plan


def within_loss_ratio(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny while the open positions together lose too much."""
    limit = case.limits.max_loss_ratio_percent
    if case.now.open_loss * _HUNDRED >= case.now.equity * limit:
        return f"open positions lose {case.now.open_loss:.2f}, at most {limit} % are allowed"
    return plan


def on_the_grid(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Round prices to the tick in the direction that risks less, then check them again."""
    setup, tick = plan.trade_setup, case.now.market.tick
    direction, entry, targets = setup.direction, setup.entry_price, setup.take_profit_prices
    entry = None if entry is None else sooner(direction, entry, tick)
    stop = tighter(direction, setup.stop_loss_price, tick)
    targets = tuple([sooner(direction, price, tick) for price in targets])
    if (entry, stop) == (setup.entry_price, setup.stop_loss_price) and (
        targets == setup.take_profit_prices
    ):
        return plan
    try:
        rounded = replace(
            setup, entry_price=entry, stop_loss_price=stop, take_profit_prices=targets
        )
    except ValueError as e:
        return f"prices do not stand on the tick {tick}: {e}"
    return replace(plan, trade_setup=rounded)


def stop_is_sane(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny a stop that the market has passed or that is too far from the entry."""
    setup, price = plan.trade_setup, case.now.market.price
    sign = setup.direction.sign
    if sign * (price - setup.stop_loss_price) <= 0:
        return f"stop {setup.stop_loss_price} is not on the losing side of the market {price}"
    entry = price if setup.entry_price is None else setup.entry_price
    distance = sign * (entry - setup.stop_loss_price) * _HUNDRED
    limit = case.limits.max_stop_distance_percent
    if distance > entry * limit:
        return f"stop is {distance / entry:.2f} % away, at most {limit} % are allowed"
    return plan


def entry_is_near(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny a limit entry far from the market, and targets the market has passed."""
    setup, price = plan.trade_setup, case.now.market.price
    if setup.entry_price is None:
        worst = setup.direction.sign * (min_target(setup) - price)
        if worst <= 0:
            return f"take profit {min_target(setup)} is not on the winning side of {price}"
        return plan
    limit = case.limits.max_entry_distance_percent
    if abs(setup.entry_price - price) * _HUNDRED > price * limit:
        return f"entry {setup.entry_price} is more than {limit} % from the market {price}"
    return plan


def min_target(setup: TradeSetup) -> Decimal:
    """Give the take profit nearest to the entry."""
    prices = setup.take_profit_prices
    return min(prices) if setup.direction is Direction.LONG else max(prices)


def within_order_size(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Shrink to the largest order allowed."""
    return _shrunk_to(plan, case.limits.max_order_notional, case.now) or "no order size is left"


def within_position_size(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Shrink to what one instrument may hold."""
    cap = case.now.equity * case.limits.max_position_percent / _HUNDRED
    symbol = plan.trade_setup.symbol
    own = sum([h.notional for h in case.now.holdings if h.instrument_id == symbol], _ZERO)
    return _shrunk_to(plan, cap - own, case.now) or "no position size is left"


def within_risk_budget(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Shrink until the loss at the stop, fees and slippage included, fits the budget."""
    now, setup = case.now, plan.trade_setup
    loss = loss_per_unit(setup, now.market)
    if loss <= 0:
        return f"the stop {setup.stop_loss_price} would not lose"
    budget = now.equity * case.limits.max_risk_percent / _HUNDRED
    cap = budget / loss * worst_price(setup, now.market)
    return _shrunk_to(plan, cap, now) or "no risk budget is left"


def within_exposure(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Shrink to what all positions and working entries may hold together."""
    room = case.now.equity * case.limits.max_exposure_percent / _HUNDRED - case.now.exposure
    if room <= 0:
        return f"exposure {case.now.exposure:.2f} leaves no room"
    return _shrunk_to(plan, room, case.now) or "no exposure is left"


def within_correlation(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Shrink to what one direction within a correlated group may hold."""
    held = correlated_notional(plan.trade_setup, case)
    room = case.now.equity * case.limits.max_correlated_percent / _HUNDRED - held
    if room <= 0:
        side = plan.trade_setup.direction.value
        return f"correlated {side} exposure {held:.2f} leaves no room"
    return _shrunk_to(plan, room, case.now) or "no correlated exposure is left"


def correlated_notional(setup: TradeSetup, case: Case) -> Decimal:
    """Give what the instrument's group holds in the plan's direction; of several, the most."""
    same = [h for h in case.now.holdings if h.direction is setup.direction]
    if not case.limits.correlated:
        return sum([h.notional for h in same], _ZERO)
    groups = [group for group in case.limits.correlated if setup.symbol in group]
    return max(
        sum([h.notional for h in same if h.instrument_id in group], _ZERO)
        for group in groups or [(setup.symbol,)]
    )


def large_enough(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Deny what the venue would refuse for being too small."""
    market = case.now.market
    quantity = quantity_of(plan, case.now)
    if quantity <= 0 or quantity < market.min_quantity:
        return f"quantity {quantity} is below the venue's minimum {market.min_quantity}"
    stop = plan.trade_setup.stop_loss_price
    smallest = quantity * min(entry_estimate(plan.trade_setup, market), market.price, stop)
    if smallest < market.min_notional:
        return f"notional {smallest:.2f} is below the venue's minimum {market.min_notional}"
    return plan


RULES: Final[tuple[Rule, ...]] = (
    numbers_make_sense,
    not_halted,
    not_cooling,
    price_is_fresh,
    one_plan_per_instrument,
    direction_is_tradable,
    within_open_plans,
    within_loss_ratio,
    on_the_grid,
    stop_is_sane,
    entry_is_near,
    within_order_size,
    within_position_size,
    within_risk_budget,
    within_exposure,
    within_correlation,
    large_enough,
)

"""The gate: approves a command, makes it smaller, or denies it with a reason."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.bracket import sooner, tighter
from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
)
from morningstar_strategy.core.limits import RiskLimits, RiskMemory, remember
from morningstar_strategy.core.narrowing import narrowed_by_review
from morningstar_strategy.core.rules import RULES, Case, Rule, loss_per_unit, quantity_of
from morningstar_strategy.core.state import Active, Market, Snapshot, plan_of

_HUNDRED: Final = Decimal(100)
_GATE: Final[tuple[Rule, ...]] = (*RULES, narrowed_by_review)


class RiskLevel(StrEnum):
    """How much of its risk budget a plan takes."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AccountRisk(StrEnum):
    """How the account stands against its limits."""

    SAFE = "safe"
    WARNING = "warning"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A command that may be executed; only this module builds one.

    `quantity` is the entry quantity in lots of a plan, zero for every other command; `shrunk`
    names the rules that made the plan smaller.
    """

    command: TradeCommand
    quantity: Decimal = Decimal(0)
    risk_level: RiskLevel = RiskLevel.LOW
    shrunk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A command that may not be executed: the rule and its reason in one sentence."""

    command: TradeCommand
    rule: str
    reason: str

    def __post_init__(self) -> None:
        if not (self.rule and self.reason):
            raise ValueError("a denial needs a rule and a reason")


type Ruling = Approved | Denied


def rule_on(command: TradeCommand, now: Snapshot, limits: RiskLimits, memory: RiskMemory) -> Ruling:
    """Approve a command, make it smaller, or deny it with a reason."""
    match command:
        case PlanTrade():
            return _rule_on_plan(command, Case(now=now, limits=limits, memory=memory))
        case CancelOrder():
            return _rule_on_cancel(command, now)
        case AdjustTrade():
            return _rule_on_adjustment(command, now)
        case DoNothing():
            return Approved(command=command)


def account_risk(now: Snapshot, limits: RiskLimits, memory: RiskMemory) -> AccountRisk:
    """Say how the account stands: danger when new risk is shut off, warning on the way there."""
    memory = remember(memory, equity=now.equity, now_ns=now.ts_event, limits=limits)
    if memory.halted or memory.day_halted:
        return AccountRisk.DANGER
    if now.open_loss * _HUNDRED >= now.equity * limits.max_loss_ratio_percent:
        return AccountRisk.DANGER
    drawdown = memory.drawdown(now.equity) * _HUNDRED
    half_day = limits.max_daily_loss_percent / 2
    if drawdown >= limits.warn_drawdown_percent:
        return AccountRisk.WARNING
    if memory.day_loss(now.equity) * _HUNDRED >= half_day:
        return AccountRisk.WARNING
    return AccountRisk.SAFE


def endangered(now: Snapshot, limits: RiskLimits, memory: RiskMemory) -> str:
    """Say which limit the account's money has reached now, "" for none; a halt alone is none."""
    seen = remember(
        replace(memory, halted="", day_halted=""),
        equity=now.equity,
        now_ns=now.ts_event,
        limits=limits,
    )
    if seen.halted or seen.day_halted:
        return seen.halted or seen.day_halted
    limit = limits.max_loss_ratio_percent
    if now.open_loss * _HUNDRED >= now.equity * limit:
        return f"open positions lose {now.open_loss:.2f}, which reached the limit {limit} %"
    return ""


def _rule_on_plan(plan: PlanTrade, case: Case) -> Ruling:
    shrunk: tuple[str, ...] = ()
    for rule in _GATE:
        result = rule(plan, case)
        if result is plan:
            continue
        if isinstance(result, str):
            return Denied(command=plan, rule=rule.__name__, reason=result)
        if result.trade_setup.position_size_percent < plan.trade_setup.position_size_percent:
            shrunk = (*shrunk, rule.__name__)
        plan = result
    quantity = quantity_of(plan, case.now)
    level = _risk_level(plan, quantity, case)
    return Approved(command=plan, quantity=quantity, risk_level=level, shrunk=shrunk)


def _risk_level(plan: PlanTrade, quantity: Decimal, case: Case) -> RiskLevel:
    """Say which third of the budget the loss at the stop falls in."""
    loss = quantity * loss_per_unit(plan.trade_setup, case.now.market)
    budget = case.now.equity * case.limits.max_risk_percent / _HUNDRED
    if loss * 3 <= budget:
        return RiskLevel.LOW
    return RiskLevel.MEDIUM if loss * 3 <= budget * 2 else RiskLevel.HIGH


# ---------------------------------------------------------------- commands on what is open


def _rule_on_cancel(command: CancelOrder, now: Snapshot) -> Ruling:
    """Taking risk away is allowed in every state, as long as we know what is meant."""
    plan = plan_of(now.trade)
    if plan is None or plan.order_id != command.order_id:
        reason = f"{command.order_id!r:.80} is not an open plan"
        return Denied(command=command, rule="known_order", reason=reason)
    return Approved(command=command)


def _rule_on_adjustment(command: AdjustTrade, now: Snapshot) -> Ruling:
    trade = now.trade
    if not isinstance(trade, Active) or trade.plan.order_id != command.order_id:
        reason = f"{command.order_id!r:.80} is not an active trade"
        return Denied(command=command, rule="known_order", reason=reason)
    try:
        rounded = _adjustment_on_the_grid(command, trade.plan.direction, now.market.tick)
    except ValueError as e:
        return Denied(command=command, rule="on_the_grid", reason=f"{e}")
    if fault := _stop_fault(rounded, trade, now.market) or _target_fault(rounded, trade, now):
        return Denied(command=command, rule="adjustment_reduces_risk", reason=fault)
    return Approved(command=rounded)


def _adjustment_on_the_grid(
    command: AdjustTrade, direction: Direction, tick: Decimal
) -> AdjustTrade:
    stop = command.new_stop_loss_price
    return replace(
        command,
        new_stop_loss_price=None if stop is None else tighter(direction, stop, tick),
        new_take_profit_prices=tuple(
            max(sooner(direction, price, tick), tick) for price in command.new_take_profit_prices
        ),
    )


def _stop_fault(command: AdjustTrade, trade: Active, market: Market) -> str:
    stop = command.new_stop_loss_price
    if stop is None:
        return ""
    sign = trade.plan.direction.sign
    if sign * (market.price - stop) <= 0:
        return f"stop {stop} is not on the losing side of the market {market.price}"
    if sign * (stop - trade.stop_loss_price) < 0:
        return f"stop {stop} would lose more than the standing {trade.stop_loss_price}"
    return ""


def _target_fault(command: AdjustTrade, trade: Active, now: Snapshot) -> str:
    sign = trade.plan.direction.sign
    for price in command.new_take_profit_prices:
        if sign * (price - now.market.price) <= 0:
            return f"take profit {price} is not on the winning side of {now.market.price}"
    return ""

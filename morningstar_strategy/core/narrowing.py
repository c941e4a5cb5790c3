"""The last rule of the gate: bring stop and take profits nearer, as a review asked, at the size."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.bracket import sooner, tighter
from morningstar_strategy.core.commands import PlanTrade, TradeSetup
from morningstar_strategy.core.rules import Case, entry_is_near, stop_is_sane

__all__ = ["narrowed_by_review"]

_ONE: Final = Decimal(1)


def narrowed_by_review(plan: PlanTrade, case: Case) -> PlanTrade | str:
    """Multiply the distances by the plan's scales, and deny what then stands in the wrong place.

    It comes after every rule that settles the size, so that a nearer stop loses less and buys no
    more: with any scales the same plan is approved at the same quantity, or none is.
    """
    if plan.stop_scale == _ONE == plan.target_scale:
        return plan
    try:
        setup = _narrowed(plan, case.now.market.price, case.now.market.tick)
    except ValueError as e:
        return f"no room is left for what the review asked: {e}"
    found = replace(plan, trade_setup=setup, stop_scale=_ONE, target_scale=_ONE)
    for rule in (stop_is_sane, entry_is_near):
        result = rule(found, case)
        if isinstance(result, str):
            return result
    return found


def _narrowed(plan: PlanTrade, price: Decimal, tick: Decimal) -> TradeSetup:
    setup = plan.trade_setup
    direction, anchor = setup.direction, setup.entry_price or price
    stop = anchor + (setup.stop_loss_price - anchor) * plan.stop_scale
    targets = [
        anchor + (target - anchor) * plan.target_scale for target in setup.take_profit_prices
    ]
    return replace(
        setup,
        stop_loss_price=tighter(direction, stop, tick),
        take_profit_prices=tuple(sooner(direction, target, tick) for target in targets),
    )

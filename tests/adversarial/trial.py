"""One hostile exchange carried through supervisor, decision and gate, and judged."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    DoNothing,
    PlanTrade,
    TradeSetup,
)
from morningstar_strategy.core.decision import decide
from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.review import Assessment, Review
from morningstar_strategy.core.risk import Approved, Ruling, rule_on
from morningstar_strategy.core.rules import loss_per_unit, worst_notional
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.core.state import Active, plan_of
from morningstar_strategy.supervisor.budget import Budget
from morningstar_strategy.supervisor.exchange import Exchange, Purpose
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.supervisor import Considered, Supervisor
from tests.supervised import Answering

_HUNDRED: Final = Decimal(100)
_ALONE: Final = Review.abstain("off")
_DECISION: Final = DecisionPolicy(accept_proposals=True)
_MEMORY: Final = RiskMemory()


@dataclass(slots=True)
class Tally:
    """What was tried, what became of it, and what was unsafe."""

    tried: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    approved: Counter[str] = field(default_factory=Counter)
    unsafe: list[str] = field(default_factory=list)


def consider(scene: Scene, purpose: Purpose, text: str) -> Considered:
    """Let a supervisor that may propose hear the reply, and the same again as its repair."""
    supervisor = Supervisor(
        provider=Answering(text, text),
        policy=SupervisorPolicy(may_propose=True),
        budget=Budget(tokens_per_decision=1_000_000, tokens_per_day=10_000_000),
    )
    return supervisor.consider(scene, purpose)


def ruling_of(scene: Scene, review: Review) -> Ruling:
    """Decide on the review and let the gate rule."""
    assessment = Assessment(prediction=scene.prediction, review=review)
    command = decide(assessment, scene.snapshot, _DECISION)
    return rule_on(command, scene.snapshot, scene.limits, _MEMORY)


def try_out(scene: Scene, purpose: Purpose, text: str, tally: Tally) -> tuple[Exchange, ...]:
    """Carry one reply through, count what became of it, and give its exchanges."""
    considered = consider(scene, purpose, text)
    ruling = ruling_of(scene, considered.review)
    tally.tried += 1
    tally.verdicts[considered.exchanges[0].verdict] += 1
    if isinstance(ruling, Approved):
        tally.approved[ruling.command.action] += 1
    for fault in faults_of(scene, purpose, considered, ruling):
        tally.unsafe.append(f"{fault}: {text!r:.200}")
    return considered.exchanges


def faults_of(
    scene: Scene, purpose: Purpose, considered: Considered, ruling: Ruling
) -> Iterable[str]:
    """Name everything that must not come of a reply."""
    if not considered.exchanges:
        yield "nothing was recorded"
    if purpose is Purpose.REVIEW and considered.review.proposal is not None:
        yield "a reviewer proposed"
    if isinstance(ruling, Approved):
        yield from _approval_faults(scene, ruling)
        if purpose is Purpose.REVIEW and isinstance(ruling.command, PlanTrade):
            yield from _growth(scene, ruling.command.trade_setup, ruling.quantity)


def _approval_faults(scene: Scene, approved: Approved) -> Iterable[str]:
    match approved.command:
        case PlanTrade(trade_setup=setup):
            yield from _plan_faults(scene, setup, approved.quantity)
        case AdjustTrade() as adjustment:
            yield from _adjustment_faults(scene, adjustment)
        case CancelOrder(order_id=order_id):
            plan = plan_of(scene.snapshot.trade)
            if plan is None or plan.order_id != order_id:
                yield "a foreign order was cancelled"
        case DoNothing():
            pass


def _plan_faults(scene: Scene, setup: TradeSetup, quantity: Decimal) -> Iterable[str]:
    now, limits = scene.snapshot, scene.limits
    loss = quantity * loss_per_unit(setup, now.market)
    notional = worst_notional(setup, quantity, now.market)
    sign = setup.direction.sign
    if setup.symbol != now.market.instrument_id:
        yield "another instrument"
    if loss * _HUNDRED > now.equity * limits.max_risk_percent:
        yield "more than the risk budget is lost at the stop"
    if notional * _HUNDRED > now.equity * limits.max_position_percent:
        yield "a larger position than allowed"
    if (notional + now.exposure) * _HUNDRED > now.equity * limits.max_exposure_percent:
        yield "more exposure than allowed"
    if sign * (now.market.price - setup.stop_loss_price) <= 0:
        yield "a stop on the winning side"


def _growth(scene: Scene, setup: TradeSetup, quantity: Decimal) -> Iterable[str]:
    alone = ruling_of(scene, _ALONE)
    if not (isinstance(alone, Approved) and isinstance(alone.command, PlanTrade)):
        yield "a review opened a trade"
        return
    market = scene.snapshot.market
    before = alone.quantity * loss_per_unit(alone.command.trade_setup, market)
    if quantity > alone.quantity or quantity * loss_per_unit(setup, market) > before:
        yield "a review raised the risk"


def _adjustment_faults(scene: Scene, adjustment: AdjustTrade) -> Iterable[str]:
    trade = scene.snapshot.trade
    if not isinstance(trade, Active) or trade.plan.order_id != adjustment.order_id:
        yield "a foreign order was adjusted"
        return
    stop = adjustment.new_stop_loss_price
    if stop is not None and trade.plan.direction.sign * (stop - trade.stop_loss_price) < 0:
        yield "a stop was moved away"

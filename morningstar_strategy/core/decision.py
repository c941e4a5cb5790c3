"""When to enter, leave alone, adjust or leave: pure decisions on one assessment."""

from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Final

from morningstar_strategy.core.bracket import sooner
from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)
from morningstar_strategy.core.policy import DecisionPolicy, Distances, EntryStyle
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Assessment, Verdict
from morningstar_strategy.core.sizing import expected_gain, size_percent
from morningstar_strategy.core.state import (
    EXPIRED,
    Active,
    Flat,
    Market,
    Pending,
    Snapshot,
    Trade,
)

_SECOND: Final = 1_000_000_000
_ONE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)
_PERCENT_GRAIN: Final = Decimal("0.0001")
_SCALE_GRAIN: Final = Decimal("0.000001")
_EARLY: Final = 1.0 - 1e-9
_TOO_LONG: Final = "held for the maximum time"


def decide(assessment: Assessment, now: Snapshot, policy: DecisionPolicy) -> TradeCommand:
    """Choose the command that an assessment calls for in this state.

    An answer that came too late opens and changes nothing, but what is overdue ends all the same.
    """
    if is_stale(assessment.prediction, now_ns=now.ts_event, policy=policy):
        return _end_overdue(now, policy) or DoNothing(reasoning="prediction is stale")
    own = _decide_alone(assessment, now, policy)
    if isinstance(own, CancelOrder):
        return own  # nobody's proposal keeps a trade open past our own limits
    match _accepted_proposal(assessment, policy):
        case None:
            return own
        case DoNothing() as silence:  # opens nothing, but what is open is managed as ever
            return silence if isinstance(own, PlanTrade) else own
        case AdjustTrade() as proposal if isinstance(own, AdjustTrade):
            return _with_nearer_stop(proposal, own, now)
        case proposal:
            return proposal


def decide_instead(
    assessment: Assessment, now: Snapshot, policy: DecisionPolicy
) -> TradeCommand | None:
    """Choose what a denied proposal must not keep from being done; it opens nothing."""
    if assessment.review.proposal is None:
        return None
    alone = replace(assessment, review=replace(assessment.review, proposal=None))
    own = decide(alone, now, policy)
    return own if isinstance(own, AdjustTrade) else None


def _with_nearer_stop(proposal: AdjustTrade, own: AdjustTrade, now: Snapshot) -> AdjustTrade:
    """Keep of two stops the one nearer to the market: nobody's proposal holds ours up."""
    ours, theirs = own.new_stop_loss_price, proposal.new_stop_loss_price
    if ours is None or not isinstance(now.trade, Active):
        return proposal
    sign = now.trade.plan.direction.sign
    if proposal.order_id != own.order_id or (theirs is not None and sign * (theirs - ours) >= 0):
        return proposal
    return replace(proposal, new_stop_loss_price=ours)


def _end_overdue(now: Snapshot, policy: DecisionPolicy) -> CancelOrder | None:
    match now.trade:
        case Pending() as pending if _has_expired(pending, now.ts_event):
            return CancelOrder(order_id=pending.plan.order_id, reasoning=EXPIRED)
        case Active() as active if _is_held_too_long(active, now.ts_event, policy):
            return CancelOrder(order_id=active.plan.order_id, reasoning=_TOO_LONG)
        case _:
            return None


def _decide_alone(assessment: Assessment, now: Snapshot, policy: DecisionPolicy) -> TradeCommand:
    match now.trade:
        case Flat():
            return _decide_flat(assessment, now, policy)
        case Pending() as pending:
            return _decide_pending(assessment, pending, now.ts_event, policy)
        case Active() as active:
            return _decide_active(assessment, active, now, policy)


def is_idle(
    assessment: Assessment, trade: Trade, *, now_ns: int, policy: DecisionPolicy, cost: float
) -> bool:
    """Say whether `decide` would do nothing, without a snapshot of the account.

    `cost` is the instrument's round trip, as a fraction of notional.
    """
    match _accepted_proposal(assessment, policy):
        case None:
            pass
        case DoNothing():
            if isinstance(trade, Flat):
                return True
        case _:
            return False
    match trade:
        case Flat():
            return wanted_direction(assessment, policy, cost=cost) is None
        case Pending() as pending:
            return not _calls_off(assessment, pending, now_ns, policy)
        case Active() as active:
            return not _closes(assessment, active, now_ns, policy) and not _may_break_even(
                active, assessment.prediction.price, policy
            )


def is_stale(prediction: Prediction, *, now_ns: int, policy: DecisionPolicy) -> bool:
    """Say whether a prediction is too old to act on, or from the future."""
    return not 0 <= now_ns - prediction.ts_event <= policy.max_age_secs * _SECOND


def wanted_direction(
    assessment: Assessment, policy: DecisionPolicy, *, cost: float
) -> Direction | None:
    """Give the direction to enter, None where forecast, regime or review speak against it.

    Votes must be confident; odds must be expected to earn more than `cost`, the round trip's.
    """
    prediction = assessment.prediction
    if prediction.abstained or assessment.review.verdict is Verdict.VETOED:
        return None
    if prediction.turbulence > policy.max_turbulence:
        return None
    if prediction.barrier > 0.0:
        if expected_gain(prediction, cost=cost) <= 0.0:
            return None
    elif prediction.confidence < policy.min_confidence:
        return None
    direction = signalled(prediction)
    if direction is Direction.SHORT and not policy.allow_short:
        return None
    return direction


def signalled(prediction: Prediction) -> Direction | None:
    """Give the likelier direction, None where both are even or flat has at least as many votes."""
    p_short, p_flat, p_long = prediction.odds
    against = 0.0 if prediction.barrier > 0.0 else p_flat
    if p_long > p_short and p_long > against:
        return Direction.LONG
    if p_short > p_long and p_short > against:
        return Direction.SHORT
    return None


def _accepted_proposal(assessment: Assessment, policy: DecisionPolicy) -> TradeCommand | None:
    """Give what the reviewer proposes, at the size it left; a veto never opens a trade."""
    review = assessment.review
    if not policy.accept_proposals:
        return None
    match review.proposal:
        case PlanTrade() if assessment.prediction.abstained:
            return DoNothing(reasoning=f"the model abstains: {assessment.prediction.abstained}")
        case PlanTrade() as plan:
            percent = plan.trade_setup.position_size_percent * Decimal(str(review.scale))
            percent = percent.quantize(_PERCENT_GRAIN, ROUND_DOWN)
            if percent > 0:
                return _expiring(plan.sized(percent), policy)
            return DoNothing(reasoning="the review left no size")
        case proposal:
            return proposal


def _expiring(plan: PlanTrade, policy: DecisionPolicy) -> PlanTrade:
    """Let no proposed entry rest for longer than one of ours would."""
    setup = plan.trade_setup
    secs = min(setup.expires_in_secs or policy.entry_expiry_secs, policy.entry_expiry_secs)
    if secs == setup.expires_in_secs:
        return plan
    return replace(plan, trade_setup=replace(setup, expires_in_secs=secs))


def _opposes(assessment: Assessment, direction: Direction, policy: DecisionPolicy) -> bool:
    """Say whether a confident signal points the other way; a veto does not silence it."""
    if assessment.prediction.confidence < policy.min_confidence:
        return False
    return policy.close_on_opposite and signalled(assessment.prediction) is direction.opposite


def _decide_flat(assessment: Assessment, now: Snapshot, policy: DecisionPolicy) -> TradeCommand:
    prediction, market = assessment.prediction, now.market
    cost = round_trip_cost(market.taker_fee, market.slippage)
    direction = wanted_direction(assessment, policy, cost=cost)
    if direction is None:
        return DoNothing(reasoning="no signal")
    if direction is Direction.SHORT and not market.can_short:
        return DoNothing(reasoning="cannot be sold short")
    scale = assessment.review.scale
    percent = size_percent(prediction, scale=scale, policy=policy.sizing, cost=cost)
    if percent <= 0:
        return DoNothing(reasoning="size is zero")
    try:
        setup = _setup(prediction, direction, percent, market, policy)
    except ValueError:
        return DoNothing(reasoning="distances do not fit the price and its tick")
    return PlanTrade(
        trade_setup=setup,
        reasoning=_why(assessment),
        stop_scale=_scale(assessment.review.stop_scale),
        target_scale=_scale(assessment.review.target_scale),
    )


def _scale(factor: float) -> Decimal:
    """Write a review's factor down; the gate applies it once the size is settled."""
    if factor == 1.0:
        return _ONE
    return Decimal(str(factor)).quantize(_SCALE_GRAIN, ROUND_UP)


def round_trip_cost(taker_fee: Decimal, slippage: Decimal) -> float:
    """Give what entering and leaving costs when both take liquidity, as a fraction of notional."""
    return 2.0 * float(taker_fee + slippage)


def _setup(
    prediction: Prediction,
    direction: Direction,
    percent: Decimal,
    market: Market,
    policy: DecisionPolicy,
) -> TradeSetup:
    entry, anchor = None, market.price
    if policy.entry is EntryStyle.LIMIT:
        offset = 1 - direction.sign * policy.limit_offset_percent / _HUNDRED
        entry = anchor = sooner(direction, market.price * offset, market.tick)
    stop, targets = _distances(prediction, policy)
    sign = direction.sign
    return TradeSetup(
        symbol=market.instrument_id,
        direction=direction,
        entry_price=entry,
        stop_loss_price=_rounded(anchor * (1 - sign * stop), market),
        take_profit_prices=tuple(_rounded(anchor * (1 + sign * t), market) for t in targets),
        take_profit_fractions=policy.take_profit_fractions,
        position_size_percent=percent,
        expires_in_secs=policy.entry_expiry_secs,
    )


def _distances(
    prediction: Prediction, policy: DecisionPolicy
) -> tuple[Decimal, tuple[Decimal, ...]]:
    """Give stop and take-profit distances as fractions of price.

    Predicted distances keep the proportions of the configured take profits.
    """
    percents = policy.take_profit_percents
    if policy.distances is Distances.FIXED:
        return policy.stop_percent / _HUNDRED, tuple(percent / _HUNDRED for percent in percents)
    stop = Decimal(str(round(prediction.stop_distance, 6)))
    first = Decimal(str(round(prediction.target_distance, 6)))
    return stop, tuple(first * percent / percents[0] for percent in percents)


def _rounded(price: Decimal, market: Market) -> Decimal:
    """Bring a price to the nearest tick; the gate checks the side again."""
    return (price / market.tick).to_integral_value(ROUND_HALF_EVEN) * market.tick


def _decide_pending(
    assessment: Assessment, pending: Pending, now_ns: int, policy: DecisionPolicy
) -> TradeCommand:
    why = _calls_off(assessment, pending, now_ns, policy)
    if not why:
        return DoNothing(reasoning="entry works")
    return CancelOrder(order_id=pending.plan.order_id, reasoning=why)


def _calls_off(
    assessment: Assessment, pending: Pending, now_ns: int, policy: DecisionPolicy
) -> str:
    if _has_expired(pending, now_ns):
        return EXPIRED
    if _opposes(assessment, pending.plan.direction, policy):
        return "opposite signal"
    return ""


def _decide_active(
    assessment: Assessment, active: Active, now: Snapshot, policy: DecisionPolicy
) -> TradeCommand:
    order_id = active.plan.order_id
    if why := _closes(assessment, active, now.ts_event, policy):
        return CancelOrder(order_id=order_id, reasoning=why)
    if _breaks_even(active, now.market.price, policy):
        stop = _rounded(active.entry_price, now.market)
        if active.plan.direction.sign * (stop - active.stop_loss_price) > 0:
            return AdjustTrade(order_id=order_id, new_stop_loss_price=stop, reasoning="break-even")
    return DoNothing(reasoning="trade stands")


def _closes(assessment: Assessment, active: Active, now_ns: int, policy: DecisionPolicy) -> str:
    if active.closing:
        return ""
    if _is_held_too_long(active, now_ns, policy):
        return _TOO_LONG
    if _opposes(assessment, active.plan.direction, policy):
        return "opposite signal"
    return ""


def _has_expired(pending: Pending, now_ns: int) -> bool:
    return pending.plan.expires_ns is not None and now_ns >= pending.plan.expires_ns


def _is_held_too_long(active: Active, now_ns: int, policy: DecisionPolicy) -> bool:
    return not active.closing and now_ns - active.opened_ns >= policy.max_holding_secs * _SECOND


def _may_break_even(active: Active, price: float, policy: DecisionPolicy) -> bool:
    """Say in floats, a hair too early rather than too late, whether `_breaks_even` can hold."""
    if active.closing or policy.break_even_after_percent == 0:
        return False
    if active.plan.direction.sign * (active.stop_loss_price - active.entry_price) >= 0:
        return False
    entry = float(active.entry_price)
    gain = active.plan.direction.sign * (price - entry) * 100.0
    return gain >= entry * float(policy.break_even_after_percent) * _EARLY


def _breaks_even(active: Active, price: Decimal, policy: DecisionPolicy) -> bool:
    """Say whether the price has run far enough to move the stop to the entry."""
    if active.closing or policy.break_even_after_percent == 0:
        return False
    sign, entry = active.plan.direction.sign, active.entry_price
    if sign * (active.stop_loss_price - entry) >= 0:
        return False
    return sign * (price - entry) * _HUNDRED >= entry * policy.break_even_after_percent


def _why(assessment: Assessment) -> str:
    prediction = assessment.prediction
    p_short, _, p_long = prediction.odds
    return (
        f"confidence {prediction.confidence:.3f}, long {p_long:.3f}, short {p_short:.3f}, "
        f"volatility {prediction.volatility:.5f}, review {assessment.review.verdict.value}"
    )

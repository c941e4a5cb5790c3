"""Laws of the decision: it never fails, it is idle only where it would do nothing, it is fair."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)
from morningstar_strategy.core.decision import (
    decide,
    decide_instead,
    is_idle,
    is_stale,
    round_trip_cost,
    signalled,
    wanted_direction,
)
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.policy import DecisionPolicy, Distances, EntryStyle
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.risk import Approved, Denied, rule_on
from morningstar_strategy.core.sizing import SizingPolicy
from morningstar_strategy.core.state import Active, Flat, Market, Pending, Plan, Snapshot, Trade
from tests.property.strategies import NAMES, NOW_NS, equities, markets, risk_limits

SECOND_NS = 1_000_000_000
SHARES = st.floats(0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything a decision looks at."""

    assessment: Assessment
    now: Snapshot
    policy: DecisionPolicy

    def command(self) -> TradeCommand:
        return decide(self.assessment, self.now, self.policy)

    def is_idle(self) -> bool:
        now = self.now
        return is_idle(
            self.assessment, now.trade, now_ns=now.ts_event, policy=self.policy, cost=self.cost
        )

    @property
    def cost(self) -> float:
        return round_trip_cost(self.now.market.taker_fee, self.now.market.slippage)


# Plain numbers are drawn several times faster than nested values: what follows draws tuples of
# them and builds everything that a decision looks at in one step.

FORECASTS = st.tuples(
    SHARES,
    SHARES,
    SHARES,
    SHARES,
    st.sampled_from((1e-3, 1e-2, 0.0, 5e-324, 1e308)) | st.floats(1e-4, 0.1),
    st.sampled_from((0.035, 1e-300, 1e-7, 0.9999999)) | st.floats(1e-6, 0.2),
    st.sampled_from((0.07, 1e-300, 1e-7, 1.0, 1e308)) | st.floats(1e-6, 2.0),
    st.sampled_from((0.0, 0.0, 0.02, 1e-9, 0.999)) | st.floats(0.0, 0.2),
)
AGES = st.sampled_from((*(0,) * 12, 60, 61, -1, 10**6))
SETUP = TradeSetup(
    symbol=NAMES[0],
    direction=Direction.LONG,
    entry_price=None,
    stop_loss_price=Decimal(90),
    take_profit_prices=(Decimal(120),),
    position_size_percent=Decimal(10),
)
PROPOSALS: tuple[TradeCommand | None, ...] = (
    PlanTrade(trade_setup=SETUP),
    CancelOrder(order_id="P-1"),
    CancelOrder(order_id="unknown"),
    AdjustTrade(order_id="P-1", new_stop_loss_price=Decimal(95)),
    AdjustTrade(order_id="P-1", new_take_profit_prices=(Decimal(130), Decimal(150))),
    DoNothing(),
    *(None,) * 12,
)
REVIEWS = st.tuples(st.sampled_from(Verdict), SHARES | st.just(1.0), st.sampled_from(PROPOSALS))
CHOICES = st.sampled_from(
    tuple(product(EntryStyle, Distances, *(((False, True),) * 5)))  # every combination
)
HUNDREDTHS = st.integers(1, 9_999)
POLICIES = st.tuples(
    CHOICES,
    st.tuples(SHARES, SHARES, SHARES),
    st.tuples(st.integers(0, 9_999), HUNDREDTHS, st.integers(0, 2_000), HUNDREDTHS),
    st.lists(HUNDREDTHS, min_size=1, max_size=5),
    st.integers(1, 7_200),
)
# Direction, entry, stop and target in ticks, planned so many seconds ago; kind 0 is flat
TRADES = st.tuples(
    st.integers(0, 3),
    st.sampled_from(Direction),
    st.integers(-150, 150),
    st.integers(1, 150),
    st.integers(1, 300),
    st.integers(0, 9_000),
    st.integers(0, 9),
)


def forecast(
    market: Market,
    parts: tuple[float, float, float, float, float, float, float, float],
    age_secs: int,
) -> Prediction:
    long, rest, confidence, turbulence, volatility, stop, target, barrier = parts
    short = (1.0 - long) * rest
    return Prediction(
        instrument_id=market.instrument_id,
        ts_event=NOW_NS - age_secs * SECOND_NS,
        price=float(market.price),
        p_short=short,
        p_flat=max(1.0 - long - short, 0.0),
        p_long=long,
        confidence=confidence,
        volatility=volatility,
        turbulence=turbulence,
        stop_distance=stop,
        target_distance=target,
        model="drawn",
        barrier=barrier,
    )


def opinion(verdict: Verdict, scale: float, proposal: TradeCommand | None) -> Review:
    scale = 0.0 if verdict is Verdict.VETOED else scale
    return Review(verdict=verdict, scale=scale, reason="drawn", proposal=proposal)


def fractions_of(count: int) -> tuple[Decimal, ...]:
    return (*(Decimal("0.1"),) * (count - 1), 1 - Decimal("0.1") * (count - 1))


def policy_of(
    choices: tuple[EntryStyle, Distances, bool, bool, bool, bool, bool],
    shares: tuple[float, float, float],
    hundredths: tuple[int, int, int, int],
    targets: list[int],
    holding: int,
) -> DecisionPolicy:
    entry, distances, opposite, short, proposals, weighted, usual = choices
    offset, stop, even, most = (Decimal(value).scaleb(-2) for value in hundredths)
    percents = tuple(Decimal(value).scaleb(-2) for value in targets)
    if usual:
        offset, stop, percents = Decimal("0.1"), Decimal("3.5"), (Decimal(4), Decimal(7))
    return DecisionPolicy(
        min_confidence=shares[0] / 2,
        max_turbulence=1 - shares[1] / 2,
        entry=entry,
        limit_offset_percent=offset,
        distances=distances,
        stop_percent=stop,
        take_profit_percents=percents,
        take_profit_fractions=fractions_of(len(percents)) if weighted else (),
        max_holding_secs=holding,
        break_even_after_percent=even,
        close_on_opposite=opposite,
        allow_short=short,
        accept_proposals=proposals,
        sizing=SizingPolicy(max_size_percent=most, least_share=max(shares[2], 1e-6)),
    )


def trade_of(
    market: Market, kind: int, direction: Direction, entry: int, stop: int, target: int,
    age_secs: int, dust: int,
) -> Trade:  # fmt: skip
    """Build a trade around the market; `dust` puts its average entry off the tick."""
    sign, tick, then = direction.sign, market.tick, NOW_NS - age_secs * SECOND_NS
    price = market.price + entry * tick
    setup = TradeSetup(
        symbol=market.instrument_id,
        direction=direction,
        entry_price=price,
        stop_loss_price=max(price - sign * stop * tick, tick),
        take_profit_prices=(max(price + sign * target * tick, tick),),
        position_size_percent=Decimal(10),
        expires_in_secs=3_600,
    )
    plan = Plan(order_id="P-1", setup=setup, quantity=market.lot, planned_ns=then, reason="drawn")
    if kind == 1:
        return Pending(plan=plan)
    return Active(
        plan=plan,
        opened_ns=then,
        entry_price=price + tick * dust / 7,
        open_quantity=plan.quantity,
        stop_loss_price=setup.stop_loss_price,
        take_profit_prices=setup.take_profit_prices,
        closing=kind == 2 and dust == 0,
    )


def _moment(drawn: tuple[Any, ...], *, kind: int | None = None, own: bool = False) -> Moment:
    """Put a moment together; `kind` forces the state, `own` leaves proposals out."""
    market, forecast_parts, age, review, chosen, equity, trade = drawn
    verdict, scale, proposal = review
    kind = trade[0] if kind is None else kind
    return Moment(
        assessment=Assessment(
            prediction=forecast(market, forecast_parts, age),
            review=opinion(verdict, scale, None if own else proposal),
        ),
        now=Snapshot(
            ts_event=NOW_NS,
            equity=equity,
            market=market,
            trade=trade_of(market, kind, *trade[1:]) if kind else Flat(),
        ),
        policy=policy_of(*chosen),
    )


PARTS = st.tuples(markets(), FORECASTS, AGES, REVIEWS, POLICIES, equities(), TRADES)
MOMENTS = PARTS.map(_moment)
OWN_MOMENTS = PARTS.map(lambda drawn: _moment(drawn, own=True))
FLAT_MOMENTS = PARTS.map(lambda drawn: _moment(drawn, kind=0))
OWN_FLAT_MOMENTS = PARTS.map(lambda drawn: _moment(drawn, kind=0, own=True))
OWN_ACTIVE_MOMENTS = PARTS.map(lambda drawn: _moment(drawn, kind=3, own=True))


@given(MOMENTS)
def test_what_is_idle_does_nothing(moment: Moment) -> None:
    if moment.is_idle():
        assert isinstance(moment.command(), DoNothing)


@given(MOMENTS, risk_limits())
def test_every_decision_is_a_command_that_the_gate_can_rule_on(
    moment: Moment, limits: RiskLimits
) -> None:
    command = moment.command()
    ruling = rule_on(command, moment.now, limits, RiskMemory())
    if isinstance(ruling, Denied):
        assert ruling.reason
        assert ruling.rule


@given(OWN_MOMENTS)
def test_the_gate_knows_every_order_that_a_decision_of_our_own_names(moment: Moment) -> None:
    command = moment.command()
    if isinstance(command, CancelOrder | AdjustTrade):
        ruling = rule_on(command, moment.now, RiskLimits(), RiskMemory())
        assert not (isinstance(ruling, Denied) and ruling.rule == "known_order")
    if isinstance(command, CancelOrder):
        assert isinstance(rule_on(command, moment.now, RiskLimits(), RiskMemory()), Approved)


@given(MOMENTS)
def test_a_stale_prediction_only_ends_what_is_overdue(moment: Moment) -> None:
    now, trade = moment.now, moment.now.trade
    if not is_stale(moment.assessment.prediction, now_ns=now.ts_event, policy=moment.policy):
        return
    overdue = False
    if isinstance(trade, Pending):
        overdue = trade.plan.expires_ns is not None and now.ts_event >= trade.plan.expires_ns
    if isinstance(trade, Active) and not trade.closing:
        overdue = now.ts_event - trade.opened_ns >= moment.policy.max_holding_secs * 10**9
    command = moment.command()
    if overdue:
        assert isinstance(command, CancelOrder)
    else:
        assert command == DoNothing(reasoning="prediction is stale")


@given(MOMENTS)
def test_a_proposed_entry_rests_no_longer_than_one_of_our_own(moment: Moment) -> None:
    command = moment.command()
    if isinstance(command, PlanTrade):
        secs = command.trade_setup.expires_in_secs
        assert secs is not None
        assert secs <= moment.policy.entry_expiry_secs


@given(MOMENTS)
def test_no_proposal_keeps_a_stop_from_coming_nearer(moment: Moment) -> None:
    alone = replace(moment.assessment, review=replace(moment.assessment.review, proposal=None))
    own, trade = replace(moment, assessment=alone).command(), moment.now.trade
    limits, memory = RiskLimits(), RiskMemory()
    if not (isinstance(own, AdjustTrade) and isinstance(trade, Active)):
        return
    if not isinstance(rule_on(own, moment.now, limits, memory), Approved):
        return
    done = [rule_on(moment.command(), moment.now, limits, memory)]
    instead = decide_instead(moment.assessment, moment.now, moment.policy)
    if isinstance(done[0], Denied) and instead is not None:
        done.append(rule_on(instead, moment.now, limits, memory))
    approved = [each.command for each in done if isinstance(each, Approved)]
    sign = trade.plan.direction.sign
    assert any(
        isinstance(each, CancelOrder)
        or (
            isinstance(each, AdjustTrade)
            and each.new_stop_loss_price is not None
            and own.new_stop_loss_price is not None
            and sign * (each.new_stop_loss_price - own.new_stop_loss_price) >= 0
        )
        for each in approved
    )


@given(FLAT_MOMENTS)
def test_a_veto_never_opens(moment: Moment) -> None:
    vetoed = replace(moment.assessment.review, verdict=Verdict.VETOED, scale=0.0)
    assessment = replace(moment.assessment, review=vetoed)
    assert not isinstance(replace(moment, assessment=assessment).command(), PlanTrade)


def _percent(moment: Moment) -> Decimal:
    command = moment.command()
    if not isinstance(command, PlanTrade):
        return Decimal(0)
    return command.trade_setup.position_size_percent


@given(FLAT_MOMENTS, SHARES, SHARES)
def test_a_lower_scale_never_raises_the_size(moment: Moment, one: float, two: float) -> None:
    low, high = sorted((one, two))
    sizes = []
    for scale in (low, high):
        review = opinion(Verdict.REDUCED, scale, None)
        assessment = replace(moment.assessment, review=review)
        sizes.append(_percent(replace(moment, assessment=assessment)))
    assert sizes[0] <= sizes[1]


@given(OWN_FLAT_MOMENTS)
def test_a_plan_never_asks_for_more_than_the_policy_allows(moment: Moment) -> None:
    command = moment.command()
    if isinstance(command, PlanTrade):
        setup, policy = command.trade_setup, moment.policy
        assert 0 < setup.position_size_percent <= policy.sizing.max_size_percent
        assert setup.expires_in_secs == policy.entry_expiry_secs
        assert (setup.entry_price is None) == (policy.entry is EntryStyle.MARKET)
        grid = (setup.stop_loss_price, *setup.take_profit_prices)
        assert [price for price in grid if price % moment.now.market.tick] == []


@given(FLAT_MOMENTS)
def test_mirrored_predictions_want_mirrored_directions(moment: Moment) -> None:
    policy = replace(moment.policy, allow_short=True)
    prediction = moment.assessment.prediction
    mirrored = replace(prediction, p_short=prediction.p_long, p_long=prediction.p_short)
    one = wanted_direction(moment.assessment, policy, cost=moment.cost)
    other = wanted_direction(
        replace(moment.assessment, prediction=mirrored), policy, cost=moment.cost
    )
    assert other == (None if one is None else one.opposite)
    assert (signalled(prediction) is None) == (signalled(mirrored) is None)


@given(FLAT_MOMENTS)
def test_even_odds_never_open_and_odds_open_only_what_they_pay_for(moment: Moment) -> None:
    prediction = moment.assessment.prediction
    proposed = moment.assessment.review.proposal is not None
    if prediction.barrier > 0.0 and isinstance(moment.command(), PlanTrade) and not proposed:
        gap = abs(prediction.p_long - prediction.p_short)
        assert gap * prediction.barrier > moment.cost
    odds = min(prediction.p_short, 0.5)
    even = replace(prediction, p_short=odds, p_flat=1.0 - 2.0 * odds, p_long=odds, abstained="")
    own = replace(moment.assessment.review, proposal=None)
    assessment = replace(moment.assessment, prediction=even, review=own)
    assert not isinstance(replace(moment, assessment=assessment).command(), PlanTrade)


@given(MOMENTS)
def test_more_confidence_never_takes_a_wish_away(moment: Moment) -> None:
    surer = replace(moment.assessment.prediction, confidence=1.0)
    wanted = wanted_direction(moment.assessment, moment.policy, cost=moment.cost)
    if wanted is not None:
        sure = replace(moment.assessment, prediction=surer)
        assert wanted_direction(sure, moment.policy, cost=moment.cost) is wanted


@given(OWN_ACTIVE_MOMENTS)
def test_a_closing_trade_is_not_called_off_again(moment: Moment) -> None:
    assert isinstance(moment.now.trade, Active)
    closing = replace(moment.now.trade, closing=True)
    again = replace(moment, now=replace(moment.now, trade=closing))
    assert isinstance(again.command(), DoNothing)


@given(OWN_ACTIVE_MOMENTS)
def test_break_even_never_asks_for_a_wider_stop(moment: Moment) -> None:
    command, trade = moment.command(), moment.now.trade
    if isinstance(command, AdjustTrade) and isinstance(trade, Active):
        stop, sign = command.new_stop_loss_price, trade.plan.direction.sign
        assert stop is not None
        assert sign * (stop - trade.stop_loss_price) > 0
        moved = replace(moment, now=replace(moment.now, trade=trade.stopped_at(stop)))
        assert not isinstance(moved.command(), AdjustTrade)


@given(MOMENTS)
def test_a_decision_does_not_hang_on_how_others_break_ties(moment: Moment) -> None:
    asked = moment.command()
    with localcontext() as context:  # as ccxt leaves it
        context.rounding = ROUND_HALF_UP
        assert moment.command() == asked

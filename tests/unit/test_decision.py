"""Examples of decisions: entries, sizes, distances, exits, and policies that make no sense."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)
from morningstar_strategy.core.decision import decide, decide_instead, is_idle, round_trip_cost
from morningstar_strategy.core.policy import DecisionPolicy, Distances, EntryStyle
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.sizing import SizingPolicy
from morningstar_strategy.core.state import Active, Flat, Market, Pending, Plan, Snapshot, Trade

SECOND = 1_000_000_000
NOW = 10**18
MARKET = Market(
    instrument_id="BTCUSDT-PERP.BINANCE",
    price=Decimal("1000.0"),
    ts_price=NOW,
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    min_quantity=Decimal(0),
    min_notional=Decimal(0),
    maker_fee=Decimal(0),
    taker_fee=Decimal(0),
    slippage=Decimal(0),
)


def forecast(**changes: Any) -> Prediction:
    told: dict[str, Any] = {
        "instrument_id": MARKET.instrument_id,
        "ts_event": NOW,
        "price": 1000.0,
        "p_short": 0.1,
        "p_flat": 0.2,
        "p_long": 0.7,
        "confidence": 0.8,
        "volatility": 0.001,
        "turbulence": 0.2,
        "stop_distance": 0.02,
        "target_distance": 0.05,
        "model": "told",
    }
    return Prediction(**(told | changes))


DOWN = {"p_short": 0.7, "p_long": 0.1}


def decided(
    policy: DecisionPolicy,
    prediction: Prediction,
    *,
    trade: Trade | None = None,
    review: Review | None = None,
    market: Market = MARKET,
) -> TradeCommand:
    now = Snapshot(ts_event=NOW, equity=Decimal(10_000), market=market, trade=trade or Flat())
    assessment = Assessment(prediction=prediction, review=review or Review.abstain("off"))
    command = decide(assessment, now, policy)
    cost = round_trip_cost(market.taker_fee, market.slippage)
    if is_idle(assessment, now.trade, now_ns=NOW, policy=policy, cost=cost):
        assert isinstance(command, DoNothing)
    return command


def planned(policy: DecisionPolicy, prediction: Prediction, **more: Any) -> TradeSetup:
    command = decided(policy, prediction, **more)
    assert isinstance(command, PlanTrade), command
    return command.trade_setup


def nothing(reason: str) -> DoNothing:
    return DoNothing(reasoning=reason)


def test_a_long_at_market_has_the_fixed_distances() -> None:
    setup = planned(DecisionPolicy(), forecast())
    assert (setup.direction, setup.entry_price) == (Direction.LONG, None)
    assert setup.stop_loss_price == Decimal(965)
    assert setup.take_profit_prices == (Decimal(1070),)
    assert setup.expires_in_secs == 3_600


def test_a_short_mirrors_it() -> None:
    setup = planned(DecisionPolicy(), forecast(**DOWN))
    assert setup.direction is Direction.SHORT
    assert (setup.stop_loss_price, setup.take_profit_prices) == (Decimal(1035), (Decimal(930),))


@pytest.mark.parametrize(
    ("odds", "entry", "stop", "target"),
    [({}, "999.0", "964.0", "1068.9"), (DOWN, "1001.0", "1036.0", "930.9")],
)
def test_a_limit_stands_off_the_market_and_everything_is_counted_from_it(
    odds: dict[str, float], entry: str, stop: str, target: str
) -> None:
    setup = planned(DecisionPolicy(entry=EntryStyle.LIMIT), forecast(**odds))
    assert setup.entry_price == Decimal(entry)
    assert setup.stop_loss_price == Decimal(stop)
    assert setup.take_profit_prices == (Decimal(target),)


def test_predicted_distances_keep_the_proportions_of_the_targets() -> None:
    policy = DecisionPolicy(
        distances=Distances.PREDICTED, take_profit_percents=(Decimal(2), Decimal(3))
    )
    setup = planned(policy, forecast())
    assert setup.stop_loss_price == Decimal(980)
    assert setup.take_profit_prices == (Decimal(1050), Decimal(1075))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confidence": 0.59}, "no signal"),
        ({"turbulence": 0.91}, "no signal"),
        ({"p_long": 0.4, "p_flat": 0.2, "p_short": 0.4}, "no signal"),
        ({"p_long": 0.4, "p_flat": 0.4, "p_short": 0.2}, "no signal"),
        ({"volatility": 0.0}, "size is zero"),
        ({"ts_event": NOW - 61 * SECOND}, "prediction is stale"),
        ({"ts_event": NOW + 1}, "prediction is stale"),
    ],
)
def test_what_speaks_against_an_entry(changes: dict[str, float], reason: str) -> None:
    assert decided(DecisionPolicy(), forecast(**changes)) == nothing(reason)


@pytest.mark.parametrize(
    "changes", [{"confidence": 0.6}, {"turbulence": 0.9}, {"ts_event": NOW - 60 * SECOND}]
)
def test_a_limit_that_is_just_reached_still_allows_an_entry(changes: dict[str, Any]) -> None:
    assert isinstance(decided(DecisionPolicy(), forecast(**changes)), PlanTrade)


def test_shorts_are_left_alone_by_policy_and_where_they_cannot_be() -> None:
    assert decided(DecisionPolicy(allow_short=False), forecast(**DOWN)) == nothing("no signal")
    spot = replace(MARKET, can_short=False)
    told = decided(DecisionPolicy(), forecast(**DOWN), market=spot)
    assert told == nothing("cannot be sold short")


@pytest.mark.parametrize(
    "market",
    [
        replace(MARKET, price=Decimal(12), tick=Decimal(1)),  # 3.5 % is less than half a tick
        replace(MARKET, price=Decimal(1), tick=Decimal(1)),
    ],
)
@pytest.mark.parametrize("entry", list(EntryStyle))
@pytest.mark.parametrize("odds", [{}, DOWN])
def test_distances_below_a_tick_open_nothing(
    market: Market, entry: EntryStyle, odds: dict[str, float]
) -> None:
    policy = DecisionPolicy(entry=entry, limit_offset_percent=Decimal(0))
    told = decided(policy, forecast(**odds), market=market)
    if isinstance(told, PlanTrade):  # a target may be a tick away where the stop is none
        assert told.trade_setup.entry_price is None
    else:
        assert told == nothing("distances do not fit the price and its tick")


def test_a_short_whose_target_would_be_below_zero_opens_nothing() -> None:
    policy = DecisionPolicy(distances=Distances.PREDICTED)
    told = decided(policy, forecast(**DOWN, target_distance=1.0))
    assert told == nothing("distances do not fit the price and its tick")


def test_a_review_scales_the_size() -> None:
    sizing = SizingPolicy(target_volatility_percent=Decimal("0.01"))
    policy = DecisionPolicy(sizing=sizing)
    half = Review(verdict=Verdict.REDUCED, scale=0.5, reason="half")
    whole = planned(policy, forecast()).position_size_percent
    reduced = planned(policy, forecast(), review=half).position_size_percent
    assert abs(reduced * 2 - whole) <= Decimal("0.0002")


# ---------------------------------------------------------------- open plans


def pending(**changes: Any) -> Pending:
    told: dict[str, Any] = {
        "symbol": MARKET.instrument_id,
        "direction": Direction.LONG,
        "entry_price": Decimal(990),
        "stop_loss_price": Decimal(955),
        "take_profit_prices": (Decimal(1060),),
        "position_size_percent": Decimal(10),
        "expires_in_secs": 3_600,
    }
    setup = TradeSetup(**(told | changes))
    return Pending(
        plan=Plan(
            order_id="P-7", setup=setup, quantity=Decimal(1), planned_ns=NOW - SECOND, reason=""
        )
    )


def active(**changes: Any) -> Active:
    told: dict[str, Any] = {
        "plan": pending().plan,
        "opened_ns": NOW - SECOND,
        "entry_price": Decimal(990),
        "open_quantity": Decimal(1),
        "stop_loss_price": Decimal(955),
        "take_profit_prices": (Decimal(1060),),
    }
    return Active(**(told | changes))


def test_a_waiting_entry_is_called_off_when_its_time_is_over_or_the_signal_turns() -> None:
    policy = DecisionPolicy()
    assert decided(policy, forecast(), trade=pending()) == nothing("entry works")
    over = pending(expires_in_secs=1)
    told = decided(policy, forecast(), trade=over)
    assert told == CancelOrder(order_id="P-7", reasoning="entry expired")
    told = decided(policy, forecast(**DOWN), trade=pending())
    assert told == CancelOrder(order_id="P-7", reasoning="opposite signal")


def test_an_entry_without_expiry_waits() -> None:
    told = decided(DecisionPolicy(), forecast(), trade=pending(expires_in_secs=None))
    assert told == nothing("entry works")


def test_a_trade_is_closed_after_its_time_and_on_an_opposite_signal() -> None:
    policy = DecisionPolicy(max_holding_secs=1)
    told = decided(policy, forecast(), trade=active())
    assert told == CancelOrder(order_id="P-7", reasoning="held for the maximum time")
    policy = DecisionPolicy(max_holding_secs=2)
    assert decided(policy, forecast(), trade=active()) == nothing("trade stands")
    told = decided(policy, forecast(**DOWN), trade=active())
    assert told == CancelOrder(order_id="P-7", reasoning="opposite signal")
    patient = replace(policy, close_on_opposite=False)
    assert decided(patient, forecast(**DOWN), trade=active()) == nothing("trade stands")


def test_an_unsure_opposite_signal_closes_nothing() -> None:
    told = decided(DecisionPolicy(), forecast(**DOWN, confidence=0.5), trade=active())
    assert told == nothing("trade stands")


def test_a_veto_does_not_silence_an_exit() -> None:
    vetoed = Review(verdict=Verdict.VETOED, scale=0.0, reason="no")
    told = decided(DecisionPolicy(), forecast(**DOWN), trade=active(), review=vetoed)
    assert told == CancelOrder(order_id="P-7", reasoning="opposite signal")


@pytest.mark.parametrize(
    ("price", "moves"), [("1019.6", False), ("1019.7", True), ("1024.6", True), ("980", False)]
)
def test_break_even_comes_with_the_said_gain(price: str, *, moves: bool) -> None:
    policy = DecisionPolicy(break_even_after_percent=Decimal(3))
    market = replace(MARKET, price=Decimal(price))
    told = decided(policy, forecast(price=float(price)), trade=active(), market=market)
    expected = AdjustTrade(
        order_id="P-7", new_stop_loss_price=Decimal("990.0"), reasoning="break-even"
    )
    assert told == (expected if moves else nothing("trade stands"))


def test_break_even_that_is_off_or_done_moves_nothing() -> None:
    market = replace(MARKET, price=Decimal(1050))
    for trade, percent in (
        (active(), Decimal(0)),
        (active(stop_loss_price=Decimal(990)), Decimal(3)),
        (active(stop_loss_price=Decimal(1000)), Decimal(3)),
        (active(closing=True), Decimal(3)),
    ):
        policy = DecisionPolicy(break_even_after_percent=percent)
        told = decided(policy, forecast(price=1050.0), trade=trade, market=market)
        assert told == nothing("trade stands")


# ---------------------------------------------------------------- proposals


def test_a_proposal_goes_first_where_it_is_accepted_and_not_when_stale() -> None:
    proposal = CancelOrder(order_id="P-7", reasoning="war")
    review = Review(verdict=Verdict.CONFIRMED, proposal=proposal)
    accepting = DecisionPolicy(accept_proposals=True)
    assert decided(accepting, forecast(), trade=active(), review=review) == proposal
    told = decided(DecisionPolicy(), forecast(), trade=active(), review=review)
    assert told == nothing("trade stands")
    old = forecast(ts_event=NOW - 61 * SECOND)
    told = decided(accepting, old, trade=active(), review=review)
    assert told == nothing("prediction is stale")


def test_a_model_that_abstains_opens_nothing_not_even_on_a_proposal() -> None:
    silent = forecast(p_short=0.0, p_flat=1.0, p_long=0.0, abstained="drifted")
    assert decided(DecisionPolicy(min_confidence=0.0), silent) == nothing("no signal")
    setup = planned(DecisionPolicy(), forecast())
    plan = PlanTrade(trade_setup=setup, reasoning="I know better")
    review = Review(verdict=Verdict.CONFIRMED, proposal=plan)
    accepting = DecisionPolicy(accept_proposals=True)
    told = decided(accepting, silent, review=review)
    assert told == nothing("no signal")
    leaving = Review(
        verdict=Verdict.CONFIRMED, proposal=CancelOrder(order_id="P-7", reasoning="war")
    )
    assert decided(accepting, silent, trade=active(), review=leaving) == leaving.proposal


def test_an_answer_that_came_too_late_still_ends_what_is_overdue() -> None:
    late = forecast(ts_event=NOW - 61 * SECOND)
    held = active(opened_ns=NOW - DecisionPolicy().max_holding_secs * SECOND)
    told = decided(DecisionPolicy(), late, trade=held)
    assert told == CancelOrder(order_id="P-7", reasoning="held for the maximum time")
    told = decided(DecisionPolicy(), late, trade=active())
    assert told == nothing("prediction is stale")


@pytest.mark.parametrize(
    ("given", "kept"), [(None, 3_600), (999_999_999, 3_600), (3_600, 3_600), (60, 60)]
)
def test_a_proposed_entry_expires_as_ours_does_or_sooner(given: int | None, kept: int) -> None:
    setup = replace(planned(DecisionPolicy(), forecast()), expires_in_secs=given)
    plan = PlanTrade(trade_setup=setup, reasoning="a limit")
    review = Review(verdict=Verdict.CONFIRMED, proposal=plan)
    told = planned(DecisionPolicy(accept_proposals=True), forecast(), review=review)
    assert told.expires_in_secs == kept


@pytest.mark.parametrize(
    ("stop", "targets", "kept"),
    [
        (None, ("1200",), "990"),  # says nothing of the stop
        ("970", (), "990"),  # wants it where it would lose more
        ("1010", (), "1010"),  # wants it nearer than we do
    ],
)
def test_a_proposed_adjustment_does_not_hold_up_break_even(
    stop: str | None, targets: tuple[str, ...], kept: str
) -> None:
    proposal = AdjustTrade(
        order_id="P-7",
        new_stop_loss_price=None if stop is None else Decimal(stop),
        new_take_profit_prices=tuple(map(Decimal, targets)),
    )
    policy = DecisionPolicy(accept_proposals=True, break_even_after_percent=Decimal(3))
    market = replace(MARKET, price=Decimal(1050))
    review = Review(verdict=Verdict.CONFIRMED, proposal=proposal)
    told = decided(policy, forecast(price=1050.0), trade=active(), review=review, market=market)
    assert isinstance(told, AdjustTrade)
    assert told.new_stop_loss_price == Decimal(kept)
    assert told.new_take_profit_prices == proposal.new_take_profit_prices


def test_where_a_proposal_is_denied_our_own_stop_is_moved_and_nothing_is_opened() -> None:
    policy = DecisionPolicy(accept_proposals=True, break_even_after_percent=Decimal(3))
    market = replace(MARKET, price=Decimal(1050))
    review = Review(verdict=Verdict.CONFIRMED, proposal=DoNothing(reasoning="wait"))
    assessment = Assessment(prediction=forecast(price=1050.0), review=review)
    now = Snapshot(ts_event=NOW, equity=Decimal(10_000), market=market, trade=active())
    own = decide_instead(assessment, now, policy)
    assert isinstance(own, AdjustTrade)
    assert own.new_stop_loss_price == Decimal(990)
    assert decide_instead(assessment, replace(now, trade=Flat()), policy) is None
    silent = replace(assessment, review=Review(verdict=Verdict.CONFIRMED))
    assert decide_instead(silent, now, policy) is None


# ---------------------------------------------------------------- odds


COSTLY = replace(MARKET, taker_fee=Decimal("0.0005"), slippage=Decimal("0.0002"))


def test_odds_that_do_not_cover_the_round_trip_open_nothing() -> None:
    thin = forecast(p_short=0.3, p_flat=0.34, p_long=0.36, barrier=0.02, confidence=0.545)
    assert decided(DecisionPolicy(), thin, market=COSTLY) == nothing("no signal")  # 12 bp for 14
    assert planned(DecisionPolicy(), thin).direction is Direction.LONG  # were trading free


def test_odds_that_pay_are_taken_by_the_default_policy_though_flat_is_the_likeliest() -> None:
    paying = forecast(p_short=0.2, p_flat=0.5, p_long=0.3, barrier=0.02, confidence=0.6)
    setup = planned(DecisionPolicy(), paying, market=COSTLY)  # 20 bp for 14
    assert setup.direction is Direction.LONG
    votes = replace(paying, barrier=0.0)
    assert decided(DecisionPolicy(), votes, market=COSTLY) == nothing("no signal")


def test_even_odds_open_nothing_however_bold_the_policy() -> None:
    bold = DecisionPolicy(
        min_confidence=0.0,
        sizing=SizingPolicy(kelly_share=1.0, least_share=1.0, target_volatility_percent=Decimal(9)),
    )
    even = forecast(p_short=0.45, p_flat=0.1, p_long=0.45, barrier=0.1, confidence=0.5)
    assert decided(bold, even) == nothing("no signal")
    assert decided(bold, even, market=COSTLY) == nothing("no signal")


# ---------------------------------------------------------------- policies


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"min_confidence": 1.1}, "min_confidence must be in [0, 1], was 1.1"),
        ({"min_confidence": float("nan")}, "min_confidence must be in [0, 1], was nan"),
        ({"max_turbulence": -0.1}, "max_turbulence must be in [0, 1], was -0.1"),
        ({"max_age_secs": 0}, "max_age_secs must be positive, was 0"),
        ({"entry_expiry_secs": 0}, "entry_expiry_secs must be positive, was 0"),
        ({"max_holding_secs": -1}, "max_holding_secs must be positive, was -1"),
        ({"cooldown_secs": -1}, "cooldown_secs must not be negative, was -1"),
        ({"stop_percent": Decimal(0)}, "stop_percent must be in (0, 100), was 0"),
        ({"stop_percent": Decimal(100)}, "stop_percent must be in (0, 100), was 100"),
        ({"limit_offset_percent": Decimal(-1)}, "limit_offset_percent must be in [0, 100), was -1"),
        ({"break_even_after_percent": Decimal(-1)}, "break_even_after_percent must not be neg"),
        ({"take_profit_percents": ()}, "take_profit_percents must be one to five numbers"),
        ({"take_profit_percents": (Decimal(1),) * 6}, "take_profit_percents must be one to five"),
        ({"take_profit_percents": (Decimal(0),)}, "take_profit_percents must be one to five"),
        ({"take_profit_fractions": (Decimal("0.5"),) * 2}, "take_profit_fractions must be as many"),
        ({"take_profit_fractions": (Decimal("0.9"),)}, "take_profit_fractions must sum to 1"),
        (
            {
                "take_profit_percents": (Decimal(1), Decimal(2)),
                "take_profit_fractions": (Decimal(2), Decimal(-1)),
            },
            "take_profit_fractions must be positive numbers",
        ),
        (
            {
                "take_profit_percents": (Decimal(1), Decimal(2)),
                "take_profit_fractions": (Decimal(0), Decimal(1)),
            },
            "take_profit_fractions must be positive numbers",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as e:
        DecisionPolicy(**changes)
    assert str(e.value).startswith(words)

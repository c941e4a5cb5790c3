"""What a reviewer may do: veto, reduce and propose, on bars made by hand."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import pytest
from nautilus_trader.model import Money

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)
from morningstar_strategy.core.ledger import MOST_REFUSALS
from morningstar_strategy.core.records import Kind
from morningstar_strategy.core.review import Review, ReviewRequest, Verdict
from morningstar_strategy.core.sizing import SizingPolicy
from tests.harness.market import perpetual
from tests.harness.runs import Rig, of_kind
from tests.integration.told import (
    Ohlc,
    fills,
    flat,
    index_of,
    last_end,
    left_over,
    limit_policy,
    plans,
    policy,
    rig,
    rulings,
)

F = flat(1000)
ENTRY = (1, "entry", "BUY", "1.000", "1000.0")
NAME: Final = "BTCUSDT-PERP.BINANCE"
PLAN_ID: Final = "O-20231114-222500-001-001-1"  # of a plan made at bar 1
LISTENING = policy(accept_proposals=True)

type Says = Review | TradeCommand


class ScriptedReviewer:
    """Says at some bars what the script says, and abstains at the others."""

    def __init__(self, script: Mapping[int, Says]) -> None:
        self._script = script

    def review(self, request: ReviewRequest) -> Review:
        said = self._script.get(index_of(request.prediction.ts_event))
        match said:
            case None:
                return Review.abstain("off")
            case Review():
                return said
            case _:
                return Review(verdict=Verdict.CONFIRMED, proposal=said)


def told_by(
    script: Mapping[int, Says],
    at: Mapping[int, int],
    *,
    bars: list[Ohlc] | None = None,
    **changes: Any,
) -> Rig:
    given = {"decision": LISTENING, "reviewer": ScriptedReviewer(script), **changes}
    return rig(bars or [F] * 8, at, **given)


def proposed(**changes: Any) -> PlanTrade:
    told: dict[str, Any] = {
        "symbol": NAME,
        "direction": Direction.LONG,
        "entry_price": None,
        "stop_loss_price": Decimal(970),
        "take_profit_prices": (Decimal(1030),),
        "position_size_percent": Decimal(10),
    }
    return PlanTrade(trade_setup=TradeSetup(**(told | changes)), reasoning="proposed")


def adjust(stop: str | None = None, *targets: str, order_id: str = PLAN_ID) -> AdjustTrade:
    return AdjustTrade(
        order_id=order_id,
        new_stop_loss_price=None if stop is None else Decimal(stop),
        new_take_profit_prices=tuple(Decimal(price) for price in targets),
    )


# ---------------------------------------------------------------- reviews


def test_a_veto_opens_nothing() -> None:
    vetoed = Review(verdict=Verdict.VETOED, scale=0.0, reason="no")
    used = told_by({1: vetoed}, {1: 1, 3: 1})
    assert fills(used.run()) == [(3, "entry", "BUY", "1.000", "1000.0")]


def test_a_veto_does_not_keep_a_position_open() -> None:
    vetoed = Review(verdict=Verdict.VETOED, scale=0.0, reason="no")
    records = told_by({3: vetoed}, {1: 1, 3: -1}).run()
    assert fills(records)[-1] == (3, "close", "SELL", "1.000", "1000.0")


@pytest.mark.parametrize(("scale", "quantity"), [(1.0, "0.102"), (0.5, "0.051"), (0.0, None)])
def test_a_reduction_scales_the_size(scale: float, quantity: str | None) -> None:
    # Volatility 0.001 over 96 bars is 0.0098: a target of 0.01 % gives 1.0206 % of equity
    sizing = SizingPolicy(target_volatility_percent=Decimal("0.01"), max_size_percent=Decimal(10))
    reduced = Review(verdict=Verdict.REDUCED, scale=scale, reason="less")
    records = told_by({1: reduced}, {1: 1}, decision=policy(sizing=sizing)).run()
    assert [told[3] for told in fills(records)] == ([quantity] if quantity else [])


def test_the_review_is_recorded_with_what_came_of_it() -> None:
    reduced = Review(verdict=Verdict.REDUCED, scale=0.5, reason="less of it")
    (assessment,) = of_kind(told_by({1: reduced}, {1: 1}).run(), Kind.ASSESSMENT)
    assert (assessment.fields["verdict"], assessment.fields["scale"]) == ("reduced", 0.5)
    assert assessment.fields["review"] == "less of it"


# ---------------------------------------------------------------- proposals


def test_a_proposed_plan_is_traded_through_the_gate() -> None:
    bars: list[Ohlc] = [F, F, F, (1000, 1035, 1000, 1030), F]
    used = told_by({1: proposed(position_size_percent=Decimal(100))}, {}, bars=bars)
    records = used.run()
    assert fills(records) == [
        (1, "entry", "BUY", "10.000", "1000.0"),
        (3, "target", "SELL", "10.000", "1030.0"),
    ]
    assert left_over(used) == []


def test_a_policy_that_accepts_no_proposals_ignores_them() -> None:
    assert told_by({1: proposed()}, {}, decision=policy()).run()[1:-1] == []


def test_a_veto_with_a_proposal_opens_nothing() -> None:
    vetoed = Review(verdict=Verdict.VETOED, scale=0.0, reason="no", proposal=proposed())
    assert fills(told_by({1: vetoed}, {1: 1}).run()) == []


@pytest.mark.parametrize(
    ("bar", "said", "rule"),
    [
        (0, CancelOrder(order_id=PLAN_ID), "known_order"),
        (0, adjust("990"), "known_order"),
        (3, CancelOrder(order_id="\x00 nobody's \U0001f600"), "known_order"),
        (3, adjust("990", order_id="nobody's"), "known_order"),
        (3, proposed(), "one_plan_per_instrument"),
        (3, adjust("970"), "adjustment_reduces_risk"),
        (3, adjust("1000"), "adjustment_reduces_risk"),
        (3, adjust("1020"), "adjustment_reduces_risk"),
        (3, adjust(None, "990"), "adjustment_reduces_risk"),
        (3, adjust("990", "1020", "1000"), "adjustment_reduces_risk"),
    ],
)
def test_a_proposal_that_may_not_be_is_denied_and_changes_nothing(
    bar: int, said: TradeCommand, rule: str
) -> None:
    used = told_by({bar: said}, {1: 1})
    records = used.run()
    assert fills(records) == [ENTRY]
    assert [ruled[2] for ruled in rulings(records) if ruled[0] == bar] == [rule]
    working = {str(o.order_type): o for o in used.engine.cache.orders() if o.is_open}
    assert str(working["STOP_MARKET"].trigger_price) == "980.0"
    assert str(working["LIMIT"].price) == "1040.0"


@pytest.mark.parametrize("symbol", ["ETHUSDT-PERP.BINANCE", "nothing"])
def test_a_proposal_for_another_instrument_is_denied(symbol: str) -> None:
    records = told_by({1: proposed(symbol=symbol)}, {}).run()
    assert rulings(records) == [(1, "PLAN_TRADE", "numbers_make_sense")]


def test_a_proposed_cancel_closes_with_its_reason() -> None:
    used = told_by({3: CancelOrder(order_id=PLAN_ID, reasoning="war")}, {1: 1})
    records = used.run()
    assert fills(records) == [ENTRY, (3, "close", "SELL", "1.000", "1000.0")]
    assert last_end(records)["reason"] == "war"
    assert left_over(used) == []


def test_a_proposed_cancel_takes_a_waiting_entry_back() -> None:
    decision = limit_policy(accept_proposals=True)
    used = told_by({3: CancelOrder(order_id=PLAN_ID)}, {1: 1}, decision=decision)
    assert plans(used.run()) == [(1, "PENDING"), (3, "CANCELLED")]
    assert left_over(used) == []


def test_a_waiting_entry_cannot_be_adjusted() -> None:
    decision = limit_policy(accept_proposals=True)
    records = told_by({3: adjust("985")}, {1: 1}, decision=decision).run()
    assert rulings(records)[-1] == (3, "ADJUST_TRADE", "known_order")


def test_a_proposal_to_do_nothing_silences_a_signal() -> None:
    records = told_by({1: DoNothing(reasoning="wait")}, {1: 1}).run()
    assert fills(records) == []


def test_a_tighter_stop_is_where_the_position_closes() -> None:
    bars: list[Ohlc] = [*[F] * 4, (1000, 1000, 985, 985), F]
    used = told_by({2: adjust("990")}, {1: 1}, bars=bars)
    assert fills(used.run()) == [ENTRY, (4, "stop", "SELL", "1.000", "990.0")]
    assert left_over(used) == []


def test_new_take_profits_replace_the_old_and_close_equal_parts() -> None:
    bars: list[Ohlc] = [*[F] * 4, (1000, 1045, 1000, 1045), F]
    used = told_by({2: adjust(None, "1010", "1020", "1030")}, {1: 1}, bars=bars)
    assert fills(used.run())[1:] == [
        (4, "target", "SELL", "0.333", "1010.0"),
        (4, "target", "SELL", "0.333", "1020.0"),
        (4, "target", "SELL", "0.334", "1030.0"),
    ]
    assert left_over(used) == []


def test_new_take_profits_after_a_partial_exit_close_what_is_left() -> None:
    decision = policy(accept_proposals=True, take_profit_percents=(Decimal(1), Decimal(4)))
    bars: list[Ohlc] = [F, F, (1000, 1010, 1000, 1005), *[F] * 3, (1000, 1045, 1000, 1045), F]
    used = told_by({4: adjust("985", "1020", "1030")}, {1: 1}, bars=bars, decision=decision)
    assert fills(used.run())[1:] == [
        (2, "target", "SELL", "0.500", "1010.0"),
        (6, "target", "SELL", "0.250", "1020.0"),
        (6, "target", "SELL", "0.250", "1030.0"),
    ]
    assert left_over(used) == []


def test_fewer_take_profits_than_before_close_everything() -> None:
    decision = policy(
        accept_proposals=True, take_profit_percents=tuple(Decimal(n) for n in range(2, 7))
    )
    bars: list[Ohlc] = [*[F] * 5, (1000, 1030, 1000, 1030), F]
    used = told_by({3: adjust(None, "1030")}, {1: 1}, bars=bars, decision=decision)
    assert fills(used.run())[1:] == [(5, "target", "SELL", "1.000", "1030.0")]
    assert left_over(used) == []


def test_a_target_between_a_fallen_market_and_the_limit_entry_may_be_set() -> None:
    low: Ohlc = (975, 975, 975, 975)
    bars: list[Ohlc] = [F, F, (1000, 1000, 975, 975), low, low, (975, 990, 975, 985), F]
    decision = limit_policy(accept_proposals=True)
    used = told_by({3: adjust(None, "985")}, {1: 1}, bars=bars, decision=decision)
    assert fills(used.run())[1:] == [(5, "target", "SELL", "1.000", "985.0")]
    assert left_over(used) == []


@pytest.mark.parametrize("proposal", [adjust(None, "900"), adjust("900"), adjust(None, "1100")])
def test_no_proposal_keeps_the_stop_from_moving_to_the_entry(proposal: AdjustTrade) -> None:
    high = flat(1020)
    bars = [F, F, F, high, high, (1020, 1020, 995, 1000), F, F]
    listening = policy(accept_proposals=True, break_even_after_percent=Decimal(1))
    records = told_by({3: proposal, 4: proposal}, {1: 1}, bars=bars, decision=listening).run()
    assert fills(records)[-1][1:] == ("stop", "SELL", "1.000", "1000.0")


def test_a_target_that_is_refused_at_every_bar_is_given_up_and_the_stop_stays() -> None:
    absurd = proposed(take_profit_prices=(Decimal(100_000),))
    limited = [perpetual(max_notional=Money.from_str("50000 USDT"))]
    records = told_by({1: absurd}, {}, bars=[F] * 30, instruments=limited).run()
    refused = [
        record
        for record in of_kind(records, Kind.ORDER)
        if record.fields["role"] == "target" and record.fields["event"] in ("denied", "rejected")
    ]
    assert len(refused) == MOST_REFUSALS
    states = [record.fields["state"] for record in of_kind(records, Kind.HEALTH)]
    assert states.count("take profit given up") == 1
    assert not [each for each in fills(records) if each[1] == "stop"]

"""Considerations in event time: what is asked, what comes of it and when, on bars made by hand."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.actors.consultation import Tape
from morningstar_strategy.core.commands import (
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeSetup,
)
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.review import Review, Verdict
from morningstar_strategy.core.scene import External, Scene, Trust
from morningstar_strategy.core.state import Active, Flat, Outcome
from morningstar_strategy.supervisor.exchange import Exchange, Purpose
from morningstar_strategy.supervisor.tape import TapeMiss
from tests.harness.counsels import AssessmentActor, ToldCounsel, consulting, reasons
from tests.harness.runs import Rig, of_kind
from tests.integration.told import (
    BAR_NS,
    LOOSE,
    Ohlc,
    closes_at,
    fills,
    flat,
    index_of,
    left_over,
    plans,
    policy,
    rig,
    rulings,
)

F = flat(1000)
NAME = "BTCUSDT-PERP.BINANCE"
SECOND_NS = 1_000_000_000
VETO = Review(verdict=Verdict.VETOED, scale=0.0, reason="no")
PLAN_ID = "O-20231114-222500-001-001-1"  # of a plan made at bar 1


def only_plans(scene: Scene) -> Purpose | None:
    return Purpose.REVIEW if isinstance(scene.would, PlanTrade) else None


def supervised(
    counsel: ToldCounsel,
    at: Mapping[int, int],
    *,
    bars: list[Ohlc] | None = None,
    tape: Tape = lambda exchange: None,
    **changes: Any,
) -> tuple[Rig, AssessmentActor]:
    """Put a supervised strategy on the engine, and an actor that hears the assessments."""
    known = changes.pop("known", lambda name, ts: ())
    used = rig(
        bars or [F] * 6, at, supervising=consulting(counsel, tape=tape, known=known), **changes
    )
    heard = AssessmentActor(faults=used.faults)
    used.more = [heard]
    return used, heard


def reviews(records: list[Record]) -> list[tuple[int, str, str]]:
    return [
        (index_of(r.ts_event), str(r.fields["verdict"]), str(r.fields["reason"]))
        for r in of_kind(records, Kind.REVIEW)
    ]


# ---------------------------------------------------------------- what is asked


def test_what_would_open_a_trade_is_shown_with_the_state_it_would_open_in() -> None:
    counsel = ToldCounsel(asks=only_plans, due=False)
    used, _ = supervised(counsel, {1: 1}, bars=[flat(1000 + n) for n in range(6)])
    used.run()
    (scene,) = counsel.scenes
    assert isinstance(scene.would, PlanTrade)
    assert scene.would.trade_setup.direction is Direction.LONG
    assert (scene.snapshot.trade, scene.snapshot.equity) == (Flat(), Decimal(10_000))
    assert scene.snapshot.ts_event == scene.prediction.ts_event == closes_at(1)
    assert (scene.halted, scene.limits) == ("", LOOSE)
    # The newest bar is summed up even though the forecaster hears of it first
    assert (scene.summary.bars, scene.summary.close) == (2, 1001.0)


def test_a_plan_that_the_gate_denies_is_shown_as_nothing() -> None:
    counsel = ToldCounsel(asks=lambda scene: None)
    asked: list[Scene] = []
    counsel.asks = lambda scene: asked.append(scene)
    used, _ = supervised(counsel, {1: 1}, capital=1)
    records = used.run()
    would = asked[1].would
    assert isinstance(would, DoNothing)
    (denied,) = rulings(records)
    assert would.reasoning.startswith(f"denied by {denied[2]}: ")


def test_nothing_is_asked_where_nothing_is_due_and_nothing_would_be_done() -> None:
    counsel = ToldCounsel(due=False)
    used, heard = supervised(counsel, {})
    used.run()
    assert counsel.scenes == []
    assert reasons(heard.heard) == ["nothing to review"] * 6


def test_an_open_trade_is_shown_as_it_stands() -> None:
    counsel = ToldCounsel()
    used, _ = supervised(counsel, {1: 1})
    used.run()
    trade = counsel.scenes[2].snapshot.trade
    assert isinstance(trade, Active)
    assert (trade.plan.order_id, trade.stop_loss_price) == (PLAN_ID, Decimal(980))


def test_what_is_known_outside_is_asked_for_the_instrument_and_the_moment() -> None:
    def known(name: str, ts: int) -> tuple[External, ...]:
        told = External(
            source=name, symbol="", ts_event=ts, ts_known=ts, trust=Trust.TEXT, text="so"
        )
        return (told,)

    counsel = ToldCounsel()
    used, _ = supervised(counsel, {}, known=known)
    used.run()
    assert [(s.externals[0].source, s.externals[0].ts_known) for s in counsel.scenes] == [
        (NAME, closes_at(n)) for n in range(6)
    ]


def test_a_halt_is_shown_with_its_reason() -> None:
    counsel = ToldCounsel()
    bars = [F, F, (1000, 1000, 980, 980), *[flat(980)] * 3]
    limits = {"warn_drawdown_percent": Decimal("0.05"), "max_drawdown_percent": Decimal("0.1")}
    risk = type(LOOSE)(**{**{n: getattr(LOOSE, n) for n in LOOSE.__slots__}, **limits})
    used, _ = supervised(counsel, {1: 1}, bars=bars, risk=risk)
    used.run()
    assert counsel.scenes[1].halted == ""
    assert "drawdown" in counsel.scenes[-1].halted


def test_plans_make_the_cycle_due_and_their_ends_are_learnt_from() -> None:
    counsel = ToldCounsel()
    used, _ = supervised(counsel, {1: 1, 3: -1})
    used.run()
    # Planned, filled and closed; the close makes room for the short: planned and filled
    assert counsel.stirred == [NAME] * len(plans(used.recorder.records))
    (ended,) = counsel.ended
    assert (ended.plan.order_id, ended.outcome) == (PLAN_ID, Outcome.CLOSED)


# ---------------------------------------------------------------- what comes of it


def test_a_veto_opens_nothing_and_is_on_record() -> None:
    used, _ = supervised(ToldCounsel(asks=only_plans, says=lambda scene: VETO), {1: 1})
    records = used.run()
    assert fills(records) == []
    assert reviews(records) == [(1, "vetoed", "no")]


def test_every_prediction_gets_exactly_one_assessment_in_order() -> None:
    used, heard = supervised(ToldCounsel(asks=only_plans), {1: 1, 3: 1})
    used.run()
    assert [index_of(each.prediction.ts_event) for _, each in heard.heard] == list(range(6))


def test_an_exchange_is_on_the_tape_and_on_record_before_anybody_acts() -> None:
    tape: list[Exchange] = []
    used, _ = supervised(ToldCounsel(asks=only_plans), {1: 1}, tape=tape.append)
    records = used.run()
    assert [each.question.ts_event for each in tape] == [closes_at(1)]
    kinds = [r.kind for r in records if index_of(r.ts_event) == 1]
    wanted = [Kind.EXCHANGE, Kind.REVIEW, Kind.ASSESSMENT, Kind.COMMAND, Kind.RULING, Kind.PLAN]
    assert kinds[: len(wanted)] == wanted
    (told,) = of_kind(records, Kind.EXCHANGE)
    assert told.fields["prompt"] == "review.v1"
    assert (told.fields["tokens_in"], told.fields["cost"]) == (10, "0.002")


def test_a_proposal_is_carried_out_where_it_may_be() -> None:
    def says(scene: Scene) -> Review:
        setup = TradeSetup(
            symbol=NAME,
            direction=Direction.LONG,
            entry_price=None,
            stop_loss_price=Decimal(970),
            take_profit_prices=(Decimal(1030),),
            position_size_percent=Decimal(10),
        )
        match scene.snapshot.trade:
            case Flat():
                proposal: Any = PlanTrade(trade_setup=setup)
            case trade if scene.summary.bars == 4:
                proposal = CancelOrder(order_id=trade.plan.order_id, reasoning="war")
            case _:
                proposal = DoNothing()
        return Review(verdict=Verdict.CONFIRMED, proposal=proposal)

    counsel = ToldCounsel(says=says, asks=lambda scene: Purpose.EXECUTE)
    used, _ = supervised(counsel, {}, bars=[F] * 4, decision=policy(accept_proposals=True))
    records = used.run()
    assert [(fill[0], fill[1]) for fill in fills(records)] == [(0, "entry"), (3, "close")]
    proposals = [r.fields["proposal"] for r in of_kind(records, Kind.REVIEW)]
    assert [p["action"] for p in proposals if isinstance(p, dict)] == [
        "PLAN_TRADE",
        "DO_NOTHING",
        "DO_NOTHING",
        "CANCEL_ORDER",
    ]


# ---------------------------------------------------------------- when


def test_an_answer_is_acted_on_when_it_came() -> None:
    counsel = ToldCounsel(asks=only_plans, latency_ns=2 * SECOND_NS)
    used, heard = supervised(counsel, {1: 1})
    records = used.run()
    late = [ts - each.prediction.ts_event for ts, each in heard.heard]
    assert late == [0, 2 * SECOND_NS, 0, 0, 0, 0]
    (entry,) = of_kind(records, Kind.FILL)
    assert entry.ts_event == closes_at(1) + 2 * SECOND_NS
    assert len([o for o in left_over(used) if str(o).startswith("Stop")]) == 1


def test_a_newer_prediction_supersedes_one_without_an_answer() -> None:
    counsel = ToldCounsel(asks=only_plans, latency_ns=BAR_NS + SECOND_NS)
    tape: list[Exchange] = []
    used, heard = supervised(counsel, {1: 1}, tape=tape.append)
    records = used.run()
    superseded = "superseded by a newer prediction"
    assert reviews(records) == [(2, "abstained", superseded)]
    assert reasons(heard.heard)[1] == superseded
    assert [index_of(each.prediction.ts_event) for _, each in heard.heard] == list(range(6))
    assert fills(records) == []
    (dropped,) = [r for r in of_kind(records, Kind.HEALTH) if "late" in str(r.fields["state"])]
    assert dropped.ts_event == closes_at(1) + counsel.latency_ns
    assert len(tape) == len(of_kind(records, Kind.EXCHANGE)) == 1


def test_what_is_unanswered_at_the_end_is_said_and_taped() -> None:
    counsel = ToldCounsel(asks=only_plans, latency_ns=SECOND_NS)
    tape: list[Exchange] = []
    used, heard = supervised(counsel, {5: 1}, tape=tape.append)
    records = used.run()
    states = [str(r.fields["state"]) for r in of_kind(records, Kind.HEALTH)]
    assert states == ["review unanswered", "late answer dropped"]
    assert len(tape) == 1
    assert len(heard.heard) == 5
    assert fills(records) == []


def test_a_question_that_is_not_on_the_tape_ends_the_run() -> None:
    counsel = ToldCounsel(asks=only_plans, says=lambda scene: TapeMiss("not on the tape"))
    used, _ = supervised(counsel, {1: 1})
    with pytest.raises(TapeMiss, match="not on the tape"):
        used.run()

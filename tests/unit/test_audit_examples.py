"""Cases in which an audit could be fooled: edges of bars, moved stops, adoption, vacuous passes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from live.auditing.crossings import crossings
from live.auditing.cycles import cycles
from live.auditing.drift import capital_drift
from live.auditing.findings import SECOND_NS, Audit, Finding, Verdict
from live.auditing.guarding import protection
from live.auditing.holding import holding
from live.auditing.running import no_crash
from live.auditing.session import Asked, PriceBar, Session
from morningstar_strategy.core.records import Kind, Record, RecordError, Value, of_guard, of_health

NAME = "BTCUSDT-PERP.BINANCE"
STEP_NS = 300 * SECOND_NS
T0 = 1_704_067_200 * SECOND_NS


def told(at_secs: float, kind: Kind, **fields: Value) -> Record:
    ts = T0 + int(at_secs * SECOND_NS)
    name = "" if kind in (Kind.EQUITY, Kind.HEALTH) else NAME
    return Record(ts_event=ts, kind=kind, instrument_id=name, fields=fields)


def pending(at: float = 0, *, targets: tuple[str, ...] = ("110",), quantity: str = "3") -> Record:
    return told(
        at,
        Kind.PLAN,
        order_id="P",
        state="PENDING",
        direction="LONG",
        quantity=quantity,
        stop_loss_price="90",
        take_profit_prices=list(targets),
    )


def active(at: float = 1, quantity: str = "3") -> Record:
    return told(
        at,
        Kind.PLAN,
        order_id="P",
        state="ACTIVE",
        entry_price="100",
        open_quantity=quantity,
        stop_loss_price="90",
    )


def fill(at: float, role: str, price: str, quantity: str = "3") -> Record:
    return told(
        at,
        Kind.FILL,
        order_id=f"P-{role}",
        plan_id="P",
        role=role,
        side="BUY" if role == "entry" else "SELL",
        quantity=quantity,
        price=price,
        fee="0",
        slippage="0",
    )


def order(at: float, event: str, role: str, order_id: str) -> Record:
    return told(at, Kind.ORDER, event=event, order_id=order_id, plan_id="P", role=role)


def closed(at: float) -> Record:
    return told(at, Kind.PLAN, order_id="P", state="CLOSED", direction="LONG", quantity="3")


def adjusted(at: float, **fields: Value) -> list[Record]:
    command: dict[str, Value] = {"action": "ADJUST_TRADE", "order_id": "P", **fields}
    return [
        told(at, Kind.COMMAND, command=command),
        told(at, Kind.RULING, action="ADJUST_TRADE", ruling="approved"),
    ]


def bar(at: int, low: str, high: str, close: str) -> PriceBar:
    return PriceBar(
        ts_event=T0 + at * STEP_NS, low=Decimal(low), high=Decimal(high), close=Decimal(close)
    )


def session(*records: Record, bars: tuple[PriceBar, ...] = (), end_bars: int = 20) -> Session:
    end = told(end_bars * 300, Kind.HEALTH, state="stopped", reason="")
    return Session(
        records=(*records, end),
        instruments=(NAME,),
        interval_ns=STEP_NS,
        max_holding_secs=3_600,
        keeps_assessments=True,
        bars={NAME: bars} if bars else {},
        bars_from="journal",
    )


HELD = (pending(), fill(1, "entry", "100"), active())


def judged(finding: Finding) -> tuple[Verdict, int, int]:
    counts = finding.evidence["crossings"], finding.evidence["missed"]
    assert all(isinstance(count, int) for count in counts)
    return finding.verdict, *counts  # type: ignore[return-value]  # both are asserted


# ------------------------------------------------------------ crossings


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        # Within the bar of the entry nobody knows what came first, but for its close
        ((bar(1, "80", "101", "95"),), (Verdict.PASS, 0, 0)),
        ((bar(1, "80", "101", "89"),), (Verdict.FAIL, 1, 1)),
        # A stop that is reached must act, a take profit must be passed
        ((bar(2, "90", "101", "95"),), (Verdict.FAIL, 1, 1)),
        ((bar(2, "90.1", "101", "95"),), (Verdict.PASS, 0, 0)),
        ((bar(2, "95", "110", "105"),), (Verdict.PASS, 0, 0)),
        ((bar(2, "95", "110.1", "105"),), (Verdict.FAIL, 1, 1)),
        # Several bars beyond one stop are one crossing
        ((bar(2, "80", "101", "85"), bar(3, "80", "90", "85")), (Verdict.FAIL, 1, 1)),
        # At the very end the time to act is not over
        ((bar(20, "80", "101", "85"),), (Verdict.PASS, 1, 0)),
    ],
)
def test_what_counts_as_a_crossing(
    bars: tuple[PriceBar, ...], expected: tuple[Verdict, int, int]
) -> None:
    assert judged(crossings(session(*HELD, bars=bars), Asked())) == expected


@pytest.mark.parametrize(("at", "verdict"), [(650, "PASS"), (900, "PASS"), (901, "FAIL")])
def test_a_stop_may_fill_in_its_bar_or_the_next(at: int, verdict: str) -> None:
    done = (fill(at, "stop", "88"), closed(at))
    finding = crossings(session(*HELD, *done, bars=(bar(2, "80", "101", "85"),)), Asked())
    assert finding.verdict.value == verdict


def test_a_stop_that_closed_only_a_part_is_missed() -> None:
    part = fill(550, "stop", "90", "1")
    finding = crossings(session(*HELD, part, bars=(bar(2, "80", "101", "85"),)), Asked())
    assert judged(finding) == (Verdict.FAIL, 1, 1)
    assert "closed never" in finding.faults[0]


def test_a_moved_stop_counts_from_the_moment_it_was_moved() -> None:
    moved = adjusted(601, new_stop_loss_price="97")
    below = bar(2, "96", "101", "98"), bar(3, "96", "101", "98")  # before, and while it moved
    assert judged(crossings(session(*HELD, *moved, bars=below), Asked()))[1:] == (0, 0)
    after = (*below, bar(4, "96", "101", "98"))
    assert judged(crossings(session(*HELD, *moved, bars=after), Asked()))[1:] == (1, 1)
    denied = [moved[0], replace(moved[1], fields={"action": "ADJUST_TRADE", "ruling": "denied"})]
    assert judged(crossings(session(*HELD, *denied, bars=after), Asked()))[1:] == (0, 0)


def test_each_of_several_take_profits_must_fill() -> None:
    held = (pending(targets=("105", "110", "120"), quantity="6"), fill(1, "entry", "100", "6"))
    sent = [order(2, "accepted", "target", f"T{index}") for index in range(3)]
    passed = (bar(2, "99", "111", "100"),)
    one = (*held, active(quantity="6"), *sent, fill(500, "target", "105", "1"))
    finding = crossings(session(*one, bars=passed), Asked())
    assert judged(finding) == (Verdict.FAIL, 2, 1)
    assert "take profit 2 110" in finding.faults[0]
    both = (*one, fill(501, "target", "110", "1"))
    assert judged(crossings(session(*both, bars=passed), Asked())) == (Verdict.PASS, 2, 0)


def test_a_take_profit_without_a_lot_has_no_order_to_miss() -> None:
    held = (pending(targets=("105", "120"), quantity="1"), fill(1, "entry", "100", "1"), active())
    finding = crossings(session(*held, bars=(bar(2, "99", "111", "100"),)), Asked())
    assert judged(finding) == (Verdict.PASS, 0, 0)


def test_a_take_profit_that_may_have_had_no_order_is_undecided() -> None:
    held = (pending(targets=("105", "120")), fill(1, "entry", "100"), active())
    sent = order(2, "accepted", "target", "T1")
    finding = crossings(session(*held, sent, bars=(bar(2, "99", "111", "100"),)), Asked())
    assert finding.verdict is Verdict.UNKNOWN
    assert "fewer take profit orders" in finding.faults[0]


def test_a_plan_that_is_being_closed_has_no_take_profits_but_its_stop() -> None:
    command: dict[str, Value] = {"action": "CANCEL_ORDER", "order_id": "P"}
    closing = (
        told(300, Kind.COMMAND, command=command),
        told(300, Kind.RULING, action="CANCEL_ORDER", ruling="approved"),
    )
    passed = session(*HELD, *closing, bars=(bar(2, "99", "120", "100"),))
    assert judged(crossings(passed, Asked())) == (Verdict.PASS, 0, 0)
    fallen = session(*HELD, *closing, bars=(bar(2, "80", "101", "100"),))
    assert judged(crossings(fallen, Asked())) == (Verdict.FAIL, 1, 1)


def test_no_crossing_at_all_is_a_pass_that_says_it_is_empty() -> None:
    finding = crossings(session(*HELD, bars=(bar(2, "99", "101", "100"),)), Asked())
    assert finding.verdict is Verdict.PASS
    assert finding.evidence["vacuous"] is True
    assert "none happened" in finding.says


def test_without_bars_nothing_is_known_of_crossings_and_cycles() -> None:
    blind = session(*HELD)
    for judge in (crossings, cycles):
        finding = judge(blind, Asked())
        assert finding.verdict is Verdict.UNKNOWN
        assert "--catalog" in finding.says
    other = replace(blind, bars={"ETHUSDT-PERP.BINANCE": (bar(2, "1", "2", "1"),)})
    finding = crossings(other, Asked())
    assert (finding.verdict, finding.faults) == (Verdict.UNKNOWN, (f"there are no bars of {NAME}",))


# ------------------------------------------------------------ drift


def mark(at: float, balance: str, held: str = "") -> Record:
    shown: dict[str, Value] = {NAME: held} if held else {}
    return told(at, Kind.EQUITY, equity=balance, balance=balance, exposure=shown)


def test_a_position_from_an_earlier_journal_keeps_its_cost() -> None:
    done = (mark(0, "1000", held="300"), active(2), fill(60, "stop", "90"), closed(60))
    finding = capital_drift(session(*done, mark(90, "970")), Asked())
    assert finding.verdict is Verdict.PASS
    assert finding.evidence["realized"] == "-30"
    open_still = session(mark(0, "1000", held="300"), active(2), mark(90, "1000", held="300"))
    assert capital_drift(open_still, Asked()).verdict is Verdict.UNKNOWN


def test_fills_before_the_first_mark_give_the_cost_but_no_result() -> None:
    early = (pending(), fill(1, "entry", "100"), active(), mark(2, "1000", held="300"))
    finding = capital_drift(session(*early, fill(60, "stop", "90"), mark(90, "970")), Asked())
    assert finding.verdict is Verdict.PASS, finding.faults
    assert finding.evidence["fills"] == 1


def test_one_mark_proves_nothing_of_the_balance() -> None:
    finding = capital_drift(session(*HELD, mark(5, "1000", held="300")), Asked())
    assert finding.verdict is Verdict.UNKNOWN
    assert "1 marks" in finding.says


def test_a_position_that_the_last_mark_does_not_show_is_a_fault() -> None:
    lost = session(mark(0, "1000"), *HELD, mark(90, "1000"))
    finding = capital_drift(lost, Asked())
    assert finding.verdict is Verdict.FAIL
    assert f"a position of 3 in {NAME}" in finding.faults[0]


# ------------------------------------------------------------ the others


def test_a_position_still_open_counts_its_age() -> None:
    long_open = session(*HELD, end_bars=100)
    finding = holding(long_open, Asked())
    assert finding.verdict is Verdict.FAIL
    assert "still open after 8 h 19 min" in finding.faults[0]
    assert holding(long_open, Asked(max_holding_secs=9 * 3_600)).verdict is Verdict.PASS


def test_no_position_and_nothing_unprotected_say_that_they_prove_nothing() -> None:
    for judge in (holding, protection):
        finding = judge(session(), Asked())
        assert (finding.verdict, finding.evidence["vacuous"]) == (Verdict.PASS, True)


def test_unprotected_without_an_end_lasts_until_the_journal_does() -> None:
    bare = of_guard(
        ts_event=T0, instrument_id=NAME, state="unprotected", quantity=Decimal(1), secs=0.0
    )
    finding = protection(session(bare, end_bars=1), Asked())
    assert finding.evidence["by_guard"] == "300"
    assert finding.verdict is Verdict.FAIL


def test_a_guard_record_with_another_thing_for_seconds_is_refused() -> None:
    with pytest.raises(RecordError, match="secs of the guard record"):
        protection(session(told(0, Kind.GUARD, state="unprotected", secs="5")), Asked())


def test_restarts_may_be_allowed_and_are_counted() -> None:
    states = ("started", "recovered after kill", "started")
    up = [of_health(ts_event=T0, instrument_id="", state=s, reason="") for s in states]
    bars_there = [told(300 * at, Kind.BAR) for at in range(20)]
    ran = session(*up, *bars_there)
    asked = Asked(least_secs=3_600)
    finding = no_crash(ran, asked)
    assert (finding.verdict, finding.evidence["restarts"]) == (Verdict.FAIL, 2)
    assert no_crash(ran, replace(asked, restarts=2)).verdict is Verdict.PASS


def test_a_live_journal_without_bars_cannot_tell_a_hang() -> None:
    finding = no_crash(session(told(0, Kind.HEALTH, state="started")), Asked(least_secs=60))
    assert finding.verdict is Verdict.UNKNOWN


def test_an_empty_journal_is_a_crash() -> None:
    assert no_crash(replace(session(), records=()), Asked()).verdict is Verdict.FAIL


def test_bars_before_the_first_decision_are_allowed_only_when_asked() -> None:
    bars = tuple(bar(at, "99", "101", "100") for at in range(1, 20))
    decided = [told(300 * at, Kind.ASSESSMENT) for at in range(4, 20)]
    warm = session(told(0, Kind.HEALTH, state="started"), *decided, bars=bars)
    finding = cycles(warm, Asked(least_secs=3_600))
    assert finding.verdict is Verdict.FAIL
    assert f"{NAME} has no decision at 2024-01-01 00:05:00Z and 2 after it" in finding.faults
    finding = cycles(warm, Asked(least_secs=3_600, warmup_bars=3))
    assert finding.verdict is Verdict.PASS, finding.faults
    assert finding.evidence["warming"] == {NAME: 3}


def test_a_bar_in_which_nothing_was_traded_needs_no_decision() -> None:
    bars = [bar(at, "99", "101", "100") for at in range(1, 20)]
    decided = [told(300 * at, Kind.ASSESSMENT) for at in range(1, 20) if at != 7]
    silent = tuple(replace(each, traded=index != 6) for index, each in enumerate(bars))
    assert cycles(session(*decided, bars=silent), Asked(least_secs=3_600)).verdict is Verdict.PASS
    loud = session(*decided, bars=tuple(bars))
    assert cycles(loud, Asked(least_secs=3_600)).verdict is Verdict.FAIL


def test_the_worst_finding_is_the_verdict() -> None:
    fine, unknown = holding(session(), Asked()), crossings(session(), Asked())
    failed = no_crash(session(), Asked())
    assert Audit(run="r", findings=(fine,)).verdict is Verdict.PASS
    assert Audit(run="r", findings=(fine, unknown)).verdict is Verdict.UNKNOWN
    assert Audit(run="r", findings=(fine, unknown, failed)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("field", "value"),
    [("least_secs", 0), ("restarts", -1), ("drift", Decimal("nan")), ("max_holding_secs", -5)],
)
def test_what_is_asked_must_make_sense(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field} must"):
        Asked(**{field: value})  # type: ignore[arg-type]  # that is the point

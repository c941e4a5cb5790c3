"""The four commands as JSON, put before the gate by somebody outside, on bars made by hand."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.records import Kind
from morningstar_strategy.core.risk import Approved, Denied, Ruling
from morningstar_strategy.core.strict import CommandError
from tests.harness.counsels import AskingActor
from tests.harness.market import bar_type
from tests.harness.runs import Rig, of_kind
from tests.integration.told import (
    Ohlc,
    fills,
    flat,
    index_of,
    last_end,
    left_over,
    plans,
    rig,
    rulings,
)

F = flat(1000)
NAME = "BTCUSDT-PERP.BINANCE"
PLAN_ID = "O-20231114-222500-001-001-1"  # of a plan made at bar 1
PLAN: dict[str, Any] = {
    "symbol": NAME,
    "direction": "LONG",
    "entry_price": 990.0,
    "stop_loss_price": 970.0,
    "take_profit_prices": [1030.0, 1060.0],
    "position_size_percent": 10,
}

type Outcome = Ruling | CommandError


def plan(**changes: Any) -> str:
    return json.dumps({"action": "PLAN_TRADE", "trade_setup": PLAN | changes})


def told(
    script: Mapping[int, str],
    *,
    bars: list[Ohlc] | None = None,
    before: Callable[[Rig, int], None] | None = None,
) -> tuple[Rig, dict[int, Outcome]]:
    """Execute commands at bars, and keep what came of each."""
    used = rig(bars or [F] * 8, {})
    outcomes: dict[int, Outcome] = {}

    def act(index: int) -> None:
        if before is not None:
            before(used, index)
        if index not in script:
            return
        try:
            outcomes[index] = used.strategy.execute_command(script[index])
        except CommandError as e:
            outcomes[index] = e

    used.more = [AskingActor(bar_type=bar_type(), acts=act, index=index_of)]
    return used, outcomes


def test_a_plan_waits_at_its_limit_and_is_then_active_and_closed() -> None:
    bars: list[Ohlc] = [*[F] * 3, (1000, 1000, 990, 995), (995, 1065, 995, 1060), F]
    used, outcomes = told({1: plan()}, bars=bars)
    records = used.run()
    assert isinstance(outcomes[1], Approved)
    assert plans(records) == [(1, "PENDING"), (3, "ACTIVE"), (4, "CLOSED")]
    assert [(fill[1], fill[4]) for fill in fills(records)] == [
        ("entry", "990.0"),
        ("target", "1030.0"),
        ("target", "1060.0"),
    ]
    (command,) = of_kind(records, Kind.COMMAND)
    wire = command.fields["command"]
    assert isinstance(wire, dict)
    assert wire["action"] == "PLAN_TRADE"
    assert left_over(used) == []


def test_a_waiting_entry_can_be_cancelled() -> None:
    cancel = json.dumps({"action": "CANCEL_ORDER", "order_id": PLAN_ID, "reasoning": "news"})
    used, outcomes = told({1: plan(), 3: cancel})
    records = used.run()
    assert isinstance(outcomes[3], Approved)
    assert plans(records) == [(1, "PENDING"), (3, "CANCELLED")]
    assert last_end(records)["reason"] == "news"
    assert left_over(used) == []


def test_a_stop_moved_to_the_entry_is_where_the_trade_closes() -> None:
    adjust = {"action": "ADJUST_TRADE", "order_id": PLAN_ID, "new_stop_loss_price": 1000.0}
    bars: list[Ohlc] = [*[F] * 3, flat(1010), (1010, 1010, 980, 985), flat(985)]
    used, _ = told({1: plan(entry_price=None), 3: json.dumps(adjust)}, bars=bars)
    records = used.run()
    assert fills(records)[-1][:2] == (4, "stop")
    assert fills(records)[-1][4] == "1000.0"
    assert left_over(used) == []


def test_nothing_can_be_done_on_purpose() -> None:
    used, outcomes = told({1: '{"action": "DO_NOTHING"}'})
    assert rulings(used.run()) == [(1, "DO_NOTHING", "approved")]
    assert isinstance(outcomes[1], Approved)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (plan(entry_price=900.0, stop_loss_price=880.0), "entry_is_near"),
        (json.dumps({"action": "CANCEL_ORDER", "order_id": "nobody's"}), "known_order"),
    ],
)
def test_what_the_gate_denies_is_on_record_and_does_nothing(text: str, rule: str) -> None:
    used, outcomes = told({1: text})
    records = used.run()
    denied = outcomes[1]
    assert isinstance(denied, Denied)
    assert denied.rule == rule
    assert rulings(records) == [(1, denied.command.action, rule)]
    assert fills(records) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not json", "not JSON"),
        (plan(symbol="DOGEUSDT-PERP.BINANCE"), "symbol must be one of"),
        ('{"action": "SELL_ALL"}', "action must be one of the four commands"),
        ('{"action": "DO_NOTHING", "also": 1}', "unknown fields"),
    ],
)
def test_what_is_no_command_of_ours_is_refused_and_leaves_no_record(text: str, words: str) -> None:
    used, outcomes = told({1: text})
    records = used.run()
    assert words in str(outcomes[1])
    assert of_kind(records, Kind.COMMAND) == []


def test_after_a_fault_nothing_is_opened_but_what_is_open_can_be_closed() -> None:
    fault = RuntimeError("lost the thread")

    def break_at_three(used: Rig, index: int) -> None:
        if index == 3:
            used.faults.errors.append(fault)

    cancel = json.dumps({"action": "CANCEL_ORDER", "order_id": PLAN_ID})
    script = {1: plan(entry_price=None), 3: cancel, 5: plan(entry_price=None)}
    used, outcomes = told(script, before=break_at_three)
    with pytest.raises(RuntimeError, match="lost the thread"):
        used.run()
    assert isinstance(outcomes[3], Approved)
    assert "a fault: lost the thread" in str(outcomes[5])
    assert [fill[1] for fill in fills(used.recorder.records)] == ["entry", "close"]
    assert Decimal(fills(used.recorder.records)[1][3]) == Decimal("1.000")

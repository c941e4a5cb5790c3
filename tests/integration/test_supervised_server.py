"""The dynamic executor against a real server: the four commands, each end to end on the engine."""

import json
import re
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from morningstar_strategy.core.counsel import build_counsel
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.journal import TAPE
from morningstar_strategy.settings.schema import SupervisorSettings
from morningstar_strategy.settings.supervising import in_line, open_supervision
from tests.harness.counsels import consulting
from tests.harness.runs import of_kind
from tests.integration.told import Ohlc, fills, flat, left_over, plans, policy, rig, rulings
from tests.llm.answers import Answer, Say, error
from tests.llm.server import Asked, LlmServer

F = flat(1000)
NAME = "BTCUSDT-PERP.BINANCE"
KEY = "k-only-of-this-test"
# Planned; waiting; filled at 990; earned, so to break-even; stopped there, planned again; waiting
BARS: list[Ohlc] = [
    F,
    F,
    (1000, 1000, 990, 1000),
    flat(1012),
    (1012, 1012, 985, 985),
    *[flat(985)] * 3,
]


def state(asked: Asked, name: str) -> dict[str, Any]:
    """Read one object of the state that the prompt shows."""
    _, text = asked.turns[0]
    found = re.search(rf"^{name} = (.*)$", text, re.MULTILINE)
    assert found is not None, text
    shown: dict[str, Any] = json.loads(found[1])
    return shown


def plan(entry: float) -> dict[str, Any]:
    setup = {
        "symbol": NAME,
        "direction": "LONG",
        "entry_price": entry,
        "stop_loss_price": entry - 20,
        "take_profit_prices": [entry + 40, entry + 60],
        "position_size_percent": 10,
    }
    return {"action": "PLAN_TRADE", "trade_setup": setup, "reasoning": "a dip"}


class Brain:
    """Plans, waits, moves the stop to the entry, plans again, and thinks better of it."""

    def __init__(self) -> None:
        self.planned = 0

    def __call__(self, asked: Asked) -> Answer:
        return Say(text=json.dumps({"command": self.command(asked)}), usage=(1_000, 100))

    def command(self, asked: Asked) -> dict[str, Any]:
        trade, price = state(asked, "trade"), state(asked, "instrument")["price"]
        match trade["status"]:
            case "FLAT" if self.planned < 2:
                self.planned += 1
                return plan(990 if self.planned == 1 else 950)
            case "PENDING" if self.planned == 2:
                return {"action": "CANCEL_ORDER", "order_id": trade["order_id"]}
            case "ACTIVE" if price > trade["entry_price"] + 20 > trade["stop_loss_price"] + 20:
                return {
                    "action": "ADJUST_TRADE",
                    "order_id": trade["order_id"],
                    "new_stop_loss_price": trade["entry_price"],
                    "reasoning": "break-even",
                }
            case _:
                return {"action": "DO_NOTHING"}


def settings_for(server: LlmServer, **changes: Any) -> SupervisorSettings:
    told: dict[str, Any] = {
        "source": "live",
        "may_propose": True,
        "cycle_secs": 300,
        "providers": [{"preset": "qwen", "base_url": f"{server.url}/v1"}],
        "patience": {"attempts": 1},
        "budget": {"prices": {"qwen-max": {"tokens_in": 1.6, "tokens_out": 6.4}}},
    }
    return SupervisorSettings.model_validate(told | changes)


def run(settings: SupervisorSettings, tape: Path) -> tuple[list[Record], list[Any]]:
    """Run the bars under a supervisor of these settings; give records and what is left over."""
    environ = {"DASHSCOPE_API_KEY": KEY}
    with open_supervision(
        settings, tape=tape, carry=in_line, environ=environ, rng=Random(1)
    ) as supervision:
        assert supervision is not None

        used = rig(
            BARS,
            {},
            decision=policy(accept_proposals=supervision.may_propose),
            supervising=consulting(supervision.counsel, way=supervision.way, tape=supervision.tape),
        )
        return used.run(), left_over(used)


def test_plan_wait_break_even_and_cancel_end_to_end_and_again_from_the_tape(
    tmp_path: Path,
) -> None:
    with LlmServer(brain=Brain(), key=KEY) as server:
        records, left = run(settings_for(server), tmp_path / TAPE)
        asked = server.asked
    assert left == []
    assert [fill[:3] + fill[4:] for fill in fills(records)] == [
        (2, "entry", "BUY", "990.0"),
        (4, "stop", "SELL", "990.0"),
    ]
    assert [state for _, state in plans(records)] == [
        "PENDING",
        "ACTIVE",
        "CLOSED",
        "PENDING",
        "CANCELLED",
    ]
    approved = [action for _, action, rule in rulings(records) if rule == "approved"]
    assert approved.count("ADJUST_TRADE") == approved.count("CANCEL_ORDER") == 1
    assert approved.count("PLAN_TRADE") == 2
    proposed = [r.fields["proposal"] for r in of_kind(records, Kind.REVIEW)]
    actions = [each["action"] for each in proposed if isinstance(each, dict)]
    assert set(actions) == {"PLAN_TRADE", "ADJUST_TRADE", "CANCEL_ORDER", "DO_NOTHING"}
    assert len(asked) == len(of_kind(records, Kind.EXCHANGE)) == len(BARS)

    # What it cost is in the records, and the key in nothing at all
    told = build_counsel(records, starting_equity=Decimal(10_000), days=1.0)
    assert told is not None
    assert told.cost == len(BARS) * Decimal("0.00224")
    assert len(told.rows) == len(BARS) - 1  # the last answer came after the last bar
    assert KEY not in (tmp_path / TAPE).read_text(encoding="utf-8")
    assert all(KEY not in json.dumps(one.body) for one in asked)

    # With the server gone the tape says it all again
    again, _ = run(
        settings_for(server, source="tape", tape=str(tmp_path / TAPE)), tmp_path / "again.jsonl"
    )
    assert again == records
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / TAPE).read_bytes()


def test_a_server_that_fails_leaves_the_account_alone(tmp_path: Path) -> None:
    with LlmServer(error(500), key=KEY) as server:
        records, left = run(settings_for(server), tmp_path / TAPE)
    assert left == []
    assert fills(records) == []
    verdicts = {str(r.fields["verdict"]) for r in of_kind(records, Kind.REVIEW)}
    assert verdicts == {"abstained"}
    failures = {str(r.fields["failure"]) for r in of_kind(records, Kind.EXCHANGE)}
    assert failures == {"unavailable", "open"}

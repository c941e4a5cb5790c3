"""Examples of the journal's lines, and of lines that are none."""

import json
from decimal import Decimal

import pytest

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeSetup,
)
from morningstar_strategy.core.records import (
    Kind,
    Record,
    RecordError,
    from_line,
    of_command,
    of_plan,
    of_ruling,
    to_line,
)
from morningstar_strategy.core.risk import Denied
from morningstar_strategy.core.state import Active, Ended, Outcome, Pending, Plan

SETUP = TradeSetup(
    symbol="BTCUSDT-PERP.BINANCE",
    direction=Direction.LONG,
    entry_price=None,
    stop_loss_price=Decimal("0.000000000001"),
    take_profit_prices=(Decimal("9999999999999"), Decimal("1E+3")),
    position_size_percent=Decimal("10.50"),
)
PLAN = Plan(order_id="P-1", setup=SETUP, quantity=Decimal("0.10"), planned_ns=5, reason="told")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("instrument_id", ["", "BTCUSDT-PERP.BINANCE"])
def test_every_kind_survives_its_line(kind: Kind, instrument_id: str) -> None:
    record = Record(
        ts_event=1_700_000_000_000_000_001,
        kind=kind,
        instrument_id=instrument_id,
        fields={"text": "ä \n \u2028 \ud800", "list": [1, 2.5, None, True], "map": {"a": {}}},
    )
    line = to_line(record)
    assert from_line(line) == record
    assert line.isascii()
    assert "\n" not in line
    assert ("instrument_id" in line) == bool(instrument_id)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "1",
        '"text"',
        "{}",
        '{"ts_event":1}',
        '{"kind":"fill"}',
        '{"ts_event":1,"kind":"unheard"}',
        '{"ts_event":1,"kind":["fill"]}',
        '{"ts_event":null,"kind":"fill"}',
        '{"ts_event":"1","kind":"fill"}',
        '{"ts_event":1.5,"kind":"fill"}',
        '{"ts_event":true,"kind":"fill"}',
        '{"ts_event":NaN,"kind":"fill"}',
        '{"ts_event":Infinity,"kind":"fill"}',
        '{"ts_event":1e400,"kind":"fill"}',
        '{"ts_event":1,"kind":"fill","price":NaN}',
        '{"ts_event":1,"kind":"fill","instrument_id":7}',
        '{"ts_event":1,"kind":"fill"} trailing',
        "[" * 100_000,
        '{"ts_event":' + "9" * 10_000 + ',"kind":"fill"}',
        "\x00",
    ],
    ids=lambda line: line[:40],
)
def test_what_is_not_a_record_is_refused_by_the_parsers_own_error(line: str) -> None:
    with pytest.raises(RecordError) as e:
        from_line(line)
    assert len(str(e.value)) < 600


@pytest.mark.parametrize(
    "command",
    [
        PlanTrade(trade_setup=SETUP, reasoning="why"),
        CancelOrder(order_id="P-1", reasoning="why"),
        AdjustTrade(order_id="P-1", new_stop_loss_price=Decimal("0.10")),
        DoNothing(reasoning="why"),
    ],
    ids=lambda command: command.action,
)
def test_a_command_keeps_its_exact_numbers(
    command: PlanTrade | CancelOrder | AdjustTrade | DoNothing,
) -> None:
    record = of_command(command, ts_event=3, instrument_id="X.Y")
    read = from_line(to_line(record))
    assert read == record
    assert command.action in json.dumps(read.fields)


def test_numbers_of_a_plan_are_exact_texts() -> None:
    fields = from_line(to_line(of_plan(Pending(plan=PLAN), ts_event=3))).fields
    assert (fields["state"], fields["quantity"]) == ("PENDING", "0.10")
    assert fields["stop_loss_price"] == "0.000000000001"
    assert fields["take_profit_prices"] == ["9999999999999", "1000"]
    assert fields["entry_price"] is None


def test_an_active_and_an_ended_plan_say_what_they_are() -> None:
    active = Active(
        plan=PLAN,
        opened_ns=4,
        entry_price=Decimal("99.50"),
        open_quantity=Decimal("0.10"),
        stop_loss_price=Decimal(90),
        take_profit_prices=(Decimal(110),),
    )
    fields = of_plan(active, ts_event=4).fields
    assert (fields["state"], fields["entry_price"], fields["stop_loss_price"]) == (
        "ACTIVE",
        "99.50",
        "90",
    )
    ended = Ended(plan=PLAN, outcome=Outcome.EXPIRED, ended_ns=6, reason="entry expired")
    fields = of_plan(ended, ts_event=6).fields
    assert (fields["state"], fields["reason"], fields["exit_price"]) == (
        "EXPIRED",
        "entry expired",
        None,
    )


def test_a_denial_names_its_rule_and_its_reason() -> None:
    ruling = Denied(command=DoNothing(), rule="not_halted", reason="halted: loss")
    record = of_ruling(ruling, ts_event=3, instrument_id="X.Y", equity=Decimal("10000.00"))
    assert from_line(to_line(record)).fields == {
        "action": "DO_NOTHING",
        "equity": "10000.00",
        "ruling": "denied",
        "rule": "not_halted",
        "reason": "halted: loss",
    }

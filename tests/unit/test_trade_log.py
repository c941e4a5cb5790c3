"""The plans of a run as CSV: an export of the journal."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from morningstar_strategy.core.commands import Direction, TradeSetup
from morningstar_strategy.core.records import of_plan
from morningstar_strategy.core.state import Ended, Outcome, Pending, Plan
from morningstar_strategy.journal import JOURNAL, Journal
from reports.trade_log import COLUMNS, main

PLAN = Plan(
    order_id="O-1",
    setup=TradeSetup(
        symbol="BTCUSDT-PERP.BINANCE",
        direction=Direction.LONG,
        entry_price=Decimal(100),
        stop_loss_price=Decimal(95),
        take_profit_prices=(Decimal(110),),
        position_size_percent=Decimal(10),
    ),
    quantity=Decimal("0.5"),
    planned_ns=1_700_000_000_000_000_000,
    reason='=HYPERLINK("evil")',
)
ENDED = Ended(
    plan=PLAN,
    outcome=Outcome.CLOSED,
    ended_ns=1_700_000_060_000_000_000,
    reason="stop",
    entry_price=Decimal(100),
    exit_price=Decimal(95),
    quantity=Decimal("0.5"),
    gross_pnl=Decimal("-2.5"),
    fees=Decimal("0.01"),
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with Journal(tmp_path / JOURNAL) as journal:
        journal.append(of_plan(Pending(plan=PLAN), ts_event=PLAN.planned_ns))
        journal.append(of_plan(ENDED, ts_event=ENDED.ended_ns))
    return tmp_path


def test_a_plan_is_a_row_with_its_status(run: Path) -> None:
    assert main([str(run)]) == 0
    with (run / "trade_log.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == COLUMNS
    assert (row["order_id"], row["direction"], row["status"]) == ("O-1", "LONG", "CLOSED")
    assert (row["planned"], row["opened"]) == ("2023-11-14T22:13:20.000000000Z", "")
    assert (row["quantity"], row["stop_loss_price"], row["gross"]) == ("0.5", "95", "-2.5")
    assert row["end_reason"] == "stop"


def test_words_are_no_formula_in_a_spreadsheet(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere.csv"
    assert main([str(run), "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["planned_reason"].startswith("'=")


def test_a_folder_without_a_journal_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path} has no journal.jsonl\n"
    assert list(tmp_path.iterdir()) == []

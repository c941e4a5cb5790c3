"""`python live/audit.py` on a real backtest and its trade log, as its page tells a user."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from catalog.sample import main as make_sample
from live.audit import main
from reports.trade_log import main as export
from tests.acceptance.conftest import ROOT, RunCommand, commands_of

type Audited = Callable[..., tuple[int, dict[str, dict[str, Any]]]]

PAGE: Final = (ROOT / "docs/audit.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ran(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the plain rule over the sample with three take profits, and keep every assessment."""
    folder = tmp_path_factory.mktemp("audited")
    settings = (
        *(f"data.catalog={sample}", f"runs={folder}", "predictor.kind=baseline"),
        *("decision.take_profit_percents=[1,2,3]", "decision.stop_percent=1.5"),
        "journal.assessments=all",
    )
    words = [word for each in settings for word in ("--set", each)]
    result = subprocess.run(
        [sys.executable, "backtests/run.py", "--config", "config/sample.yaml", *words, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return Path(json.loads(result.stdout)["run"])


@pytest.fixture
def backtest(ran: Path, tmp_path: Path) -> Path:
    """Give each test a copy of the run folder."""
    return Path(shutil.copytree(ran, tmp_path / "runs" / ran.name))


@pytest.fixture
def audited(capsys: pytest.CaptureFixture[str]) -> Audited:
    """Audit in this process, and give the exit code with the findings."""

    def run(*words: str | Path) -> tuple[int, dict[str, dict[str, Any]]]:
        code = main([*(str(word) for word in words), "--json"])
        (told,) = json.loads(capsys.readouterr().out)["runs"]
        return code, {each["criterion"]: each for each in told["criteria"]}

    return run


def test_a_backtest_passes_every_criterion_with_its_bars(
    audited: Audited, ran: Path, sample: Path
) -> None:
    code, found = audited(ran, "--catalog", sample)
    assert {each["verdict"] for each in found.values()} == {"PASS"}, found
    assert code == 0
    assert found["crossings"]["evidence"]["crossings"] > 10
    assert found["crossings"]["evidence"]["missed"] == 0
    assert found["capital_drift"]["evidence"]["fills"] > 30
    assert min(found["cycles"]["evidence"]["decided"].values()) > 2_000


def test_without_bars_what_needs_them_is_unknown(audited: Audited, ran: Path) -> None:
    code, found = audited(ran)
    assert code == 1
    unknown = {name for name, each in found.items() if each["verdict"] == "UNKNOWN"}
    assert unknown == {"crossings", "cycles"}
    assert {each["verdict"] for each in found.values()} == {"PASS", "UNKNOWN"}


def test_a_stop_moved_in_the_journal_is_missed_and_the_digest_tells_of_it(
    audited: Audited, backtest: Path, sample: Path
) -> None:
    path = backtest / "journal.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    plans = [record for record in records if record["kind"] == "plan"]
    opened = next(plan for plan in plans if plan["state"] == "ACTIVE")
    planned = next(plan for plan in plans if plan["order_id"] == opened["order_id"])
    planned["stop_loss_price"] = opened["entry_price"]  # is reached within a few bars
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    code, found = audited(backtest, "--catalog", sample)
    assert code == 1
    failed = {name for name, each in found.items() if each["verdict"] == "FAIL"}
    assert failed == {"crossings", "journal"}
    assert f"plan {opened['order_id']}: stop" in found["crossings"]["faults"][0]


def test_another_catalog_is_refused(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    assert make_sample(["--catalog", str(other), "--days", "9"]) == 0
    assert main([str(ran), "--catalog", str(other)]) == 2
    assert "it is not the same catalog" in capsys.readouterr().err


def test_our_own_trade_log_proves_what_a_log_can(
    audited: Audited, ran: Path, sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "trade_log.csv"
    assert export([str(ran), "--out", str(log)]) == 0
    capsys.readouterr()
    balances = ("--begin-balance", "10000", "--end-balance", "10000")
    limit = ("--max-holding-hours", "72", "--catalog", sample, "--allow-unknown")
    code, found = audited(log, *balances, *limit)
    assert code == 0
    passed = {name for name, each in found.items() if each["verdict"] == "PASS"}
    assert passed == {"crossings", "holding"}
    assert found["crossings"]["evidence"]["stops"] > 0
    # A plan that is still open has closed a part, of which the log says nothing
    assert "1 still open" in found["capital_drift"]["says"]


def test_the_commands_of_the_page_do_what_it_says(
    command: RunCommand, ran: Path, sample: Path, tmp_path: Path
) -> None:
    shutil.copytree(ran, tmp_path / "runs/NAME")
    shutil.copytree(sample, tmp_path / "data/sample")
    assert export([str(ran), "--out", str(tmp_path / "trade_log.csv")]) == 0
    expected = {"--hours 24": 1, "--json": 1, "--catalog data/sample --hours": 0, "trade_log": 1}
    commands = commands_of(PAGE)
    assert len(commands) == len(expected)
    for line in commands:
        script, *words = shlex.split(line)[1:]
        result = command(str(ROOT / script), *words, cwd=tmp_path)
        # The longest part that fits says which command of the page it is
        part = max((part for part in expected if part in line), key=len)
        assert result.returncode == expected[part], (line, result.stdout, result.stderr)
        assert "capital_drift" in result.stdout

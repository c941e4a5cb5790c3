"""What `docs/supervisor.md` tells a user to type, and what it says of presets and refusals."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from morningstar_strategy.core.strict import Reason
from morningstar_strategy.supervisor.providers import PRESETS
from tests.acceptance.conftest import ROOT, RunCommand, commands_of
from tests.acceptance.test_readme import README

PAGE: Final = (ROOT / "docs/supervisor.md").read_text(encoding="utf-8")
DEMO: Final = "python -m tests.llm.demo"


def test_every_command_of_the_page_is_one_of_the_readme_or_the_demonstration() -> None:
    assert set(commands_of(PAGE)) <= {*commands_of(README), DEMO}
    assert DEMO in commands_of(PAGE)


def test_the_demonstration_shows_all_four_commands_and_replays(
    command: RunCommand, sample: Path, tmp_path: Path
) -> None:
    where = ("--catalog", str(sample), "--runs", str(tmp_path / "runs"))
    done = command(*DEMO.split()[1:], *where, "--provider", "anthropic", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert min(told["approved"].values()) > 0
    assert set(told["approved"]) == {"PLAN_TRADE", "ADJUST_TRADE", "CANCEL_ORDER", "DO_NOTHING"}
    assert told["replayed"] is True
    # Every request is an exchange, in the journal and in the report
    assert told["requests"] == told["supervisor"]["exchanges"]
    assert float(told["supervisor"]["cost"]) > 0
    page = (Path(told["run"]) / "report.html").read_text(encoding="utf-8")
    assert [action for action in told["approved"] if action not in page] == []
    states = {
        record["state"]
        for line in (Path(told["run"]) / "journal.jsonl").read_text(encoding="utf-8").splitlines()
        if (record := json.loads(line))["kind"] == "plan"
    }
    assert states >= {"PENDING", "ACTIVE", "CLOSED", "CANCELLED"}, states


def test_the_demonstration_prints_what_happened_and_where_the_report_is(
    command: RunCommand, sample: Path, tmp_path: Path
) -> None:
    done = command(*DEMO.split()[1:], "--catalog", str(sample), "--runs", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Replayed from its tape: the same journal" in done.stdout
    (run,) = tmp_path.iterdir()
    assert f"Report: {run}/report.html" in done.stdout
    assert "Exit code 0" in command(*DEMO.split()[1:], "--help").stdout


def test_the_demonstration_refuses_a_place_of_other_things(
    command: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("kept", encoding="utf-8")
    done = command(*DEMO.split()[1:], "--catalog", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "kept"


def test_a_live_source_without_its_key_is_one_sentence(
    command: RunCommand, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    sentence = "error: supervisor: DASHSCOPE_API_KEY is not set, and provider qwen needs a key"
    done = command(
        *("backtests/run.py", "--config", "config/supervised.yaml"),
        *("--set", f"data.catalog={sample}", "--set", "supervisor.source=live"),
        *("--set", "supervisor.budget.prices={qwen-max: {tokens_in: 1.6, tokens_out: 6.4}}"),
    )
    assert (done.returncode, done.stderr.strip()) == (2, sentence)
    assert sentence in PAGE


def test_the_page_names_every_preset_with_its_model_and_key() -> None:
    for name, preset in PRESETS.items():
        (row,) = [line for line in PAGE.splitlines() if re.match(rf"\|.*`{name}`", line)]
        shown = (preset.get("model"), preset["key_env"])
        assert [word for word in shown if word is not None and f"`{word}`" not in row] == []


def test_the_page_names_every_reason_of_a_refusal() -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith("`empty`")]
    assert line.split(" · ") == [f"`{reason.value}`" for reason in Reason]


def test_every_yaml_of_the_page_loads(tmp_path: Path, command: RunCommand) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)
    assert len(blocks) == 2
    for block in blocks:
        file = tmp_path / "told.yaml"
        file.write_text(block, encoding="utf-8")
        shown = command("backtests/run.py", "--config", str(file), "--show-settings")
        assert shown.returncode == 0, shown.stderr

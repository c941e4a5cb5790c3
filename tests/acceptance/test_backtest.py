"""`python backtests/run.py` as a user meets it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from morningstar_strategy.journal import verify
from tests.acceptance.conftest import RunCommand


def test_a_run_leaves_a_whole_folder_and_says_where(
    command: RunCommand, options: Sequence[str], tmp_path: Path
) -> None:
    result = command(*options)
    assert result.returncode == 0, result.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "journal.jsonl",
        "manifest.json",
        "report.html",
        "report.json",
        "settings.yaml",
    }
    assert "SYNTHETIC" in result.stdout
    assert folder.name in result.stdout.replace("\n", "")
    assert "SYNTHETIC" in (folder / "report.html").read_text(encoding="utf-8")[:20_000]
    assert verify(folder) > 100
    assert json.loads((folder / "report.json").read_text())["costs"]["reconciled"]
    assert json.loads((folder / "manifest.json").read_text())["seeds"] == {"sample": 7}


def test_two_processes_write_the_same_journal(
    command: RunCommand, options: Sequence[str], tmp_path: Path
) -> None:
    journals = []
    for name in ("first", "second"):
        result = command(*options, "--set", f"runs={tmp_path / name}", "--json")
        assert result.returncode == 0, result.stderr
        (folder,) = (tmp_path / name).iterdir()
        journals.append((folder / "journal.jsonl").read_bytes())
    assert journals[0] == journals[1]


def test_the_resolved_settings_make_the_same_run_again(
    command: RunCommand, options: Sequence[str], tmp_path: Path
) -> None:
    first = json.loads(command(*options, "--json").stdout)
    resolved = Path(first["run"]) / "settings.yaml"
    again = tmp_path / "again"
    second = command("backtests/run.py", "--config", str(resolved), "--set", f"runs={again}")
    assert second.returncode == 0, second.stderr
    (folder,) = again.iterdir()
    original = (Path(first["run"]) / "journal.jsonl").read_bytes()
    assert (folder / "journal.jsonl").read_bytes() == original


def test_a_whole_backtest_never_imports_torch(command: RunCommand, options: Sequence[str]) -> None:
    code = (
        "import sys; from backtests.run import main; code = main(sys.argv[1:]);"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    result = command("-c", code, *options[1:], "--json")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.catalog=/nowhere/at/all", ["/nowhere/at/all", "catalog"]),
        ("data.instruments=[BTCUSD-PERP.BINANCE]", ["BTCUSD-PERP.BINANCE", "BTCUSDT-PERP"]),
        ("risk.max_positon_percent=5", ["risk.max_positon_percent"]),
        ("risk.max_open_plans=0", ["max_open_plans", "0"]),
        ("data.start=2031-01-01", ["2031-01-01", "2024-01-01"]),
        ("data.interval=1h", ["1-HOUR"]),
        ("data.end=2024-01-02", ["warm up"]),
        ("decision.stop_percent=wide", ["decision.stop_percent", "wide"]),
        ("currency=EUR", ["EUR", "USDT"]),
        ("mode=paper", ["mode", "paper"]),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_leaves_nothing(
    command: RunCommand,
    options: Sequence[str],
    tmp_path: Path,
    override: str,
    words: Sequence[str],
) -> None:
    result = command(*options, "--set", override)
    assert result.returncode == 2, result.stdout
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert [word for word in words if word not in result.stderr] == []
    assert not (tmp_path / "runs").exists() or list((tmp_path / "runs").iterdir()) == []


def test_help_tells_what_the_exit_codes_mean(command: RunCommand) -> None:
    result = command("backtests/run.py", "--help")
    assert result.returncode == 0
    assert "Exit code 0" in result.stdout


def test_show_settings_prints_yaml_and_runs_nothing(
    command: RunCommand, options: Sequence[str], tmp_path: Path
) -> None:
    result = command(*options, "--show-settings")
    assert result.returncode == 0
    assert "max_position_percent" in result.stdout
    assert not (tmp_path / "runs").exists()

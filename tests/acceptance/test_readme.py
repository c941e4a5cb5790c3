"""Every command of the README is run, and a new one without a way to run it fails."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from catalog import download as download_command
from catalog import venue as venue_module
from catalog.store import list_series
from tests.acceptance.conftest import ROOT, RunCommand, commands_of
from tests.venue.bitget_rest import BitgetRest, perp, redirect

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
NOON_MS: Final = int(datetime(2024, 1, 2, 12, tzinfo=UTC).timestamp()) * 1000
TARGETS: Final = {
    *("help", "backtest", "paper", "train", "test", "check", "chaos", "halts", "planted", "leaks"),
    "parity",
    *("property", "mutate", "conformance", "faults", "adversarial", "soak", "bench", "clean"),
}
MODEL: Final = "python -m morningstar_strategy.model."
JOURNAL: Final = "python -m morningstar_strategy.journal"
SUPERVISED: Final = "python backtests/run.py --config config/supervised.yaml"


def commands() -> list[str]:
    """List what the README tells a user to type."""
    return commands_of(README)


def starting(words: str) -> str:
    """Give the one command that starts with these words."""
    (found,) = [command for command in commands() if command.startswith(words)]
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder that holds the application but none of our results."""
    for name in ("catalog", "backtests", "reports", "config"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_no_command_of_the_readme_is_left_out() -> None:
    scripts = (
        *("catalog/ingest.py", "catalog/download.py", "catalog/check.py", "backtests/run.py"),
        "backtests/leakcheck.py",
        *("adapters/examples/quickstart.py", "reports/trade_log.py"),
        *("live/run_node.py", "live/audit.py", "backtests/compare.py"),
    )
    modules = (f"{MODEL}training", f"{MODEL}registry", "python -m tests.venue", JOURNAL)
    known = ("make ", *modules, *(f"python {script}" for script in scripts))
    assert [command for command in commands() if not command.startswith(known)] == []
    named = {command.split()[1] for command in commands() if command.startswith("make ")}
    assert named == TARGETS


def test_make_help_lists_every_target_of_the_readme() -> None:
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^make (\w+)", result.stdout, flags=re.M))
    assert listed >= TARGETS


def test_make_backtest_runs_what_it_says(checkout: Path, command: RunCommand) -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "backtest"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    steps = [shlex.split(line) for line in plan.stdout.splitlines() if "/python catalog" in line]
    steps += [shlex.split(line) for line in plan.stdout.splitlines() if "/python backtest" in line]
    assert len(steps) == 3
    for step in steps:
        result = command(*step[1:], cwd=checkout)
        assert result.returncode == 0, result.stderr
    reports = [json.loads(path.read_text()) for path in checkout.glob("runs/*/report.json")]
    assert all(path.stat().st_size > 100_000 for path in checkout.glob("runs/*/report.html"))
    trained, rule = sorted(reports, key=lambda report: len(report["model"]), reverse=True)
    assert trained["model"][0] in ("direction_edge: none", "direction_edge: weak")
    assert rule["plans"]


def test_ingest_check_and_run_work_one_after_the_other(
    checkout: Path, command: RunCommand, sample: Path
) -> None:
    bars = checkout / "bars.csv"
    _write_year_of_bars(bars)
    words = starting("python catalog/ingest.py").replace("PATH...", str(bars))
    result = command(*words.split()[1:], "--instrument", "BTCUSDT.BINANCE", cwd=checkout)
    assert result.returncode == 0, result.stderr
    result = command(*starting("python catalog/check.py").split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stdout
    run = starting("python backtests/run.py --config config/backtest.yaml --set data").split()[1:]
    only = ("--set", "data.instruments=[BTCUSDT.BINANCE]")
    result = command(*run, *only, cwd=checkout)
    assert result.returncode == 0, result.stderr
    result = command(*starting("python backtests/run.py --show").split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stderr


def test_a_model_is_trained_listed_verified_and_served(
    checkout: Path, command: RunCommand, tmp_path: Path
) -> None:
    """The commands of the README, on bars that can be had here and with fewer trees."""
    catalog, perpetuals = checkout / "data/catalog", "[BTCUSDT-PERP.BINANCE,ETHUSDT-PERP.BINANCE]"
    assert command("catalog/sample.py", "--catalog", str(catalog), cwd=checkout).returncode == 0
    fewer = (
        *("--set", "start=2024-01-01", "--set", "walk_forward.start=2024-03-20"),
        *("--set", "families=[gbm]", "--set", "challengers=[]"),
        *("--set", "options={gbm: {trees: 8, direction_trees: 4, quantile_trees: 4}}"),
    )
    train = starting(f"{MODEL}training --config").split()[1:]
    train += ["--set", f"instruments={perpetuals}"]
    result = command(*train, *fewer, cwd=checkout)
    assert result.returncode == 0, result.stderr
    assert "direction_edge: none" in result.stdout
    result = command(*starting(f"{MODEL}registry list").split()[1:], "--json", cwd=checkout)
    assert result.returncode == 0, result.stderr
    (bundle,) = (checkout / "models/registry/bundles").iterdir()
    assert bundle.name in result.stdout
    result = command(*starting(f"{MODEL}registry verify").split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stdout
    words = starting(f"{MODEL}training --evaluate").replace("NAME", bundle.name)
    result = command(*words.split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stderr
    assert "are reproduced within" in result.stdout
    run = starting("python backtests/run.py --config config/backtest.yaml --set predictor")
    run = run.replace("[BTCUSDT-PERP.BITGET]", perpetuals)
    result = command(*run.split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stderr
    assert "direction_edge: none" in result.stdout


def test_a_supervised_run_is_made_replayed_verified_exported_and_compared(
    checkout: Path, command: RunCommand, sample: Path
) -> None:
    """The commands of the README, over the few days that the sample of the tests has."""
    shutil.copytree(sample, checkout / "data/sample")
    few = ("--set", "data.end=2024-01-05")
    assert SUPERVISED in commands()
    result = command(*SUPERVISED.split()[1:], *few, cwd=checkout)
    assert result.returncode == 0, result.stderr
    (run,) = (checkout / "runs").iterdir()
    replay = starting(f"{SUPERVISED} --set").replace("NAME", run.name)
    result = command(*replay.split()[1:], *few, "--set", "runs=again", cwd=checkout)
    assert result.returncode == 0, result.stderr
    (again,) = (checkout / "again").iterdir()
    assert (again / "journal.jsonl").read_bytes() == (run / "journal.jsonl").read_bytes()
    result = command(*starting(JOURNAL).replace("NAME", run.name).split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stdout
    assert "sound" in result.stdout
    export = starting("python reports/trade_log.py").replace("NAME", run.name)
    result = command(*export.split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stderr
    rows = (run / "trade_log.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("order_id,symbol,direction")
    assert len(rows) > 1
    both = starting("python backtests/compare.py").replace("runs/NAME", f"runs/{run.name}")
    both = both.replace("runs/OTHER", f"again/{again.name}")
    result = command(*both.split()[1:], cwd=checkout)
    assert result.returncode == 0, result.stdout
    assert (checkout / "compare.html").stat().st_size > 100_000


def test_the_leak_check_of_the_readme_finds_nothing(
    checkout: Path, command: RunCommand, sample: Path
) -> None:
    """Over fewer bars, of the few days that the sample of the tests has."""
    shutil.copytree(sample, checkout / "data/sample")
    words = starting("python backtests/leakcheck.py").split()[1:]
    result = command(*words, "--bars", "300", "--json", cwd=checkout)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["clean"] is True
    assert "leak" not in {each["verdict"] for each in told["checks"]}
    assert sum(each["verdict"] == "clean" for each in told["checks"]) >= 9


def test_a_live_session_is_run_reported_and_audited(
    command: RunCommand, sample: Path, tmp_path: Path
) -> None:
    """The commands of the README, a minute cut to a part of it."""
    first = starting("python live/run_node.py").replace("--minutes 1", "--minutes 0.2").split()
    result = command(
        *first[1:],
        *("--set", f"runs={tmp_path / 'runs'}", "--set", f"node.state={tmp_path / 'state'}"),
        *("--set", f"node.exchange.catalog={sample}", "--set", "monitoring.port=0"),
        *("--set", "node.exchange.start=2024-01-08", "--set", "node.settle_secs=1"),
    )
    assert result.returncode == 0, result.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "report.html").stat().st_size > 100_000
    audit = starting("python live/audit.py").replace("runs/NAME", str(run)).split()[1:]
    result = command(*audit, "--json")
    (told,) = json.loads(result.stdout)["runs"]
    criteria = {row["criterion"]: row["verdict"] for row in told["criteria"]}
    assert set(criteria) >= {"no_crash", "crossings", "holding", "cycles", "protection"}
    assert criteria["capital_drift"] == criteria["journal"] == "PASS"
    again = starting("python backtests/run.py --from-run").replace("runs/NAME", str(run)).split()
    result = command(*again[1:])
    assert result.returncode == 0, result.stdout
    assert "Every decision was made again" in result.stdout


def test_make_paper_runs_what_it_says() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", "paper"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in plan.stdout.splitlines() if "live/run_node.py" in line]
    words = starting("python live/run_node.py").split()
    assert line.split()[1:4] == words[1:4]


def test_make_train_trains_by_the_recipe_of_the_readme() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "train"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    trained = starting("python -m morningstar_strategy.model.training --config").split()
    (line,) = [line for line in plan.stdout.splitlines() if "model.training" in line]
    last = line.split()
    assert last[1:4] == [*trained[1:3], "--config"]
    assert (ROOT / last[4]).is_file()


def _write_year_of_bars(path: Path) -> None:
    """Write 800 quarter-hours of 2024 that move a little."""
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    rows = ["ts,open,high,low,close,volume"]
    for n in range(800):
        price = 40_000 + 50 * (n % 40)
        stamp = datetime.fromtimestamp(start + 900 * n, tz=UTC).isoformat()
        rows.append(f"{stamp},{price}.00,{price + 30}.00,{price - 30}.00,{price + 10}.00,1.50000")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_the_download_of_the_readme_works_against_a_bitget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = starting("python catalog/download.py").split()[2:]
    original: Callable[..., Any] = venue_module.open_exchange
    with BitgetRest(perp(), _ether(), now_ms=lambda: NOON_MS) as server:

        def local(name: str) -> Any:
            exchange = original(name)
            redirect(exchange, server.port)
            exchange.enableRateLimit = False
            return exchange

        monkeypatch.setattr(download_command, "open_exchange", local)
        monkeypatch.setattr("catalog.download.time.time_ns", lambda: NOON_MS * 1_000_000)
        assert download_command.main([*words, "--catalog", str(tmp_path / "catalog")]) == 0
    names = {(item.instrument_id, item.interval) for item in list_series(tmp_path / "catalog")}
    assert names == {("BTCUSDT-PERP.BITGET", "5m"), ("ETHUSDT-PERP.BITGET", "5m")}


def _ether() -> Any:
    return perp(symbol="ETHUSDT", baseCoin="ETH")

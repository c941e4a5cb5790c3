"""What `docs/doctor.md` tells a user to type, and what it says becomes of it."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

from live import doctor, run_node
from live.arming import TOKEN
from live.doctoring.finding import Level
from tests.acceptance.conftest import ROOT, RunCommand, commands_of
from tests.catalogs import sample_folder

PAGE: Final = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
LOOK: Final = "python live/doctor.py --config config/paper-local.yaml"
LIVE: Final = f"{LOOK} --set mode=live"
RUN: Final = "python live/run_node.py --config config/paper-local.yaml --set mode=live --live"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Stand where a user stands, and keep what a node writes in a folder of the test's own."""
    monkeypatch.chdir(ROOT)
    state, runs = f"node.state={tmp_path / 'state'}", f"runs={tmp_path / 'runs'}"
    played = f"node.exchange.catalog={sample_folder()}"
    return ("--set", state, "--set", runs, "--set", played, "--set", "monitoring.port=0")


def test_every_command_of_the_page_is_run_here() -> None:
    assert set(commands_of(PAGE)) == {LOOK, f"{LOOK} --json", LIVE, RUN}


def test_the_newcomers_settings_are_well(
    command: RunCommand, here: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    done = command(*LOOK.split()[1:], *here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("Nothing is red.")
    assert doctor.main([*LOOK.split()[2:], "--json", *here]) == 0
    report = json.loads(capsys.readouterr().out)
    told = {each["name"] for each in report["checks"]}
    listed = {
        name
        for row in re.findall(r"^\| (`.*?`) \|", PAGE, flags=re.M)
        for name in re.findall(r"`([^`]+)`", row)
    }
    assert told | {"venue"} == listed  # that line is there only where it does not answer
    assert {each["level"] for each in report["checks"]} <= {*Level}
    assert report["red"] == 0


def test_the_exchange_of_this_machine_is_armed_as_the_page_says(
    command: RunCommand,
    here: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())  # no terminal
    assert doctor.main([*LIVE.split()[2:], *here]) == 1
    assert "has never shown an edge" in capsys.readouterr().out
    words = (*RUN.split()[1:], *here)
    assert run_node.main(words[1:]) == 3
    assert f"{TOKEN}=" in capsys.readouterr().err
    allowed = (*words, "--set", "predictor.allow_no_edge=true", "--minutes", "0.05")
    assert run_node.main(allowed[1:]) == 3
    (token,) = re.findall(rf"{TOKEN}=(\w+)", capsys.readouterr().err)
    assert not (tmp_path / "runs").exists()
    monkeypatch.setenv(TOKEN, token)
    done = command(*allowed)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.endswith("-live")

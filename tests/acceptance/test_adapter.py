"""The adapter's commands, run as the README tells them."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.acceptance.conftest import ROOT, RunCommand

LONGEST_EXAMPLE = 40  # lines


@pytest.mark.parametrize("venue", ["bitget", "kucoin", "gate"])
def test_the_quickstart_buys_on_the_local_exchange(venue: str, command: RunCommand) -> None:
    done = command("adapters/examples/quickstart.py", venue)
    assert done.returncode == 0, done.stderr
    assert "bought " in done.stdout, done.stdout


def test_the_quickstart_fits_on_one_screen() -> None:
    text = (ROOT / "adapters/examples/quickstart.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < LONGEST_EXAMPLE


def test_the_local_exchange_runs_until_it_is_interrupted() -> None:
    line = [sys.executable, "-m", "tests.venue", "--dialect", "bitget", "--market", "walk"]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            told = json.loads(running.stdout.readline())
            address = f"{told['url']}/api.bitget.com/api/v2/public/time"
            with urllib.request.urlopen(address, timeout=30) as answer:
                assert json.load(answer)["code"] == "00000"
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 0
        finally:
            running.kill()


@pytest.mark.parametrize("target", ["conformance", "faults", "soak", "adversarial"])
def test_a_target_of_a_proof_names_a_module_that_explains_itself(
    target: str, command: RunCommand
) -> None:
    plan = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in plan.stdout.splitlines() if "-m tests." in line]
    module = line.split()[2]
    done = command("-m", module, "--help")
    assert done.returncode == 0, done.stderr
    assert [
        option for option in line.split() if option.startswith("--") and option not in done.stdout
    ] == []

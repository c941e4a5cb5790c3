"""Random faults at each venue: in the end the engine knows exactly what happened."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("dialect", ["bitget", "kucoin", "gate"])
@pytest.mark.parametrize("product", ["linear", "spot"])
def test_the_engine_ends_with_the_truth_whatever_went_wrong(dialect: str, product: str) -> None:
    command = [sys.executable, "-m", "tests.faults", "--dialect", dialect, "--product", product]
    more = ["--schedules", "1", "--orders", "60", "--seed", "4000", "--workers", "1", "--json"]
    ended = subprocess.run(
        [*command, *more], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stderr
    (totals,) = json.loads(ended.stdout).values()
    assert totals["orders"] >= 60
    assert totals["fills"] > 0
    assert sum(totals["faults"].values()) > 0


def test_ten_seconds_of_five_instruments_and_broken_connections_leak_nothing() -> None:
    command = [sys.executable, "-m", "tests.faults.soak", "--minutes", "0.67", "--speed", "4"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads(ended.stdout)
    assert figures["grew"] == []
    assert figures["events"]["OrderFilled"] > 0
    assert figures["frames_per_adapter_sec"] > 0

"""A node that is killed on an exchange that fails has the venue's books in the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("dialect", "seed"), [("bitget", 11), ("kucoin", 12), ("gate", 13)])
def test_the_books_are_the_venues_after_faults_and_a_kill(
    tmp_path: Path, dialect: str, seed: int
) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--dialect", dialect, "--seed", f"{seed}"]
    more = ["--sessions", "1", "--secs", "10", "--workers", "1", "--json"]
    ended = subprocess.run(
        [*command, *more, "--folder", f"{tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    totals = json.loads(ended.stdout.splitlines()[-1])[dialect]
    assert totals["kills"] >= 1
    assert totals["plans"] > 0
    assert totals["alive_secs"] <= 5

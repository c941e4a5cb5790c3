"""A small synthetic catalog, made once, and commands run as a user runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import pytest

from catalog.sample import main as make_sample

ROOT: Final = Path(__file__).parents[2]


def commands_of(page: str) -> list[str]:
    """List what a page of the documentation tells a user to type, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", page, flags=re.S)
    lines = (line.split("  #")[0].strip() for block in blocks for line in block.splitlines())
    return sorted({re.sub(r"\s+#.*", "", line) for line in lines if line})


class RunCommand(Protocol):
    def __call__(self, *args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make ten days of the five synthetic instruments."""
    folder = tmp_path_factory.mktemp("catalog") / "sample"
    assert make_sample(["--catalog", str(folder), "--days", "10"]) == 0
    return folder


@pytest.fixture
def command() -> RunCommand:
    """Run a script of the checkout in a process of its own."""

    def run(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *args],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "120", "PYTHONHASHSEED": "random"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture
def options(sample: Path, tmp_path: Path) -> Sequence[str]:
    """Point a backtest at the sample and at a folder of the test's own."""
    return (
        "backtests/run.py",
        *("--config", "config/sample.yaml"),
        *("--set", f"data.catalog={sample}"),
        *("--set", f"runs={tmp_path / 'runs'}"),
        *("--set", f"predictor.cache={tmp_path / 'forecasts'}"),
    )

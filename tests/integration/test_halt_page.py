"""Every command of the page on halts is run as it stands there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.halting import ROOT

PAGE = (ROOT / "docs/halt.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    told = [run(command, tmp_path) for command in block.splitlines()]
    assert [each.returncode for each in told] == [0, 0, 0], told
    kept, flat, lifted = (each.stdout for each in told)
    assert kept.splitlines()[-1].startswith("done: halted: no node runs")
    assert flat.splitlines()[-1].startswith("done: flat: no node runs")
    assert lifted.startswith("lifted: halted by")
    assert lifted.rstrip().endswith("(peak was 0, the day began with 0)")
    refused = run("python live/resume.py --config config/paper-local.yaml --json", tmp_path)
    assert refused.returncode == 3
    assert '"lifted": false' in refused.stdout


def test_a_wrong_setting_is_one_sentence_and_code_2(tmp_path: Path) -> None:
    told = run("python live/halt.py --set node.on_danger=panic", tmp_path)
    assert told.returncode == 2
    assert told.stderr.startswith("error: setting node.on_danger")
    assert run("python live/halt.py --timeout-secs 0", tmp_path).returncode == 2
    assert run("python live/resume.py --equity much", tmp_path).returncode == 2


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    assert words[0] == "python"
    return subprocess.run(
        [sys.executable, *words[1:], "--set", f"node.state={folder / 'state'}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

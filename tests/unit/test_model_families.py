"""Examples of families by name, and of tasks that cannot be learnt."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from morningstar_strategy.model.learning.families import FAMILIES, family
from tests.fits import fit_task


def test_every_family_is_known_by_its_name() -> None:
    assert [family(name, {}).name for name in FAMILIES] == list(FAMILIES)
    assert [family(name, {}).window for name in ("gbm", "logistic")] == [1, 1]


def test_other_families_and_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"family must be one of gbm, .*, was forest"):
        family("forest", {})
    with pytest.raises(ValueError, match=r"options of family gbm must be its settings: .*'depth'"):
        family("gbm", {"depth": 3})


def test_running_graphs_needs_no_training_library() -> None:
    code = (
        "import sys; from morningstar_strategy.model.learning import calibration, families, graphs;"
        "print(sorted({'onnx', 'lightgbm', 'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_task_needs_both_outcomes_of_everything() -> None:
    task = fit_task()
    calm = dataclasses.replace(task.targets, turbulent=np.zeros_like(task.targets.turbulent))
    with pytest.raises(ValueError, match=r"targets\.turbulent must hold both 0 and 1, held \[0\]"):
        dataclasses.replace(task, targets=calm)
    falling = dataclasses.replace(task.targets, up=np.minimum(task.targets.up, 0))
    with pytest.raises(ValueError, match=r"targets\.up must hold both 0 and 1, held \[0\]"):
        dataclasses.replace(task, targets=falling)


def test_an_unsound_task_is_refused() -> None:
    task = fit_task()
    with pytest.raises(ValueError, match=r"targets\.touch must have 3 rows, had \d+"):
        dataclasses.replace(task, rows=task.rows[:3])
    with pytest.raises(ValueError, match="threads must be at least 1, was 0"):
        dataclasses.replace(task, threads=0)
    with pytest.raises(ValueError, match="seed must not be negative, was -1"):
        dataclasses.replace(task, seed=-1)

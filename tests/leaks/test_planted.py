"""Every planted leak is found by the detector of its kind, and no honest twin is suspected."""

from pathlib import Path

import pytest

from backtests.leaks.findings import Detector, Finding
from catalog import sample
from tests.leaks.__main__ import PLANTS
from tests.leaks.planting import Plant
from tests.leaks.runs import runs


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_leak_is_found_and_what_is_honest_is_not(plant: Plant) -> None:
    assert plant.miss() is None


def test_a_leak_in_a_run_of_the_engine_is_found(tmp_path: Path) -> None:
    assert sample.main(["--catalog", str(tmp_path / "sample"), "--days", "10"]) == 0
    planted = list(runs(tmp_path / "sample"))
    assert [plant.miss() for plant in planted] == [None] * len(planted)
    leaking = [plant.detector is not None for plant in (*PLANTS, *planted)]
    page = (Path(__file__).parents[2] / "docs" / "leakcheck.md").read_text(encoding="utf-8")
    assert f"plants {sum(leaking)} small real leaks" in page
    assert f"{len(leaking) - sum(leaking)} honest twins" in page
    assert {plant.detector for plant in planted} >= {Detector.PROMPT_CONTENTS, Detector.DECISIONS}


def test_there_are_leaks_of_every_kind_and_honest_twins_beside_them() -> None:
    kinds = [plant.detector for plant in PLANTS if plant.detector is not None]
    assert len(kinds) >= 20
    assert set(kinds) == set(Detector) - {Detector.DECISIONS}
    names = [plant.name for plant in PLANTS]
    assert len(set(names)) == len(names)
    assert sum(plant.detector is None for plant in PLANTS) >= 5


def test_a_miss_a_wrong_name_and_a_suspicion_are_told_apart() -> None:
    found = Finding(detector=Detector.EMBARGO, row=1, columns=("a",), message="row 1 leaks")
    missed = Plant(name="a", detector=Detector.EMBARGO, find=lambda: None)
    misnamed = Plant(name="b", detector=Detector.KNOWN_AT, find=lambda: found)
    suspected = Plant(name="c", detector=None, find=lambda: found)
    right = Plant(name="d", detector=Detector.EMBARGO, find=lambda: found)
    assert [each.miss() for each in (missed, misnamed, suspected, right)] == [
        "not found by embargo",
        "found as embargo: row 1 leaks",
        "suspected: row 1 leaks",
        None,
    ]

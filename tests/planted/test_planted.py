"""A part of what `make planted` tries: every edited journal, some real runs, clean pairs."""

from pathlib import Path
from typing import Final

import pytest

from backtests.compare import compare
from morningstar_strategy.core.divergence.bridge import UNTOLD
from morningstar_strategy.core.divergence.ladder import Divergence
from morningstar_strategy.core.divergence.values import Rung
from tests.planted.__main__ import Trial, try_out
from tests.planted.bench import Bench, Case
from tests.planted.cases import CASES, clean

RUN: Final = {
    "a dropped bar",
    "another funding rate",
    "another fee of the instrument",
    "another limit of risk",
    "another stop",
    "a model with another threshold",
    "another version of the code",
}
_DAYS: Final = 6
FEW: Final = [case for case in CASES if not case.real or case.name in RUN]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("planted"), days=_DAYS)


@pytest.mark.parametrize("case", FEW, ids=lambda case: case.name)
def test_a_planted_difference_is_found_with_its_cause(case: Case, bench: Bench) -> None:
    """And in the same way, with its worth turned round, where the runs change places."""
    a, b = case.make(bench)
    there = compare(a, b)
    trial = Trial(case=case, divergence=there)
    said = [difference.says for difference in there.differences[:3]]
    assert trial.is_right, (trial.found, trial.worth, said)
    back = compare(b, a)
    assert _named(there) == _named(back)
    mirrored = {part.label: -part.amount for part in back.bridge.contributions}
    assert {part.label: part.amount for part in there.bridge.contributions} == mirrored


def _named(divergence: Divergence) -> tuple[Rung | None, list[str]]:
    return divergence.first, [each.cause.value for each in divergence.differences]


def test_nothing_is_found_where_nothing_was_planted(bench: Bench, tmp_path: Path) -> None:
    trials = [try_out(case, bench) for case in clean(tmp_path, 7)]
    assert [trial.case.name for trial in trials if not trial.is_right] == []
    assert sum(trial.fills for trial in trials) > 50


def test_there_are_enough_kinds_and_every_rung_is_among_them() -> None:
    assert len({case.name for case in CASES}) >= 25
    assert {case.rung for case in CASES} == set(Rung)


def test_only_money_that_no_record_tells_of_is_left_unexplained() -> None:
    assert [case.name for case in CASES if case.bridge == UNTOLD] == ["money paid in"]

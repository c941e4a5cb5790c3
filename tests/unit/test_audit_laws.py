"""A session consistent by construction passes; each planted defect fails just its criterion."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from live.audit import audit_folder
from live.auditing.crossings import crossings
from live.auditing.cycles import cycles
from live.auditing.drift import capital_drift
from live.auditing.findings import Criterion, Finding, Verdict
from live.auditing.guarding import protection
from live.auditing.holding import holding
from live.auditing.running import no_crash
from live.auditing.session import Asked, Session
from morningstar_strategy.journal import JOURNAL
from tests.audit_defects import ASKED, DEFECTS, Plant, Planted
from tests.audits import (
    MAX_HOLDING_SECS,
    START_NS,
    STEP_NS,
    session_of,
    story,
    write_folder,
)

SEEDS: Final = st.integers(0, 2**32)
JUDGES: Final = (no_crash, crossings, capital_drift, holding, cycles, protection)


def findings(session: Session, asked: Asked = ASKED) -> dict[Criterion, Finding]:
    found = (judge(session, asked) for judge in JUDGES)
    return {finding.criterion: finding for finding in found}


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
@settings(max_examples=15)
@given(seed=SEEDS)
def test_a_consistent_session_passes(judge: Callable[..., Finding], seed: int) -> None:
    finding = judge(session_of(story(seed).records), ASKED)
    assert finding.verdict is Verdict.PASS, (finding.says, finding.faults)
    assert finding.faults == ()


def _failed(planted: Planted) -> tuple[set[Criterion], str]:
    session, asked, _ = planted
    found = findings(session, asked).values()
    failed = {each.criterion for each in found if each.verdict is not Verdict.PASS}
    return failed, "\n".join(fault for each in found for fault in each.faults)


@pytest.mark.parametrize("plant", DEFECTS, ids=lambda plant: plant.__name__)
@settings(max_examples=12)
@given(seed=SEEDS)
def test_a_planted_defect_fails_its_criterion_and_no_other(plant: Plant, seed: int) -> None:
    planted = plant(story(seed).records, Random(seed))
    assume(planted is not None)
    assert planted is not None
    failed, faults = _failed(planted)
    assert failed == {DEFECTS[plant]}, faults
    assert planted[2] in faults


@dataclass(slots=True)
class Count:
    planted: int = 0
    found: int = 0


def test_every_planted_defect_of_every_class_is_found() -> None:
    counts = {plant.__name__: Count() for plant in DEFECTS}
    for seed in range(5):
        records = story(seed).records
        for plant, criterion in DEFECTS.items():
            planted = plant(records, Random(seed))
            if planted is not None:
                count = counts[plant.__name__]
                count.planted += 1
                count.found += criterion in _failed(planted)[0]
    assert len(counts) >= 12
    assert min(count.planted for count in counts.values()) >= 3, counts
    assert [name for name, count in counts.items() if count.found != count.planted] == []


@settings(max_examples=8)
@given(seed=SEEDS, place=st.floats(0, 1, exclude_max=True))
def test_one_changed_byte_fails_the_journal_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, seed: int, place: float
) -> None:
    folder = write_folder(tmp_path_factory.mktemp("run") / "session", story(seed).records)
    content = bytearray((folder / JOURNAL).read_bytes())
    # A letter of a reason, of which the journal holds many, tells no criterion anything
    letters = [at for at in range(len(content)) if content.startswith(b'"a signal"', at)]
    content[letters[int(place * len(letters))] + 1] ^= 2
    (folder / JOURNAL).write_bytes(bytes(content))
    audit = audit_folder(folder, ASKED)
    failed = {each.criterion for each in audit.findings if each.verdict is not Verdict.PASS}
    assert failed == {Criterion.JOURNAL}
    assert audit.verdict is Verdict.FAIL


def test_a_hang_is_named_beside_the_cycles_it_cost() -> None:
    records = [
        replace(r, ts_event=r.ts_event + 4 * STEP_NS) if r.ts_event > START_NS + 60 * STEP_NS else r
        for r in story(3).records
    ]
    found = findings(session_of(records), replace(ASKED, max_holding_secs=2 * MAX_HOLDING_SECS))
    assert "no record for 22 min" in "".join(found[Criterion.NO_CRASH].faults)
    assert found[Criterion.CYCLES].verdict is Verdict.FAIL
    assert found[Criterion.CAPITAL_DRIFT].verdict is Verdict.PASS

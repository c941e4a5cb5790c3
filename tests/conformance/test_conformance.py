"""Every case of the specifications at every venue and product, and the pages that tell of it."""

import pytest

from ccxt_nt.values import Product
from ccxt_nt.venues import profile
from tests.conformance.cases import CASES, REFUSALS
from tests.conformance.documents import FOLDER, document
from tests.conformance.reasons import REASONS, reason
from tests.conformance.runner import DIALECTS, PRODUCTS, jobs, merged, run_all
from tests.conformance.session import ELSEWHERE
from tests.conformance.table import BY_ID, ROWS
from tests.conformance.verdicts import Result, Verdict


def test_the_table_has_every_case_of_both_specifications_once() -> None:
    data = [row for row in ROWS if row.is_data]
    assert len(ROWS) == len(BY_ID)
    assert (len(data), len(ROWS) - len(data)) == (28, 69)


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_case_has_a_scenario_or_a_reason(dialect: str, product: str) -> None:
    row = profile(dialect, Product(product))
    for case_id in BY_ID:
        if reason(case_id, row) is None:
            assert case_id in CASES or case_id in ELSEWHERE, case_id


def test_reasons_and_refusals_name_cases_that_exist() -> None:
    named = {case_id for each in REASONS for case_id in each.cases}
    assert named <= set(BY_ID)
    assert set(CASES) | set(REFUSALS) | set(ELSEWHERE) <= set(BY_ID)
    assert set(REFUSALS) <= named


def test_a_case_that_failed_in_one_session_failed() -> None:
    def result(verdict: Verdict, note: str = "") -> Result:
        return Result(case_id="TC-E41", dialect="gate", product="spot", verdict=verdict, note=note)

    passed, failed = result(Verdict.PASSED), result(Verdict.FAILED, "one is left")
    for pair in ([passed, failed], [failed, passed]):
        (both,) = merged(pair)
        assert (both.verdict, both.note) == (Verdict.FAILED, "one is left")


def test_a_result_that_is_no_success_says_why() -> None:
    with pytest.raises(ValueError, match="note of TC-E41 must say why"):
        Result(case_id="TC-E41", dialect="gate", product="spot", verdict=Verdict.FAILED)


@pytest.mark.timeout(600)
def test_no_case_fails_anywhere_and_the_pages_tell_what_ran() -> None:
    results = run_all(jobs(), heard=lambda result: None)
    assert len(results) == len(ROWS) * len(DIALECTS) * len(PRODUCTS)
    failed = [
        f"{result.dialect} {result.product} {result.case_id}: {result.note}"
        for result in results
        if result.verdict is Verdict.FAILED
    ]
    assert not failed, "\n".join(failed)
    for dialect in DIALECTS:
        page = (FOLDER / f"{dialect}.md").read_text(encoding="utf-8")
        assert page == document(dialect, results), (
            f"docs/venues/{dialect}.md is old: run python -m tests.conformance --write-docs"
        )

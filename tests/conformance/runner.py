"""Runs sessions in processes of their own, several at a time, and gathers their results."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from threading import Timer
from typing import Final

from ccxt_nt.values import Product
from ccxt_nt.venues import profile
from tests.conformance import restarting, session, stopping
from tests.conformance.session import RUNS, plan
from tests.conformance.stopping import applicable
from tests.conformance.table import ROWS
from tests.conformance.verdicts import Result, Verdict
from tests.harness.forks import Fork

DIALECTS: Final = ("bitget", "kucoin", "gate")
PRODUCTS: Final = ("spot", "linear")
WORKERS: Final = 9  # most of a session is waiting, above all for a minute to end
_LIMIT_SECS: Final = 400.0
_ORDER: Final = {row.case_id: place for place, row in enumerate(ROWS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One session to run."""

    run: str
    dialect: str
    product: str
    wanted: tuple[str, ...] = ()

    @property
    def cases(self) -> list[str]:
        """List the cases that it must give results of."""
        row = profile(self.dialect, Product(self.product))
        if self.run == "main":
            return [case_id for case_id, _ in plan(row, self.wanted)]
        all_cases = stopping.CASES if self.run == "stop" else restarting.CASES
        found = applicable(all_cases, row)
        return [case_id for case_id in found if not self.wanted or case_id in self.wanted]

    @property
    def words(self) -> list[str]:
        """Spell it for a session."""
        words = ["--run", self.run, "--dialect", self.dialect, "--product", self.product]
        return words + [part for case_id in self.wanted for part in ("--case", case_id)]


def jobs(
    dialects: Sequence[str] = DIALECTS,
    products: Sequence[str] = PRODUCTS,
    wanted: Sequence[str] = (),
) -> list[Job]:
    """List the sessions that have anything to do, the longest first."""
    every = [
        Job(run=run, dialect=dialect, product=product, wanted=tuple(wanted))
        for run in RUNS
        for dialect in dialects
        for product in products
    ]
    return [job for job in every if job.cases]


def run_all(
    todo: Sequence[Job], *, heard: Callable[[Result], None], workers: int = WORKERS
) -> list[Result]:
    """Run sessions and give one result for each case at each venue and product, in order."""
    results: list[Result] = []
    with ThreadPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(run_job, job, heard) for job in todo]):
            results += done.result()
    return merged(results)


def run_job(job: Job, heard: Callable[[Result], None]) -> list[Result]:
    """Run one session; a case that it did not tell of has failed."""
    told: list[Result] = []
    noise: list[str] = []
    process = Fork.start(session.main, job.words)
    limit = Timer(_LIMIT_SECS, process.kill)  # a session that hangs says nothing more
    limit.start()
    for line in process.stdout:
        try:
            told.append(Result.from_json(json.loads(line)))
        except (ValueError, TypeError):
            noise.append(line.rstrip())
        else:
            heard(told[-1])
    status = process.wait()
    limit.cancel()
    known = {result.case_id for result in told}
    end = noise[-1] if noise else f"it ended with {status}"
    missing = [
        Result(
            case_id=case_id,
            dialect=job.dialect,
            product=job.product,
            verdict=Verdict.FAILED,
            note=f"session {job.run} gave no result: {end}",
        )
        for case_id in job.cases
        if case_id not in known
    ]
    for result in missing:
        heard(result)
    return told + missing


def merged(results: Iterable[Result]) -> list[Result]:
    """Make one result of several sessions' on one case: it passed where it passed in all."""
    found: dict[tuple[str, str, str], Result] = {}
    for result in results:
        key = result.dialect, result.product, result.case_id
        before = found.get(key)
        found[key] = result if before is None else _both(before, result)
    return sorted(found.values(), key=lambda r: (r.dialect, r.product, _ORDER[r.case_id]))


def _both(one: Result, other: Result) -> Result:
    failed = [each for each in (one, other) if each.verdict is Verdict.FAILED]
    kept = failed[0] if failed else one
    notes = sorted({each.note for each in failed or (one, other) if each.note})
    return replace(kept, note="; ".join(notes), secs=one.secs + other.secs)

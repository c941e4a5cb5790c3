"""Run the conformance cases: `python -m tests.conformance [--dialect bitget] [--case TC-E20]`."""

import argparse
import json
import sys
import time
from collections import Counter

from tests.conformance.documents import write_documents
from tests.conformance.runner import DIALECTS, PRODUCTS, WORKERS, jobs, run_all
from tests.conformance.table import BY_ID
from tests.conformance.verdicts import Result, Verdict


class Progress:
    """One line that tells how far it is."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._counts: Counter[Verdict] = Counter()

    def __call__(self, result: Result) -> None:
        """Count a result."""
        self._counts[result.verdict] += 1
        told = ", ".join(f"{self._counts[each]} {each.value}" for each in Verdict)
        sys.stderr.write(f"\r{self._counts.total()}/{self._total}: {told} ")
        sys.stderr.flush()


def main() -> int:
    """Run what was asked for, tell what failed; 1 where anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialect", choices=DIALECTS, action="append")
    parser.add_argument("--product", choices=PRODUCTS, action="append")
    parser.add_argument("--case", choices=tuple(BY_ID), action="append", metavar="TC-...")
    parser.add_argument("--json", action="store_true", help="print every result as a JSON line")
    parser.add_argument("--write-docs", action="store_true", help="write docs/venues/*.md anew")
    parser.add_argument("--workers", type=int, default=WORKERS)
    given = parser.parse_args()
    if given.write_docs and (given.dialect or given.product or given.case):
        parser.error("--write-docs needs every case: leave out --dialect, --product and --case")
    todo = jobs(given.dialect or DIALECTS, given.product or PRODUCTS, given.case or ())
    began = time.monotonic()
    progress = Progress(sum(len(job.cases) for job in todo))
    results = run_all(todo, heard=progress, workers=given.workers)
    sys.stderr.write(f"in {time.monotonic() - began:.0f} s\n")
    failed = [result for result in results if result.verdict is Verdict.FAILED]
    for result in results if given.json else ():
        print(json.dumps(result.to_json()))
    for result in failed:
        print(
            f"{result.dialect} {result.product} {result.case_id} "
            f"{BY_ID[result.case_id].name}: {result.note}",
            file=sys.stderr,
        )
    if given.write_docs:
        for path in write_documents(results):
            print(f"wrote {path}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

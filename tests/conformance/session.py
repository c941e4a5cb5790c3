"""One node at one venue, on which cases run one after another; results leave as JSON lines."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

from ccxt_nt.profiles import Profile
from ccxt_nt.values import Product
from ccxt_nt.venues import profile
from tests.conformance.bench import Bench
from tests.conformance.cases import CASES, LAST, REFUSALS
from tests.conformance.cases_data_more import HISTORY_MINUTES, make_history
from tests.conformance.reasons import reason
from tests.conformance.table import ROWS
from tests.conformance.verdicts import Result, Verdict
from tests.harness.nodes import Desk, Setup, run_script
from tests.venue.clock import VenueClock
from tests.venue.local import LocalVenue

# An unknown outcome is settled sooner than a user would want it, so that cases do not wait
OPTIONS: Final = {"settle_secs": 1.0, "deadline_secs": 2.0, "reconcile_secs": 5.0}


def plan(row: Profile, wanted: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Give the cases of this session and why each does not apply, those that turn time last."""
    rows = [each.case_id for each in ROWS if not wanted or each.case_id in wanted]
    for case_id in sorted(rows, key=lambda each: each in LAST):
        yield case_id, reason(case_id, row)


async def run_case(bench: Bench, case_id: str, why_not: str | None) -> tuple[Verdict, str]:
    """Run one case, and say how it ended."""
    scenario = (CASES if why_not is None else REFUSALS).get(case_id)
    if scenario is None:
        if why_not is None:
            return Verdict.FAILED, "there is no scenario for it"
        return Verdict.NOT_APPLICABLE, why_not
    try:
        note = await scenario(bench)
    except (AssertionError, TimeoutError) as e:
        return Verdict.FAILED, str(e)
    except Exception as e:  # noqa: BLE001 - a case that breaks is a case that failed
        return Verdict.FAILED, f"{type(e).__name__}: {e}"
    if why_not is not None:
        return Verdict.NOT_APPLICABLE, why_not
    return Verdict.PASSED, note or ""


def suffix(row: Profile) -> str:
    """Tell what the names of instruments end with."""
    return "" if row.product is Product.SPOT else "-PERP"


def tell(result: Result) -> None:
    sys.stdout.write(json.dumps(result.to_json()) + "\n")
    sys.stdout.flush()


def run(dialect: str, product: str, wanted: Sequence[str]) -> None:
    """Run the cases and tell each result as it comes."""
    row = profile(dialect, Product(product))
    began_ms = int(time.time() * 1000) - HISTORY_MINUTES * 60_000
    with LocalVenue(dialect, clock=VenueClock(start_ms=began_ms)) as venue:
        symbols = tuple(venue.exchange.listings)
        venue.call(lambda e: make_history(e, symbols))

        async def script(desk: Desk) -> None:
            bench = Bench(desk, venue, row)
            for case_id, why_not in plan(row, wanted):
                began = time.perf_counter()
                verdict, note = await run_case(bench, case_id, why_not)
                left = await bench.tidy()
                if left is not None:
                    verdict, note = Verdict.FAILED, f"{note}; {left}".strip("; ")
                tell(
                    Result(
                        case_id=case_id,
                        dialect=dialect,
                        product=product,
                        verdict=verdict,
                        note=note,
                        secs=round(time.perf_counter() - began, 3),
                    )
                )

        names = tuple(f"{base}USDT{suffix(row)}" for base in ("BTC", "ETH"))
        options = {**OPTIONS, "instruments": names}
        run_script(venue, dialect, script, Setup(product=product, options=options))


def main() -> None:
    """Read what to run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialect", required=True)
    parser.add_argument("--product", required=True)
    parser.add_argument("--case", action="append", default=[])
    given = parser.parse_args()
    run(given.dialect, given.product, given.case)


if __name__ == "__main__":
    main()

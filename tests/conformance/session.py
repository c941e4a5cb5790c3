"""One node at one venue, on which cases run one after another; results leave as JSON lines."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nautilus_trader.model import InstrumentId

from ccxt_nt.profiles import Profile
from ccxt_nt.values import Product
from ccxt_nt.venues import profile
from tests.conformance import restarting, stopping
from tests.conformance.bench import Bench
from tests.conformance.cases import CASES, LAST, REFUSALS
from tests.conformance.cases_data_more import HISTORY_MINUTES, make_history, start_bars
from tests.conformance.listeners import Listeners
from tests.conformance.reasons import reason
from tests.conformance.restarting import LOOKBACK_MINS, Past
from tests.conformance.stopping import Stop, applicable
from tests.conformance.table import ROWS
from tests.conformance.verdicts import Result, Verdict
from tests.harness.nodes import Desk, Setup, run_script
from tests.venue.clock import VenueClock
from tests.venue.local import LocalVenue

# These need a node of their own, where they apply
ELSEWHERE: Final = {*restarting.CASES, *stopping.CASES} - set(CASES)
# An unknown outcome is settled sooner than a user would want it, so that cases do not wait
OPTIONS: Final = {"settle_secs": 1.0, "deadline_secs": 2.0, "reconcile_secs": 5.0}


def plan(row: Profile, wanted: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Give the cases of this session and why each does not apply, those that turn time last."""
    rows = [
        each.case_id
        for each in ROWS
        if (not wanted or each.case_id in wanted)
        and not (each.case_id in ELSEWHERE and reason(each.case_id, row) is None)
    ]
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
    except Exception as e:  # a case that breaks is one that failed
        return Verdict.FAILED, f"{type(e).__name__}: {e}"
    if why_not is not None:
        return Verdict.NOT_APPLICABLE, why_not
    return Verdict.PASSED, note or ""


def tell(result: Result) -> None:
    """Send a result to whoever started this process."""
    sys.stdout.write(json.dumps(result.to_json()) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one process does."""

    dialect: str
    product: str
    wanted: tuple[str, ...] = ()

    @property
    def row(self) -> Profile:
        return profile(self.dialect, Product(self.product))

    @property
    def names(self) -> tuple[str, ...]:
        end = "" if self.row.product is Product.SPOT else "-PERP"
        return tuple(f"{base}USDT{end}" for base in ("BTC", "ETH"))

    def tell(self, case_id: str, verdict: Verdict, note: str, secs: float = 0.0) -> None:
        if self.wanted and case_id not in self.wanted:
            return
        tell(
            Result(
                case_id=case_id,
                dialect=self.dialect,
                product=self.product,
                verdict=verdict,
                note=note,
                secs=round(secs, 3),
            )
        )

    def tell_outcome(self, case_id: str, wrong: str | None) -> None:
        self.tell(case_id, Verdict.PASSED if wrong is None else Verdict.FAILED, wrong or "")

    def setup(self, **more: Any) -> Setup:
        options = {**OPTIONS, "instruments": self.names}
        return Setup(product=self.product, options=options, **more)


def run_main(session: Session) -> None:
    """Run every case that needs no node of its own."""
    row = session.row
    began_ms = int(time.time() * 1000) - HISTORY_MINUTES * 60_000
    with LocalVenue(session.dialect, clock=VenueClock(start_ms=began_ms)) as venue:
        symbols = tuple(venue.exchange.listings)
        venue.call(lambda e: make_history(e, symbols))
        listeners = Listeners(InstrumentId.from_str(f"{session.names[0]}.{row.venue}"))

        async def script(desk: Desk) -> None:
            bench = Bench(desk, venue, row, listeners)
            if not session.wanted or set(LAST) & set(session.wanted):
                await start_bars(bench)
            for case_id, why_not in plan(row, session.wanted):
                began = time.perf_counter()
                verdict, note = await run_case(bench, case_id, why_not)
                left = await bench.tidy()
                if left is not None:
                    verdict, note = Verdict.FAILED, f"{note}; {left}".strip("; ")
                session.tell(case_id, verdict, note, time.perf_counter() - began)

        run_script(venue, session.dialect, script, session.setup(prepare=listeners.add_to))


def run_stop(session: Session) -> None:
    """Start and stop a node with the engine's own testers on it."""
    with LocalVenue(session.dialect) as venue:
        stop = Stop(venue, session.row)

        async def script(desk: Desk) -> None:
            await stop.settled(Bench(desk, venue, session.row))

        try:
            run_script(venue, session.dialect, script, session.setup(prepare=stop.prepare))
        except TimeoutError as e:
            for case_id in applicable(stopping.CASES, session.row):
                session.tell(case_id, Verdict.FAILED, f"on start: {e}")
            return
        for case_id, wrong in stop.outcomes():
            session.tell_outcome(case_id, wrong)


def run_restart(session: Session) -> None:
    """Start a node on an account that an earlier session left."""
    with LocalVenue(session.dialect) as venue:
        past = Past(venue, session.row)
        past.live()

        async def script(desk: Desk) -> None:
            for case_id, wrong in await past.check(Bench(desk, venue, session.row)):
                session.tell_outcome(case_id, wrong)

        claims = [f"{name}.{session.row.venue}" for name in session.names]
        setup = session.setup(claims=claims, lookback_mins=LOOKBACK_MINS)
        run_script(venue, session.dialect, script, setup)


RUNS: Final = {"main": run_main, "stop": run_stop, "restart": run_restart}


def main(argv: Sequence[str] | None = None) -> None:
    """Read what to run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialect", required=True)
    parser.add_argument("--product", required=True)
    parser.add_argument("--run", choices=tuple(RUNS), default="main")
    parser.add_argument("--case", action="append", default=[])
    given = parser.parse_args(argv)
    session = Session(dialect=given.dialect, product=given.product, wanted=tuple(given.case))
    RUNS[given.run](session)


if __name__ == "__main__":
    main()

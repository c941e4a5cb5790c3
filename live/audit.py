"""Audit sessions: `python live/audit.py RUN... [--hours 24 | --quick-test 30] [--json]`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from catalog.errors import CatalogError
from live.auditing.crossings import crossings
from live.auditing.cycles import cycles
from live.auditing.drift import capital_drift
from live.auditing.findings import Audit, Finding, Verdict, to_dict
from live.auditing.foreign import ForeignError, TradeLog, read_trade_log
from live.auditing.foreign_audit import Market, audit_log
from live.auditing.guarding import protection
from live.auditing.holding import holding
from live.auditing.run_folder import BarsOf, journal_is_whole, read_session
from live.auditing.running import no_crash
from live.auditing.session import Asked, Session
from morningstar_strategy.core.records import RecordError
from morningstar_strategy.journal import JournalError
from morningstar_strategy.settings.load import SettingsError

__all__ = ["audit_folder", "main"]

_CRITERIA: Final[tuple[Callable[[Session, Asked], Finding], ...]] = (
    no_crash,
    crossings,
    capital_drift,
    holding,
    cycles,
    protection,
)
_UNREADABLE: Final = (
    *(JournalError, RecordError, SettingsError, ForeignError, CatalogError),
    OSError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Audit runs: 0 all PASS, 1 a FAIL or an UNKNOWN, 2 something could not be read."""
    args = _parse(argv)
    audits: list[Audit] = []
    unread = 0
    for run in args.run:
        try:
            audits.append(_audit(run, args))
        except _UNREADABLE as e:
            unread += 1
            print(f"error: {run}: {e}", file=sys.stderr)
    _print(audits, as_json=args.json)
    verdicts = {audit.verdict for audit in audits}
    bad = {Verdict.FAIL} if args.allow_unknown else {Verdict.FAIL, Verdict.UNKNOWN}
    return 2 if unread else int(bool(verdicts & bad))


def audit_folder(folder: Path, asked: Asked, *, bars_of: BarsOf | None = None) -> Audit:
    """Judge a run folder; raise JournalError, RecordError or SettingsError where it is unread."""
    session = read_session(folder, bars_of=bars_of)
    findings = tuple(judge(session, asked) for judge in _CRITERIA)
    return Audit(run=str(folder), findings=(*findings, journal_is_whole(folder)))


def _audit(run: Path, args: argparse.Namespace) -> Audit:
    asked: Asked = args.asked
    if run.is_dir():
        bars_of = None
        if args.catalog is not None:
            # The engine takes half a second to import, which nobody needs for a live journal
            from live.auditing.catalog_bars import bars_from

            bars_of = bars_from(args.catalog)
        return audit_folder(run, asked, bars_of=bars_of)
    if not run.is_file():
        raise ForeignError("there is neither a run folder nor a file")
    log = read_trade_log(run)
    return Audit(run=str(run), findings=audit_log(log, asked, _market(log, args)))


def _market(log: TradeLog, args: argparse.Namespace) -> Market:
    if args.catalog is None:
        return Market(begun=args.begin_balance, ended=args.end_balance)
    from live.auditing.catalog_bars import bars_of_log

    bars, interval_ns = bars_of_log(args.catalog, log)
    return Market(
        bars=bars, interval_ns=interval_ns, begun=args.begin_balance, ended=args.end_balance
    )


def _print(audits: Sequence[Audit], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(to_dict(audits), indent=2))
        return
    from rich.console import Console

    from live.auditing.table import tables

    Console().print(tables(audits))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python live/audit.py",
        description="Judge finished sessions by what their journals or trade logs prove.",
        epilog="Exit code 0: every criterion PASSes. 1: one FAILs or is UNKNOWN. 2: a run cannot "
        "be read.",
    )
    parser.add_argument(
        "run", type=Path, nargs="+", metavar="RUN", help="run folder, or a trade log as CSV"
    )
    asked = Asked()
    long = parser.add_mutually_exclusive_group()
    hours = Decimal(asked.least_secs) / 3_600
    long.add_argument(
        "--hours", type=_number, default=hours, help=f"least time it must have run ({hours})"
    )
    long.add_argument(
        "--quick-test",
        type=_number,
        metavar="MINUTES",
        help="least time in minutes, such as 30",
    )
    parser.add_argument("--catalog", type=Path, help="bars, for a run that recorded none")
    parser.add_argument(
        "--max-holding-hours", type=_number, help="limit of a position (of the settings; log: 4)"
    )
    for name, default, what in (
        ("--crossing-bars", asked.crossing_bars, "bars within which a crossing is acted on"),
        ("--silence-bars", asked.silence_bars, "bars without any record that are a hang"),
        ("--warmup-bars", asked.warmup_bars, "bars that may pass before the first decision"),
        ("--min-cycles", asked.min_cycles, "cycles of an instrument that are too few"),
        ("--allow-restarts", asked.restarts, "restarts that are no failure"),
    ):
        parser.add_argument(name, type=int, default=default, help=f"{what} ({default})")
    for name, limit, what in (
        ("--drift", asked.drift, "money that may not be unexplained"),
        ("--max-unprotected-secs", asked.max_unprotected_secs, "time without a working stop"),
    ):
        parser.add_argument(name, type=_number, default=limit, help=f"{what} ({limit})")
    parser.add_argument("--begin-balance", type=_number, help="balance before a trade log")
    parser.add_argument("--end-balance", type=_number, help="balance after a trade log")
    parser.add_argument("--allow-unknown", action="store_true", help="let UNKNOWN count as PASS")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON only")
    args = parser.parse_args(argv)
    try:
        args.asked = _asked(args)
    except ValueError as e:
        parser.error(f"{e}")
    return args


def _asked(args: argparse.Namespace) -> Asked:
    minutes, holding_hours = args.quick_test, args.max_holding_hours
    least = args.hours * 3600 if minutes is None else minutes * 60
    return Asked(
        least_secs=int(least),
        restarts=args.allow_restarts,
        silence_bars=args.silence_bars,
        crossing_bars=args.crossing_bars,
        drift=args.drift,
        max_holding_secs=None if holding_hours is None else int(holding_hours * 3600),
        min_cycles=args.min_cycles,
        warmup_bars=args.warmup_bars,
        max_unprotected_secs=args.max_unprotected_secs,
    )


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as e:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from e
    if not value.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


if __name__ == "__main__":
    sys.exit(main())

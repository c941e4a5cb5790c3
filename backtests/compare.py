"""Compare two runs: `python backtests/compare.py RUN_A RUN_B [--html FILE] [--json]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from backtests.comparing.run_folder import read_runs
from morningstar_strategy.core.divergence.ladder import Divergence, diverge
from morningstar_strategy.core.divergence.told import to_dict
from morningstar_strategy.core.divergence.values import DivergenceError
from morningstar_strategy.core.records import RecordError
from morningstar_strategy.journal import JournalError
from morningstar_strategy.reported import by_fills_alone, one_span, read_reports
from morningstar_strategy.tree import SettingsError

__all__ = ["compare", "main"]

_UNREADABLE: Final = (DivergenceError, JournalError, RecordError, SettingsError)
_SECOND: Final = 1_000_000_000
_LONGEST_SLACK: Final = 86_400


def main(argv: Sequence[str] | None = None) -> int:
    """Compare two runs: 0 same, 1 different, 2 for what cannot be compared."""
    args = _parse(argv)
    try:
        divergence = compare(args.a, args.b, slack_ns=args.slack)
        if args.html is not None:
            _write_page(divergence, args.html)
    except _UNREADABLE as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    except OSError as e:
        print(f"error: {e.filename or args.html}: {e.strerror}", file=sys.stderr)
        return 2
    _print(divergence, as_json=args.json)
    return int(not divergence.same)


def compare(a: Path, b: Path, *, slack_ns: int | None = None) -> Divergence:
    """Compare two run folders, or reports of other people's runs as Parquet.

    Raises DivergenceError, JournalError, RecordError or SettingsError in one sentence.
    """
    reported = [_is_reported(path) for path in (a, b)]
    if not any(reported):
        return diverge(*read_runs(a, b), slack_ns=slack_ns)
    if all(reported):
        return diverge(*one_span(read_reports(a), read_reports(b)), slack_ns=slack_ns)
    run, reports = (b, a) if reported[0] else (a, b)
    ours = by_fills_alone(read_runs(run, run)[0])
    theirs = by_fills_alone(read_reports(reports))
    sides = (theirs, ours) if reported[0] else (ours, theirs)
    return diverge(*one_span(*sides), slack_ns=slack_ns)


def _is_reported(path: Path) -> bool:
    if path.is_file():
        return True
    if not path.is_dir():
        raise DivergenceError(f"there is neither a run folder nor a Parquet file at {path}")
    return not (path / "journal.jsonl").exists() and any(path.glob("*.parquet"))


def _write_page(divergence: Divergence, file: Path) -> None:
    # Drawing takes a second to import, which nobody needs for a table
    from reports.compare_page import render

    # What a supervisor said may end within a character, which no file can hold
    file.write_text(render(divergence), encoding="utf-8", errors="replace")


def _print(divergence: Divergence, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(to_dict(divergence), indent=2))
        return
    from rich.console import Console

    from reports.compare_table import comparison

    Console().print(comparison(divergence))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python backtests/compare.py",
        description="Say where two runs part first and why, and what each cause is worth.",
        epilog="Exit code 0: the same in the time they have in common. 1: different. 2: they "
        "cannot be compared.",
    )
    what = "run folder, or a Parquet file or folder with the engine's fills and orders reports"
    parser.add_argument("a", type=Path, metavar="RUN_A", help=what)
    parser.add_argument("b", type=Path, metavar="RUN_B", help="the same")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that opens offline")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON only")
    parser.add_argument(
        "--slack",
        type=_nanoseconds,
        metavar="SECS",
        help="times so near count as the same (0 for two backtests, else 5)",
    )
    return parser.parse_args(argv)


def _nanoseconds(text: str) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not (value.is_finite() and 0 <= value <= _LONGEST_SLACK):
        raise argparse.ArgumentTypeError(
            f"{text!r:.80} is no number of seconds from 0 to {_LONGEST_SLACK:,}"
        )
    return int(value * _SECOND)


if __name__ == "__main__":
    sys.exit(main())

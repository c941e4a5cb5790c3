"""Look for leaks: `python backtests/leakcheck.py [--config FILE] [--set a.b=c]... [--json]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backtests.errors import BacktestError
from morningstar_strategy.settings.load import SettingsError, load_settings
from morningstar_strategy.settings.options import add_settings

if TYPE_CHECKING:
    from backtests.leaks.findings import Check
    from backtests.leaks.subject import Subject

_DEFAULT: Final = Path("config/backtest.yaml")
_BARS: Final = 1_500
_FEWEST: Final = 300


def main(argv: Sequence[str] | None = None) -> int:
    """Look for leaks and print what was found; 1 for a leak, 2 for what cannot be looked at."""
    args = _parse(argv)
    try:
        settings = load_settings(args.config, overrides=args.set)
        # Engine and models take a second to import, which nobody needs to wait for a typing error
        from backtests.leaks.subject import load_subject
        from backtests.leaks.suite import is_clean, look_at_everything
        from backtests.progress import RunProgress

        with RunProgress(quiet=args.json) as progress:
            subject = load_subject(settings, bars=args.bars, seed=args.seed)
            checks = look_at_everything(subject, progress.show)
    except (SettingsError, BacktestError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    _print(checks, subject, as_json=args.json)
    return 0 if is_clean(checks) else 1


def _print(checks: "Sequence[Check]", subject: "Subject", *, as_json: bool) -> None:
    from backtests.data import day_of
    from backtests.leaks.suite import as_document, as_table, is_clean

    days = [day_of(ns) for ns in (subject.stretch.start_ns, subject.stretch.end_ns)]
    if as_json:
        document = {
            "clean": is_clean(checks),
            "start": days[0],
            "end": days[1],
            "bars": sum(len(market.bars) for market in subject.markets),
            "seed": subject.seed,
            "checks": [as_document(check) for check in checks],
        }
        print(json.dumps(document, sort_keys=True))
        return
    from rich.console import Console

    interval = subject.settings.data.interval.value
    title = f"Leaks in {interval} bars of {subject.named}, {days[0]} to {days[1]}"
    console = Console()
    console.print(as_table(checks, title=title))
    console.print("No leak was found." if is_clean(checks) else "LEAKS WERE FOUND.")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python backtests/leakcheck.py",
        description="Look whether anything that a configuration uses knows the future: features, "
        "forecasts, training, series from outside, prompts and decisions.",
        epilog="Exit code 0: no leak. 1: a leak. 2: it cannot be looked at, nothing is written.",
    )
    add_settings(parser, _DEFAULT)
    parser.add_argument(
        "--bars", type=int, default=_BARS, help=f"of each instrument that are looked at ({_BARS})"
    )
    parser.add_argument("--seed", type=int, default=1, help="of which bars, and cuts of them (1)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON only")
    args = parser.parse_args(argv)
    if args.bars < _FEWEST:
        parser.error(f"--bars must be at least {_FEWEST}, was {args.bars}")
    if args.seed < 0:
        parser.error(f"--seed must not be negative, was {args.seed}")
    return args


if __name__ == "__main__":
    sys.exit(main())

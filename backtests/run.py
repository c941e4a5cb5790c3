"""Run one backtest: `python backtests/run.py [--config FILE] [--set a.b=c]... [--json]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backtests.errors import BacktestError
from morningstar_strategy.settings.load import SettingsError, dump_settings, load_settings

_DEFAULT: Final = Path("config/backtest.yaml")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one backtest and print its report; 2 for anything that cannot be run."""
    args = _parse(argv)
    try:
        settings = load_settings(args.config, overrides=args.set)
        if args.show_settings:
            print(dump_settings(settings), end="")
            return 0
        # The engine takes half a second to import, which nobody needs to wait for a typing error
        from backtests.session import run_backtest
        from backtests.table import print_headline

        finished = run_backtest(settings, quiet=args.json)
    except (SettingsError, BacktestError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(finished.report, sort_keys=True))
    else:
        print_headline(finished)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python backtests/run.py",
        description="Run one backtest on the catalog and write a run folder with its report.",
        epilog="Exit code 0: the run folder is written. 2: the run is impossible, nothing is left.",
    )
    parser.add_argument("--config", type=Path, default=_DEFAULT, help=f"settings ({_DEFAULT})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=C",
        help="override one setting, C is YAML; may be given more than once",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON only")
    parser.add_argument(
        "--show-settings", action="store_true", help="print the resolved settings and stop"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

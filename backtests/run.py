"""Run one backtest: `python backtests/run.py [--config FILE] [--set a.b=c]... [--json]`.

With `--from-run RUN` a live session is replayed from what it recorded.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backtests.errors import BacktestError
from morningstar_strategy.settings.load import SettingsError, dump_settings, load_settings
from morningstar_strategy.settings.options import add_settings

if TYPE_CHECKING:
    from backtests.session import Finished

_DEFAULT: Final = Path("config/backtest.yaml")
SETTINGS: Final = "settings.yaml"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one backtest and print its report; 2 for anything that cannot be run."""
    args = _parse(argv)
    try:
        settings = load_settings(_settings_file(args), overrides=args.set)
        if args.show_settings:
            print(dump_settings(settings), end="")
            return 0
        if args.from_run is not None:
            return _replay(args)
        # The engine takes half a second to import, which nobody needs to wait for a typing error
        from backtests.session import run_backtest

        finished = run_backtest(settings, quiet=args.json)
    except (SettingsError, BacktestError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; no run folder is left", file=sys.stderr)
        return 130
    _print(finished, as_json=args.json)
    return 0


def _settings_file(args: argparse.Namespace) -> Path:
    run: Path | None = args.from_run
    if run is None:
        return Path(args.config)
    if not (run / SETTINGS).is_file():
        raise BacktestError(f"{run} has no {SETTINGS}: it is no session that was recorded")
    return run / SETTINGS


def _replay(args: argparse.Namespace) -> int:
    from backtests.replay import replay
    from backtests.replay_table import document, summary

    replayed = replay(args.from_run, overrides=args.set, quiet=args.json)
    if args.json:
        print(json.dumps(document(replayed), sort_keys=True))
    else:
        from rich.console import Console

        Console().print(summary(replayed), soft_wrap=True)
    return 0 if replayed.is_same else 1


def _print(finished: "Finished", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"run": str(finished.folder), **finished.document}, sort_keys=True))
        return
    from rich.console import Console

    from reports.table import summary

    console = Console()
    console.print(
        summary(
            finished.report,
            title=finished.title,
            head_lines=finished.head_lines,
            model_lines=finished.model_lines,
            synthetic=finished.report.head.synthetic,
        )
    )
    console.print(f"Report: {finished.folder}/report.html", soft_wrap=True)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python backtests/run.py",
        description="Run one backtest on the catalog and write a run folder with its report.",
        epilog="Exit code 0: the run folder is written. 1: a replay decides otherwise than its "
        "session did. 2: the run is impossible, nothing is left.",
    )
    parser.add_argument(
        "--from-run",
        type=Path,
        metavar="RUN",
        help="replay the session in this run folder from what it recorded, beside it; "
        "--set changes its settings",
    )
    add_settings(parser, _DEFAULT)
    parser.add_argument("--json", action="store_true", help="print the report as JSON only")
    parser.add_argument(
        "--show-settings", action="store_true", help="print the resolved settings and stop"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""Run a live node: `python live/run_node.py [--config FILE] [--set a.b=c]... [--minutes N]`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from live.commanding import add_settings, fail, say_unless, settings_of
from live.errors import Exit, NodeError
from morningstar_strategy.settings.load import SettingsError, dump_settings
from morningstar_strategy.settings.schema import Settings

if TYPE_CHECKING:
    from live.doctoring.finding import Finding
    from live.session import Ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run a node until it is stopped; the exit code says how it ended."""
    args = _parse(argv)
    try:
        settings = settings_of(args)
        if args.show_settings:
            print(dump_settings(settings), end="")
            return Exit.ORDERLY
        # The engine takes half a second to import, which nobody needs to wait for a typing error
        from live.session import run_session

        armed_ns = _armed(settings, live=args.live)
        say = say_unless(as_json=args.json)
        ended = run_session(settings, minutes=args.minutes, armed_ns=armed_ns, say=say)
    except (SettingsError, NodeError) as e:
        return fail(e)
    except KeyboardInterrupt:
        print("stopped before it began", file=sys.stderr)
        return Exit.INTERRUPTED
    _print(ended, as_json=args.json)
    return ended.code


def _print(ended: "Ended", *, as_json: bool) -> None:
    if as_json:
        document = {} if ended.told is None else ended.told.document
        end = {"run": f"{ended.folder}", "code": ended.code, "reason": ended.reason}
        print(json.dumps({**document, **end}, sort_keys=True))
        return
    from rich.console import Console

    console = Console()
    if ended.told is not None:
        console.print(ended.told.table)
        console.print(f"Report: {ended.told.page}", soft_wrap=True)
    stream = sys.stdout if ended.code is Exit.ORDERLY else sys.stderr
    print(f"The node {ended.reason}.", file=stream)


def _armed(settings: Settings, *, live: bool) -> int | None:
    from live.arming import arm

    return arm(
        settings,
        live=live,
        ask=_asked if sys.stdin.isatty() else None,
        environ=os.environ,
        now_ns=time.time_ns,
        doctor=_examined,
    )


def _examined(settings: Settings) -> tuple["Finding", ...]:
    from live.doctoring.examine import examine

    return examine(settings, environ=os.environ, now_ns=time.time_ns())


def _asked(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)  # what is printed may be JSON only
    return sys.stdin.readline()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python live/run_node.py",
        description="Trade on live data: paper, on a venue's test environment, or with money.",
        epilog="Exit code 0: stopped in order. 1: something went wrong, the last line says what. "
        "2: the settings cannot be used. 3: refused, since it would not be safe.",
    )
    add_settings(parser)
    parser.add_argument("--live", action="store_true", help="with mode live: trade with money")
    parser.add_argument("--minutes", type=float, help="stop in order after so many minutes")
    parser.add_argument("--json", action="store_true", help="print how it ended as JSON only")
    parser.add_argument(
        "--show-settings", action="store_true", help="print the resolved settings and stop"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

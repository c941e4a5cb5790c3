"""Lift a halt: `python live/resume.py --config FILE [--set a.b=c]... [--equity X]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from live.commanding import add_settings, code_of, fail, operator_of, say, settings_of, visible
from live.errors import Exit, NodeError
from live.resuming import resume
from morningstar_strategy.settings.load import SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Lift every halt in the name of a person, and say what that reset."""
    args = _parse(argv)
    try:
        settings = settings_of(args)
        told = resume(
            settings,
            operator=operator_of(args.operator),
            reason=visible(args.reason),
            equity=args.equity,
            timeout_secs=args.timeout_secs,
        )
    except (SettingsError, ValueError, NodeError) as e:
        if not args.json:
            return fail(e)
        say(json.dumps({"lifted": False, "told": f"{e}"}))
        return code_of(e)
    say(json.dumps({"lifted": True, "told": told}) if args.json else told)
    return Exit.ORDERLY


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"must be a number, was {text!r}") from None


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python live/resume.py",
        description="Lift every latched halt of an account. Drawdown and daily loss count from the "
        "equity of this moment on; cool-downs of instruments stay.",
        epilog="Exit code 0: lifted, the line says what was reset. 1: the node did not answer. "
        "2: the settings cannot be used. 3: refused, with the reason.",
    )
    add_settings(parser, whose="the node's settings")
    add = parser.add_argument
    add("--operator", help="who resumes (the user of this machine)")
    add("--reason", default="", help="why, for the record")
    add("--equity", type=_money, help="the account's equity, where no node runs to know it")
    add("--timeout-secs", type=float, default=15.0, help="wait so long for the node (15)")
    add("--json", action="store_true", help="print the result as JSON only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""Look before trading: `python live/doctor.py [--config FILE] [--set a.b=c]... [--json]`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

from live.commanding import add_settings, fail, settings_of
from live.errors import Exit, NodeError
from morningstar_strategy.settings.load import SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Check everything and tell it; the exit code says whether something is red."""
    args = _parse(argv)
    try:
        settings = settings_of(args)
        # The engine takes half a second to import, which nobody needs to wait for a typing error
        from live.doctoring.examine import examine, table
        from live.doctoring.finding import reds

        found = examine(settings, environ=os.environ, now_ns=time.time_ns())
    except (SettingsError, NodeError) as e:
        return fail(e)
    red = len(reds(found))
    if args.json:
        told = {"checks": [each.fields for each in found], "mode": settings.mode, "red": red}
        print(json.dumps(told, indent=2, sort_keys=True))
    else:
        print(table(found))
        print(f"{red} red: do not trade." if red else "Nothing is red.")
    return Exit.FAILED if red else Exit.ORDERLY


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python live/doctor.py",
        description="Check keys, venues, account, model and machine before a node trades. "
        "Nothing is ordered and no setting of an account is changed.",
        epilog="Exit code 0: nothing is red. 1: something is. 2: the settings cannot be used.",
    )
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

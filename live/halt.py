"""Halt trading: `python live/halt.py --config FILE [--set a.b=c]... [--flatten]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from live.commanding import add_settings, fail, operator_of, say, say_unless, settings_of, visible
from live.errors import Exit, NodeError
from morningstar_strategy.settings.load import SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Halt, and flatten where asked; 0 only once it is confirmed."""
    args = _parse(argv)
    try:
        settings = settings_of(args)
        # ccxt and the engine take seconds to import, which no typing error needs to wait for
        from live.halting import Wish, halt

        wish = Wish(
            flatten=args.flatten,
            operator=operator_of(args.operator),
            reason=visible(args.reason),
            timeout_secs=args.timeout_secs,
            trust_node=args.trust_node,
        )
        halted = halt(settings, wish, say=say_unless(as_json=args.json))
    except (SettingsError, ValueError, NodeError) as e:
        return fail(e)
    if args.json:
        say(json.dumps(asdict(halted), sort_keys=True))
    else:
        say(f"{'done' if halted.done else 'NOT done'}: {halted.sentence}")
    return Exit.ORDERLY if halted.done else Exit.FAILED


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python live/halt.py",
        description="Halt an account for good: no new risk, entries are taken back. Every halt is "
        "latched in the node's store; python live/resume.py lifts it.",
        epilog="Exit code 0: done, by the word of the venue itself. 1: not confirmed; the last "
        "line says what is known. 2: the settings cannot be used.",
    )
    add_settings(parser, whose="the node's settings")
    add = parser.add_argument
    add("--flatten", action="store_true", help="close every position and cancel every order")
    add("--operator", help="who halts (the user of this machine)")
    add("--reason", default="", help="why, for the record")
    add("--timeout-secs", type=float, default=60.0, help="give up after so long (60)")
    add(
        "--trust-node",
        action="store_true",
        help="take the node's word for venues that cannot be asked from here",
    )
    add("--json", action="store_true", help="print what is known as JSON only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

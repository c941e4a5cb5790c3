"""One node, one venue, many schedules one after another; tells each result as a line of JSON."""

import argparse
import json
import sys
from dataclasses import asdict
from typing import Final

from tests.faults.hurry import clock_for_adapter, hurried_clock, hurried_loop
from tests.faults.outcome import Outcome

SPEED: Final = 10.0


def main(argv: list[str] | None = None) -> int:
    """Run schedules and tell each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialect", required=True)
    parser.add_argument("--product", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--schedules", type=int, default=1)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--speed", type=float, default=SPEED)
    parser.add_argument("--calm", action="store_true", help="without faults")
    args = parser.parse_args(argv)
    secs = hurried_clock(args.speed)
    clock_for_adapter(secs)
    from tests.faults.rounds import Rounds  # the adapter's clock had to be chosen before

    rounds = Rounds(
        dialect=args.dialect,
        product=args.product,
        seeds=range(args.seed, args.seed + args.schedules),
        orders=args.orders,
        speed=args.speed,
        calm=args.calm,
        tell=_tell,
    )
    rounds.run(lambda: hurried_loop(secs, args.speed))
    return 0


def _tell(outcome: Outcome) -> None:
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

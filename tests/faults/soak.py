"""Hours of trading in minutes: memory, tasks and dictionaries must stay as they are.

`python -m tests.faults.soak --minutes 30` runs a node with five instruments against a venue in a
process of its own whose connections break again and again; 1 where anything grew.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.faults.hurry import clock_for_adapter, hurried_clock, hurried_loop
from tests.venue.dialects import CLASSES

# `Any` in this module: the venue's first line is JSON

_ROOT: Final = Path(__file__).parents[2]
SPEED: Final = 4.0
RATE: Final = 200.0  # messages a second of the adapter's time
DROP_SECS: Final = 20.0  # of the adapter's time


@contextmanager
def venue_process(dialect: str, *, rate: float, drop_secs: float) -> Iterator[dict[str, Any]]:
    """Start the venue; end it in good order."""
    command = [sys.executable, "-m", "tests.faults.soak_venue", "--dialect", dialect]
    command += ["--rate", str(rate), "--drop-secs", str(drop_secs)]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(30)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one soak and print its figures; 1 where something grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--dialect", choices=CLASSES, default="bitget")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the adapter's time")
    parser.add_argument("--speed", type=float, default=SPEED, help="adapter seconds a second")
    parser.add_argument("--rate", type=float, default=RATE, help="messages an adapter second")
    args = parser.parse_args(argv)
    if args.minutes <= 0:
        parser.error(f"minutes must be above 0, was {args.minutes}")
    secs = hurried_clock(args.speed)
    clock_for_adapter(secs)
    from tests.faults.soaking import Soak  # the adapter's clock had to be chosen before

    with venue_process(
        args.dialect, rate=args.rate * args.speed, drop_secs=DROP_SECS / args.speed
    ) as told:
        soak = Soak(dialect=args.dialect, told=told, secs=args.minutes * 60, speed=args.speed)
        figures = soak.run(lambda: hurried_loop(secs, args.speed))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return int(bool(figures["grew"]))


if __name__ == "__main__":
    sys.exit(main())

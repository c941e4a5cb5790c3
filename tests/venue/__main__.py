"""Start a local exchange from the command line: `python -m tests.venue --dialect bitget`."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.venue.calls import RateLimit
from tests.venue.clock import VenueClock
from tests.venue.dialects import CLASSES
from tests.venue.faults import FaultPlan, parse_faults
from tests.venue.local import LocalVenue
from tests.venue.markets import MarketSource, WalkMarket
from tests.venue.recorded import bars_market, trades_market


def main(argv: Sequence[str] | None = None) -> int:
    """Run one until interrupted; print where it listens and the account's keys."""
    args = _parsed(argv)
    try:
        venue = _venue(args)
    except (ValueError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with venue:
        keys = {
            "key": venue.keys.key,
            "secret": venue.keys.secret,
            "passphrase": venue.keys.passphrase,
        }
        print(json.dumps({"url": venue.url, "dialect": args.dialect, **keys}), flush=True)
        stopped.wait()
    return 0


def market_of(text: str, *, seed: int) -> MarketSource:
    """Read "walk", "bars:FILE" or "trades:FILE"; raise ValueError for anything else."""
    kind, _, rest = text.partition(":")
    paths = [Path(part) for part in rest.split(",") if part]
    if kind == "walk" and not rest:
        return WalkMarket(seed)
    if kind == "bars" and paths:
        return bars_market(paths)
    if kind == "trades" and paths:
        return trades_market(paths)
    raise ValueError(f"market must be walk, bars:FILE[,FILE] or trades:FILE[,FILE], was {text!r}")


def _venue(args: argparse.Namespace) -> LocalVenue:
    faults = FaultPlan(args.seed)
    if args.faults is not None:
        rows: Any = yaml.safe_load(args.faults.read_text())  # YAML has no types
        if not isinstance(rows, list):
            raise ValueError(f"file {args.faults} must hold a list of faults")
        faults.add(*parse_faults(rows))
    return LocalVenue(
        args.dialect,
        market=market_of(args.market, seed=args.seed),
        clock=VenueClock(speed=args.speed),
        seed=args.seed,
        faults=faults,
        rate_limit=RateLimit(requests=args.rate_limit) if args.rate_limit else None,
        port=args.port,
    )


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.venue", description=__doc__)
    parser.add_argument("--dialect", choices=CLASSES, required=True)
    parser.add_argument("--market", default="walk", help="walk, bars:FILE or trades:FILE")
    parser.add_argument("--speed", type=float, default=1.0, help="market seconds a second")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=0, help="of the book, the walk, the faults")
    parser.add_argument("--faults", type=Path, help="YAML file, a list of faults")
    parser.add_argument("--rate-limit", type=int, default=0, help="requests a second; 0: any")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

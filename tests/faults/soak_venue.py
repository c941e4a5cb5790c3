"""A venue with five perpetuals that trade without pause, and connections that break."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Final

from tests.venue.clock import VenueClock
from tests.venue.dialects import spoken
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.markets import WalkMarket
from tests.venue.model import Listing, Product

BASES: Final = ("BTC", "ETH", "SOL", "XRP", "LTC")
_TRADES_A_MESSAGE: Final = 0.5  # a trade moves tape, book, ticker and candles
_RARE: Final = (
    Fault(kind=FaultKind.PUSH_DROP, count=None, probability=0.001),
    Fault(kind=FaultKind.PUSH_DUPLICATE, count=None, probability=0.001),
    Fault(kind=FaultKind.PUSH_MALFORMED, count=None, probability=0.0003),
    Fault(kind=FaultKind.SEQUENCE_GAP, where="book", count=None, probability=0.0005),
    Fault(kind=FaultKind.RESET_AFTER, where="order", count=None, probability=0.01),
    Fault(kind=FaultKind.STATUS_502_BEFORE, count=None, probability=0.005),
)


def five(dialect: str) -> tuple[Listing, ...]:
    """List five perpetuals that are alike but for their coin."""
    likeness = next(
        each
        for each in spoken(dialect).listings
        if each.product is Product.PERP and each.base == "ETH"
    )
    return tuple(replace(likeness, base=base) for base in BASES)


def _until_end(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until standard input ends; tell the address and the keys."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialect", required=True)
    parser.add_argument("--rate", type=float, required=True, help="messages a real second")
    parser.add_argument("--drop-secs", type=float, required=True, help="real seconds")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    listings = five(args.dialect)
    market = WalkMarket(
        args.seed,
        prices={listing.symbol: Decimal(3_000) for listing in listings},
        trades_per_sec=args.rate * _TRADES_A_MESSAGE,
        volatility=0.00005,
    )
    stopped = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_until_end, args=(stopped,), daemon=True).start()
    rng = Random(args.seed)
    with LocalVenue(
        args.dialect, listings=listings, market=market, clock=VenueClock(), seed=args.seed
    ) as venue:
        venue.faults.add(*_RARE)
        told = {"url": venue.url, "environment": venue.environment}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        while not stopped.wait(args.drop_secs):
            venue.drop(rng.choice(("public", "private", None)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Play bars of a catalog on a local exchange: `python -m tests.venue.play --dialect bitget ...`.

It tells where it listens in one line of JSON, then answers the lines of its standard input (see
`control.py`) until that ends or it is terminated.
"""

import argparse
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, Final

import yaml

from ccxt_nt.values import Product as Wallet
from tests.venue.accounting import WALLETS, market_row
from tests.venue.catalog_bars import Span, listings_for, read_bars
from tests.venue.clock import VenueClock
from tests.venue.control import Control
from tests.venue.dialects import CLASSES
from tests.venue.faults import FaultPlan, parse_faults
from tests.venue.local import LocalVenue
from tests.venue.model import Product
from tests.venue.played import PlayedMarket, bar_spec, step_ms_of
from tests.venue.record import Recorder

_STDIN: Final = 0
_CHUNK: Final = 65_536


def main(argv: Sequence[str] | None = None) -> int:
    """Play until told to end; 2 where it cannot begin, 1 where the exchange itself went wrong."""
    args = _parsed(argv)
    try:
        market = _market(args)
        _play(args, _venue(args, market), market)
    except (ValueError, OSError) as e:  # CatalogError is a ValueError
        print(f"error: {e}", file=sys.stderr)
        return 2
    except ExceptionGroup as e:  # of the venue itself, told when it is closed
        for each in e.exceptions:
            print(f"error: the venue went wrong: {type(each).__name__}: {each}", file=sys.stderr)
        return 1
    return 0


def _play(args: argparse.Namespace, venue: LocalVenue, market: PlayedMarket) -> None:
    with ExitStack() as stack:
        if args.record is not None:
            stack.enter_context(Recorder(venue.exchange, args.record))
        woken = stack.enter_context(_signalled())  # before anybody can know that we live
        stack.enter_context(venue)
        _tell(_opening(args, venue, market))
        control = Control(venue=venue, market=market)
        for line in _lines(woken, listen=not args.detached):
            _tell(control.answer(line))


def _market(args: argparse.Namespace) -> PlayedMarket:
    span = Span(
        catalog=args.catalog,
        instruments=tuple(args.instruments.split(",")),
        interval=args.interval,
        start=args.start,
        end=args.end,
        count=args.bars,
    )
    product = _product(args)
    bars = read_bars(span, product)
    return PlayedMarket(
        bars=bars,
        listings=listings_for(args.dialect, bars, product),
        step_ms=step_ms_of(bars[0].interval_ms, args.speed),
        lead_ms=int(args.lead_secs * 1000),
        repeat=args.repeat,
    )


def _venue(args: argparse.Namespace, market: PlayedMarket) -> LocalVenue:
    faults = FaultPlan(args.seed)
    if args.faults is not None:
        rows: Any = yaml.safe_load(args.faults.read_text())  # YAML has no types
        if not isinstance(rows, list):
            raise ValueError(f"file {args.faults} must hold a list of faults")
        faults.add(*parse_faults(rows))
    if args.balance <= 0:
        raise ValueError(f"balance must be above 0, was {args.balance}")
    return LocalVenue(
        args.dialect,
        listings=tuple(market.listings.values()),
        balances={_product(args): {"USDT": args.balance}},
        prices={bar.symbol: bar.open for bar in next(market.intervals())[1]},
        clock=VenueClock(),  # clients take the venue's clock for one that runs like theirs
        market=market,
        seed=args.seed,
        faults=faults,
        port=args.port,
    )


def _product(args: argparse.Namespace) -> Product:
    return next(product for product, wallet in WALLETS.items() if wallet.value == args.product)


def _opening(
    args: argparse.Namespace, venue: LocalVenue, market: PlayedMarket
) -> dict[str, object]:
    first = min(bar.open_ms for bar in market.bars)
    last = max(bar.open_ms for bar in market.bars)
    interval_ms = market.bars[0].interval_ms
    rows = [market_row(each) for each in market.listings.values()]
    return {
        "url": venue.url,
        "dialect": args.dialect,
        "product": args.product,
        "environment": venue.environment,
        "instruments": [row["name"] for row in rows],
        "markets": rows,
        "step_secs": market.step_ms / 1000,
        "bar_spec": bar_spec(market.step_ms),
        "first_bar_ts": f"{datetime.fromtimestamp(first / 1000, tz=UTC):%Y-%m-%dT%H:%M:%SZ}",
        "first_bar_open_ms": first,
        "interval_ms": interval_ms,
        "bars": (last - first) // interval_ms + 1,
        "start_ms": venue.call(lambda _: market.progress.start_ms),
    }


def _tell(row: object) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


@contextmanager
def _signalled() -> Iterator[socket.socket]:
    """Yield a socket that can be read once SIGTERM or SIGINT came, to whichever thread."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    with woken, waker:
        signal.set_wakeup_fd(waker.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the wakeup tells
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(-1)


def _lines(woken: socket.socket, *, listen: bool) -> Iterator[str]:
    """Yield lines of the standard input until it ends, or until a signal came.

    No thread reads: one that waits for input keeps the interpreter from ending in good order.
    """
    with DefaultSelector() as selector:
        selector.register(woken, EVENT_READ)
        if listen and not _is_null(_STDIN):
            selector.register(_STDIN, EVENT_READ)
        held = b""
        while woken not in (ready := {key.fileobj for key, _ in selector.select()}):
            if _STDIN in ready:
                told = os.read(_STDIN, _CHUNK)
                *lines, held = (held + told).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines if line.strip())
                if not told:
                    break


def _is_null(number: int) -> bool:
    try:
        mode = os.fstat(number)
    except OSError:  # closed
        return True
    return stat.S_ISCHR(mode.st_mode) and mode.st_rdev == Path(os.devnull).stat().st_rdev


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"must be a number, was {text!r}") from None


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.venue.play", description=__doc__)
    add = parser.add_argument
    add("--dialect", choices=CLASSES, required=True)
    add("--catalog", type=Path, required=True, help="folder of a catalog")
    add("--instruments", required=True, help="names in the catalog, joined by commas")
    add("--interval", default="5m", help="of the catalog's bars")
    add("--start", type=_moment, help="the first bar opens then or later; ISO, UTC")
    add("--end", type=_moment, help="the last bar closes then or sooner; ISO, UTC")
    add("--bars", type=int, help="so many intervals at most")
    add("--speed", type=Fraction, default=Fraction(60), help="market seconds a real second")
    add("--lead-secs", type=Fraction, default=Fraction(3), help="real seconds before the first bar")
    add("--repeat", action="store_true", help="begin anew at the end, without a jump of prices")
    add("--product", choices=[each.value for each in Wallet], default="linear")
    add("--balance", type=_decimal, default=Decimal(10_000), help="USDT on the account")
    add("--port", type=int, default=0, help="0: any free one")
    add("--seed", type=int, default=0, help="of the book and the faults")
    add("--faults", type=Path, help="YAML file, a list of faults")
    add("--record", type=Path, help="file to which the account's events are added, JSON a line")
    add("--detached", action="store_true", help="live until SIGTERM, whatever the standard input")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""A venue in a process of its own that sends prepared frames as fast as they are read, or in step.

Commands on standard input: `load WHAT COUNT SYMBOL` prepares frames for whoever is subscribed,
`go` sends all of them, `pace RATE` sends them evenly; each is answered with a line of JSON. A paced
answer tells when each frame was sent, on the clock that all processes of a machine share.
"""

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from tests.venue.assembly import Shape
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Side
from tests.venue.sockets import Connection, dumps

# `Any` in this module: frames are JSON


class Flood:
    """Frames kept for one connection, and the ways to send them."""

    def __init__(self, venue: LocalVenue) -> None:
        self._venue = venue
        self._what = ""
        self._kept: list[tuple[Connection, str]] = []

    def load(self, what: str, count: int, symbol: str) -> int:
        """Trade so often, and keep what would be pushed on one stream instead of sending it."""
        self._what, self._kept = what, []
        connections = self._venue.sockets

        def keep(one: Connection, frame: Any, *, stream: str, **_: Any) -> None:
            if stream == what:
                self._kept.append((one, frame if isinstance(frame, str) else dumps(frame)))

        def trade(exchange: Exchange) -> None:
            for one in connections:
                one.send = partial(keep, one)  # type: ignore[method-assign]  # while we trade
            _walk(exchange, symbol, count)
            for one in connections:
                del one.send

        self._venue.call(trade)
        if not self._kept:
            raise RuntimeError(f"nobody is subscribed to {what} of {symbol}")
        return len(self._kept)

    def go(self) -> None:
        """Send everything, as fast as the other side reads."""

        def send(_: Exchange) -> None:
            for one, text in self._kept:
                one.send(text, stream=self._what)

        self._venue.call(send)

    def pace(self, rate: float) -> list[int]:
        """Send evenly, so many a second; tell when each went out, in ns."""
        began = time.perf_counter()
        sent: list[int] = []
        for number, (one, text) in enumerate(self._kept):
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)

            def send(_: Exchange, one: Connection = one, text: str = text) -> None:
                sent.append(time.perf_counter_ns())
                one.send(text, stream=self._what)

            self._venue.call(send)
        return sent


def _walk(exchange: Exchange, symbol: str, count: int) -> None:
    """Let somebody trade so often, a few ticks up or down each time."""
    rng, listing, price = Random(1), exchange.listings[symbol], exchange.last(symbol)
    assert price is not None  # every symbol has a price from the start
    for _ in range(count):
        price += listing.tick * rng.randrange(-3, 4)
        exchange.tick(symbol, price, listing.lot * rng.randrange(1, 40), rng.choice(list(Side)))


def serve(dialect: str) -> None:
    """Serve one venue and obey the commands until standard input ends."""
    shape = Shape(seed=1, candle_push_ms=1_000, keep_trades=2_000, keep_candles=500)
    with LocalVenue(dialect, shape=shape) as venue:
        flood = Flood(venue)
        _say({"url": venue.url})
        for line in sys.stdin:
            word, *args = line.split()
            match word:
                case "load":
                    _say({"frames": flood.load(args[0], int(args[1]), args[2])})
                case "go":
                    flood.go()
                    _say({})
                case "pace":
                    _say({"sent": flood.pace(float(args[0]))})
                case _:
                    raise ValueError(f"command must be load, go or pace, was {word!r}")


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the dialect that is named."""
    (dialect,) = sys.argv[1:] if argv is None else argv
    serve(dialect)
    return 0


if __name__ == "__main__":
    sys.exit(main())

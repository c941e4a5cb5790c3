"""One consumer of one stream in a process of its own: our adapter, or a plain loop on ccxt.pro.

`python -m benchmarks.adapter_runs CONSUMER DIALECT WHAT COUNT` is what is timed; it starts its
venue, and prints what it measured as one line of JSON.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import ccxt.pro
from nautilus_trader.model import Venue

from ccxt_nt.errors import Rejected
from ccxt_nt.health import HealthBoard
from ccxt_nt.ids import codec
from ccxt_nt.line.client import Line, Role
from ccxt_nt.line.credentials import Credentials
from ccxt_nt.market.book_feed import BookFeed, BookOutput
from ccxt_nt.market.feeds import Feed, Station
from ccxt_nt.market.tick_feeds import TradeFeed
from ccxt_nt.orders.desk import Desk
from ccxt_nt.profiles import Budget
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.settings import Settings
from ccxt_nt.values import OrderKind, Product, Side, Ticket
from ccxt_nt.venues import profile
from tests.venue.redirect import redirect
from tests.venue.wire import Keys

# `Any` in this module: ccxt has no types

SYMBOL: Final = "BTC/USDT:USDT"
DEPTH: Final = 50
_PROJECT: Final = Path(__file__).parents[1]
_PATIENCE_SECS: Final = 240.0


class Server:
    """The venue's process, and the words it obeys."""

    def __init__(self, dialect: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.adapter_venue", dialect],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_PROJECT,
        )
        self.url = str(self._answer()["url"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # a pipe was asked for
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the venue ended with exit code {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def say(self, *words: object) -> dict[str, Any]:
        """Command something and wait for its answer."""
        assert self._process.stdin is not None  # a pipe was asked for
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Let it end, and wait."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)


@dataclass(slots=True, kw_only=True)
class Count:
    """What a consumer got, and when the last of it came."""

    frames: int = 0  # that ccxt was given
    items: int = 0  # that came out
    last_ns: int = 0  # when the last of them
    times: list[int]  # when something came out

    def add(self, items: int = 1) -> None:
        """Note that something came out."""
        self.items += items
        self.last_ns = time.perf_counter_ns()
        self.times.append(self.last_ns)


async def until(test: Callable[[], object], what: str) -> None:
    """Look again and again, without being in the way."""
    deadline = time.monotonic() + _PATIENCE_SECS
    while not test():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {_PATIENCE_SECS} s")
        await asyncio.sleep(0.02)


# ---- consumers ----


async def open_ours(server: Server, dialect: str, what: str, count: Count) -> Callable[[], Any]:
    """Subscribe with the adapter's own feed; gives how to close it."""
    settings = Settings(venue=dialect, endpoint=server.url, book_depth=DEPTH)
    line = Line(profile(dialect, Product.LINEAR), settings, role=Role.DATA, log=_complain)
    await line.open()
    venue = Venue(line.profile.venue)
    provider = CcxtInstrumentProvider(line, venue, settings=settings, now_ns=time.time_ns)
    await provider.load_all_async()
    await line.look_at_clock()
    station = Station(
        line=line,
        emit=lambda item: count.add(),
        now_ns=time.time_ns,
        board=HealthBoard(),
        log=_complain,
        rng=Random(0),
    )
    market, of = line.symbols.market(SYMBOL), provider.instrument(SYMBOL)
    feed: Feed
    if what == "trades":
        feed = TradeFeed(station, market, of)
    else:
        book = BookFeed(station, market, of, depth=DEPTH)
        book.outputs.add(BookOutput.DELTAS)
        feed = book
    feed.start()
    await until(lambda: station.board.health.value == "healthy" and _is_live(feed), "subscribed")

    async def close() -> None:
        await feed.stop()
        await line.close()

    return close


def _is_live(feed: Feed) -> bool:
    stream: Any = getattr(feed, "stream", None)
    return stream is not None and stream.state.value == "live"


async def open_plain(server: Server, dialect: str, what: str, count: Count) -> Callable[[], Any]:
    """Subscribe as ccxt's manual shows; gives how to close it."""
    exchange = getattr(ccxt.pro, dialect)({"options": {"defaultType": "swap", "uta": False}})
    redirect(exchange, server.url)
    await exchange.load_markets()

    async def loop() -> None:
        while True:
            if what == "trades":
                count.add(len(await exchange.watch_trades(SYMBOL)))
            else:
                await exchange.watch_order_book(SYMBOL, _depth_of(dialect))
                count.add()

    task = asyncio.create_task(loop())
    await until(lambda: any(c.subscriptions for c in exchange.clients.values()), "subscribed")
    await asyncio.sleep(0.5)

    async def close() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await exchange.close()

    return close


def _depth_of(dialect: str) -> int | None:
    from ccxt_nt.market.book_feed import subscribed_depth

    return subscribed_depth(profile(dialect, Product.LINEAR), DEPTH)


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


# ---- measurements ----


async def consume(
    consumer: str, dialect: str, what: str, size: int, rate: float | None
) -> dict[str, Any]:
    """Flood a consumer, or send evenly: CPU and wall seconds from the first frame to the last.

    `ns`: how long each item took from the venue's send, of frames that were sent evenly. Where not
    every frame made one, it is from the last send before.
    """
    server, count = Server(dialect), Count(times=[])
    opener = open_ours if consumer == "ours" else open_plain
    close = await opener(server, dialect, what, count)
    loaded = (await asyncio.to_thread(server.say, "load", what, size, SYMBOL))["frames"]
    handled, times = _watch_frames(loaded), count.times
    times.clear()
    before = count.items
    began, cpu = time.perf_counter_ns(), time.process_time()
    words = ("go",) if rate is None else ("pace", rate)
    told = await asyncio.to_thread(server.say, *words)
    await until(lambda: handled.frames >= loaded, f"{loaded} frames")
    # Of trades ours loses none
    least = loaded if what == "trades" and consumer == "ours" else 1
    await until(lambda: count.items - before >= least, f"{least} items of {loaded} frames")
    spent = time.process_time() - cpu
    await close()
    server.end()
    return {
        "frames": loaded,
        "items": count.items - before,
        "cpu_secs": spent,
        "wall_secs": (handled.last_ns - began) / 1e9,
        "ns": _latencies(told.get("sent", []), times),
    }


def _latencies(sent: list[int], times: list[int]) -> list[int]:
    if len(sent) == len(times):
        return [out - at for at, out in zip(sent, times, strict=True)]
    return [out - sent[bisect_right(sent, out) - 1] for out in times] if sent else []


def _watch_frames(expected: int) -> Count:
    """Count the messages that ccxt's websocket clients are given from now on."""
    from ccxt.async_support.base.ws.client import Client

    count, original = Count(times=[]), Client.handle_text_or_binary_message

    def handle(self: Any, data: Any) -> None:
        original(self, data)
        count.frames += 1
        if count.frames == expected:
            count.last_ns = time.perf_counter_ns()

    Client.handle_text_or_binary_message = handle
    return count


async def orders(dialect: str, size: int) -> dict[str, Any]:
    """Send orders one by one; gives the ns from the command to its bytes on the socket, each.

    `cpu_ns` leaves out what other processes took of the machine meanwhile.
    """
    server = Server(dialect)
    keys = Keys()
    row = profile(dialect, Product.LINEAR)
    row = replace(row, budget=Budget(data_per_sec=100, orders_per_sec=10_000, burst=1_000))
    parts = {"apiKey": keys.key, "secret": keys.secret, "password": keys.passphrase}
    credentials = Credentials(parts={name: parts[name] for name in row.credentials})
    settings = Settings(venue=dialect, endpoint=server.url)
    line = Line(row, settings, role=Role.ORDERS, credentials=credentials, log=_complain)
    await line.open()
    await line.load_markets()
    desk, names = Desk(row, line), codec(row.codec)
    written = _watch_writes()
    took: list[int] = []
    worked: list[int] = []
    for number in range(size + 5):  # the first ones open the connection
        ticket = Ticket(
            symbol=SYMBOL,
            client_order_id=names.encode(f"O-20260101-000000-001-000-{number + 1}"),
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            quantity=line.symbols.market(SYMBOL).lot * 20,
            price=Decimal(50_000),
        )
        written.clear()
        asked, busy = time.perf_counter_ns(), time.thread_time_ns()
        await _place(desk, ticket)
        written_at, worked_till = written[0]
        took.append(written_at - asked)
        worked.append(worked_till - busy)
    await line.close()
    server.end()
    return {"ns": took[5:], "cpu_ns": worked[5:]}


async def _place(desk: Desk, ticket: Ticket) -> None:
    try:
        await asyncio.create_task(desk.place(ticket))  # a task, as every command of the engine
    except Rejected:
        return  # its bytes went out all the same


def _watch_writes() -> list[tuple[int, int]]:
    """Note when bytes are handed to the kernel, by the wall's and by the thread's own clock."""
    times: list[tuple[int, int]] = []
    original = _SelectorSocketTransport.write

    def write(self: Any, data: Any) -> None:
        original(self, data)
        times.append((time.perf_counter_ns(), time.thread_time_ns()))

    _SelectorSocketTransport.write = write
    return times


def main(argv: Sequence[str] | None = None) -> int:
    """Measure one thing and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adapter_runs", description=__doc__)
    parser.add_argument("measure", choices=("ours", "plain", "orders"))
    parser.add_argument("dialect")
    parser.add_argument("what", choices=("trades", "book", "orders"))
    parser.add_argument("count", type=int)
    parser.add_argument("--rate", type=float, help="frames a second; as many as are read if absent")
    args = parser.parse_args(argv)
    if args.measure == "orders":
        told = asyncio.run(orders(args.dialect, args.count))
    else:
        told = asyncio.run(consume(args.measure, args.dialect, args.what, args.count, args.rate))
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())

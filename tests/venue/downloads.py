"""Downloads from the local Bitget into catalogs of their own, for the tests."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from catalog.download import Fetched, Wish, download
from catalog.store import bar_type, load_bars
from catalog.venue import VENUES, Patience, open_exchange
from tests.venue.bitget_rest import BitgetRest, Listing, perp, redirect, spot

STEP_MS = 300_000
DAY_MS = 86_400_000
NOW_MS = 1_709_251_323_456  # 2024-03-01 00:02:03.456, within a bar
PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"
FIVE_MINUTES = bar_type("BTCUSDT-PERP.BITGET", "5m")


class Session:
    """One catalog and one venue; every call is a new download with a new ccxt object."""

    def __init__(self, root: Path, venue: BitgetRest) -> None:
        self.root = root
        self.venue = venue
        self.slept: list[float] = []
        self.reports: list[tuple[str, int, int]] = []
        self.keep_rate_limit = False

    def run(self, *symbols: str, interval: str = "5m", since: int, **wish: Any) -> list[Fetched]:
        exchange: Any = open_exchange("bitget")
        redirect(exchange, self.venue.port)
        exchange.enableRateLimit = self.keep_rate_limit
        return download(
            self.root,
            exchange,
            VENUES["bitget"],
            Wish(symbols=symbols or (PERP,), interval=interval, since_ms=since, **wish),
            patience=Patience(dice=random.Random(1), sleep=self.slept.append),
            clock_ms=self.venue.now_ms,
            report=lambda *progress: self.reports.append(progress),
        )

    def opens(self, name: str = FIVE_MINUTES) -> list[int]:
        """List the opens of the stored bars in ms."""
        return [bar.ts_event // 1_000_000 - STEP_MS for bar in load_bars(self.root, name)]


type Open = Callable[..., Session]


@contextmanager
def sessions(place: Path) -> Iterator[Open]:
    """Open sessions, and close their servers in the end."""
    running: list[BitgetRest] = []

    def start(*listings: Listing, now_ms: Callable[[], int] = lambda: NOW_MS) -> Session:
        venue = BitgetRest(*(listings or (perp(), spot())), now_ms=now_ms)
        running.append(venue.__enter__())
        return Session(place / f"catalog{len(running)}", venue)

    try:
        yield start
    finally:
        for venue in running:
            venue.__exit__(None, None, None)


def grid(since: int, end: int) -> list[int]:
    """List the opens of all closed bars."""
    return list(range(-(-since // STEP_MS) * STEP_MS, end // STEP_MS * STEP_MS, STEP_MS))

"""The test's end of a remote node: send commands, wait for what it says."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Product, Side

# `Any` in this module: the lines are JSON

ROOT = Path(__file__).parents[2]
SYMBOLS = {"spot": "BTC/USDT", "linear": "BTC/USDT:USDT"}
NAMES = {"spot": "BTCUSDT", "linear": "BTCUSDT-PERP"}
PATIENCE_SECS = 15.0


class Remote:
    """A node in a process of its own, trading one instrument at a local venue."""

    def __init__(self, venue: LocalVenue, dialect: str, product: str, **settings: Any) -> None:
        self.venue = venue
        self.dialect = dialect
        self.product = product
        self.symbol = SYMBOLS[product]
        self.heard: list[dict[str, Any]] = []
        name = dialect.upper()
        keys = {"API_KEY": "key", "API_SECRET": "secret", "API_PASSPHRASE": "pass"}
        plan = {
            "venue": name,
            "product": product,
            "endpoint": venue.url,
            "instruments": [NAMES[product]],
            "reconcile_secs": 2.0,
            "settle_secs": 1.5,
            "deadline_secs": 1.0,
            "environment": {f"{name}_{key}": value for key, value in keys.items()},
            **settings,
        }
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.ccxt_remote", json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}"},
        )
        threading.Thread(target=self._read, daemon=True).start()

    # ---- commands ----

    def do(self, command: str, **terms: Any) -> None:
        """Send one command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **terms}) + "\n")
        self._process.stdin.flush()

    def submit(self, name: str, kind: str, side: str, **terms: Any) -> None:
        """Submit an order under a name."""
        self.do("submit", name=name, kind=kind, side=side, **terms)

    def state(self) -> dict[str, Any]:
        """Ask what the engine knows."""
        self.do("state")
        return self.expect(lambda line: line["kind"] == "state")

    # ---- the market ----

    def lots(self, base: str) -> Decimal:
        """Turn base coins into the venue's units."""
        return Decimal(base) / self.venue.exchange.listings[self.symbol].contract_size

    def tick(self, price: int, base: str = "0.001", side: Side = Side.SELL) -> None:
        """Let somebody trade at the venue."""
        quantity = self.lots(base)
        self.venue.call(lambda x: x.tick(self.symbol, Decimal(price), quantity, side))

    def truth[T](self, read: Callable[[Exchange], T]) -> T:
        """Read what really happened."""
        return self.venue.call(read)

    # ---- what it says ----

    def event(self, name: str, order: str, *, secs: float = PATIENCE_SECS) -> dict[str, Any]:
        """Wait for an event of an order."""
        return self.expect(
            lambda line: line.get("event") == name and line.get("order") == order, secs=secs
        )

    def expect(
        self, wanted: Callable[[dict[str, Any]], bool], *, secs: float = PATIENCE_SECS
    ) -> dict[str, Any]:
        """Wait for a line, remembering all that come before it."""
        deadline = time.monotonic() + secs
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise AssertionError(f"the node ended: {self.heard[-5:]}")
            found = self._parse(line)
            if found is not None and wanted(found):
                return found
        raise AssertionError(f"nothing of the kind within {secs} s: {self.heard[-8:]}")

    def events(self, order: str) -> list[str]:
        """List the events of an order that were heard so far."""
        return [line["event"] for line in self.heard if line.get("order") == order]

    def fees(self) -> dict[str, Decimal]:
        """Sum the commissions that were heard, by currency."""
        sums: dict[str, Decimal] = {}
        for line in self.heard:
            if "commission" in line:
                amount, currency = line["commission"].split()
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)
        return sums

    def one_of(self, events: tuple[str, ...], order: str) -> None:
        """Wait for any of some events of an order, unless one was heard already."""
        if not set(self.events(order)) & set(events):
            self.expect(lambda line: line.get("order") == order and line.get("event") in events)

    def silent(self, events: tuple[str, ...], order: str, *, secs: float) -> None:
        """Hold that none of some events of an order was heard, nor comes for a while."""
        deadline = time.monotonic() + secs
        while (left := deadline - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self._parse(self._lines.get(timeout=left) or "")
        told = set(self.events(order)) & set(events)
        assert not told, f"{told} came of {order}"

    def until[T](self, read: Callable[[], T], wanted: T) -> None:
        """Wait until something outside of the node is so."""
        deadline = time.monotonic() + PATIENCE_SECS
        while read() != wanted:
            assert time.monotonic() < deadline, f"{read()} did not become {wanted}"
            time.sleep(0.02)

    def settle(self, agree: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask for the state until it agrees."""
        deadline = time.monotonic() + PATIENCE_SECS
        while True:
            state = self.state()
            if agree(state) or time.monotonic() > deadline:
                return state
            time.sleep(0.1)

    def _parse(self, line: str) -> dict[str, Any] | None:
        try:
            found = json.loads(line)
        except ValueError:
            found = {"kind": "text", "text": line.rstrip()}
        if not isinstance(found, dict):
            return None
        self.heard.append(found)
        return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def __enter__(self) -> Self:
        self.expect(lambda line: line["kind"] == "started", secs=40)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
            if error is None:
                raise


def balances_of(exchange: Exchange, product: str) -> dict[str, Decimal]:
    """Read every wallet of a product."""
    kind = Product.SPOT if product == "spot" else Product.PERP
    return {coin: balance.total for coin, balance in exchange.balances(kind).items()}

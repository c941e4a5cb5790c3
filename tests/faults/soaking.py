"""A node that trades five instruments for a long time, and what it holds meanwhile."""

import asyncio
import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

from nautilus_trader.live import LiveNode
from nautilus_trader.model import BarType, BookType, InstrumentId, OrderSide

from ccxt_nt.execution.client import CcxtExecutionClient
from ccxt_nt.line.client import Line
from ccxt_nt.market.client import CcxtDataClient
from ccxt_nt.orders.roster import ORDERS_KEPT
from tests.faults.sizes import Bound, grown, sizes
from tests.faults.soak_venue import BASES
from tests.harness.nodes import Desk, ScriptedStrategy, Setup, run_script

# `Any` in this module: the engine's stubs have no common type of orders

_WARM_UP: Final = 0.3  # of the whole time; caches fill up meanwhile
_SAMPLES: Final = 40
_ORDER_SECS: Final = 0.3  # of the adapter's time, between two orders
_KEPT_SECS: Final = 60  # real ones; the engine forgets closed orders after
_MOST_GROWTH: Final = 0.05
_MORE_TASKS: Final = 10
_REST_SECS: Final = 240.0  # of the adapter's time, for what is under way at the end
_CACHED: Final = 5_000  # rows of one symbol at most, as the line asks of ccxt
_LEVELS: Final = 100  # of one side of a book, as asked for
_BOUNDS: Final = (
    Bound(
        prefix="CcxtExecutionClient._parts.cases",
        counted="CcxtExecutionClient._parts.cases._done",
        most=ORDERS_KEPT,
    ),
    *(
        Bound(prefix=prefix, counted=prefix + below, most=_CACHED * len(BASES))
        for prefix, below in (
            ("CcxtExecutionClient._lines.account._exchange.myTrades", ""),
            ("CcxtExecutionClient._lines.account._exchange.orders", ""),
            ("CcxtDataClient._line._exchange.trades", "[]"),
            ("CcxtDataClient._line._exchange.ohlcvs", "[][]"),
            ("CcxtDataClient._feeds[]._tape", "._order"),  # the memory of one is as long
        )
    ),
    Bound(
        prefix="CcxtDataClient._line._exchange.orderbooks",
        counted="CcxtDataClient._line._exchange.orderbooks[][]",
        most=2 * _LEVELS * len(BASES),
    ),
    Bound(
        prefix="CcxtDataClient._feeds[]._raw",
        counted="CcxtDataClient._feeds[]._raw.bids",
        most=_LEVELS * len(BASES),
    ),
)
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A venue in another process, as the harness needs it."""

    url: str
    environment: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was held at one moment."""

    secs: float
    rss_bytes: int
    tasks: int


@dataclass(slots=True, kw_only=True)
class Soak:
    """One long run."""

    dialect: str
    told: dict[str, Any]
    secs: float  # of the adapter's time
    speed: float
    _samples: list[Sample] = field(init=False, default_factory=list)
    _frames: int = field(init=False, default=0)
    _events: Counter[str] = field(init=False, default_factory=Counter)
    _early: Counter[str] = field(init=False, default_factory=Counter)
    _late: Counter[str] = field(init=False, default_factory=Counter)
    _left: Counter[str] = field(init=False, default_factory=Counter)  # tasks that never ended

    def run(self, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> dict[str, Any]:
        """Run it all; give the figures."""

        def run(node: LiveNode) -> None:
            async def whole() -> None:
                await node.run_async()

            with asyncio.Runner(loop_factory=make_loop) as runner:
                runner.run(whole())

        remote = Remote(url=self.told["url"], environment=self.told["environment"])
        names = tuple(f"{base}USDT-PERP" for base in BASES)
        options = {"instruments": names, "reconcile_secs": 10.0}
        setup = Setup(product="linear", options=options, run=run)
        run_script(remote, self.dialect, self._script, setup)
        return self._figures()

    # ---- the script ----

    async def _script(self, desk: Desk) -> None:
        venue = self.dialect.upper()
        iids = [InstrumentId.from_str(f"{base}USDT-PERP.{venue}") for base in BASES]
        strategy = desk.strategy
        for iid in iids:
            strategy.subscribe_trades(iid)
            strategy.subscribe_quotes(iid)
            strategy.subscribe_book_deltas(iid, BookType.L2_MBP, managed=True)
            strategy.subscribe_bars(BarType.from_str(f"{iid.value}-1-MINUTE-LAST-EXTERNAL"))
        for line in (each for each in gc.get_objects() if isinstance(each, Line)):
            line.tap(self._count)
        loop = asyncio.get_running_loop()
        began, every = loop.time(), self.secs / _SAMPLES
        due, rng = began + every, Random(1)
        while (now := loop.time()) < began + self.secs:
            self._trade(desk, rng.choice(iids), rng)
            if now >= due:
                due += every
                self._sample(now - began)
            await asyncio.sleep(_ORDER_SECS)
            self._forget(strategy)
        await self._look_late(loop.time() + _REST_SECS)
        await self._rest(loop.time() + _REST_SECS)

    async def _look_late(self, deadline: float) -> None:
        """See what is held in the end; what a broken connection keeps back is soon let go."""
        while True:
            self._late = self._held()
            has_grown = grown(self._early, self._late, bounds=_BOUNDS)
            if not has_grown or asyncio.get_running_loop().time() >= deadline:
                return
            await asyncio.sleep(_ORDER_SECS)

    async def _rest(self, deadline: float) -> None:
        """Wait until no more tasks are left than early on; what is under way may end first."""
        most = self._early_tasks() + _MORE_TASKS
        while len(tasks := asyncio.all_tasks()) > most:
            if asyncio.get_running_loop().time() >= deadline:
                self._left = Counter(map(_task_name, tasks))
                return
            await asyncio.sleep(_ORDER_SECS)

    def _count(self, url: str, frame: object) -> None:
        self._frames += 1

    def _trade(self, desk: Desk, iid: InstrumentId, rng: Random) -> None:
        """Send one order, and end those that rest."""
        strategy = desk.strategy
        instrument, trade = desk.instrument(iid.value), strategy.cache.trade(iid)
        if trade is None:
            return
        side = OrderSide.BUY if rng.random() < 0.5 else OrderSide.SELL
        quantity = instrument.min_quantity or instrument.make_qty(1)
        if rng.random() < 0.3:
            desk.submit(desk.orders.market(iid, side, quantity))
        else:
            away = trade.price.as_decimal() / 5000 * (-1 if side == OrderSide.BUY else 1)
            price = instrument.make_price(trade.price.as_decimal() + away)
            desk.submit(desk.orders.limit(iid, side, quantity, price))
        for order in strategy.cache.orders_open(instrument_id=iid)[:2]:
            if order.status.name == "ACCEPTED":
                strategy.cancel_order(order.client_order_id)

    def _forget(self, strategy: ScriptedStrategy) -> None:
        """Count what came, and let go of it; the engine's own memory is purged as users do."""
        self._events.update(type(item).__name__ for item in strategy.seen)
        strategy.seen.clear()
        cache, now_ns = strategy.cache, time.time_ns()
        cache.purge_closed_orders(now_ns, _KEPT_SECS)
        cache.purge_closed_positions(now_ns, _KEPT_SECS)
        cache.purge_account_events(now_ns, _KEPT_SECS)

    # ---- what is held ----

    def _sample(self, secs: float) -> None:
        gc.collect()
        self._samples.append(
            Sample(secs=secs, rss_bytes=_rss_bytes(), tasks=len(asyncio.all_tasks()))
        )
        if not self._early and secs >= self.secs * _WARM_UP:
            self._early = self._held()

    def _held(self) -> Counter[str]:
        kinds = (CcxtDataClient, CcxtExecutionClient)
        return sizes([each for each in gc.get_objects() if isinstance(each, kinds)])

    def _warm(self) -> list[Sample]:
        return [each for each in self._samples if each.secs >= self.secs * _WARM_UP]

    def _early_tasks(self) -> int:
        """Count the fewest tasks; a broken connection is mended by some of its own for a moment."""
        warm = self._warm()
        return min(each.tasks for each in warm[: _part(warm)])

    def _figures(self) -> dict[str, Any]:
        warm = self._warm()
        part = _part(warm)
        first = median(each.rss_bytes for each in warm[:part])
        last = median(each.rss_bytes for each in warm[-part:])
        grew = grown(self._early, self._late, bounds=_BOUNDS)
        if last > first * (1 + _MOST_GROWTH):
            grew.append(f"memory: {first / 2**20:.1f} -> {last / 2**20:.1f} MiB")
        if self._left:
            left = f"{self._left.total()}: {self._left.most_common(5)}"
            grew.append(f"tasks: {self._early_tasks()} -> {left}")
        return {
            "dialect": self.dialect,
            "adapter_secs": self.secs,
            "frames_per_adapter_sec": round(self._frames / self.secs, 1),
            "events": dict(self._events),
            "rss_mib": [round(each.rss_bytes / 2**20, 1) for each in self._samples],
            "growth_percent": round(100 * (last / first - 1), 2),
            "tasks": [each.tasks for each in self._samples],
            "held": sum(self._late.values()),
            "grew": grew,
        }


def _part(samples: Sequence[Sample]) -> int:
    """Take a quarter of the samples at each end."""
    return max(2, len(samples) // 4)


def _task_name(task: asyncio.Task[Any]) -> str:
    return task.get_name().split("-")[0].split(" ")[0]


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES

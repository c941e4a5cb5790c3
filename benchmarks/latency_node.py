"""A node on a local exchange that notes when a bar came and when its order's bytes went out.

`python -m benchmarks.latency_node KIND URL CATALOG FOLDER ORDERS` is what `benchmarks.latency`
starts: `full` is the whole node with the shipped model, `unrecorded` the same without its record,
`bare` a strategy of the engine that sends a market order from `on_bar` at once. It prints the
nanoseconds of each order, and what the process used for each, as one line of JSON.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

BASES: Final = ("BTC", "ETH", "SOL", "BNB", "XRP")
_SYMBOL: Final = re.compile(rb'"symbol"\s*:\s*"([A-Z]+)USDT"')
_ORDER: Final = b'"clientOid"'
_EXIT: Final = b'"reduceOnly":"YES"'
_SKIPPED: Final = 10  # the first ones open connections
_LIMITS: Final = (
    "max_daily_loss_percent",
    "max_drawdown_percent",
    "warn_drawdown_percent",
    "max_loss_ratio_percent",
)
_PATIENCE_SECS: Final = 40.0  # and a bit for each order

# `Any` in this module: it taps classes of the engine, of asyncio and of ccxt


class Tap:
    """Remembers when the newest bar of each instrument came, and how long its order took."""

    def __init__(self, orders: int, done: Callable[[], None]) -> None:
        self._wanted = orders + _SKIPPED
        self._done = done
        self._bars: dict[str, tuple[int, int]] = {}  # by instrument: close, when it came
        self.took: list[int] = []
        self._used: list[int] = []  # CPU time of the process so far, at each order

    def bar_came(self, bar: Any) -> None:
        """Note the first sight of a bar; other actors see it later."""
        now = time.perf_counter_ns()
        base = bar.bar_type.instrument_id.symbol.value.partition("USDT")[0]
        seen = self._bars.get(base)
        if bar.ts_event > (0 if seen is None else abs(seen[0])):
            self._bars[base] = (bar.ts_event, now)

    def bytes_went(self, data: bytes) -> None:
        """Note the first order after a bar of its instrument; exits answer fills, not bars."""
        now = time.perf_counter_ns()
        found = _SYMBOL.search(data)
        if found is None or _ORDER not in data or _EXIT in data:
            return
        base = found.group(1).decode()
        closed, came = self._bars.get(base, (0, 0))
        if closed > 0 and len(self.took) < self._wanted:
            self._bars[base] = (-closed, came)  # what follows is no answer to the bar
            self.took.append(now - came)
            self._used.append(time.process_time_ns())
            if len(self.took) == self._wanted:
                self._done()

    def told(self) -> dict[str, Any]:
        """Give what was measured."""
        used = self._used[_SKIPPED:]
        return {"ns": self.took[_SKIPPED:], "cpu_ns": (used[-1] - used[0]) / len(used)}


def tap_socket(tap: Tap) -> None:
    """Hear what is handed to the kernel."""
    original = _SelectorSocketTransport.write

    def write(self: Any, data: Any) -> None:
        original(self, data)
        tap.bytes_went(bytes(data))

    _SelectorSocketTransport.write = write


def lift_budget() -> None:
    """Let no rate limit of a venue hold orders back: what is measured is ours."""
    from ccxt_nt.line.client import Line
    from ccxt_nt.profiles import Budget

    original = Line.__init__

    def unlimited(self: Any, profile: Any, *args: Any, **more: Any) -> None:
        budget = Budget(data_per_sec=100, orders_per_sec=10_000, burst=1_000)
        original(self, replace(profile, budget=budget), *args, **more)

    Line.__init__ = unlimited  # type: ignore[method-assign]  # this is the tap


def always_long() -> None:
    """Let the shipped model say long after all its work: it has no edge in direction, and expires.

    How fast it is has nothing to do with what it says.
    """
    from morningstar_strategy.model.forecasts import StreamForecaster

    original = StreamForecaster.absorb

    def absorb(self: Any, *args: Any) -> Any:
        told = original(self, *args)
        if told is None:
            return None
        return replace(
            told,
            p_short=0.1,
            p_flat=0.3,
            p_long=0.6,
            confidence=0.6,
            turbulence=0.1,
            abstained="",
        )

    setattr(StreamForecaster, "absorb", absorb)  # noqa: B010 - this is the tap


def full(args: argparse.Namespace, tap: Tap) -> None:
    """Run the node as `live/run_node.py` does, with settings that trade on nearly every bar."""
    from live.run_node import main as run
    from morningstar_strategy.actors.prediction import PredictionActor as Kind

    Kind.on_bar = _seen(Kind.on_bar, tap)  # type: ignore[method-assign]  # this is the tap
    names = json.dumps([f"{base}USDT-PERP.BITGET" for base in BASES])
    words = (
        f"data.instruments={names}",
        f"node.exchange.endpoint={args.url}",
        f"node.exchange.catalog={args.catalog}",
        f"node.state={args.folder / 'state'}",
        f"runs={args.folder / 'runs'}",
        f"node.record={'false' if args.kind == 'unrecorded' else 'true'}",
        "node.settle_secs=1",
        "node.at_stop=flatten",
        "monitoring.port=0",
        "predictor.kind=bundle",
        "decision.max_turbulence=1",
        "decision.cooldown_secs=0",
        "decision.max_holding_secs=1",
        "decision.sizing={target_volatility_percent: 5, kelly_share: 1, least_share: 1}",
        *(f"risk.{name}=100" for name in _LIMITS),  # it loses, and shall go on
        "venue.maker_fee_percent=0",
        "venue.taker_fee_percent=0",
        "venue.slippage_percent=0",
    )
    always_long()
    told = [word for each in words for word in ("--set", each)]
    minutes = f"{_patience(args.orders) / 60}"
    config = ("--config", "config/paper-local.yaml", "--minutes", minutes, "--json")
    code = run([*config, *told])
    if code:
        raise RuntimeError(f"the node ended with exit code {code}")


def _patience(orders: int) -> float:
    return _PATIENCE_SECS + orders


def _seen(on_bar: Callable[[Any, Any], None], tap: Tap) -> Callable[[Any, Any], None]:
    def seen(self: Any, bar: Any) -> None:
        tap.bar_came(bar)
        on_bar(self, bar)

    return seen


def bare(args: argparse.Namespace, tap: Tap) -> None:
    """Run a plain node whose strategy answers each bar with a market order at once."""
    from nautilus_trader.common import Environment, LoggerConfig
    from nautilus_trader.live import LiveNode
    from nautilus_trader.model import BarType, OrderSide, Quantity, TraderId
    from nautilus_trader.trading import Strategy, StrategyConfig

    from ccxt_nt import clients_for
    from live.collecting import collecting_here

    bar_types = [BarType.from_str(f"{b}USDT-PERP.BITGET-1-SECOND-LAST-INTERNAL") for b in BASES]

    class BareStrategy(Strategy):
        def __new__(cls) -> Any:
            return super().__new__(cls, StrategyConfig())  # type: ignore[call-arg]  # hidden

        def on_start(self) -> None:
            self.held: dict[str, bool] = {}
            for bar_type in bar_types:
                self.subscribe_bars(bar_type)

        def on_bar(self, bar: Any) -> None:
            tap.bar_came(bar)
            name = bar.bar_type.instrument_id
            holds = self.held[f"{name}"] = not self.held.get(f"{name}", False)
            side = OrderSide.BUY if holds else OrderSide.SELL
            instrument: Any = self.cache.instrument(name)
            quantity = Quantity(1_000 / bar.close.as_double(), instrument.size_precision)
            order = self.order_factory.market(name, side, quantity)
            self.submit_order(order)

    clients = clients_for(
        "bitget", endpoint=args.url, instruments=tuple(f"{base}USDT-PERP" for base in BASES)
    )
    builder = (
        LiveNode.builder("BARE", TraderId("BARE-001"), Environment.LIVE)
        .with_logging(LoggerConfig(bypass_logging=True))
        .with_delay_post_stop_secs(1)
    )
    node = clients.add_to(builder).build()
    node.add_strategy(BareStrategy())

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, node.handle().stop)
        loop.call_later(_patience(args.orders), node.handle().stop)
        with collecting_here(loop):
            await node.run_async()

    asyncio.run(run())


def main() -> int:
    """Measure one node and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency_node", description=__doc__)
    parser.add_argument("kind", choices=("full", "unrecorded", "bare"))
    parser.add_argument("url")
    parser.add_argument("catalog", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("orders", type=int)
    args = parser.parse_args()
    tap = Tap(args.orders, lambda: os.kill(os.getpid(), signal.SIGTERM))
    tap_socket(tap)
    lift_budget()
    (bare if args.kind == "bare" else full)(args, tap)
    print(json.dumps(tap.told()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

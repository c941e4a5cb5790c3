"""The engine's own strategy: an EMA cross with stop and target, without anything of ours."""

import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    Currency,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    Venue,
)
from nautilus_trader.trading import Strategy, StrategyConfig

from benchmarks.data import BAR_TYPE, INSTRUMENT, MINUTE_NS
from benchmarks.peers import (
    CASH,
    FAST,
    QUANTITY,
    SLOW,
    STAMP_BARS,
    STOP,
    TAKER,
    TARGET,
    Ran,
)
from catalog import store

_HOUR_NS: Final = 60 * MINUTE_NS
_MAKER: Final = Decimal("0.0002")


class EmaCross(Strategy):
    """Holds long while one average is above another; `purge`: what it drops from the cache."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Keep our arguments from the engine's constructor."""
        config = StrategyConfig(order_id_tag="001", log_events=False, log_commands=False)
        # The stub hides the engine's constructor behind __init__
        return super().__new__(cls, config)  # type: ignore[call-arg]

    def __init__(self, *, instrument: Any, start_ns: int, purge: Sequence[str] = ()) -> None:
        self._start_ns = start_ns
        self._id = instrument.id
        self._digits = instrument.price_precision
        self._bar_type = BarType.from_str(BAR_TYPE)
        self._quantity = Quantity.from_str(QUANTITY)
        self._fast = ExponentialMovingAverage(FAST)
        self._slow = ExponentialMovingAverage(SLOW)
        self._above: bool | None = None
        self._purge = purge
        self.entries = 0
        self.stamps: list[tuple[int, float]] = []

    def on_start(self) -> None:
        """Subscribe, and set the timers that stamp CPU time and purge the cache."""
        self._cache, self._factory = self.cache, self.order_factory
        self.register_indicator_for_bars(self._bar_type, self._fast)
        self.register_indicator_for_bars(self._bar_type, self._slow)
        self.subscribe_bars(self._bar_type)
        self.clock.set_timer_ns(
            "stamp", STAMP_BARS * MINUTE_NS, start_time_ns=self._start_ns, callback=self.on_stamp
        )
        if self._purge:
            self.clock.set_timer_ns(
                "purge", _HOUR_NS, start_time_ns=self._start_ns, callback=self.on_purge
            )

    def on_bar(self, bar: Bar) -> None:
        """Enter where the fast average crosses upwards, leave where it crosses downwards."""
        if not self._slow.initialized:
            return
        above = self._fast.value > self._slow.value
        if above is self._above:
            return
        first, self._above = self._above is None, above
        if first:
            return
        self.cancel_all_orders(self._id)
        self.close_all_positions(self._id)
        if above:
            self._enter(bar.close.as_double())

    def _enter(self, price: float) -> None:
        orders = self._factory.bracket(
            self._id,
            OrderSide.BUY,
            self._quantity,
            sl_trigger_price=Price(price * (1 - STOP), self._digits),
            tp_price=Price(price * (1 + TARGET), self._digits),
        )
        self.submit_order_list(orders)
        self.entries += 1

    def on_stamp(self, event: Any) -> None:
        """Note the CPU time."""
        bars = (event.ts_event - self._start_ns) // MINUTE_NS
        self.stamps.append((bars, time.process_time()))

    def on_purge(self, event: Any) -> None:
        """Drop from the cache what was asked to be dropped."""
        if "orders" in self._purge:
            self._cache.purge_closed_orders(event.ts_event, _HOUR_NS // 1_000_000_000)
        if "positions" in self._purge:
            self._cache.purge_closed_positions(event.ts_event, _HOUR_NS // 1_000_000_000)
        if "account" in self._purge:
            self._cache.purge_account_events(event.ts_event, 0)


def run(catalog: Path, start_ns: int, end_ns: int, *, purge: Sequence[str] = ()) -> Ran:
    """Run the strategy over the catalog's span and count what it did."""
    (instrument,) = store.load_instruments(catalog, [INSTRUMENT])
    bars = store.load_bars(catalog, BAR_TYPE, start_ns=start_ns + 1, end_ns=end_ns)
    engine = _engine()
    engine.add_instrument(instrument)
    engine.add_data(bars)
    strategy = EmaCross(instrument=instrument, start_ns=start_ns, purge=purge)
    engine.add_strategy(strategy)
    start = time.process_time()
    engine.run()
    secs = time.process_time() - start
    orders = engine.cache.orders_total_count()
    reached = engine.backtest_end
    engine.dispose()
    if reached is None or reached < bars[-1].ts_event:
        raise RuntimeError(f"the engine stopped at {reached}, the data ends at {end_ns}")
    return Ran(
        system="plain",
        bars=len(bars),
        entries=strategy.entries,
        orders=orders,
        run_secs=secs,
        stamps=((0, 0.0), *((done, secs - start) for done, secs in strategy.stamps)),
    )


def _engine() -> BacktestEngine:
    currency = Currency.from_str("USDT")
    engine = BacktestEngine(
        BacktestEngineConfig(
            bypass_logging=True,
            logging=LoggerConfig(stdout_level=LogLevel.ERROR),
            run_analysis=False,
            shutdown_on_error=True,
        )
    )
    engine.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(float(CASH), currency)],
        base_currency=currency,
        default_leverage=Decimal(3),
        fee_model=MakerTakerFeeModel(_MAKER, Decimal(str(TAKER))),
    )
    return engine

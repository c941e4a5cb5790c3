"""The same EMA(12/26) cross with stop and target on other systems, and what a run is told by.

It buys at market where the fast average crosses upwards, with a stop 3.5 % below and a target 7 %
above; where it crosses downwards it cancels the orders and closes the position.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.data import BAR_TYPE

FAST: Final = 12
SLOW: Final = 26
STOP: Final = 0.035
TARGET: Final = 0.07
TAKER: Final = 0.0005  # of notional, the same for all
QUANTITY: Final = "0.010"
CASH: Final = 1_000_000
STAMP_BARS: Final = 25_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a system did: entries, orders of any kind, CPU seconds inside its run.

    `stamps` are pairs of bars done and CPU seconds since the run began, about every `STAMP_BARS`.
    """

    system: str
    bars: int
    entries: int
    orders: int
    run_secs: float
    stamps: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if not (self.bars > 0 and self.run_secs > 0.0):
            both = (self.bars, self.run_secs)
            raise ValueError(f"bars and run_secs must be positive, were {both}")

    @property
    def bar_secs(self) -> float:
        """Give the CPU seconds of one bar between the first stamp and the last."""
        if len(self.stamps) < 2:
            return self.run_secs / self.bars
        return self.secs_between(0, self.bars)

    def secs_between(self, first: int, last: int) -> float:
        """Give the CPU seconds of one bar between the stamps nearest to two counts of bars."""
        start = min(self.stamps, key=lambda stamp: abs(stamp[0] - first))
        end = min(self.stamps, key=lambda stamp: abs(stamp[0] - last))
        if start[0] >= end[0]:
            raise ValueError(f"no two stamps lie between bars {first} and {last}")
        return (end[1] - start[1]) / (end[0] - start[0])


def run_backtrader(catalog: Path, start_ns: int, end_ns: int) -> Ran:
    """Run backtrader, preloaded and with its indicators vectorised, as it does by default."""
    import backtrader as bt
    import pandas as pd  # type: ignore[import-untyped]  # no types are installed for it

    frame = pd.DataFrame(_columns(catalog, start_ns, end_ns))

    class EmaCross(bt.Strategy):  # type: ignore[misc]  # the library has no types
        def __init__(self) -> None:
            fast, slow = bt.ind.EMA(period=FAST), bt.ind.EMA(period=SLOW)
            self.cross = bt.ind.CrossOver(fast, slow)
            self.exits: list[Any] = []
            self.entries = self.sent = 0

        def next(self) -> None:
            if not self.cross[0]:
                return
            for order in self.exits:
                if order.alive():
                    self.cancel(order)
            if self.position:
                self.close()
                self.sent += 1
            if self.cross[0] < 0:
                return
            price = self.data.close[0]
            orders = self.buy_bracket(
                size=float(QUANTITY),
                exectype=bt.Order.Market,
                stopprice=price * (1 - STOP),
                limitprice=price * (1 + TARGET),
            )
            self.exits = orders[1:]
            self.entries += 1
            self.sent += 3

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame.set_index("time")))
    cerebro.addstrategy(EmaCross)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(TAKER)
    start = time.process_time()
    (strategy,) = cerebro.run()
    secs = time.process_time() - start
    return Ran(
        system="backtrader",
        bars=len(frame),
        entries=strategy.entries,
        orders=strategy.sent,
        run_secs=secs,
    )


def run_backtesting(catalog: Path, start_ns: int, end_ns: int) -> Ran:
    """Run backtesting.py, which counts one order per entry: exits are fields of a trade."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    def ema(values: Any, span: int) -> Any:
        return pd.Series(values).ewm(span=span, adjust=False).mean().to_numpy()

    class EmaCross(Strategy):  # type: ignore[misc]  # the library has no types
        def init(self) -> None:
            self.fast = self.I(ema, self.data.Close, FAST)
            self.slow = self.I(ema, self.data.Close, SLOW)

        def next(self) -> None:
            above = self.fast[-1] > self.slow[-1]
            if above == (self.fast[-2] > self.slow[-2]):
                return
            self.position.close()
            if above:
                price = self.data.Close[-1]
                self.buy(size=1, sl=price * (1 - STOP), tp=price * (1 + TARGET))
                entered.append(price)

    entered: list[float] = []
    frame = pd.DataFrame(_columns(catalog, start_ns, end_ns)).set_index("time")
    frame.columns = [name.capitalize() for name in frame.columns]
    backtest = Backtest(frame, EmaCross, cash=CASH, commission=TAKER, finalize_trades=True)
    start = time.process_time()
    backtest.run()
    secs = time.process_time() - start
    count = len(entered)
    return Ran(
        system="backtesting.py", bars=len(frame), entries=count, orders=2 * count, run_secs=secs
    )


def _columns(catalog: Path, start_ns: int, end_ns: int) -> dict[str, Any]:
    """Read the bars of the span as columns, times without a zone."""
    import numpy as np

    from catalog.decimals import to_floats
    from catalog.kinds import BARS
    from catalog.merging import times
    from catalog.store import read_table

    table = read_table(catalog, BARS, BAR_TYPE)
    stamps = times(table)
    first, last = np.searchsorted(stamps, [start_ns + 1, end_ns + 1])
    rows = table.slice(int(first), int(last - first))
    names = ("open", "high", "low", "close", "volume")
    numbers = {name: to_floats(rows[name]) for name in names}
    return {"time": stamps[first:last].astype("datetime64[ns]"), **numbers}

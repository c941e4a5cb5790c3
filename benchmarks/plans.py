"""Plans drawn by chance on coarse bars, to be traded on those bars and on finer data alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import numpy as np
from nautilus_trader.model import Bar, BarType, Price, Quantity

from benchmarks.scripted import Script
from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.policy import EntryStyle

_REWARDS: Final = {1: ("1.5",), 3: ("0.75", "1.5", "2.25")}  # targets in stop distances
_LIMIT_BARS: Final = 4  # for which an entry waits
_SIZE: Final = Decimal(10)  # percent of equity


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How plans are drawn: from bar `first` on one at every `every`-th, over before the next.

    Stops are `stops` percent away, drawn evenly in the logarithm; limit entries lie half such a
    distance from the market.
    """

    entry: EntryStyle
    targets: int
    first: int = 0
    every: int = 12
    stops: tuple[float, float] = (0.08, 0.6)
    seed: int = 1

    def __post_init__(self) -> None:
        if self.targets not in _REWARDS:
            raise ValueError(f"targets must be one of {sorted(_REWARDS)}, was {self.targets}")
        if not self.first >= 0:
            raise ValueError(f"first must not be negative, was {self.first}")
        if not self.every >= 2:
            raise ValueError(f"every must be at least 2, was {self.every}")
        if not 0.0 < self.stops[0] <= self.stops[1] < 100.0:
            raise ValueError(f"stops must be percents in order, were {self.stops}")

    @property
    def label(self) -> str:
        """Name the entry and the number of targets."""
        return f"{self.entry.value} {self.targets}"


def coarser(bars: Sequence[Bar], bar_type: BarType, count: int, instrument: Any) -> list[Bar]:
    """Join every `count` bars, which must follow each other without a hole, into one."""
    length = bars[1].ts_event - bars[0].ts_event
    if any(after.ts_event - before.ts_event != length for before, after in pairwise(bars)):
        raise ValueError(f"bars of {bars[0].bar_type} have holes and cannot be joined")
    digits = instrument.size_precision
    joined: list[Bar] = []
    for first in range(0, len(bars) - count + 1, count):
        part = bars[first : first + count]
        volume = sum((bar.volume.as_decimal() for bar in part), Decimal(0))
        joined.append(
            Bar(
                bar_type,
                part[0].open,
                max((bar.high for bar in part), key=Price.as_decimal),
                min((bar.low for bar in part), key=Price.as_decimal),
                part[-1].close,
                Quantity.from_str(f"{volume:.{digits}f}"),
                part[-1].ts_event,
                part[-1].ts_event,
            )
        )
    return joined


def script(bars: Sequence[Bar], scene: Scene, instrument: Any) -> Script:
    """Draw the plans of a scene on coarse bars, with absolute prices.

    The last bar is left to what the last plan's end still needs.
    """
    rng = np.random.default_rng(scene.seed)
    plans: dict[int, PlanTrade] = {}
    ends: dict[int, Direction] = {}
    for index in range(scene.first, len(bars) - scene.every, scene.every):
        plan = _plan(bars[index], scene, instrument, rng)
        plans[bars[index].ts_event] = plan
        ends[bars[index + scene.every - 1].ts_event] = plan.trade_setup.direction
    return Script(plans=plans, ends=ends, moments=frozenset(bar.ts_event for bar in bars))


def _plan(bar: Bar, scene: Scene, instrument: Any, rng: np.random.Generator) -> PlanTrade:
    direction = Direction.LONG if rng.random() < 0.5 else Direction.SHORT
    low, high = np.log(scene.stops)
    distance = Decimal(f"{np.exp(rng.uniform(low, high)):.4f}") / 100
    tick: Decimal = instrument.price_increment.as_decimal()
    price = bar.close.as_decimal()

    def away(anchor: Decimal, share: Decimal) -> Decimal:
        moved = anchor * (1 + direction.sign * share)
        return (moved / tick).to_integral_value() * tick

    limit = scene.entry is EntryStyle.LIMIT
    anchor = away(price, -distance / 2) if limit else price
    spec = bar.bar_type.spec.timedelta.total_seconds()
    setup = TradeSetup(
        symbol=bar.bar_type.instrument_id.value,
        direction=direction,
        entry_price=anchor if limit else None,
        stop_loss_price=away(anchor, -distance),
        take_profit_prices=tuple(
            away(anchor, Decimal(reward) * distance) for reward in _REWARDS[scene.targets]
        ),
        position_size_percent=_SIZE,
        expires_in_secs=int(spec) * min(_LIMIT_BARS, scene.every - 1),
    )
    return PlanTrade(trade_setup=setup)


def undecided(plan: PlanTrade, life: Sequence[Bar]) -> bool:
    """Say whether some bar of a plan's life reaches both its stop and a target not yet taken.

    What comes first in such a bar is not in its prices: the engine has to assume a path.
    """
    setup = plan.trade_setup
    sign, entered = setup.direction.sign, setup.entry_price is None
    targets = sorted(setup.take_profit_prices, key=lambda price: sign * price)
    for bar in life:
        good, bad = bar.high.as_decimal(), bar.low.as_decimal()
        if setup.direction is Direction.SHORT:
            good, bad = bad, good
        if setup.entry_price is not None and not entered:
            entered = sign * (bad - setup.entry_price) <= 0
        if not entered:
            continue
        stopped = sign * (bad - setup.stop_loss_price) <= 0
        reached = [price for price in targets if sign * (good - price) >= 0]
        if stopped:
            return bool(reached)
        targets = targets[len(reached) :]
        if not targets:
            return False
    return False

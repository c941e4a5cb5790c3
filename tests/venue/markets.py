"""Where prices come from: a script, recorded bars, recorded trades, or a seeded random walk."""

import asyncio
import heapq
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from tests.venue.exchange import Exchange
from tests.venue.model import Listing, Side

DEFAULT_PRICES: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "BTC/USDT": Decimal(60_000),
        "BTC/USDT:USDT": Decimal(60_000),
        "ETH/USDT": Decimal(3_000),
        "ETH/USDT:USDT": Decimal(3_000),
    }
)
_NAP_SECS: Final = 0.02  # how long `play` sleeps at most before it looks at `stop` again
_BURST: Final = 20  # trades in a row before others may run
_FIGURES: Final = Decimal("1e-8")


class Step(NamedTuple):
    """One trade of everybody else; the quantity is in base coins, whatever a contract is."""

    ts_ms: int
    symbol: str
    price: Decimal
    quantity: Decimal
    side: Side


class Stop(Protocol):
    """What tells `play` to end, such as asyncio.Event."""

    def is_set(self) -> bool:
        """Say whether to end."""


def fitted(step: Step, listing: Listing) -> Step:
    """Round a trade to the listing's tick and lot, and count it in the venue's own units."""
    ticks = max((step.price / listing.tick).to_integral_value(), Decimal(1))
    lots = max(step.quantity / listing.contract_size // listing.lot, Decimal(1))
    return step._replace(price=ticks * listing.tick, quantity=lots * listing.lot)


def drive(exchange: Exchange, steps: Iterable[Step]) -> int:
    """Trade steps by hand on a clock that is turned to each; return how many.

    The first one trades now. What the exchange does not list is left out.
    """
    shift: int | None = None
    count = 0
    for step in steps:
        listing = exchange.listings.get(step.symbol)
        if listing is None:
            continue
        shift = exchange.clock.now_ms() - step.ts_ms if shift is None else shift
        exchange.clock.turn(max(step.ts_ms + shift - exchange.clock.now_ms(), 0))
        exchange.roll()
        _, symbol, price, quantity, side = fitted(step, listing)
        exchange.tick(symbol, price, quantity, side)
        count += 1
    return count


class MarketSource(ABC):
    """A path of trades, to be driven by hand (`steps`) or by the exchange's clock (`play`)."""

    @abstractmethod
    def steps(self) -> Iterator[Step]:
        """Yield the path from its beginning, in the order of time."""

    async def play(self, exchange: Exchange, *, stop: Stop) -> None:
        """Trade on the exchange as its clock reaches each step; the first one is due now.

        Raises ValueError where the exchange lists nothing of the path.
        """
        shift: int | None = None
        burst = 0
        for step in self.steps():
            listing = exchange.listings.get(step.symbol)
            if listing is None:
                continue
            if shift is None:
                shift = self.shift_ms(step, exchange.clock.now_ms())
            waited = await _until(exchange, step.ts_ms + shift, stop)
            if stop.is_set():
                return
            _, symbol, price, quantity, side = fitted(step, listing)
            traded = exchange.tick(symbol, price, quantity, side)
            self.traded(step, late_ms=traded.ts_ms - step.ts_ms - shift)
            burst = 0 if waited else burst + 1
            if burst >= _BURST:
                burst = 0
                await asyncio.sleep(0)
        if shift is None:
            raise ValueError(f"the market trades nothing of {', '.join(exchange.listings)}")

    def shift_ms(self, first: Step, now_ms: int) -> int:
        """Tell how far the path's times are moved in `play`; the first step is due now."""
        return now_ms - first.ts_ms

    def traded(self, step: Step, *, late_ms: int) -> None:
        """Hear that `play` made a trade, so long after it was due."""
        del step, late_ms  # a path has no use for it, but who keeps count


async def _until(exchange: Exchange, due_ms: int, stop: Stop) -> bool:
    """Wait until market time comes to `due_ms`; return whether there was a wait."""
    clock = exchange.clock
    waited = False
    while not stop.is_set() and (left_ms := due_ms - clock.now_ms()) > 0:
        left_secs = left_ms / 1000 / clock.speed if clock.speed else _NAP_SECS
        await asyncio.sleep(min(left_secs, _NAP_SECS))
        waited = True
    return waited


@dataclass(frozen=True, slots=True)
class ScriptedMarket(MarketSource):
    """Plays exactly these trades."""

    script: Sequence[Step]

    def __post_init__(self) -> None:
        for before, after in zip(self.script, self.script[1:], strict=False):
            if after.ts_ms < before.ts_ms:
                raise ValueError(f"ts_ms must not fall, was {before.ts_ms}, then {after.ts_ms}")

    def steps(self) -> Iterator[Step]:
        """Yield the script."""
        return iter(self.script)


@dataclass(frozen=True, slots=True)
class TradesMarket(MarketSource):
    """Plays recorded trades, those of several symbols in the order of time."""

    trades: Sequence[Step]

    def steps(self) -> Iterator[Step]:
        """Yield the trades."""
        return iter(sorted(self.trades, key=lambda step: step.ts_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBar:
    """One bar of one symbol; volume in base coins."""

    symbol: str
    open_ms: int
    interval_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        if (
            not 0
            < self.low
            <= min(self.open, self.close)
            <= max(self.open, self.close)
            <= (self.high)
        ):
            raise ValueError(
                f"a bar must have 0 < low <= open, close <= high, was {self.open}, "
                f"{self.high}, {self.low}, {self.close}"
            )
        if self.interval_ms < 4:
            raise ValueError(f"interval_ms must be 4 or more, was {self.interval_ms}")
        if self.volume < 0:
            raise ValueError(f"volume must be 0 or more, was {self.volume}")


@dataclass(frozen=True, slots=True)
class BarsMarket(MarketSource):
    """Walks inside each bar from open over the nearer extreme and the farther one to close.

    A bar without volume trades nothing.
    """

    bars: Sequence[RecordedBar]

    def steps(self) -> Iterator[Step]:
        """Yield four trades a bar, those of several symbols in the order of time."""
        by_symbol: defaultdict[str, list[RecordedBar]] = defaultdict(list)
        for bar in sorted(self.bars, key=lambda bar: bar.open_ms):
            by_symbol[bar.symbol].append(bar)
        paths = (_path(bars) for bars in by_symbol.values())
        return heapq.merge(*paths, key=lambda step: step.ts_ms)


def walk_of(bar: RecordedBar) -> tuple[tuple[Decimal, Side], ...]:
    """Walk from open over the nearer extreme and the farther one to close, in four trades."""
    rises = bar.close >= bar.open
    low, high = (bar.low, Side.SELL), (bar.high, Side.BUY)
    middle = (low, high) if rises else (high, low)
    end = (bar.close, Side.BUY if rises else Side.SELL)
    return ((bar.open, end[1]), *middle, end)


def _path(bars: Iterable[RecordedBar]) -> Iterator[Step]:
    for bar in bars:
        if not bar.volume:
            continue
        quarter = bar.interval_ms // 4
        for index, (price, side) in enumerate(walk_of(bar)):
            ts_ms = bar.open_ms + index * quarter
            yield Step(ts_ms, bar.symbol, price, bar.volume / 4, side)


@dataclass(frozen=True, slots=True)
class WalkMarket(MarketSource):
    """Walks at random; symbols of one base coin walk together, a little apart."""

    seed: int
    _: KW_ONLY
    prices: Mapping[str, Decimal] = field(default_factory=lambda: DEFAULT_PRICES)
    trades_per_sec: float = 5.0  # of all symbols together
    volatility: float = 0.0002  # of one trade, fraction of price
    count: int | None = None  # trades until it ends; None: never
    start_ms: int = 0

    def __post_init__(self) -> None:
        if not self.prices:
            raise ValueError("prices must name at least one symbol, was empty")
        if self.trades_per_sec <= 0:
            raise ValueError(f"trades_per_sec must be above 0, was {self.trades_per_sec}")
        if not 0 <= self.volatility < 0.1:
            raise ValueError(f"volatility must be in [0, 0.1), was {self.volatility}")

    def steps(self) -> Iterator[Step]:
        """Yield the walk; every symbol trades once before chance takes over."""
        chance = Random(self.seed)
        symbols = sorted(self.prices)
        growth = dict.fromkeys((_base(symbol) for symbol in symbols), 1.0)
        index = 0
        while self.count is None or index < self.count:
            symbol = symbols[index] if index < len(symbols) else chance.choice(symbols)
            step = chance.gauss(0.0, self.volatility)
            coin = _base(symbol)
            growth[coin] = min(max(growth[coin] * (1 + step), 0.01), 100.0)
            apart = 1 + chance.gauss(0.0, self.volatility / 4)
            price = (self.prices[symbol] * Decimal(growth[coin] * apart)).quantize(_FIGURES)
            worth = Decimal(chance.lognormvariate(6.0, 1.5))  # quote coins: 400 in the middle
            side = Side.BUY if step >= 0 else Side.SELL
            ts_ms = self.start_ms + int(index * 1000 / self.trades_per_sec)
            yield Step(ts_ms, symbol, price, (worth / price).quantize(_FIGURES), side)
            index += 1


def _base(symbol: str) -> str:
    return symbol.partition("/")[0]

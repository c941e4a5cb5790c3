"""Bars of a catalog as trades of a market whose time is compressed, on the real clock."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from tests.venue.exchange import Exchange
from tests.venue.markets import MarketSource, RecordedBar, Step, Stop, walk_of
from tests.venue.model import Listing

_TRADES: Final = 4  # of a bar, in the middle of each quarter of its interval
_EIGHTHS: Final = 2 * _TRADES
_SECOND_MS: Final = 1_000
_UNITS_MS: Final = (  # the engine's own aggregation has these, of which so many are a whole
    ("MILLISECOND", 1, _SECOND_MS),
    ("SECOND", _SECOND_MS, 60 * _SECOND_MS),
    ("MINUTE", 60 * _SECOND_MS, 3_600 * _SECOND_MS),
    ("HOUR", 3_600 * _SECOND_MS, 86_400 * _SECOND_MS),
)


def step_ms_of(interval_ms: int, speed: Fraction) -> int:
    """Tell the real time of a bar; raise ValueError where the engine has no such bars."""
    if speed <= 0:
        raise ValueError(f"speed must be above 0, was {speed}")
    step = Fraction(interval_ms) / speed
    if step.denominator != 1 or step < _EIGHTHS:
        raise ValueError(
            f"speed must make a bar of {interval_ms} ms {_EIGHTHS} or more whole ms, was {speed}"
        )
    bar_spec(int(step))
    return int(step)


def bar_spec(step_ms: int) -> str:
    """Say an interval as a bar type of the engine does, such as 5-SECOND; raise ValueError."""
    for name, unit_ms, whole_ms in _UNITS_MS:
        if step_ms % unit_ms == 0 and whole_ms % step_ms == 0 and step_ms < whole_ms:
            return f"{step_ms // unit_ms}-{name}"
    raise ValueError(
        f"a bar must last a divisor of a second, a minute, an hour or a day, was {step_ms} ms"
    )


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a market has come; written by the thread of the exchange."""

    start_ms: int | None = None  # the real time at which the first bar opens
    index: int = -1  # of the bar being played, counted in intervals from the first
    trades: int = 0
    late: int = 0  # trades that came after the end of their interval
    worst_late_ms: int = 0
    is_over: bool = False


@dataclass(slots=True, kw_only=True)
class PlayedMarket(MarketSource):
    """Plays bars, each within an interval of `step_ms` that is aligned to the UNIX epoch.

    Whoever aggregates the trades of an interval has the bar's prices, rounded to ticks, and its
    volume, rounded down to lots but 4 or more. A bar without volume is an interval without a trade,
    and so is a hole in the bars. All symbols are in step. Times of the path count from 0.
    """

    bars: Sequence[RecordedBar]
    listings: Mapping[str, Listing]  # by symbol
    step_ms: int
    lead_ms: int = 3_000  # least time between the start of `play` and the first bar
    repeat: bool = False  # begin anew at the end, every price times a factor that avoids a jump
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        if not self.bars:
            raise ValueError("bars must hold at least one bar, was empty")
        if self.step_ms < _EIGHTHS:
            raise ValueError(f"step_ms must be {_EIGHTHS} or more, was {self.step_ms}")
        if self.lead_ms < 0:
            raise ValueError(f"lead_ms must be 0 or more, was {self.lead_ms}")
        if len(lengths := {bar.interval_ms for bar in self.bars}) > 1:
            raise ValueError(f"bars must have one interval_ms, had {sorted(lengths)}")
        if missing := {bar.symbol for bar in self.bars} - set(self.listings):
            raise ValueError(f"listings must hold every symbol, {min(missing)!r} is not there")
        if not any(bar.volume for bar in self.bars):
            raise ValueError("bars must have volume, had none")

    def steps(self) -> Iterator[Step]:
        """Yield four trades a bar, those of all symbols in the order of time."""
        for index, rows in self.intervals():
            walks = [(bar, walk_of(bar), self._quantities(bar)) for bar in rows if bar.volume]
            for turn in range(_TRADES):
                ts_ms = index * self.step_ms + self.step_ms * (2 * turn + 1) // _EIGHTHS
                for bar, walk, quantities in walks:
                    price, side = walk[turn]
                    yield Step(ts_ms, bar.symbol, price, quantities[turn], side)

    def intervals(self) -> Iterator[tuple[int, list[RecordedBar]]]:
        """Yield the bars of each interval with its number; without end where they repeat.

        Their prices are as played: rounded to ticks; their volumes are as recorded.
        """
        by_index = self._by_index()
        length = max(by_index) + 1
        factors = dict.fromkeys({bar.symbol for bar in self.bars}, Decimal(1))
        offset = 0
        while True:
            closes: dict[str, Decimal] = {}
            for index in sorted(by_index):
                rows = [self._scaled(bar, factors[bar.symbol]) for bar in by_index[index]]
                closes |= {bar.symbol: bar.close for bar in rows}
                yield offset + index, rows
            if not self.repeat:
                return
            offset += length
            firsts = self._firsts()
            factors = {symbol: close / firsts[symbol] for symbol, close in closes.items()}

    def shift_ms(self, first: Step, now_ms: int) -> int:
        """Tell the first aligned moment after the lead."""
        del first  # the path's zero is the opening of the first bar, traded or not
        start_ms = -(-(now_ms + self.lead_ms) // self.step_ms) * self.step_ms
        self.progress.start_ms = start_ms
        return start_ms

    def traded(self, step: Step, *, late_ms: int) -> None:
        """Count what was played, and what came too late for its bar."""
        progress = self.progress
        progress.index = step.ts_ms // self.step_ms
        progress.trades += 1
        progress.worst_late_ms = max(progress.worst_late_ms, late_ms)
        progress.late += step.ts_ms % self.step_ms + late_ms >= self.step_ms

    async def play(self, exchange: Exchange, *, stop: Stop) -> None:
        """Trade on the exchange as its clock reaches each step, and note the end."""
        await super(PlayedMarket, self).play(exchange, stop=stop)
        self.progress.is_over = not stop.is_set()

    def _by_index(self) -> dict[int, list[RecordedBar]]:
        first_ms = min(bar.open_ms for bar in self.bars)
        found: defaultdict[int, list[RecordedBar]] = defaultdict(list)
        for bar in self.bars:
            found[(bar.open_ms - first_ms) // bar.interval_ms].append(bar)
        for index, rows in found.items():
            if len({bar.symbol for bar in rows}) < len(rows):
                raise ValueError(f"bars must have one bar a symbol and interval, {index} has more")
        return dict(found)

    def _firsts(self) -> dict[str, Decimal]:
        rows = sorted(self.bars, key=lambda bar: -bar.open_ms)
        return {bar.symbol: bar.open for bar in rows}

    def _scaled(self, bar: RecordedBar, factor: Decimal) -> RecordedBar:
        tick = self.listings[bar.symbol].tick

        def fit(price: Decimal) -> Decimal:
            ticks = (price * factor / tick).to_integral_value(ROUND_HALF_EVEN)
            return max(ticks, Decimal(1)) * tick

        return replace(
            bar, open=fit(bar.open), high=fit(bar.high), low=fit(bar.low), close=fit(bar.close)
        )

    def _quantities(self, bar: RecordedBar) -> list[Decimal]:
        """Share a bar's volume out in whole lots, counted in base coins."""
        listing = self.listings[bar.symbol]
        lot = listing.lot * listing.contract_size
        share, more = divmod(max(int(bar.volume // lot), _TRADES), _TRADES)
        return [(share + (turn < more)) * lot for turn in range(_TRADES)]

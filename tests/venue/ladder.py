"""The liquidity of everybody else: a ladder of levels that follows the last public trade."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from tests.venue.model import Listing, Side

_MASK: Final = (1 << 64) - 1
_SPREAD: Final = 0x9E3779B97F4A7C15
_STIR: Final = 0xBF58476D1CE4E5B9
_REFRESH_SHIFT: Final = 3  # a level changes its quantity every 2**3 = 8 trades


class Ladder:
    """Quantities are a function of (seed, price, number of trades): nothing is built until read.

    Prices count in ticks and quantities in lots, both as int.
    """

    def __init__(
        self, listing: Listing, *, levels: int, step: int, level_notional: int, seed: int
    ) -> None:
        self._levels = levels
        self._step = step
        self._seed = seed
        self._notional_per_lot = listing.tick * listing.lot * listing.contract_size
        self._level_notional = level_notional
        self._base_lots = 0  # set by the first trade, so that quantities stay put later
        self._trades = 0
        self._touch = {Side.BUY: 0, Side.SELL: 0}
        self._eaten: dict[tuple[Side, int], int] = {}

    @property
    def is_empty(self) -> bool:
        """Say whether nobody has traded yet."""
        return self._trades == 0

    def move(self, ticks: int, taker: Side) -> None:
        """Centre the ladder on a trade at this price and refill what was eaten."""
        self._trades += 1
        if self._eaten:
            self._eaten.clear()
        if not self._base_lots:
            self._base_lots = max(2, int(self._level_notional / (ticks * self._notional_per_lot)))
        touch = self._touch
        if taker is Side.BUY:  # a buyer lifted the best ask
            touch[Side.SELL] = ticks
            touch[Side.BUY] = ticks - 1
        else:
            touch[Side.BUY] = ticks
            touch[Side.SELL] = ticks + 1

    def levels(self, side: Side, limit: int | None) -> dict[int, int]:
        """List {ticks: lots} of the bids (BUY) or asks (SELL), best first.

        `limit` hides levels that would cross a client's own resting order at that price.
        """
        if not self._trades:
            return {}
        half, whole, trades = self._base_lots // 2, self._base_lots, self._trades
        salt = self._seed ^ (0x5BD1E995 if side is Side.BUY else 0)
        levels = {}
        for ticks in self._prices(side):
            mixed = (ticks ^ salt) * _SPREAD ^ (((trades + ticks) >> _REFRESH_SHIFT) * _STIR)
            levels[ticks] = half + ((mixed * _SPREAD & _MASK) >> 32) % whole
        if self._eaten:
            self._subtract_eaten(side, levels)
        if limit is not None:
            sign = side.sign
            levels = {t: lots for t, lots in levels.items() if (t - limit) * sign < 0}
        return levels

    def eat(self, side: Side, ticks: int, lots: int) -> None:
        """Take lots out of a level until the next public trade."""
        key = (side, ticks)
        self._eaten[key] = self._eaten.get(key, 0) + lots

    def _subtract_eaten(self, side: Side, levels: dict[int, int]) -> None:
        for (eaten_side, ticks), lots in self._eaten.items():
            if eaten_side is side and ticks in levels:
                levels[ticks] -= lots
                if levels[ticks] <= 0:
                    del levels[ticks]

    def _prices(self, side: Side) -> Iterator[int]:
        """Walk outward from the touch: first the touch itself, then multiples of the step."""
        touch, step = self._touch[side], self._step
        more = self._levels - 1
        if side is Side.BUY:
            first = (touch - 1) // step * step
            prices = chain((touch,), range(first, max(first - step * more, 0), -step))
            return prices if touch > 0 else iter(())
        first = (touch // step + 1) * step
        return chain((touch,), range(first, first + step * more, step))

"""Mark price, index price and funding of one perpetual."""

from decimal import Decimal
from random import Random
from typing import Final

from tests.venue.model import Funding, Listing

FUNDING_HOURS: Final = 8
_PERIOD_MS: Final = FUNDING_HOURS * 3_600_000
_STEP: Final = Decimal("0.000001")
_SMOOTHING: Final = 8


class Marks:
    """The index lags behind the last price; the mark is half-way between the two."""

    def __init__(self, listing: Listing, *, now_ms: int, seed: int) -> None:
        self._listing = listing
        self._seed = seed
        self._last = Decimal(0)
        self.index = Decimal(0)
        self.history: list[Funding] = []  # settled ones, oldest first
        self._period = now_ms // _PERIOD_MS + 1

    def move(self, price: Decimal) -> bool:
        """Follow a trade; return whether anything moved."""
        before, index = self._last, self.index
        self._last = price
        if not index:
            self.index = price
        elif index != price:
            self.index = index + ((price - index) / _SMOOTHING).quantize(self._listing.tick)
        return price != before or self.index != index

    @property
    def mark(self) -> Decimal:
        """Tell the mark price, on the listing's grid."""
        tick = self._listing.tick
        return (self._last + self.index) / 2 // tick * tick

    @property
    def funding(self) -> Funding:
        """Tell what is paid next."""
        noise = Random(self._seed ^ (self._period << 20)).randrange(401)
        return Funding(
            symbol=self._listing.symbol,
            rate=(noise - 100) * _STEP,
            next_ms=self._period * _PERIOD_MS,
            interval_hours=FUNDING_HOURS,
        )

    def is_due(self, now_ms: int) -> bool:
        """Say whether the time to settle has come."""
        return now_ms >= self._period * _PERIOD_MS

    def settle(self, settled: Funding, *, on_time: bool) -> None:
        """Write a settlement down; one on time starts the next period."""
        self.history.append(settled)
        if on_time:
            self._period += 1

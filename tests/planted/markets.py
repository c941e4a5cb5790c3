"""Small catalogs that can be changed in one place before they are written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

import numpy as np

from catalog import sample
from catalog import store as catalog
from catalog.instruments import Definition, decimals
from tests.catalogs import STEP_NS, Told, store

__all__ = ["ETH", "NAMES", "SOL", "STEP_NS", "Market", "Rate"]

ETH: Final = "ETHUSDT-PERP.BINANCE"
SOL: Final = "SOLUSDT-PERP.BINANCE"
NAMES: Final = (ETH, SOL)
INTERVAL: Final = "5m"
_FUNDING_MINUTES: Final = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate of funding at the time of its settlement."""

    ts: int
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Definitions, bars and rates of some instruments."""

    definitions: dict[str, Definition]
    bars: dict[str, list[Told]]
    rates: dict[str, list[Rate]]

    @classmethod
    def synthetic(cls, folder: Path, *, seed: int, days: int) -> Self:
        """Make the synthetic sample in a folder and read it."""
        sample.generate(folder, seed=seed, days=days)
        known = {coin.definition.instrument_id: coin.definition for coin in sample.COINS}
        return cls(
            definitions={name: known[name] for name in NAMES},
            bars={name: _bars(folder, name, known[name]) for name in NAMES},
            rates={name: _rates(folder, name) for name in NAMES},
        )

    def write(self, root: Path) -> Path:
        """Write it as a catalog."""
        catalog.write_instruments(root, [*self.definitions.values()])
        for name, bars in self.bars.items():
            store(root, bars, name=catalog.bar_type(name, INTERVAL))
            rates = self.rates[name]
            catalog.write_funding(
                root,
                name,
                np.array([each.ts for each in rates], dtype=np.int64),
                [each.rate for each in rates],
                interval_minutes=_FUNDING_MINUTES,
            )
        catalog.mark_synthetic(root, {"seed": 0})
        return root

    def with_bars(self, name: str, bars: Sequence[Told]) -> Self:
        """Put other bars in the place of an instrument's."""
        return replace(self, bars={**self.bars, name: [*bars]})

    def with_rates(self, name: str, rates: Sequence[Rate]) -> Self:
        """Put other rates in the place of an instrument's."""
        return replace(self, rates={**self.rates, name: [*rates]})

    def with_definition(self, definition: Definition) -> Self:
        """Define an instrument in another way."""
        known = {**self.definitions, definition.instrument_id: definition}
        return replace(self, definitions=known)


def _bars(root: Path, name: str, definition: Definition) -> list[Told]:
    price, size = decimals(definition.tick), decimals(definition.lot)
    return [
        Told(
            ts=bar.ts_event,
            open=f"{bar.open.as_decimal():.{price}f}",
            high=f"{bar.high.as_decimal():.{price}f}",
            low=f"{bar.low.as_decimal():.{price}f}",
            close=f"{bar.close.as_decimal():.{price}f}",
            volume=f"{bar.volume.as_decimal():.{size}f}",
        )
        for bar in catalog.load_bars(root, catalog.bar_type(name, INTERVAL))
    ]


def _rates(root: Path, name: str) -> list[Rate]:
    return [Rate(ts=each.ts_event, rate=each.rate) for each in catalog.load_funding(root, name)]

"""The kinds of series the catalog holds: their folders, columns, keys and names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from catalog.decimals import FIXED
from catalog.errors import CatalogError

SECOND_NS: Final = 1_000_000_000
SIDES: Final = ("NO_AGGRESSOR", "BUY", "SELL")
TIME: Final = pa.timestamp("ns", tz="UTC")
_UNITS: Final = {
    "s": ("SECOND", 1),
    "m": ("MINUTE", 60),
    "h": ("HOUR", 3_600),
    "d": ("DAY", 86_400),
    "w": ("WEEK", 604_800),
}
_INTERVAL: Final = re.compile(r"([1-9]\d{0,3})([smhdw])")
_BAR_TYPE: Final = re.compile(
    r"(?P<id>.+)-(?P<step>\d+)-(?P<unit>SECOND|MINUTE|HOUR|DAY|WEEK)-(?P<price>\w+)-(?P<source>\w+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of series, in the layout that the engine's own catalog reads."""

    folder: str
    type_name: str
    prices: tuple[str, ...]
    sizes: tuple[str, ...]
    others: tuple[tuple[str, pa.DataType, bool], ...]  # name, type, nullable
    keys: tuple[str, ...]  # two rows with equal keys are one fact told twice

    @property
    def fields(self) -> tuple[pa.Field, ...]:
        """List the columns in the engine's order."""
        exact = [pa.field(name, FIXED, nullable=False) for name in (*self.prices, *self.sizes)]
        rest = [pa.field(name, kind, nullable=nullable) for name, kind, nullable in self.others]
        times = [pa.field(name, TIME, nullable=False) for name in ("ts_event", "ts_init")]
        return (*exact, *rest, *times)

    def schema(
        self, identifier: str, *, price_precision: int = 0, size_precision: int = 0
    ) -> pa.Schema:
        """Build the schema of one series with the metadata that the engine expects."""
        metadata = {"instrument_id": instrument_of(identifier), "type_name": self.type_name}
        if self is BARS:
            metadata["bar_type"] = identifier
        if self.prices:
            metadata["price_precision"] = str(price_precision)
            metadata["size_precision"] = str(size_precision)
        return pa.schema(self.fields, metadata=dict(sorted(metadata.items())))


BARS: Final = Kind(
    folder="bars",
    type_name="Bar",
    prices=("open", "high", "low", "close"),
    sizes=("volume",),
    others=(),
    keys=("ts_event",),
)
TRADES: Final = Kind(
    folder="trades",
    type_name="TradeTick",
    prices=("price",),
    sizes=("size",),
    others=(
        ("aggressor_side", pa.string(), False),  # one of SIDES, a dictionary in the file
        ("trade_id", pa.string(), False),
    ),
    keys=("ts_event", "trade_id"),
)
QUOTES: Final = Kind(
    folder="quotes",
    type_name="QuoteTick",
    prices=("bid_price", "ask_price"),
    sizes=("bid_size", "ask_size"),
    others=(),
    keys=("ts_event", "bid_price", "ask_price", "bid_size", "ask_size"),
)
# The engine reads this folder but offers no writer for it
FUNDING: Final = Kind(
    folder="funding_rates",
    type_name="FundingRateUpdate",
    prices=(),
    sizes=(),
    others=(
        ("rate", pa.string(), False),
        ("interval", pa.uint64(), True),
        ("next_funding_ns", TIME, True),
    ),
    keys=("ts_event",),
)
# No market's series: what was known outside, at `ts_init` the time it became known
EXTERNALS: Final = Kind(
    folder="externals",
    type_name="External",
    prices=(),
    sizes=(),
    others=(
        ("measure", pa.string(), False),  # which number or text of the series, "" the main one
        ("item", pa.string(), False),  # tells pieces of news of one moment apart, else ""
        ("symbol", pa.string(), False),  # base currency, "" the whole market
        ("value", pa.float64(), True),
        ("text", pa.string(), True),
    ),
    keys=("ts_event", "measure", "item"),
)
PRICED: Final = (BARS, TRADES, QUOTES)


def interval_ns(interval: str) -> int:
    """Measure an interval such as 5m or 1h in nanoseconds."""
    _, seconds = _parts(interval)
    return seconds * SECOND_NS


def bar_type(instrument_id: str, interval: str) -> str:
    """Write the engine's name of the external last-price bars of an instrument."""
    spec, _ = _parts(interval)
    return f"{instrument_id}-{spec}-LAST-EXTERNAL"


def _parts(interval: str) -> tuple[str, int]:
    match = _INTERVAL.fullmatch(interval)
    if match is None:
        raise CatalogError(f"interval must be like 1m, 15m, 1h or 1d, was {interval!r}")
    unit, seconds = _UNITS[match[2]]
    return f"{match[1]}-{unit}", int(match[1]) * seconds


def split_bar_type(name: str) -> tuple[str, str]:
    """Split a bar type into instrument id and interval."""
    match = _BAR_TYPE.fullmatch(name)
    if match is None:
        raise CatalogError(
            f"bar type must be like BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL, was {name!r}"
        )
    letters: Mapping[str, str] = {unit: letter for letter, (unit, _) in _UNITS.items()}
    return match["id"], f"{match['step']}{letters[match['unit']]}"


def instrument_of(identifier: str) -> str:
    """Name the instrument of a series, given its bar type or its instrument id."""
    return match["id"] if (match := _BAR_TYPE.fullmatch(identifier)) else identifier

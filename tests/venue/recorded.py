"""Reads recorded bars and trades from CSV or Parquet files into market sources."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

from catalog.columns import Rows, read
from catalog.kinds import BARS, TRADES
from catalog.sources import Source, by_name
from tests.venue.markets import BarsMarket, RecordedBar, Step, TradesMarket
from tests.venue.model import Side

_NS_PER_MS: Final = 1_000_000
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC", "ETH", "EUR")


def symbol_of(path: Path) -> str:
    """Read the symbol out of a file name: BTCUSDT-1h-binance-perp-... is BTC/USDT:USDT.

    Raises ValueError where the name does not tell.
    """
    source = by_name(path)
    if isinstance(source, Source):
        name = source.instrument_id.partition(".")[0]
        pair, _, perp = name.partition("-")
        for quote in _QUOTES:
            if pair.endswith(quote) and pair != quote:
                spot = f"{pair.removesuffix(quote)}/{quote}"
                return f"{spot}:{quote}" if perp else spot
    raise ValueError(f"file name must be SYMBOL-INTERVAL-EXCHANGE-MARKET, was {path.name}")


def bars(path: Path, *, symbol: str | None = None) -> list[RecordedBar]:
    """Read bars that are stamped with their opening time; the interval is the usual spacing.

    Raises CatalogError naming file, column and row of what cannot be read.
    """
    rows = read(path, BARS)
    symbol = symbol or symbol_of(path)
    stamps = [int(ts) // _NS_PER_MS for ts in rows.ts]
    interval_ms = _spacing(path, stamps)
    columns = (_decimals(rows, name) for name in ("open", "high", "low", "close", "volume"))
    return [
        RecordedBar(
            symbol=symbol,
            open_ms=open_ms,
            interval_ms=interval_ms,
            open=first,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )
        for open_ms, first, high, low, close, volume in zip(stamps, *columns, strict=True)
    ]


def trades(path: Path, *, symbol: str | None = None) -> list[Step]:
    """Read trades; raises CatalogError naming file, column and row of what cannot be read."""
    rows = read(path, TRADES)
    symbol = symbol or symbol_of(path)
    sides = (Side(str(side).lower()) for side in rows.texts["aggressor_side"].to_pylist())
    stamps = (int(ts) // _NS_PER_MS for ts in rows.ts)
    columns = (_decimals(rows, name) for name in ("price", "size"))
    return [
        Step(ts_ms, symbol, price, size, side)
        for ts_ms, side, price, size in zip(stamps, sides, *columns, strict=True)
    ]


def bars_market(paths: Iterable[Path]) -> BarsMarket:
    """Make a market of bar files."""
    return BarsMarket([bar for path in paths for bar in bars(path)])


def trades_market(paths: Iterable[Path]) -> TradesMarket:
    """Make a market of trade files."""
    return TradesMarket([step for path in paths for step in trades(path)])


def _spacing(path: Path, stamps: list[int]) -> int:
    steps = [after - before for before, after in pairwise(stamps)]
    if not steps or min(steps) <= 0:
        raise ValueError(f"file {path.name} must hold two bars or more, in the order of time")
    return min(steps)


def _decimals(rows: Rows, name: str) -> list[Decimal]:
    """Take the shortest text of each float, as whoever recorded it wrote it."""
    return [Decimal(str(float(number))) for number in rows.numbers[name]]

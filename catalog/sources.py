"""What the name of a data file says: symbol, interval or kind, exchange, market."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog.errors import CatalogError
from catalog.kinds import BARS, EXTERNALS, FUNDING, QUOTES, TRADES, Kind
from catalog.outside import series_of

SUFFIXES: Final = (".parquet", ".csv")
_NAME: Final = re.compile(
    r"(?P<symbol>[A-Z0-9]+)-(?P<what>[a-z0-9]+)-(?P<exchange>[a-z]+)-(?P<market>spot|perp)(-\d+)*"
)
_INTERVAL: Final = re.compile(r"\d+[smhdw]")
_KINDS: Final = {"trades": TRADES, "aggtrades": TRADES, "quotes": QUOTES, "funding": FUNDING}
_ASIDE: Final = {
    "l2deltas": "order-book changes: the catalog keeps best bid and ask (quotes) instead",
    "l3events": "single orders of a book: the catalog keeps best bid and ask (quotes) instead",
    "quotebars": "bars of bid and ask: the catalog keeps bars of trades",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file and the series that it is a piece of; None where only its columns can tell."""

    path: Path
    instrument_id: str  # or the name of a series from outside
    kind: Kind | None = None
    interval: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """One file that the catalog cannot hold."""

    path: Path
    reason: str


def instrument_id(symbol: str, exchange: str, market: str) -> str:
    """Name an instrument as the catalog does: BTCUSDT-PERP.BINANCE, BTCUSDT.BINANCE."""
    return f"{symbol}{'-PERP' if market == 'perp' else ''}.{exchange.upper()}"


def by_name(path: Path) -> Source | Aside:
    """Read what a file name says."""
    if (series := series_of(path)) is not None:
        return Source(path=path, instrument_id=series, kind=EXTERNALS)
    match = _NAME.fullmatch(path.stem)
    what = match["what"] if match else ""
    kind = BARS if _INTERVAL.fullmatch(what) else _KINDS.get(what)
    if match is None or kind is None:
        return Aside(path=path, reason=_reason(path))
    return Source(
        path=path,
        instrument_id=instrument_id(match["symbol"], match["exchange"], match["market"]),
        kind=kind,
        interval=what if kind is BARS else None,
    )


def _reason(path: Path) -> str:
    for word in path.stem.split("-"):
        if word in _ASIDE:
            return _ASIDE[word]
    return "its name is not SYMBOL-INTERVAL-EXCHANGE-MARKET"


def find(
    paths: Sequence[Path], *, instrument: str | None, interval: str | None
) -> list[Source | Aside]:
    """Find the files that paths name; a folder gives its Parquet and CSV files.

    Raises CatalogError where a path does not exist or names a folder beside `instrument`.
    """
    found: list[Source | Aside] = []
    for path in paths:
        if not path.exists():
            raise CatalogError(f"path {path} does not exist")
        if path.is_dir():
            found += _folder(path, instrument)
        else:
            found.append(_file(path, instrument, interval))
    return found


def _folder(path: Path, instrument: str | None) -> list[Source | Aside]:
    if instrument is not None:
        raise CatalogError(
            f"--instrument {instrument} is for files, and {path} is a folder whose names tell"
        )
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    if not files:
        raise CatalogError(f"folder {path} holds no Parquet or CSV file")
    return [by_name(file) for file in files]


def _file(path: Path, instrument: str | None, interval: str | None) -> Source:
    if path.suffix not in SUFFIXES:
        raise CatalogError(f"file {path} must end in {' or '.join(SUFFIXES)}")
    named = by_name(path)
    if instrument is not None:
        market = named if isinstance(named, Source) and named.kind is not EXTERNALS else None
        return Source(
            path=path,
            instrument_id=instrument,
            kind=market.kind if market else None,
            interval=interval or (market.interval if market else None),
        )
    match named:
        case Aside(reason=reason):
            raise CatalogError(f"file {path}: {reason}; say --instrument if it is a series")
        case Source():
            return named

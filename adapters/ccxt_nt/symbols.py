"""The names of instruments: what people write, what ccxt writes, what the venue writes."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ccxt_nt.values import MarketRow, Product

_WORD: Final = re.compile(r"[!-~]+")  # visible ASCII
_FORBIDDEN: Final = re.compile(r"[/:.\s]")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def instrument_name(market: MarketRow) -> str:
    """Name an instrument: BTCUSDT for spot, BTCUSDT-PERP for a linear perpetual."""
    return _name(market.base, market.quote, market.product)


def name_of(symbol: str, product: Product) -> str:
    """Name the instrument that a symbol of ccxt would be: BTC/USDT:USDT is BTCUSDT-PERP."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    return _name(base, quote, product)


def _name(base: str, quote: str, product: Product) -> str:
    return f"{base}{quote}" if product is Product.SPOT else f"{base}{quote}-PERP"


class Symbols:
    """All markets of one venue and product, found by any of their three names."""

    __slots__ = ("_by_name", "_by_native", "_by_symbol", "refused")

    def __init__(
        self, markets: Iterable[MarketRow], *, unreadable: Mapping[str, str] = _NONE
    ) -> None:
        """Take markets, and by name why others could not be read."""
        listed = list(markets)
        refused = dict(unreadable)
        refused |= {instrument_name(row): _alike(row, listed) for row in _doubles(listed)}
        named: dict[str, list[MarketRow]] = defaultdict(list)
        for market in listed:
            named[instrument_name(market)].append(market)
        refused |= {
            name: _complaint(name, rows)
            for name, rows in named.items()
            if len(rows) > 1 or not _can_be_named(name)
        }
        self.refused: Mapping[str, str] = MappingProxyType(refused)  # name -> one sentence
        kept = [rows[0] for name, rows in named.items() if name not in refused]
        self._by_name = {instrument_name(row): row for row in kept}
        self._by_symbol = {row.symbol: row for row in kept}

    def __iter__(self) -> Iterator[MarketRow]:
        return iter(self._by_symbol.values())

    def __len__(self) -> int:
        return len(self._by_symbol)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._by_symbol

    def market(self, symbol: str) -> MarketRow:
        """Find a market by ccxt's symbol."""
        if symbol not in self._by_symbol:
            raise ValueError(f"symbol {symbol!r} is not listed here")
        return self._by_symbol[symbol]

    def named(self, name: str) -> MarketRow:
        """Find a market by the instrument's name."""
        if name in self.refused:
            raise ValueError(self.refused[name])
        if name not in self._by_name:
            raise ValueError(f"instrument {name!r} is not listed here")
        return self._by_name[name]

    def name(self, symbol: str) -> str:
        """Turn ccxt's symbol into the instrument's name."""
        return instrument_name(self.market(symbol))

    def symbol(self, name: str) -> str:
        """Turn the instrument's name into ccxt's symbol."""
        return self.named(name).symbol


def _doubles(rows: list[MarketRow]) -> list[MarketRow]:
    """List the markets that share ccxt's symbol or the venue's id with another one."""
    symbols = Counter(row.symbol for row in rows)
    natives = Counter(row.native_id for row in rows)
    return [row for row in rows if symbols[row.symbol] > 1 or natives[row.native_id] > 1]


def _alike(row: MarketRow, rows: list[MarketRow]) -> str:
    others = sorted(
        f"{other.symbol} ({other.native_id})"
        for other in rows
        if other is not row and (other.symbol == row.symbol or other.native_id == row.native_id)
    )
    return (
        f"instrument {instrument_name(row)!r} is ambiguous: {row.symbol} ({row.native_id}) shares"
        f" its symbol or id with {' and '.join(others)}"
    )


def _can_be_named(name: str) -> bool:
    return _WORD.fullmatch(name) is not None and _FORBIDDEN.search(name) is None


def _complaint(name: str, rows: list[MarketRow]) -> str:
    if len(rows) > 1:
        symbols = " and ".join(sorted(row.symbol for row in rows))
        return f"instrument {name!r} is ambiguous: {symbols} would both be called so"
    return f"instrument {name!r} cannot be an engine symbol: plain ASCII without / : . is needed"

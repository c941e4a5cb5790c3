"""What a catalog holds, as bars that the exchange can play and listings that fit their prices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from catalog import store
from tests.venue.dialects import spoken
from tests.venue.markets import RecordedBar
from tests.venue.model import Listing, Product

# `Any` in this module: the engine has no common type for instruments

_NS_PER_MS: Final = 1_000_000
_NS_PER_SECOND: Final = 1_000_000_000
_TICK_OF_PRICE: Final = Decimal("1e-4")  # at most; at least a tenth of it
# A venue that counts in contracts has a size of its own for the coins that it lists
_LOT_WORTH: Final = Decimal(5)  # quote coins, at most; at least a tenth of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which bars of a catalog are meant."""

    catalog: Path
    instruments: tuple[str, ...]  # as the catalog calls them
    interval: str  # such as 5m
    start: datetime | None = None  # the first bar opens then or later
    end: datetime | None = None  # the last bar closes then or sooner
    count: int | None = None  # of intervals, from the first bar on

    def __post_init__(self) -> None:
        if not self.instruments:
            raise ValueError("instruments must name at least one, was empty")
        if len(set(self.instruments)) < len(self.instruments):
            raise ValueError(f"instruments must be distinct, were {', '.join(self.instruments)}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be 1 or more, was {self.count}")


def read_bars(span: Span, product: Product) -> list[RecordedBar]:
    """Read bars, under the symbols they have as listings of a product.

    Raises CatalogError naming what the catalog does not hold, ValueError where the span is empty.
    """
    interval_ms = store.interval_ns(span.interval) // _NS_PER_MS
    found: list[RecordedBar] = []
    for instrument in store.load_instruments(span.catalog, span.instruments):
        read = list(_bars_of(instrument, span, interval_ms, product))
        if not read:
            raise ValueError(
                f"no {span.interval} bars of {instrument.id} from {span.start} to {span.end}"
            )
        found += read
    if span.count is not None:
        end_ms = min(bar.open_ms for bar in found) + span.count * interval_ms
        found = [bar for bar in found if bar.open_ms < end_ms]
    return found


def listings_for(dialect: str, bars: Sequence[RecordedBar], product: Product) -> dict[str, Listing]:
    """Make a listing for every symbol, with steps that fit its first price."""
    firsts = {bar.symbol: bar.open for bar in sorted(bars, key=lambda bar: -bar.open_ms)}
    symbols = dict.fromkeys(bar.symbol for bar in bars)
    return {symbol: _listing(dialect, symbol, firsts[symbol], product) for symbol in symbols}


def _bars_of(
    instrument: Any, span: Span, interval_ms: int, product: Product
) -> Iterator[RecordedBar]:
    base, quote = instrument.base_currency.code, instrument.quote_currency.code
    symbol = f"{base}/{quote}" if product is Product.SPOT else f"{base}/{quote}:{quote}"
    start, end = _nanoseconds(span.start), _nanoseconds(span.end)
    opening_ns = 0 if start is None else start
    for bar in store.load_bars(
        span.catalog,
        store.bar_type(str(instrument.id), span.interval),
        start_ns=opening_ns + interval_ms * _NS_PER_MS,  # stamped with their close
        end_ns=end,
    ):
        yield RecordedBar(
            symbol=symbol,
            open_ms=bar.ts_event // _NS_PER_MS - interval_ms,
            interval_ms=interval_ms,
            open=bar.open.as_decimal(),
            high=bar.high.as_decimal(),
            low=bar.low.as_decimal(),
            close=bar.close.as_decimal(),
            volume=bar.volume.as_decimal(),
        )


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp()) * _NS_PER_SECOND


def _listing(dialect: str, symbol: str, price: Decimal, product: Product) -> Listing:
    base, quote = symbol.partition(":")[0].split("/")
    alike = [each for each in spoken(dialect).listings if each.product is product]
    own = next((each for each in alike if each.base == base and each.quote == quote), None)
    likeness = own or next(each for each in alike if each.base == "ETH")
    made = replace(likeness, base=base, quote=quote, tick=_tick(price))
    worth_one = _power(_LOT_WORTH / price)
    if likeness.contract_size == 1:
        return replace(made, lot=worth_one, min_quantity=worth_one)
    return made if own else replace(made, contract_size=worth_one)


def _tick(price: Decimal) -> Decimal:
    """Take a whole power of ten, 1 at most: no venue has steps above the quote coin."""
    return min(_power(price * _TICK_OF_PRICE), Decimal(1))


def _power(number: Decimal) -> Decimal:
    """Round down to a power of ten."""
    return Decimal(10) ** number.adjusted()

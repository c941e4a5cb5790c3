"""The same time told twice: coarse bars, and the finer bars or trades that they were made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from nautilus_trader.model import Bar, BarType

from benchmarks.data import BAR_TYPE, INSTRUMENT, SHARED, START_NS, prepared
from benchmarks.plans import coarser
from benchmarks.scripted import made_of
from catalog import store
from catalog.ingest import ingest
from catalog.sources import Source, by_name

TRADES: Final = "BTCUSDT-trades-binance-perp-20240808.parquet"
_COARSE: Final = {"15m": 15, "1h": 60}
_SPECS: Final = {"trades 1m": "1-MINUTE", "trades 10s": "10-SECOND"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The same time told twice: coarse bars, and what the fine run trades on."""

    label: str
    instrument: Any
    coarse: Sequence[Bar]
    fine: Sequence[Any]
    fine_type: BarType


def of_minutes(bars: int, intervals: Sequence[str] = tuple(_COARSE)) -> Iterator[Market]:
    """Give the coarse markets of the first one-minute bars of 2023."""
    with prepared(bars) as data:
        (instrument,) = store.load_instruments(data.catalog, [INSTRUMENT])
        fine = store.load_bars(data.catalog, BAR_TYPE, start_ns=START_NS + 1, end_ns=data.end_ns)
    for interval in intervals:
        bar_type = BarType.from_str(store.bar_type(INSTRUMENT, interval))
        yield Market(
            label=f"SYNTH {interval}" if data.synthetic else interval,
            instrument=instrument,
            coarse=coarser(fine, bar_type, _COARSE[interval], instrument),
            fine=fine,
            fine_type=BarType.from_str(BAR_TYPE),
        )


def of_trades() -> Iterator[Market]:
    """Give the markets of a few minutes of recorded trades; none where they are absent."""
    source = by_name(SHARED / TRADES)
    if not (SHARED / TRADES).is_file() or not isinstance(source, Source):
        return
    with TemporaryDirectory(prefix="bench-") as place:
        ingest(Path(place), [source])
        (instrument,) = store.load_instruments(Path(place), [INSTRUMENT])
        trades = store.load_trades(Path(place), INSTRUMENT)
    for label, spec in _SPECS.items():
        made = BarType.from_str(f"{INSTRUMENT}-{spec}-LAST-INTERNAL")
        yield Market(
            label=label,
            instrument=instrument,
            coarse=made_of(trades, made, instrument),
            fine=trades,
            fine_type=made,
        )

"""The year of one-minute bars that every engine benchmark runs on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

INSTRUMENT: Final = "BTCUSDT-PERP.BINANCE"
BAR_TYPE: Final = f"{INSTRUMENT}-1-MINUTE-LAST-EXTERNAL"
MINUTE_NS: Final = 60_000_000_000
START: Final = datetime(2023, 1, 1, tzinfo=UTC)
START_NS: Final = int(START.timestamp()) * 1_000_000_000
YEAR_BARS: Final = 525_600
SHARED: Final = Path(__file__).parents[1].parent / "shared" / "data"

_PATTERN: Final = "BTCUSDT-1m-binance-perp-*.parquet"
_LEAD: Final = 1_440  # bars before the span, a day, that warm features up
_SEED: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A catalog with `bars` one-minute bars from `START` on, and some before to warm up with."""

    catalog: Path
    bars: int
    synthetic: bool

    def __post_init__(self) -> None:
        if not self.bars > 0:
            raise ValueError(f"bars must be positive, was {self.bars}")

    @property
    def end_ns(self) -> int:
        """Give the close of the last bar."""
        return START_NS + self.bars * MINUTE_NS

    @property
    def label(self) -> str:
        """Say what the figures were measured on."""
        if self.synthetic:
            return f"SYNTHETIC one-minute bars ({self.bars:,}): no real data beside the project"
        return f"real one-minute bars of BTCUSDT-PERP from {START:%Y-%m-%d} on ({self.bars:,})"


@contextmanager
def prepared(bars: int = YEAR_BARS) -> Iterator[Prepared]:
    """Make the catalog in a temporary folder; say loudly where the bars are synthetic."""
    with TemporaryDirectory(prefix="bench-") as place:
        made = prepare(Path(place), bars)
        if made.synthetic:
            print(f"*** {made.label} ***", file=sys.stderr)
        yield made


def prepare(place: Path, bars: int) -> Prepared:
    """Fill a catalog under `place` with real bars, or with seeded synthetic ones without them."""
    catalog, files = place / "catalog", sorted(SHARED.glob(_PATTERN))
    if files:
        _ingest(files[0], place, catalog, bars)
    else:
        _simulate(catalog, bars)
    return Prepared(catalog=catalog, bars=bars, synthetic=not files)


def _ingest(file: Path, place: Path, catalog: Path, bars: int) -> None:
    """Cut the span out of a recorded file and ingest it as anyone would."""
    # Imported here: a process that is timed reads this file only for its constants
    import pyarrow as pa
    import pyarrow.parquet as pq

    from catalog.ingest import ingest
    from catalog.kinds import BARS
    from catalog.sources import Source

    first, last = (START_NS + count * MINUTE_NS for count in (-_LEAD, bars))
    moments = [pa.scalar(ns, pa.timestamp("ns", tz="UTC")) for ns in (first, last)]
    table = pq.read_table(file, filters=[("ts", ">=", moments[0]), ("ts", "<", moments[1])])
    if table.num_rows != _LEAD + bars:
        raise ValueError(f"{file.name} holds {table.num_rows} of {_LEAD + bars} bars asked for")
    cut = place / file.name
    pq.write_table(table, cut)
    ingest(catalog, [Source(path=cut, instrument_id=INSTRUMENT, kind=BARS, interval="1m")])
    cut.unlink()


def _simulate(catalog: Path, bars: int) -> None:
    """Draw bars like the sample catalog's, whose five minutes become one."""
    import numpy as np

    from catalog.decimals import from_floats
    from catalog.instruments import decimals
    from catalog.sample import COINS, Factor, common_factor, simulate
    from catalog.store import mark_synthetic, write_bars, write_instruments

    count, narrow = _LEAD + bars, 5**-0.5
    shared = common_factor(count, np.random.default_rng([_SEED, 0]))
    coin = replace(
        COINS[0],
        own_daily_volatility=COINS[0].own_daily_volatility * narrow,
        daily_turnover=COINS[0].daily_turnover / 5,
    )
    factor = Factor(returns=shared.returns * narrow, volatility=shared.volatility * narrow)
    drawn = simulate(coin, factor, np.random.default_rng([_SEED, 1]))
    columns = {
        name: from_floats(getattr(drawn, name), decimals(coin.definition.tick))
        for name in ("open", "high", "low", "close")
    }
    columns["volume"] = from_floats(drawn.volume, decimals(coin.definition.lot))
    closes = START_NS + np.arange(1 - _LEAD, bars + 1, dtype=np.int64) * MINUTE_NS
    write_instruments(catalog, [coin.definition])
    write_bars(catalog, BAR_TYPE, closes, columns)
    mark_synthetic(catalog, {"seed": _SEED, "bars": count})

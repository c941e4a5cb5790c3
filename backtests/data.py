"""What a backtest reads from the catalog, checked before anything is written."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nautilus_trader.model import Bar, BarType, FundingRateUpdate

from backtests.errors import BacktestError
from catalog import externals, store
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.core.scene import Trust
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.forecasts import HISTORY
from morningstar_strategy.settings.schema import DataSettings
from morningstar_strategy.supervisor.outside import says_nothing

__all__ = ["MarketData", "day_of", "load_externals", "load_market_data", "nanoseconds"]

_SLACK: Final = 1.5  # holes in the data stretch the history


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketData:
    """Bars and funding of one instrument, with the bars before the span that warm features up."""

    instrument: Any  # of the engine, which has no common type for instruments
    bar_type: BarType
    bars: list[Bar]
    history: BarWindow
    funding: list[FundingRateUpdate]


def load_market_data(data: DataSettings, *, funding: bool) -> tuple[MarketData, ...]:
    """Load every instrument of the settings; raise BacktestError in one sentence."""
    root = data.catalog
    if not root.is_dir() or not store.list_series(root):
        raise BacktestError(
            f"catalog {root} holds no bars: fill it with catalog/ingest.py or catalog/download.py"
        )
    try:
        instruments = store.load_instruments(root, data.instruments)
        return tuple(_load(instrument, data, funding=funding) for instrument in instruments)
    except store.CatalogError as e:
        raise BacktestError(f"{e}") from e


def load_externals(data: DataSettings) -> Timeline:
    """Load what the settings name from outside, but for words of which nothing would be shown.

    It reaches back so far that a late correction of an old day is told from the newest day's number
    as over the whole series, which is what a model learnt from. Raises BacktestError in one
    sentence.
    """
    start = nanoseconds(data.start)
    try:
        told = externals.load_externals(
            data.catalog,
            data.externals,
            start_ns=None if start is None else start - externals.LONGEST_LAG_NS,
            end_ns=nanoseconds(data.end),
        )
        return Timeline(
            each for each in told if each.trust is not Trust.TEXT or not says_nothing(each.text)
        )
    except store.CatalogError as e:
        raise BacktestError(f"{e}") from e


def _load(instrument: Any, data: DataSettings, *, funding: bool) -> MarketData:
    name = str(instrument.id)
    series = store.bar_type(name, data.interval.value)
    start, end = nanoseconds(data.start), nanoseconds(data.end)
    reach = int(HISTORY * _SLACK) * data.interval.nanoseconds
    loaded = store.load_bars(
        data.catalog, series, start_ns=None if start is None else start - reach, end_ns=end
    )
    first = 0 if start is None else _first_from(loaded, start)
    bars = loaded[first:]
    if not bars:
        raise BacktestError(_outside(name, data))
    warming = min(first, WARMUP)
    if warming + len(bars) <= WARMUP:
        raise BacktestError(
            f"{data.interval.value} bars of {name} in the span: {len(bars)}, with {warming} before "
            f"it; features need {WARMUP} to warm up"
        )
    rates = []
    if funding:
        rates = store.load_funding(
            data.catalog, name, start_ns=bars[0].ts_event, end_ns=bars[-1].ts_event
        )
    return MarketData(
        instrument=instrument,
        bar_type=BarType.from_str(series),
        bars=bars,
        history=store.window(loaded[max(first - HISTORY, 0) : first]),
        funding=[_settling(rate) for rate in rates],
    )


def _outside(name: str, data: DataSettings) -> str:
    spans = [
        f"{day_of(series.start_ns)} to {day_of(series.end_ns)}"
        for series in store.list_series(data.catalog)
        if series.instrument_id == name and series.interval == data.interval.value
    ]
    held = f"the catalog holds {spans[0]}" if spans else "the catalog holds none"
    asked = f"{_said(data.start)} to {_said(data.end)}"
    return f"no {data.interval.value} bars of {name} from {asked}: {held}"


def _said(moment: datetime | None) -> str:
    return "any time" if moment is None else f"{moment:%Y-%m-%d}"


def day_of(nanoseconds: int) -> str:
    """Name the UTC day of a moment."""
    return f"{datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC):%Y-%m-%d}"


def nanoseconds(moment: datetime | None) -> int | None:
    """Turn a moment into UNIX nanoseconds."""
    return None if moment is None else int(moment.timestamp()) * 1_000_000_000


def _first_from(bars: Sequence[Bar], start: int) -> int:
    """Find the first bar that opens at `start` or later: it closes after it."""
    return bisect_right(bars, start, key=lambda bar: bar.ts_event)


def _settling(rate: FundingRateUpdate) -> FundingRateUpdate:
    """Mark a rate as a settlement: the engine settles only at a stated funding time."""
    return FundingRateUpdate(
        rate.instrument_id,
        rate.rate,
        rate.ts_event,
        rate.ts_init,
        rate.interval,
        next_funding_ns=rate.ts_event,
    )

"""Finds the bars that a run saw, where its journal does not tell them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog import store
from catalog.kinds import instrument_of
from morningstar_strategy.core.divergence.values import Ohlcv, Side

__all__ = ["SeenBars", "recorded_bars"]

_RECORD: Final = "data"  # folder of a run that holds what it saw, as a catalog of the engine

type Bars = dict[str, dict[int, Ohlcv]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBars:
    """Bars by instrument and close, and who tells them."""

    bars: Bars
    told_by: str


def recorded_bars(side: Side, folder: Path, catalog_sha256: str) -> SeenBars | None:
    """Read the bars from the run's own record, else from the catalog that a backtest names.

    None where nobody kept them: a catalog that is no more what `catalog_sha256` says tells nothing.
    """
    try:
        if recorded := _read_record(folder / _RECORD, side):
            return SeenBars(bars=recorded, told_by="its record")
        root, names = _named(side)
        if not (catalog_sha256 and names) or store.digest(root, names) != catalog_sha256:
            return None
        return SeenBars(bars=_read(root, names, side), told_by=f"{root}")
    except store.CatalogError:
        return None


def _read_record(record: Path, side: Side) -> Bars:
    """Read the bars that a run recorded; the one place that knows how they are kept."""
    if not record.is_dir():
        return {}
    return _read(record, [series.bar_type for series in store.list_series(record)], side)


def _named(side: Side) -> tuple[Path, list[str]]:
    """Name the catalog and the series of a backtest's settings."""
    root, interval = side.settings.get("data.catalog"), side.settings.get("data.interval")
    instruments = side.settings.get("data.instruments")
    if not (isinstance(root, str) and isinstance(interval, str) and isinstance(instruments, list)):
        return Path(), []
    return Path(root), [store.bar_type(f"{name}", interval) for name in instruments]


def _read(root: Path, names: Sequence[str], side: Side) -> Bars:
    return {
        instrument_of(name): {
            bar.ts_event: (
                bar.open.as_decimal(),
                bar.high.as_decimal(),
                bar.low.as_decimal(),
                bar.close.as_decimal(),
                bar.volume.as_decimal(),
            )
            for bar in store.load_bars(root, name, start_ns=side.start_ns, end_ns=side.end_ns)
        }
        for name in names
    }

"""Bars from the catalog, for a journal that holds none; only this one needs the engine."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from catalog import store
from live.auditing.foreign import TradeLog
from live.auditing.run_folder import BarsOf
from live.auditing.session import PriceBar

__all__ = ["Finest", "bars_from", "bars_of_log", "finest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finest:
    """The series with the shortest bars that a catalog holds of an instrument."""

    instrument_id: str
    interval: str
    interval_ns: int


def bars_from(root: Path) -> BarsOf:
    """Read bars from a catalog; what it does not hold raises CatalogError when asked for."""
    return partial(_read, root)


def _read(root: Path, name: str, interval: str, start_ns: int, end_ns: int) -> tuple[PriceBar, ...]:
    series = store.bar_type(name, interval)
    return tuple(
        PriceBar(
            ts_event=bar.ts_event,
            high=bar.high.as_decimal(),
            low=bar.low.as_decimal(),
            close=bar.close.as_decimal(),
            traded=bar.volume.as_decimal() > 0,
        )
        for bar in store.load_bars(root, series, start_ns=start_ns, end_ns=end_ns)
    )


def finest(root: Path) -> tuple[Finest, ...]:
    """List for each instrument of a catalog the series with the shortest bars."""
    best: dict[str, Finest] = {}
    for series in store.list_series(root):
        step = store.interval_ns(series.interval)
        held = best.get(series.instrument_id)
        if held is None or step < held.interval_ns:
            best[series.instrument_id] = Finest(
                instrument_id=series.instrument_id, interval=series.interval, interval_ns=step
            )
    return tuple(best[name] for name in sorted(best))


def bars_of_log(root: Path, log: TradeLog) -> tuple[dict[str, tuple[PriceBar, ...]], int]:
    """Find the bars of a trade log's symbols, and their interval.

    A symbol is an instrument's id, or what one instrument's name alone begins with, separators
    aside: BTC/USDT is BTCUSDT.BINANCE where the catalog has no other. Only the series of the
    coarsest interval needed is used, so that all bars are of one length.
    """
    known = finest(root)
    symbols = {row.symbol for row in log.rows}
    chosen = {symbol: each for symbol in symbols if (each := _meant(symbol, known)) is not None}
    step = max((each.interval_ns for each in chosen.values()), default=0)
    times = [ns for row in log.rows for ns in (row.opened, row.ended) if ns is not None]
    if not chosen or not times:
        return {}, step
    interval = next(each.interval for each in chosen.values() if each.interval_ns == step)
    reach = 2 * step
    bars = {
        symbol: _read(root, each.instrument_id, interval, min(times) - reach, max(times) + reach)
        for symbol, each in chosen.items()
    }
    return {symbol: found for symbol, found in bars.items() if found}, step


def _meant(symbol: str, known: tuple[Finest, ...]) -> Finest | None:
    plain = _letters(symbol)
    exact = [each for each in known if each.instrument_id == symbol]
    alike = [
        each
        for each in known
        if plain and plain in {_letters(part) for part in _names(each.instrument_id)}
    ]
    found = exact or alike
    return found[0] if len(found) == 1 else None


def _names(instrument_id: str) -> tuple[str, ...]:
    symbol = instrument_id.rpartition(".")[0]
    return symbol, symbol.removesuffix("-PERP")


def _letters(symbol: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())

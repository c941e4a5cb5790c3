"""Reads what a session left for its replay: the market it saw and what crossed its borders."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nautilus_trader.model import Bar, BarType

from backtests.errors import BacktestError
from catalog import store
from morningstar_strategy.border import crossings, crossings_file
from morningstar_strategy.border.recorder import BAR, CALL
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.journal import (
    HISTORY,
    JOURNAL,
    RECORD,
    SETTINGS,
    JournalError,
    read_manifest,
)
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings

__all__ = ["Recorded", "Strip", "read_recorded"]

# `Any` in this module: lines are JSON of several shapes, and the engine's instruments

_FIRST: Final = 2  # where a line tells its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """What one strategy of a session met; `bars` come in the order in which it saw them."""

    tag: str
    lines: tuple[list[Any], ...]
    bar_types: tuple[BarType, ...]
    bars: tuple[Bar, ...]
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A session as it can be replayed."""

    run: Path
    settings: Settings
    manifest: Mapping[str, Any]
    strips: tuple[Strip, ...]
    instruments: Mapping[str, Any]

    def history(self, bar_type: BarType) -> BarWindow | None:
        """Give the bars of before the session from which its model went on."""
        root = self.run / HISTORY
        if not any(series.bar_type == f"{bar_type}" for series in store.list_series(root)):
            return None
        return store.window(store.load_bars(root, f"{bar_type}"))


def read_recorded(run: Path) -> Recorded:
    """Read a run folder; raise BacktestError in one sentence for one that cannot be replayed."""
    for name in (SETTINGS, JOURNAL, crossings_file(0)):
        if not (run / name).is_file():
            raise BacktestError(f"{run} has no {name}: it is no session that was recorded")
    settings = load_settings(run / SETTINGS)
    root = run / RECORD
    try:
        types = {
            series.instrument_id: BarType.from_str(series.bar_type)
            for series in store.list_series(root)
        }
        bars = {name: store.load_bars(root, f"{each}") for name, each in types.items()}
        told = store.load_instruments(root, list(types))
        strips = tuple(_strip(run, index, types, bars) for index in range(_count(run)))
    except (store.CatalogError, ValueError) as e:
        raise BacktestError(f"the record of {run} cannot be replayed: {e}") from e
    return Recorded(
        run=run,
        settings=settings,
        manifest=_manifest(run),
        strips=strips,
        instruments={f"{each.id}": each for each in told},
    )


def _count(run: Path) -> int:
    """Count the strategies of a session."""
    count = 0
    while (run / crossings_file(count)).is_file():
        count += 1
    return count


def _strip(
    run: Path, index: int, types: Mapping[str, BarType], bars: Mapping[str, Sequence[Bar]]
) -> Strip:
    path = run / crossings_file(index)
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        try:
            lines = tuple(crossings(file))
        except ValueError as e:
            raise ValueError(f"{path.name}: {e}") from e
    times = [line[_FIRST] for line in lines if line[0] == CALL]
    if not times:
        raise ValueError(f"{path.name} tells of no call")
    names = _traded(lines)
    missing = [name for name in names if name not in types]
    if missing:
        raise ValueError(f"no bars of {missing[0]} are in {RECORD}")
    return Strip(
        tag=f"{index + 1:03d}",
        lines=lines,
        bar_types=tuple(types[name] for name in names),
        bars=tuple(_as_they_came(lines, bars)),
        start_ns=min(times),
        end_ns=max(times),
    )


def _traded(lines: Sequence[list[Any]]) -> tuple[str, ...]:
    """Name the instruments of a strategy, which it learnt at its start."""
    for line in lines:
        if line[0] == "seen" and line[2] == "terms":
            return tuple(f"{each['instrument_id']}" for each in line[3])
    raise ValueError("no line tells the terms of its instruments")


def _as_they_came(lines: Sequence[list[Any]], bars: Mapping[str, Sequence[Bar]]) -> Iterator[Bar]:
    """Give the bars from which predictions were made, each at its moment."""
    held: defaultdict[tuple[str, int], deque[Bar]] = defaultdict(deque)
    for name, several in bars.items():
        for bar in several:
            held[name, bar.ts_event].append(bar)
    last = 0
    for line in lines:
        if line[0] != BAR:
            continue
        _, ts, name, ts_event = line
        found = held[name, ts_event]
        if not found:
            raise ValueError(f"the bar of {name} that closed at {ts_event} ns is not in {RECORD}")
        bar = found[0] if len(found) == 1 else found.popleft()
        last = max(ts, last + 1)
        yield Bar(
            bar.bar_type, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ts_event, last
        )


def _manifest(run: Path) -> dict[str, Any]:
    try:
        return read_manifest(run)
    except JournalError as e:
        raise BacktestError(f"{e}") from e

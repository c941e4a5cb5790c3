"""Reads what a session left for its replay: the market it saw and what crossed its borders."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nautilus_trader.model import Bar, BarType

from backtests.errors import BacktestError
from catalog import store
from catalog.kinds import instrument_of
from catalog.streams import promote
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

_TIME: Final = 2  # where the line of a call tells when, and which
_WHAT: Final = 4
_TIMED: Final = (CALL, BAR)
_LOST_NS: Final = 10_000_000_000  # of bars at the end, ample for what a kill can cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """What one strategy of a session met; `bars` come in the order in which it saw them."""

    tag: str
    lines: tuple[list[Any], ...]
    bar_types: tuple[BarType, ...]
    bars: tuple[Bar, ...]
    start_ns: int
    end_ns: int
    is_whole: bool  # the session was not killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A session as it can be replayed."""

    run: Path
    settings: Settings
    manifest: Mapping[str, Any]
    strips: tuple[Strip, ...]
    instruments: Mapping[str, Any]

    @property
    def start_ns(self) -> int:
        """Give the first moment of all."""
        return min(strip.start_ns for strip in self.strips)

    @property
    def end_ns(self) -> int:
        """Give the last moment of all."""
        return max(strip.end_ns for strip in self.strips)

    @property
    def is_whole(self) -> bool:
        """Say whether the session was stopped in order."""
        return all(strip.is_whole for strip in self.strips)

    def history(self, bar_type: BarType) -> BarWindow | None:
        """Give the bars of before the session from which its model went on."""
        root = self.run / HISTORY
        try:
            if not any(series.bar_type == f"{bar_type}" for series in store.list_series(root)):
                return None
            return store.window(store.load_bars(root, f"{bar_type}"))
        except (store.CatalogError, ValueError) as e:
            raise BacktestError(f"the {HISTORY} of {self.run} cannot be replayed: {e}") from e


def read_recorded(run: Path, *, overrides: Sequence[str] = ()) -> Recorded:
    """Read a run folder, with settings that are to be other than they were.

    Raises BacktestError in one sentence for one that cannot be replayed, SettingsError for its
    settings.
    """
    _check(run)
    settings = load_settings(run / SETTINGS, overrides=overrides)
    root = run / RECORD
    try:
        promote(root)
        held = [series.bar_type for series in store.list_series(root)]
        bars = {instrument_of(each): store.load_bars(root, each) for each in held}
        strips = tuple(_strip(run, index, bars) for index in range(_count(run)))
        _check_venues(strips)
        names = [f"{each.instrument_id}" for strip in strips for each in strip.bar_types]
        told = store.load_instruments(root, names)
    except (store.CatalogError, ValueError) as e:
        raise BacktestError(f"the record of {run} cannot be replayed: {e}") from e
    return Recorded(
        run=run,
        settings=settings,
        manifest=_manifest(run),
        strips=strips,
        instruments={f"{each.id}": each for each in told},
    )


def _check(run: Path) -> None:
    for name in (SETTINGS, crossings_file(0)):
        if not (run / name).is_file():
            raise BacktestError(f"{run} has no {name}: it is no session that was recorded")
    if not (run / JOURNAL).is_file():
        raise BacktestError(
            f"{run} has no {JOURNAL}: its node runs, or was killed and not started again; "
            f"python -m morningstar_strategy.database export writes it"
        )


def _check_venues(strips: Sequence[Strip]) -> None:
    """See that each strategy has a venue of its own, as in a node."""
    traded: dict[str, str] = {}
    for strip in strips:
        venues = {each.instrument_id.venue.value for each in strip.bar_types}
        if len(venues) > 1 or venues & set(traded):
            raise ValueError(
                f"strategy {strip.tag} trades on {sorted(venues)}, beside {sorted(traded)}"
            )
        traded[venues.pop()] = strip.tag


def _count(run: Path) -> int:
    """Count the strategies of a session."""
    count = 0
    while (run / crossings_file(count)).is_file():
        count += 1
    return count


def _strip(run: Path, index: int, bars: Mapping[str, Sequence[Bar]]) -> Strip:
    path = run / crossings_file(index)
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        try:
            lines = tuple(crossings(file))
        except ValueError as e:
            raise ValueError(f"{path.name}: {e}") from e
    times = [line[_TIME] for line in lines if line[0] == CALL]
    if not times:
        raise ValueError(f"{path.name} tells of no call")
    seen, whole = _as_they_came(lines, bars)
    return Strip(
        tag=f"{index + 1:03d}",
        lines=lines[:whole],
        bar_types=_traded(lines),
        bars=seen,
        start_ns=min(times),
        end_ns=max([_last_ns(lines), *(bar.ts_init for bar in seen)]),
        is_whole=whole == len(lines) and _has_ended(lines),
    )


def _has_ended(lines: Sequence[list[Any]]) -> bool:
    """Say whether a strategy was stopped in order."""
    calls = [line[_WHAT] for line in lines if line[0] == CALL]
    return bool(calls[-1] == "end")


def _traded(lines: Sequence[list[Any]]) -> tuple[BarType, ...]:
    """Name the bars of a strategy, which it learnt at its start, as a record does."""
    for line in lines:
        if line[0] == "seen" and line[2] == "terms":
            return _told_types(line[3])
    raise ValueError("no line tells the terms of its instruments")


def _told_types(told: Any) -> tuple[BarType, ...]:
    try:
        names = [f"{each['bar_type']}" for each in told]
    except (TypeError, LookupError) as e:
        raise ValueError(f"the terms of its instruments cannot be read: {told!r:.200}") from e
    if not names:
        raise ValueError("the terms of its instruments name none")
    return tuple(BarType.from_str(each.replace("-INTERNAL", "-EXTERNAL")) for each in names)


def _as_they_came(
    lines: Sequence[list[Any]], bars: Mapping[str, Sequence[Bar]]
) -> tuple[tuple[Bar, ...], int]:
    """Give the bars from which predictions were made, each at its moment.

    Also tells how many of the lines they suffice for: of a session that was killed the last second
    of bars may be missing. Raises ValueError where one is missing before others that are there, so
    long before the end that no kill explains it, or where none is there.
    """
    held = _by_close(bars)
    found: list[Bar] = []
    last, lost, whole = 0, "", len(lines)
    for number, line in enumerate(lines):
        if line[0] != BAR:
            continue
        _, ts, name, ts_event = line
        waiting = held.get((name, ts_event))
        if not waiting:
            lost = lost or f"the bar of {name} that closed at {ts_event} ns is not in {RECORD}"
            whole = min(whole, number)
            continue
        if lost:
            raise ValueError(lost)
        last = max(ts, last + 1)
        found.append(_at(waiting[0] if len(waiting) == 1 else waiting.popleft(), last))
    if lost and (not found or _last_ns(lines) - lines[whole][1] > _LOST_NS):
        raise ValueError(lost)
    return tuple(found), whole


def _last_ns(lines: Sequence[list[Any]]) -> int:
    """Give the newest moment of which lines tell."""
    timed = (line for line in lines if line[0] in _TIMED)
    return max(int(line[_TIME] if line[0] == CALL else line[1]) for line in timed)


def _by_close(bars: Mapping[str, Sequence[Bar]]) -> Mapping[tuple[str, int], deque[Bar]]:
    held: defaultdict[tuple[str, int], deque[Bar]] = defaultdict(deque)
    for name, several in bars.items():
        for bar in several:
            held[name, bar.ts_event].append(bar)
    return held


def _at(bar: Bar, ts: int) -> Bar:
    """Give a bar that comes at a moment."""
    return Bar(bar.bar_type, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ts_event, ts)


def _manifest(run: Path) -> dict[str, Any]:
    try:
        return read_manifest(run)
    except JournalError as e:
        raise BacktestError(f"{e}") from e

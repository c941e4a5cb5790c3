"""What was known outside at any time: point in time, never a moment too early."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.scene import External, Trust

__all__ = ["MAX_TEXTS", "NUMBER_LIFE_NS", "TEXT_LIFE_NS", "Timeline"]

_HOUR_NS: Final = 3_600_000_000_000
MAX_TEXTS: Final = 8  # shown at once, the newest
TEXT_LIFE_NS: Final = 24 * _HOUR_NS  # news older than that has been traded on
NUMBER_LIFE_NS: Final = 14 * 24 * _HOUR_NS  # a series that ended is no longer a fact


class _Track:
    """One series of numbers in the order it became known."""

    def __init__(self, ordered: Sequence[External]) -> None:
        # A late correction of an older day does not hide the newest day
        places = range(len(ordered))
        self.standing = tuple(accumulate(places, lambda old, new: _newer(ordered, old, new)))
        self.known_at = [item.ts_known for item in ordered]
        self.born = [self.known_at[place] for place in self.standing]
        values = [ordered[place].value for place in self.standing]
        # As columns too, for whoever asks at many times
        self._known_at = np.array(self.known_at, dtype=np.int64)
        self._born = np.array(self.born, dtype=np.int64)
        self._values = np.array(values, dtype=np.float64)

    def at(self, ts: int) -> int | None:
        """Give the place of the number that stood at a time; None before it and after its life."""
        count = bisect_right(self.known_at, ts)
        if count == 0 or ts - self.born[count - 1] > NUMBER_LIFE_NS:
            return None
        return self.standing[count - 1]

    def over(self, stamps: IntArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Give the number that stood at each time, and whether there was one."""
        places = np.searchsorted(self._known_at, stamps, "right") - 1
        known = (places >= 0) & (stamps - self._born[places] <= NUMBER_LIFE_NS)
        return np.where(known, self._values[places], 0.0), known


def _newer(ordered: Sequence[External], old: int, new: int) -> int:
    return new if ordered[new].ts_event >= ordered[old].ts_event else old


class _Ranked:
    """Externals of one sort, each with its rank among all there are."""

    def __init__(self) -> None:
        self.items: list[External] = []
        self.ranks: list[int] = []

    def add(self, item: External, rank: int) -> None:
        self.items.append(item)
        self.ranks.append(rank)


class Timeline:
    """Everything known outside, asked by time; what comes later never changes an answer.

    A number stands until its successor is known or for `NUMBER_LIFE_NS`; of the words the newest
    `MAX_TEXTS` of the last `TEXT_LIFE_NS` are given.
    """

    def __init__(self, externals: Iterable[External] = ()) -> None:
        self._all = tuple(sorted(set(externals), key=_order))
        numbers: dict[tuple[str, str], _Ranked] = {}
        texts: dict[str, _Ranked] = {}
        for rank, item in enumerate(self._all):
            if item.trust is Trust.NUMBER:
                numbers.setdefault((item.source, item.symbol), _Ranked()).add(item, rank)
            else:
                texts.setdefault(item.symbol, _Ranked()).add(item, rank)
        self._tracks = {key: (_Track(each.items), each.ranks) for key, each in numbers.items()}
        self._texts = {
            symbol: ([item.ts_known for item in each.items], each.ranks)
            for symbol, each in texts.items()
        }

        # Answers are the same from one change to the next, and asked for at every bar between
        self._changes: list[int] | None = None
        self._told: dict[str | None, tuple[int, tuple[External, ...]]] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def externals(self) -> tuple[External, ...]:
        """Give all of it, in the order it became known."""
        return self._all

    @property
    def numbers(self) -> frozenset[str]:
        """Name the sources that tell numbers."""
        return frozenset(source for source, _ in self._tracks)

    def as_of(self, ts: int, symbol: str | None = None) -> tuple[External, ...]:
        """Give what was known at a time, newest first: of the whole market, and of a symbol.

        `symbol` is a base currency such as BTC; None gives what is known of every one.
        """
        if self._changes is None:
            self._changes = _changes(self._all)
        stretch = bisect_right(self._changes, ts)
        known = self._told.get(symbol)
        if known is None or known[0] != stretch:
            known = self._told[symbol] = (stretch, self._found(ts, symbol))
        return known[1]

    def _found(self, ts: int, symbol: str | None) -> tuple[External, ...]:
        found = self._words(ts, symbol)
        for (_, about), (track, ranks) in self._tracks.items():
            if _concerns(about, symbol) and (place := track.at(ts)) is not None:
                found.append(ranks[place])
        found.sort(reverse=True)
        return tuple(self._all[rank] for rank in found)

    def _words(self, ts: int, symbol: str | None) -> list[int]:
        recent: list[int] = []
        for about, (known_at, ranks) in self._texts.items():
            if _concerns(about, symbol):
                end = bisect_right(known_at, ts)
                start = bisect_right(known_at, ts - TEXT_LIFE_NS - 1, hi=end)
                recent += ranks[max(start, end - MAX_TEXTS) : end]
        return sorted(recent)[-MAX_TEXTS:]

    def column(self, source: str, stamps: IntArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Give a series at many times: values (0 where unknown) and whether each was known.

        Raises ValueError where the timeline has no series of numbers of that name.
        """
        named = [track for (name, _), (track, _) in self._tracks.items() if name == source]
        if len(named) != 1:
            raise ValueError(f"{source} must name one series of numbers, names {len(named)}")
        return named[0].over(np.asarray(stamps, dtype=np.int64))


def _changes(items: Sequence[External]) -> list[int]:
    """Give every time at which something becomes known or too old to be told."""
    lives = (0, TEXT_LIFE_NS + 1, NUMBER_LIFE_NS + 1)
    return sorted({item.ts_known + life for item in items for life in lives})


def _concerns(about: str, symbol: str | None) -> bool:
    return symbol is None or about in ("", symbol)


def _order(item: External) -> tuple[int, int, str, str, str, float]:
    value = 0.0 if item.value is None else item.value
    return item.ts_known, item.ts_event, item.source, item.symbol, item.text, value

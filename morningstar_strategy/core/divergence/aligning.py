"""Lays the steps of two runs beside each other."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from morningstar_strategy.core.divergence.values import Side, Step

__all__ = ["Aligned", "Pair", "align", "in_order"]

_LOOSE_NS: Final = 60_000_000_000  # of what is paired by order, where one run has more of it

type Pair = tuple[Step | None, Step | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Steps in pairs, None where one run has none; those outside the other's time are counted."""

    pairs: tuple[Pair, ...]
    outside_a: int
    outside_b: int


def align(
    a: Sequence[Step], b: Sequence[Step], *, sides: tuple[Side, Side], slack_ns: int | None
) -> Aligned:
    """Pair the steps of equal key in the order of time.

    Two that are further apart than `slack_ns` are no pair; None pairs by order alone. A step that
    is alone and outside the other run's time is left out and counted.
    """
    found: list[Pair] = []
    outside = [0, 0]
    by_key: defaultdict[tuple[str | int, ...], tuple[list[Step], list[Step]]] = defaultdict(
        lambda: ([], [])
    )
    for which, steps in enumerate((a, b)):
        for step in steps:
            by_key[step.key][which].append(step)
    for ours, theirs in by_key.values():
        for pair in in_order(ours, theirs, slack_ns=slack_ns):
            alone = _alone_outside(pair, sides, slack_ns or 0)
            if alone is None:
                found.append(pair)
            else:
                outside[alone] += 1
    return Aligned(pairs=tuple(found), outside_a=outside[0], outside_b=outside[1])


class Timed(Protocol):
    """Anything that happened at a moment."""

    @property
    def ts_event(self) -> int:
        """Give the moment in UNIX nanoseconds."""
        ...


def in_order[T: Timed](
    ours: Sequence[T], theirs: Sequence[T], *, slack_ns: int | None
) -> Iterator[tuple[T | None, T | None]]:
    """Pair what happened in the order of time, no further apart than `slack_ns`.

    None pairs by order alone where both have equally many, else within a minute.
    """
    if slack_ns is None and len(ours) == len(theirs):
        yield from zip(ours, theirs, strict=True)
        return
    slack = _LOOSE_NS if slack_ns is None else slack_ns
    i = j = 0
    while i < len(ours) and j < len(theirs):
        apart = ours[i].ts_event - theirs[j].ts_event
        if abs(apart) <= slack:
            yield ours[i], theirs[j]
            i, j = i + 1, j + 1
        elif apart < 0:
            yield ours[i], None
            i += 1
        else:
            yield None, theirs[j]
            j += 1
    yield from ((step, None) for step in ours[i:])
    yield from ((None, step) for step in theirs[j:])


def _alone_outside(pair: Pair, sides: tuple[Side, Side], slack_ns: int) -> int | None:
    """Give which run a step is alone in, where the other had not begun or was over."""
    match pair:
        case (Step() as step, None):
            return None if sides[1].covers(step.ts_event, slack_ns) else 0
        case (None, Step() as step):
            return None if sides[0].covers(step.ts_event, slack_ns) else 1
        case _:
            return None

"""Detector of what is joined from outside: nothing may show before it could be known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector, Finding, first_change
from backtests.leaks.rows import BITS
from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.scene import External

__all__ = ["Join", "altered", "known_at"]

type Join = Callable[[Sequence[External], IntArray], FloatArray]  # [N, columns] at N moments

_STRANGE: Final = "what nobody could have known"


def known_at(
    join: Join,
    told: Sequence[External],
    stamps: IntArray,
    cuts: Sequence[int],
    *,
    names: tuple[str, ...] = (),
) -> Finding | None:
    """Find a moment at which something shows that became known later.

    At each cut (UNIX nanoseconds) what becomes known after it is removed, made other, and joined
    by late revisions of what was told before; nothing of a moment up to the cut may change, not by
    a bit. Raises ValueError for a cut that has no moment before it or nothing to be known after.
    """
    whole = join(told, stamps)
    for cut in cuts:
        rows = np.flatnonzero(stamps <= cut).astype(np.int64)
        if not len(rows) or all(each.ts_known <= cut for each in told):
            raise ValueError(f"cuts must have moments before and news after, held {cut}")
        for event, other in _futures(told, cut):
            after = join(other, stamps)[rows]
            changed = BITS.changed(whole[rows], after)
            if found := first_change(
                Detector.KNOWN_AT,
                changed,
                whole[rows],
                after,
                event=f"what is known after {cut} is {event}",
                names=names,
                rows=rows,
            ):
                return found
    return None


def altered(told: Sequence[External], cut: int) -> tuple[External, ...]:
    """Make what becomes known after a cut something else."""
    return tuple(each if each.ts_known <= cut else _other(each) for each in told)


def _futures(told: Sequence[External], cut: int) -> Iterator[tuple[str, tuple[External, ...]]]:
    past = tuple(each for each in told if each.ts_known <= cut)
    yield "removed", past
    yield "made other", altered(told, cut)
    revised = (replace(_other(each), ts_known=cut + 1) for each in past)
    yield "a revision of what was told before", (*told, *revised)


def _other(each: External) -> External:
    if each.value is None:
        return replace(each, text=_STRANGE)
    return replace(each, value=-3.0 * each.value + 1.0)

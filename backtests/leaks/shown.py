"""Detector of what is shown or done at a moment: it must not depend on anything after it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector, Finding, listed
from backtests.leaks.futures import milder
from backtests.leaks.outside import altered
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.scene import External
from morningstar_strategy.supervisor.exchange import Prompt

__all__ = ["Future", "Show", "Shown", "World", "decisions", "futures_of", "parts_of"]
__all__ += ["prompt_contents"]

type Show = Callable[[World], Sequence[Shown]]
type Future = tuple[int, World]  # the moment up to which it is the world that was
type Rates = Mapping[str, tuple[tuple[int, Decimal], ...]]

_AROUND: Final = 24  # letters of an excerpt before what differs
_EXCERPT: Final = 72
_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that happens: bars and funding rates by instrument, and what is told outside."""

    bars: Mapping[str, BarWindow]
    told: tuple[External, ...] = ()
    rates: Rates = field(default_factory=dict)  # moment (ns) and rate, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Something shown or done at a moment, in named parts."""

    ts_event: int
    about: str
    parts: tuple[tuple[str, str], ...]


def parts_of(prompt: Prompt) -> tuple[tuple[str, str], ...]:
    """Take a prompt apart into the lines of its state, the words of strangers and the rest."""
    state, _, rest = prompt.user.partition("\n\n")
    lines = [line.partition(" = ") for line in state.splitlines()]
    return (
        *((name, value) for name, _, value in lines),
        ("words", rest),
        ("system", prompt.system),
        ("schema", json.dumps(prompt.schema, sort_keys=True)),
    )


def prompt_contents(show: Show, world: World, futures: Sequence[Future]) -> Finding | None:
    """Find a prompt that depends on bars, funding, words or fills after its moment.

    In each future everything after some moment is other; what is shown up to it must stay as it
    was, to the letter.
    """
    return _first_difference(Detector.PROMPT_CONTENTS, show, world, futures)


def decisions(show: Show, world: World, futures: Sequence[Future]) -> Finding | None:
    """Find a record of a run, a prediction, ruling, order or fill, that depends on what came later.

    It is what `prompt_contents` is for prompts.
    """
    return _first_difference(Detector.DECISIONS, show, world, futures)


def futures_of(world: World, cuts: Sequence[int]) -> tuple[Future, ...]:
    """Give the other futures of a world after each of some moments (UNIX nanoseconds)."""
    return tuple((cut, other) for cut in cuts for other in _others(world, cut))


def _first_difference(
    detector: Detector, show: Show, world: World, futures: Sequence[Future]
) -> Finding | None:
    before = show(world)
    for cut, other in futures:
        if found := _difference(detector, before, show(other), cut):
            return found
    return None


def _others(world: World, cut: int) -> Iterator[World]:
    moved = {name: _moved(bars, cut) for name, bars in world.bars.items()}
    told = altered(world.told, cut)
    rates = {
        name: tuple((ts, rate if ts <= cut else -3 * rate) for ts, rate in each)
        for name, each in world.rates.items()
    }
    for number in range(min(len(each) for each in moved.values())):
        bars = {name: each[number] for name, each in moved.items()}
        yield replace(world, bars=bars, told=told, rates=rates)


def _difference(
    detector: Detector, before: Sequence[Shown], after: Sequence[Shown], cut: int
) -> Finding | None:
    mine = [each for each in before if each.ts_event <= cut]
    others = [each for each in after if each.ts_event <= cut]
    for row in range(max(len(mine), len(others))):
        one = mine[row] if row < len(mine) else None
        other = others[row] if row < len(others) else None
        if one != other:
            return _finding(detector, row, one, other, cut)
    return None


def _moved(bars: BarWindow, cut: int) -> tuple[BarWindow, ...]:
    at = int(np.searchsorted(bars.ts_event, cut, "right"))
    return tuple(milder(bars, at)) if 0 < at < len(bars) else (bars, bars)


def _finding(
    detector: Detector, row: int, one: Shown | None, other: Shown | None, cut: int
) -> Finding:
    mine = dict(one.parts) if one else {}
    others = dict(other.parts) if other else {}
    names = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]
    columns = tuple(names) or ("which is shown",)
    was, became = _excerpts(mine.get(columns[0]), others.get(columns[0]))
    about = one or other
    what = "nothing" if about is None else f"{about.about} at {about.ts_event}"
    return Finding(
        detector=detector,
        row=row,
        columns=columns,
        message=f"{what} changes in {listed(columns)} when what comes after {cut} is other",
        was=was,
        became=became,
    )


def _excerpts(one: str | None, other: str | None) -> tuple[str, str]:
    """Cut two texts to where they begin to differ."""
    if one is None or other is None:
        return (one or _NOTHING)[:_EXCERPT], (other or _NOTHING)[:_EXCERPT]
    pairs = enumerate(zip(one, other, strict=False))
    first = next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = max(first - _AROUND, 0)
    return one[start : start + _EXCERPT], other[start : start + _EXCERPT]

"""What a detector says: clean with what was compared, a leak with where it shows, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray

__all__ = ["Check", "Clean", "Detector", "Finding", "NotApplicable", "Verdict", "first_change"]
__all__ += ["listed"]

_LISTED: Final = 4  # names of columns in a sentence

type BoolArray = npt.NDArray[np.bool_]


class Detector(StrEnum):
    """What is looked for."""

    PREFIX_INVARIANCE = "prefix_invariance"  # rows that change when later bars are taken away
    FUTURE_SHOCK = "future_shock"  # rows that change when later bars become others
    BATCH_AGAINST_STREAM = "batch_against_stream"  # rows of training that serving does not compute
    SCALER_WINDOW = "scaler_window"  # fitted numbers that later rows move
    LABEL_HORIZON = "label_horizon"  # labels that look further than they say
    EMBARGO = "embargo"  # training rows whose labels reach the rows they are tested on
    KNOWN_AT = "known_at"  # outside numbers and words that show before they could be known
    PROMPT_CONTENTS = "prompt_contents"  # prompts that show what came after them
    DECISIONS = "decisions"  # records of a run that change with what came after them


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One leak: who found it, where it shows first and what it means."""

    detector: Detector
    row: int  # the first bar, row, number or prompt that knows the future
    columns: tuple[str, ...]  # what leaks there: numbers of columns, names or sections
    message: str
    was: str = ""  # the first of it, with the future as it was
    became: str = ""  # and with another one

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """Nothing leaked in what was compared."""

    compared: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApplicable:
    """Nothing could be looked at, which proves nothing."""

    reason: str


type Verdict = Clean | Finding | NotApplicable


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One detector on one thing that it looked at."""

    detector: Detector
    subject: str
    verdict: Verdict


def listed(names: Sequence[str]) -> str:
    """List names in a sentence, the first few of many."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def first_change(
    detector: Detector,
    changed: BoolArray,
    before: FloatArray,
    after: FloatArray,
    *,
    event: str,
    names: Sequence[str] = (),
    rows: IntArray | None = None,
) -> Finding | None:
    """Name the first row of a table that changed, and every column that did.

    `names` are those of the columns, by default their numbers; `rows` says which row of the whole
    each one is, by default its place.
    """
    if not changed.any():
        return None
    place = int(np.argmax(changed.any(axis=1)))
    places = np.flatnonzero(changed.any(axis=0))
    columns = tuple(names[column] if names else str(column) for column in places.tolist())
    row = place if rows is None else int(rows[place])
    first = int(np.argmax(changed[place]))
    return Finding(
        detector=detector,
        row=row,
        columns=columns,
        message=f"row {row} changes in column {listed(columns)} when {event}",
        was=f"{before[place, first]:.6g}",
        became=f"{after[place, first]:.6g}",
    )

"""Series from outside as a model is fed them: what was known of each at the close of a bar."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.heads import Float32Array

__all__ = ["NOTHING", "Outside", "Recorded", "columns"]

type BoolArray = npt.NDArray[np.bool_]


class Outside(Protocol):
    """Who tells numbers from outside: a catalog in a backtest; no live source does yet."""

    @property
    def names(self) -> Collection[str]:
        """Name the series that are provided, known already or not."""
        ...

    def known(self, name: str, stamps: IntArray) -> tuple[FloatArray, BoolArray]:
        """Give what was known of a series at some moments: values, and whether there was one.

        What became known after a moment must not change what is told of it. A series that is not
        provided is unknown at every moment. Raises ValueError for a name of several series.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The series that settings name, out of what a catalog holds."""

    timeline: Timeline
    names: tuple[str, ...]

    def known(self, name: str, stamps: IntArray) -> tuple[FloatArray, BoolArray]:
        """Give what the timeline knew of a series that is named; else nothing."""
        if name in self.names and name in self.timeline.numbers:
            return self.timeline.column(name, stamps)
        return np.zeros(len(stamps)), np.zeros(len(stamps), np.bool_)


NOTHING: Final = Recorded(timeline=Timeline(), names=())


def columns(
    outside: Outside, names: Sequence[str], stamps: IntArray
) -> tuple[Float32Array, BoolArray]:
    """Put series beside each other in the order given: values and known, both [N, names]."""
    told = [outside.known(name, stamps) for name in names]
    values = np.column_stack([values for values, _ in told])
    return values.astype(np.float32), np.column_stack([known for _, known in told])

"""Purged and embargoed walk-forward: calendar quarters to test, everything before to train."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from morningstar_strategy.core.bars import IntArray
from morningstar_strategy.model.learning.dataset import Panel

__all__ = ["Fold", "quarterly", "test_rows", "train_rows"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One span to test and the moment by which every training label must have ended."""

    name: str
    train_end_ns: int  # exclusive
    test_start_ns: int  # inclusive
    test_end_ns: int  # exclusive

    def __post_init__(self) -> None:
        if self.train_end_ns > self.test_start_ns:
            raise ValueError(
                f"train_end_ns must be at most {self.test_start_ns}, was {self.train_end_ns}"
            )
        if self.test_end_ns <= self.test_start_ns:
            raise ValueError(
                f"test_end_ns must be after {self.test_start_ns}, was {self.test_end_ns}"
            )


def quarterly(start_ns: int, end_ns: int, *, embargo_ns: int) -> tuple[Fold, ...]:
    """Cut a span to test into calendar quarters (UTC); the first and the last may be partial.

    The end is exclusive. Raises ValueError for an empty span or a negative embargo.
    """
    if end_ns <= start_ns:
        raise ValueError(f"end_ns must be after {start_ns}, was {end_ns}")
    if embargo_ns < 0:
        raise ValueError(f"embargo_ns must not be negative, was {embargo_ns}")
    folds = []
    while start_ns < end_ns:
        name, until = _quarter(start_ns)
        until = min(until, end_ns)
        folds.append(
            Fold(
                name=name,
                train_end_ns=start_ns - embargo_ns,
                test_start_ns=start_ns,
                test_end_ns=until,
            )
        )
        start_ns = until
    return tuple(folds)


def _quarter(ns: int) -> tuple[str, int]:
    """Name the quarter of a moment, with the moment that the next one begins."""
    moment = _EPOCH + timedelta(microseconds=ns // 1000)
    number = (moment.month - 1) // 3 + 1
    year, month = (moment.year, 3 * number + 1) if number < 4 else (moment.year + 1, 1)
    until = (datetime(year, month, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
    return f"{moment.year}Q{number}", until * 1_000_000_000


def train_rows(panel: Panel, fold: Fold, rows: IntArray, *, stride: int) -> IntArray:
    """Pick the rows whose labels ended before the fold's `train_end_ns`, every n-th of each.

    The choice goes by age within the instrument: a later fold keeps the rows of an earlier one.
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1, was {stride}")
    known = panel.labels.valid[rows] & (panel.labels.t_end[rows] < fold.train_end_ns)
    chosen: IntArray = rows[known & (panel.age[rows] % stride == 0)]
    return chosen


def test_rows(panel: Panel, fold: Fold, rows: IntArray) -> IntArray:
    """Pick the rows whose bar closed inside the fold's span to test."""
    stamps = panel.ts_event[rows]
    return rows[(stamps >= fold.test_start_ns) & (stamps < fold.test_end_ns)]

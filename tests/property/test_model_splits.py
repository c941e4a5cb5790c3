"""Laws of the walk-forward: quarters tile the span, and no training label reaches a test."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.model.learning import splits
from morningstar_strategy.model.learning.dataset import usable
from morningstar_strategy.model.learning.splits import Fold, quarterly, train_rows
from tests.rows import HOUR_NS, panel

DAY_NS: Final = 24 * HOUR_NS
PANEL: Final = panel(1, 2, 3, count=WARMUP + 700, step_ns=8 * HOUR_NS, holes=True)
ROWS: Final = usable(PANEL, 4)
FIRST: Final = int(PANEL.ts_event.min())
LAST: Final = int(PANEL.ts_event.max())
moments = st.integers(0, 4_000_000_000_000_000_000)
spans = st.integers(1, 2_000 * DAY_NS)
embargoes = st.integers(0, 90 * DAY_NS)


def at(year: int, month: int, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000_000


@settings(max_examples=100)
@given(moments, spans, embargoes)
def test_quarters_tile_the_span(start: int, span: int, embargo: int) -> None:
    folds = quarterly(start, start + span, embargo_ns=embargo)
    assert folds[0].test_start_ns == start
    assert folds[-1].test_end_ns == start + span
    assert all(a.test_end_ns == b.test_start_ns for a, b in pairwise(folds))
    assert all(fold.train_end_ns == fold.test_start_ns - embargo for fold in folds)
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        first = np.datetime64(fold.test_start_ns, "ns").astype("datetime64[M]").astype(int)
        last = np.datetime64(fold.test_end_ns - 1, "ns").astype("datetime64[M]").astype(int)
        assert first // 3 == last // 3
        assert fold.name == f"{1970 + first // 12}Q{first % 12 // 3 + 1}"


@settings(max_examples=100)
@given(st.integers(0, LAST - FIRST), spans, embargoes, st.integers(1, 7))
def test_no_training_label_ends_at_or_after_the_end_of_training(
    offset: int, span: int, embargo: int, stride: int
) -> None:
    for fold in quarterly(FIRST + offset, FIRST + offset + span, embargo_ns=embargo):
        train, test = (
            train_rows(PANEL, fold, ROWS, stride=stride),
            splits.test_rows(PANEL, fold, ROWS),
        )
        assert (PANEL.labels.t_end[train] < fold.train_end_ns).all()
        assert PANEL.labels.valid[train].all()
        assert (PANEL.ts_event[test] >= fold.test_start_ns).all()
        assert (PANEL.ts_event[test] < fold.test_end_ns).all()
        if len(train) and len(test):
            gap = PANEL.ts_event[test].min() - PANEL.labels.t_end[train].max()
            assert gap > embargo


@given(st.integers(0, LAST - FIRST), embargoes)
def test_each_row_of_the_span_is_tested_once_and_only_once(offset: int, embargo: int) -> None:
    folds = quarterly(FIRST + offset, LAST + 1, embargo_ns=embargo)
    tested = np.sort(np.concatenate([splits.test_rows(PANEL, fold, ROWS) for fold in folds]))
    assert np.array_equal(tested, ROWS[PANEL.ts_event[ROWS] >= FIRST + offset])


@settings(max_examples=100)
@given(embargoes, st.integers(1, 7))
def test_a_later_fold_keeps_the_rows_of_an_earlier_one(embargo: int, stride: int) -> None:
    folds = quarterly(FIRST, LAST + 1, embargo_ns=embargo)
    assert len(folds) > 3
    chosen = [set(train_rows(PANEL, fold, ROWS, stride=stride).tolist()) for fold in folds]
    assert all(a <= b for a, b in pairwise(chosen))
    assert len(chosen[-1]) > 100 // stride
    assert all(
        not a & set(splits.test_rows(PANEL, f, ROWS).tolist())
        for a, f in zip(chosen, folds, strict=True)
    )


@given(st.integers(1, 50))
def test_the_stride_takes_every_nth_row_of_each_instrument(stride: int) -> None:
    fold = quarterly(LAST, LAST + 1, embargo_ns=0)[0]
    every, some = (train_rows(PANEL, fold, ROWS, stride=n) for n in (1, stride))
    # By the bar's place in its own series, whatever other instruments and holes there are
    assert some.tolist() == [row for row in every.tolist() if PANEL.age[row] % stride == 0]
    for index in range(3):
        mine = PANEL.age[some[PANEL.instrument[some] == index]]
        assert len(mine) > 0
        assert (np.diff(mine) % stride == 0).all()


def test_quarters_are_named_and_cut_by_the_calendar() -> None:
    folds = quarterly(at(2023, 11, 15), at(2024, 5, 2), embargo_ns=DAY_NS)
    told = [(fold.name, fold.train_end_ns, fold.test_start_ns, fold.test_end_ns) for fold in folds]
    assert told == [
        ("2023Q4", at(2023, 11, 14), at(2023, 11, 15), at(2024, 1)),
        ("2024Q1", at(2023, 12, 31), at(2024, 1), at(2024, 4)),
        ("2024Q2", at(2024, 3, 31), at(2024, 4), at(2024, 5, 2)),
    ]


def test_spans_strides_and_embargoes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="end_ns must be after 5, was 5"):
        quarterly(5, 5, embargo_ns=0)
    with pytest.raises(ValueError, match="embargo_ns must not be negative, was -1"):
        quarterly(5, 6, embargo_ns=-1)
    fold = Fold(name="2022Q1", train_end_ns=1, test_start_ns=1, test_end_ns=2)
    with pytest.raises(ValueError, match="stride must be at least 1, was 0"):
        train_rows(PANEL, fold, ROWS, stride=0)
    with pytest.raises(ValueError, match="train_end_ns must be at most 1, was 2"):
        Fold(name="2022Q1", train_end_ns=2, test_start_ns=1, test_end_ns=2)
    with pytest.raises(ValueError, match="test_end_ns must be after 1, was 1"):
        Fold(name="2022Q1", train_end_ns=1, test_start_ns=1, test_end_ns=1)

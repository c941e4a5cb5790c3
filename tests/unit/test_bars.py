"""Examples of bar windows: what is refused, what is shared, what is copied."""

from typing import Any

import numpy as np
import pytest

from morningstar_strategy.core.bars import BarWindow


def columns(**changed: Any) -> dict[str, Any]:
    """Return three sound bars as columns; Any because wrong types are handed in on purpose."""
    return {
        "ts_event": np.array([10, 20, 30]),
        "open": np.array([1.0, 2.0, 3.0]),
        "high": np.array([2.5, 3.5, 4.5]),
        "low": np.array([0.5, 1.5, 2.5]),
        "close": np.array([2.0, 3.0, 4.0]),
        "volume": np.array([0.0, 5.0, 6.0]),
        **changed,
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ts_event", [10, 20, 20], "ts_event must be after 20, was 20 at bar 2"),
        ("ts_event", [30, 20, 10], "ts_event must be after 30, was 20 at bar 1"),
        ("ts_event", [-1, 20, 30], "ts_event must not be negative, was -1 at bar 0"),
        ("ts_event", [1.0, 2.0, 3.0], "ts_event must be integer nanoseconds, was float64"),
        ("ts_event", [[1, 2, 3]], "ts_event must have one dimension, had 2"),
        ("open", [1.0, 2.0], "open must have shape (3,), was (2,)"),
        ("open", [1.0, 9.0, 3.0], "high must be at least max(open, close) 9.0, was 3.5 at bar 1"),
        ("high", [2.5, np.inf, 4.5], "high must be a positive finite price, was inf at bar 1"),
        ("low", [0.0, 1.5, 2.5], "low must be a positive finite price, was 0.0 at bar 0"),
        ("low", [0.5, 1.5, 3.5], "low must be at most min(open, close) 3.0, was 3.5 at bar 2"),
        ("close", [2.0, np.nan, 4.0], "close must be a positive finite price, was nan at bar 1"),
        ("close", [-2.0, 3.0, 4.0], "close must be a positive finite price, was -2.0 at bar 0"),
        ("volume", [0.0, -5.0, 6.0], "volume must be finite and not negative, was -5.0 at bar 1"),
        ("volume", [0.0, np.nan, 6.0], "volume must be finite and not negative, was nan at bar 1"),
    ],
)
def test_an_unsound_window_is_refused_with_field_value_and_bar(
    field: str, value: list[float], message: str
) -> None:
    with pytest.raises(ValueError) as refusal:
        BarWindow(**columns(**{field: np.array(value)}))
    assert str(refusal.value) == message


def test_columns_are_read_only_and_later_writes_to_the_source_do_not_reach_them() -> None:
    source = columns()
    bars = BarWindow(**source)
    source["close"][0] = 2.25
    assert bars.close[0] == 2.0
    for name in source:
        with pytest.raises(ValueError, match="read-only"):
            getattr(bars, name)[0] = 1


def test_a_slice_is_a_window_that_shares_its_bars() -> None:
    bars = BarWindow(**columns())
    tail = bars[1:]
    assert len(tail) == 2
    assert tail.ts_event.tolist() == [20, 30]
    assert np.shares_memory(tail.close, bars.close)
    assert len(bars[:0]) == 0
    assert bars[::2].close.tolist() == [2.0, 4.0]


def test_rows_are_plain_numbers_and_whole_numbers_become_floats() -> None:
    bars = BarWindow(**columns(volume=np.array([1, 2, 3])))
    rows = list(bars.rows())
    assert rows[0] == (10, 1.0, 2.5, 0.5, 2.0, 1.0)
    assert [type(value) for value in rows[0]] == [int, *[float] * 5]

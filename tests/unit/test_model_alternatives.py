"""Series from outside joined to what a network learns from, never a bar too early."""

import numpy as np
import pytest

from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.alternatives import alternative_at

HOUR_NS = 3_600_000_000_000


def told(source: str, count: int, *, lag: int) -> list[External]:
    """Tell a number each hour, its hour's own."""
    return [
        External(
            source=source,
            symbol="",
            ts_event=hour * HOUR_NS,
            ts_known=(hour + lag) * HOUR_NS,
            trust=Trust.NUMBER,
            value=float(hour),
        )
        for hour in range(count)
    ]


def test_rows_hold_what_was_known_at_their_close_whatever_their_order() -> None:
    timeline = Timeline([*told("fear", 48, lag=24), *told("dvol", 48, lag=1)])
    hours = np.array([0, 1, 24, 30, 47, 24])
    joined = alternative_at(timeline, ("fear", "dvol"), hours * HOUR_NS)
    assert joined.names == ("fear", "dvol")
    assert joined.known.T.tolist() == [
        [False, False, True, True, True, True],
        [False, True, True, True, True, True],
    ]
    assert joined.values.T.tolist() == [[0, 0, 0, 6, 23, 0], [0, 0, 23, 29, 46, 23]]


def test_what_becomes_known_later_changes_no_row_before() -> None:
    rows = np.arange(0, 40) * HOUR_NS
    series = told("fear", 60, lag=3)
    cut = [item for item in series if item.ts_known <= 20 * HOUR_NS]
    whole = alternative_at(Timeline(series), ("fear",), rows)
    part = alternative_at(Timeline(cut), ("fear",), rows[:21])
    np.testing.assert_array_equal(whole.values[:21], part.values)
    np.testing.assert_array_equal(whole.known[:21], part.known)


def test_a_source_that_is_no_series_of_numbers_is_refused() -> None:
    news = External(
        source="news", symbol="", ts_event=0, ts_known=0, trust=Trust.TEXT, text="a headline"
    )
    with pytest.raises(ValueError, match="news must name one series of numbers, names 0"):
        alternative_at(Timeline([news]), ("news",), np.array([HOUR_NS]))
    with pytest.raises(ValueError, match="sources must name at least one series"):
        alternative_at(Timeline(), (), np.array([HOUR_NS]))

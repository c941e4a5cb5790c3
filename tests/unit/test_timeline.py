"""Cases of what is known outside that once mattered."""

from dataclasses import replace

import numpy as np
import pytest

from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import MAX_TEXTS, NUMBER_LIFE_NS, Timeline

DAY_NS = 86_400_000_000_000


def number(day: int, value: float, *, lag: int = 1, source: str = "fear") -> External:
    """Tell a number of a day."""
    return External(
        source=source,
        symbol="",
        ts_event=day * DAY_NS,
        ts_known=(day + lag) * DAY_NS,
        trust=Trust.NUMBER,
        value=value,
    )


def news(ns: int, text: str) -> External:
    """Tell a piece of news of a moment."""
    return External(source="news", symbol="", ts_event=ns, ts_known=ns, trust=Trust.TEXT, text=text)


def test_a_number_stands_from_the_nanosecond_it_is_known_until_the_next() -> None:
    timeline = Timeline([number(10, 1.0), number(11, 2.0)])
    values = [
        [item.value for item in timeline.as_of(ts)]
        for ts in (11 * DAY_NS - 1, 11 * DAY_NS, 12 * DAY_NS - 1, 12 * DAY_NS)
    ]
    assert values == [[], [1.0], [1.0], [2.0]]


def test_a_late_correction_of_an_older_day_does_not_hide_the_newest_day() -> None:
    timeline = Timeline([number(10, 1.0), number(11, 2.0), number(10, 9.0, lag=5)])
    assert [item.value for item in timeline.as_of(16 * DAY_NS)] == [2.0]


def test_a_series_that_ended_is_no_longer_told() -> None:
    timeline = Timeline([number(10, 1.0)])
    assert timeline.as_of(11 * DAY_NS + NUMBER_LIFE_NS)
    assert not timeline.as_of(11 * DAY_NS + NUMBER_LIFE_NS + 1)


def test_of_many_texts_the_newest_are_told_newest_first() -> None:
    timeline = Timeline([news(DAY_NS + i, f"n{i}") for i in range(30)])
    told = [item.text for item in timeline.as_of(DAY_NS + 30)]
    assert told == [f"n{i}" for i in range(29, 29 - MAX_TEXTS, -1)]


def test_of_the_texts_of_several_symbols_the_newest_of_all_are_told() -> None:
    bitcoins = [replace(news(DAY_NS + 2 * i + 1, f"b{i}"), symbol="BTC") for i in range(10)]
    markets = [news(DAY_NS + 2 * i, f"m{i}") for i in range(10)]
    for told in ([*bitcoins, *markets], [*markets, *bitcoins]):
        texts = [item.text for item in Timeline(told).as_of(DAY_NS + 100, "BTC")]
        assert texts == ["b9", "m9", "b8", "m8", "b7", "m7", "b6", "m6"]


def test_a_column_of_a_series_that_is_not_there_or_twice_there_is_refused() -> None:
    timeline = Timeline([number(10, 1.0)])
    with pytest.raises(ValueError, match="dvol must name one series of numbers, names 0"):
        timeline.column("dvol", np.array([DAY_NS]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_cannot_be_told(value: float) -> None:
    with pytest.raises(ValueError, match="value of fear must be finite"):
        number(10, value)

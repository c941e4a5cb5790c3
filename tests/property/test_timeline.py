"""Laws of what is known outside: never a moment too early, whatever comes later."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import (
    MAX_TEXTS,
    NUMBER_LIFE_NS,
    TEXT_LIFE_NS,
    Timeline,
)

HOUR_NS = 3_600_000_000_000
START_NS = 19_000 * 24 * HOUR_NS
SYMBOLS = ("", "BTC", "ETH")
# Lives of two weeks and of a day both end within what is drawn; ties are frequent
STAMPS = st.integers(0, 40 * 24).map(lambda hour: START_NS + hour * HOUR_NS)
LAGS = st.integers(0, 9 * 24).map(lambda hours: hours * HOUR_NS)


@st.composite
def externals(draw: st.DrawFn) -> External:
    """Draw a number or a piece of news with its lag."""
    event, lag = draw(STAMPS), draw(LAGS)
    told = External(
        source=draw(st.sampled_from(("fear", "dvol", "news"))),
        symbol=draw(st.sampled_from(SYMBOLS)),
        ts_event=event,
        ts_known=event + lag,
        trust=Trust.NUMBER,
        value=float(draw(st.integers(-3, 3))),
    )
    if draw(st.booleans()):
        return told
    return replace(told, trust=Trust.TEXT, value=None, text=draw(st.sampled_from("abcdefghij")))


MANY = st.lists(externals(), max_size=40)
ABOUT = st.none() | st.sampled_from(SYMBOLS)


@given(MANY, STAMPS, ABOUT)
def test_what_comes_later_never_changes_what_was_known(
    told: list[External], ts: int, symbol: str | None
) -> None:
    earlier = [item for item in told if item.ts_known <= ts]
    assert Timeline(told).as_of(ts, symbol) == Timeline(earlier).as_of(ts, symbol)


@given(MANY, STAMPS, ABOUT)
def test_nothing_is_given_before_it_was_known_nor_when_it_is_over(
    told: list[External], ts: int, symbol: str | None
) -> None:
    for item in Timeline(told).as_of(ts, symbol):
        life = NUMBER_LIFE_NS if item.trust is Trust.NUMBER else TEXT_LIFE_NS
        assert 0 <= ts - item.ts_known <= life
        assert symbol is None or item.symbol in ("", symbol)


@given(MANY, STAMPS, ABOUT, st.randoms(use_true_random=False))
def test_the_order_of_telling_and_telling_twice_change_nothing(
    told: list[External], ts: int, symbol: str | None, dice: object
) -> None:
    shuffled = [*told, *told[:5]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its dice so
    assert Timeline(shuffled).as_of(ts, symbol) == Timeline(told).as_of(ts, symbol)


def slowly(told: list[External], ts: int, symbol: str | None) -> set[External]:
    """Say what is known by looking at everything."""
    known = {x for x in told if x.ts_known <= ts and (symbol is None or x.symbol in ("", symbol))}
    numbers = {x for x in known if x.trust is Trust.NUMBER}
    newest = {
        max(
            (x for x in numbers if (x.source, x.symbol) == key),
            key=lambda x: (x.ts_event, x.ts_known, x.value),
        )
        for key in {(x.source, x.symbol) for x in numbers}
    }
    texts = [x for x in known - numbers if ts - x.ts_known <= TEXT_LIFE_NS]
    texts.sort(key=lambda x: (x.ts_known, x.ts_event, x.source, x.symbol, x.text))
    return {x for x in newest if ts - x.ts_known <= NUMBER_LIFE_NS} | set(texts[-MAX_TEXTS:])


@given(MANY, STAMPS, ABOUT)
def test_it_gives_the_newest_number_of_each_series_and_the_newest_texts(
    told: list[External], ts: int, symbol: str | None
) -> None:
    given_ = Timeline(told).as_of(ts, symbol)
    assert set(given_) == slowly(told, ts, symbol)
    known_at = [item.ts_known for item in given_]
    assert known_at == sorted(known_at, reverse=True)


@given(st.lists(externals(), min_size=1, max_size=40), st.lists(STAMPS, min_size=1, max_size=20))
def test_a_column_is_what_was_known_at_each_of_its_times(
    told: list[External], stamps: list[int]
) -> None:
    series = [replace(x, source="dvol", symbol="", trust=Trust.NUMBER, value=1.0) for x in told]
    counted = [replace(x, value=float(i)) for i, x in enumerate(series)]
    timeline = Timeline(counted)
    values, known = timeline.column("dvol", np.array(stamps, dtype=np.int64))
    for ts, value, is_known in zip(stamps, values.tolist(), known.tolist(), strict=True):
        found = timeline.as_of(ts)
        assert is_known == bool(found)
        assert value == (found[0].value if found else 0.0)


@given(
    MANY,
    st.lists(st.tuples(STAMPS, st.integers(-1, 1), ABOUT), min_size=1, max_size=20),
)
def test_what_was_asked_before_changes_no_answer(
    told: list[External], asked: list[tuple[int, int, str | None]]
) -> None:
    asked_often = Timeline(told)
    for stamp, beside, symbol in asked:  # a nanosecond before, at and after what may change it
        ts = stamp + beside
        assert asked_often.as_of(ts, symbol) == Timeline(told).as_of(ts, symbol)

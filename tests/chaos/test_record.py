"""The time without a stop is what the venue's own record says."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.record import Span, clipped, gaps, longest_secs

# `Any` in this module: rows are JSON

_times = st.integers(0, 1_000)
_spans = st.builds(lambda a, b: Span(min(a, b), max(a, b) + 1), _times, _times)


def position(ts_ms: int, quantity: str) -> dict[str, Any]:
    return {"ts_ms": ts_ms, "event": "position", "instrument": "BTC", "quantity": quantity}


def stop(
    ts_ms: int, quantity: str, *, is_open: bool = True, side: str = "sell", filled: str = "0"
) -> dict[str, Any]:
    return {
        "ts_ms": ts_ms,
        "event": "order",
        "instrument": "BTC",
        "order_id": "7",
        "side": side,
        "trigger_price": "95",
        "is_open": is_open,
        "quantity": quantity,
        "filled": filled,
    }


def spans(*rows: dict[str, Any], end_ms: int = 1_000) -> list[tuple[int, int, Decimal]]:
    found = gaps(rows, end_ms=end_ms)
    return [(gap.span.begin_ms, gap.span.end_ms, gap.quantity) for gap in found]


def test_a_position_is_bare_from_its_fill_to_its_stop() -> None:
    assert spans(position(100, "2"), stop(350, "2")) == [(100, 350, Decimal(2))]


def test_a_stop_that_is_too_small_covers_a_part() -> None:
    assert spans(position(100, "2"), stop(100, "1.5"), position(600, "1")) == [
        (100, 600, Decimal(2)),
    ]


def test_a_stop_on_the_wrong_side_covers_nothing() -> None:
    assert spans(position(100, "-2"), stop(200, "2")) == [(100, 1_000, Decimal(2))]


def test_a_cancelled_stop_leaves_it_bare_until_it_is_closed() -> None:
    rows = (position(1, "2"), stop(1, "2"), stop(400, "2", is_open=False), position(900, "0"))
    assert spans(*rows) == [(400, 900, Decimal(2))]


def test_nothing_is_bare_where_stops_cover_all() -> None:
    assert (
        spans(stop(1, "3"), position(2, "3"), position(5, "0"), stop(6, "3", is_open=False)) == []
    )


def test_what_came_later_has_a_time_of_its_own() -> None:
    rows = (position(100, "2"), position(300, "3"), stop(400, "2"), position(700, "2"))
    assert spans(*rows) == [(100, 400, Decimal(2)), (300, 700, Decimal(1))]


def test_a_position_that_turns_is_another_one() -> None:
    rows = (position(100, "2"), position(300, "-1"), stop(500, "1", side="buy"))
    assert spans(*rows) == [(100, 300, Decimal(2)), (300, 500, Decimal(1))]


_rows = st.lists(
    st.one_of(
        st.integers(-3, 3).map(lambda held: position(0, f"{held}")),
        st.integers(1, 4).map(lambda size: stop(0, f"{size}")),
        st.integers(1, 4).map(lambda size: stop(0, f"{size}", side="buy")),
        st.just(stop(0, "1", is_open=False)),
    ),
    max_size=12,
)


@given(rows=_rows)
def test_something_has_a_gap_exactly_while_stops_are_smaller_than_the_position(
    rows: list[dict[str, Any]],
) -> None:
    timed = [{**row, "ts_ms": 10 * (at + 1)} for at, row in enumerate(rows)]
    found = gaps(timed, end_ms=1_000)
    for at, row in enumerate(timed):
        positions = [r for r in timed[: at + 1] if r["event"] == "position"]
        held = Decimal(positions[-1]["quantity"] if positions else 0)
        last = next((r for r in timed[at::-1] if r["event"] == "order"), None)
        side = "sell" if held > 0 else "buy"
        open_stop = last is not None and last["is_open"] and last["side"] == side
        covered = Decimal(last["quantity"] if last is not None and open_stop else 0)
        during = row["ts_ms"] + 5
        is_bare = any(gap.span.begin_ms <= during < gap.span.end_ms for gap in found)
        assert is_bare is (abs(held) > covered)


@given(span=_spans, windows=st.lists(_spans, max_size=3), outages=st.lists(_spans, max_size=3))
def test_parts_lie_in_the_span_and_a_window_and_in_no_outage(
    span: Span, windows: list[Span], outages: list[Span]
) -> None:
    for part in clipped(span, windows, outages):
        assert part.begin_ms < part.end_ms
        assert span.begin_ms <= part.begin_ms
        assert part.end_ms <= span.end_ms
        assert any(w.begin_ms <= part.begin_ms and part.end_ms <= w.end_ms for w in windows)
        assert not any(o.begin_ms < part.end_ms and part.begin_ms < o.end_ms for o in outages)


@given(span=_spans, outages=st.lists(_spans, max_size=3))
def test_every_moment_outside_of_outages_is_counted(span: Span, outages: list[Span]) -> None:
    parts = list(clipped(span, [span], outages))
    for at in range(span.begin_ms, span.end_ms):
        is_out = any(o.begin_ms <= at < o.end_ms for o in outages)
        is_in = any(p.begin_ms <= at < p.end_ms for p in parts)
        assert is_in is not is_out


def test_the_longest_of_none_is_nothing() -> None:
    assert longest_secs([]) == 0
    assert longest_secs([Span(0, 1_500), Span(0, 20)]) == 1.5

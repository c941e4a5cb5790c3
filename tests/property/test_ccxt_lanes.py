"""Laws of the queue in front of a venue."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.line.lanes import Bucket, Turn, Urgency

RATES = st.floats(min_value=0.5, max_value=50)
STEPS = st.lists(
    st.tuples(st.floats(min_value=0, max_value=2), st.lists(st.sampled_from(Urgency), max_size=4)),
    max_size=25,
)


def play(bucket: Bucket, steps: list[tuple[float, list[Urgency]]]) -> list[tuple[float, Turn]]:
    """Join as told, and note who goes when; in the end let everybody go."""
    now, gone = 0.0, []
    for secs, joins in steps:
        now += secs
        for urgency in joins:
            bucket.join(urgency)
        gone += [(now, turn) for turn in bucket.release(now=now)]
    while (wait := bucket.wait_secs(now=now)) is not None:
        now += wait
        gone += [(now, turn) for turn in bucket.release(now=now)]
    return gone


@given(RATES, st.integers(1, 8), STEPS)
def test_nobody_is_lost_and_nobody_goes_twice(
    rate: float, burst: int, steps: list[tuple[float, list[Urgency]]]
) -> None:
    gone = play(Bucket(per_sec=rate, burst=burst, now=0.0), steps)
    assert len(gone) == sum(len(joins) for _, joins in steps)
    assert len({turn.number for _, turn in gone}) == len(gone)


@given(RATES, st.integers(1, 8), STEPS)
def test_no_span_of_time_sees_more_than_the_budget(
    rate: float, burst: int, steps: list[tuple[float, list[Urgency]]]
) -> None:
    times = [when for when, _ in play(Bucket(per_sec=rate, burst=burst, now=0.0), steps)]
    for first in range(len(times)):
        for last in range(first, len(times)):
            span = times[last] - times[first]
            assert last - first + 1 <= burst + span * rate + 1e-3


@given(RATES, st.integers(1, 8), STEPS)
def test_equals_go_in_order_of_arrival(
    rate: float, burst: int, steps: list[tuple[float, list[Urgency]]]
) -> None:
    gone = play(Bucket(per_sec=rate, burst=burst, now=0.0), steps)
    for urgency in Urgency:
        numbers = [turn.number for _, turn in gone if turn.urgency is urgency]
        assert numbers == sorted(numbers)


@given(RATES, st.lists(st.sampled_from(Urgency), min_size=1, max_size=30))
def test_the_urgent_overtake_all_who_wait(rate: float, joins: list[Urgency]) -> None:
    gone = play(Bucket(per_sec=rate, burst=1, now=0.0), [(0.0, joins)])
    assert all(before.urgency <= after.urgency for (_, before), (_, after) in pairwise(gone))


@given(RATES, STEPS, st.floats(min_value=0.1, max_value=5))
def test_nobody_goes_while_the_venue_is_given_a_rest(
    rate: float, steps: list[tuple[float, list[Urgency]]], secs: float
) -> None:
    bucket = Bucket(per_sec=rate, burst=4, now=0.0)
    bucket.hold(secs, now=0.0)
    assert all(when >= secs for when, _ in play(bucket, steps))


def test_a_dropped_turn_neither_goes_nor_takes_a_token() -> None:
    bucket = Bucket(per_sec=1, burst=1, now=0.0)
    bucket.drop(bucket.join(Urgency.PROTECTIVE))
    second = bucket.join(Urgency.BACKGROUND)
    assert bucket.waiting == 1
    assert bucket.release(now=0.0) == [second]


@pytest.mark.parametrize(("per_sec", "burst"), [(0, 1), (-1, 1), (float("inf"), 1), (1, 0)])
def test_a_budget_of_nonsense_is_refused(per_sec: float, burst: int) -> None:
    with pytest.raises(ValueError, match=r"was (0|-1|inf)"):
        Bucket(per_sec=per_sec, burst=burst, now=0.0)

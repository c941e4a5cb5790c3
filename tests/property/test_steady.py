"""Durations go on whatever is done to the clock of the wall."""

from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.actors.steady import SteadyTime

STEP_NS = 100


@given(steps=st.lists(st.integers(1, 10**12)))
def test_it_is_the_clock_where_the_clock_goes_on(steps: list[int]) -> None:
    time, now_ns = SteadyTime(step_ns=STEP_NS), 10**18
    time.look(now_ns)
    for step in steps:
        now_ns += step
        assert time.look(now_ns) == now_ns


@given(steps=st.lists(st.integers(-(10**12), 10**12)))
def test_it_never_stands_still_or_goes_back(steps: list[int]) -> None:
    time, now_ns = SteadyTime(step_ns=STEP_NS), 10**18
    before = time.look(now_ns)
    for step in steps:
        now_ns += step
        after = time.look(now_ns)
        assert after - before == (step if step > 0 else STEP_NS)
        before = after

"""Connecting is tried for a while, never for longer, and says in the end why it failed."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from ccxt_nt.errors import Unauthorised, Unknown, Unsupported
from ccxt_nt.line.connecting import PATIENCE_SECS, persist


def steps(*outcomes: Exception | None) -> tuple[Callable[[], Awaitable[None]], list[int]]:
    """Make a step that fails as told, then succeeds; and the count of its attempts."""
    attempts = [0]

    async def step() -> None:
        attempts[0] += 1
        if attempts[0] <= len(outcomes) and (outcome := outcomes[attempts[0] - 1]) is not None:
            raise outcome

    return step, attempts


def connect(
    *each: Callable[[], Awaitable[None]], patience_secs: float = PATIENCE_SECS
) -> tuple[list[str], list[str]]:
    """Persist; give what was noted and what is left as the reason, raising what it raised."""
    notes, failures = list[str](), ["of an earlier start"]
    made = persist(
        *each, rng=Random(1), note=notes.append, failures=failures, patience_secs=patience_secs
    )
    try:
        asyncio.run(made)
    except Exception as e:
        e.add_note(str(failures))
        raise
    return notes, failures


def test_a_venue_that_is_down_for_a_moment_is_got_over_and_leaves_no_reason() -> None:
    first, tried = steps(Unknown("down"))
    second, tried_second = steps()
    notes, failures = connect(first, second)
    assert (tried, tried_second) == ([2], [1])
    assert notes == ["connecting failed, trying again: down"]
    assert failures == []


def test_a_venue_that_stays_down_is_given_up_in_time_with_the_reason() -> None:
    step, tried = steps(*[Unknown("down")] * 100)
    with pytest.raises(Unknown) as raised:
        connect(step, patience_secs=1.0)
    assert raised.value.__notes__ == ["['Unknown: down']"]
    assert 2 <= tried[0] <= 4


@pytest.mark.parametrize(
    "e", [Unauthorised("keys"), Unsupported("mode"), ValueError("'XUSDT' is not listed here")]
)
def test_what_no_further_attempt_would_change_ends_it_at_once(e: Exception) -> None:
    step, tried = steps(e, e)
    with pytest.raises(type(e)) as raised:
        connect(step)
    assert raised.value.__notes__ == [str([f"{type(e).__name__}: {e}"])]
    assert tried == [1]


def test_the_reason_is_known_before_the_engine_gives_up() -> None:
    slowest_attempt_secs = 3 * 10.0  # the list of markets, with the deadline of the settings
    assert PATIENCE_SECS + slowest_attempt_secs < 60

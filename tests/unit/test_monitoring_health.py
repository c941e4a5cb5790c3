"""How a node is, and when it is not well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.monitoring.health import Health, HealthBoard, NodeState

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 100 * SECOND

    def __call__(self) -> int:
        return self.now_ns


def board_at(clock: Clock) -> HealthBoard:
    return HealthBoard(heartbeat_secs=5, patience_secs=60, now_ns=clock, monotonic_ns=clock)


@given(
    state=st.sampled_from(NodeState),
    silent_secs=st.floats(0, 100),
    hindrances=st.dictionaries(st.text(), st.text(), max_size=2),
)
def test_new_risk_is_taken_only_while_healthy_trading_and_unhindered(
    state: NodeState, silent_secs: float, hindrances: dict[str, str]
) -> None:
    health = Health(
        state=state, since_ns=0, silent_secs=silent_secs, limit_secs=15, hindrances=hindrances
    )
    if health.takes_new_risk:
        assert health.is_healthy
        assert not health.hindrances
        assert health.state is NodeState.TRADING
    assert health.is_healthy is (not health.trouble)
    assert health.fields()["healthy"] is health.is_healthy


@pytest.mark.parametrize(
    ("state", "secs", "healthy"),
    [
        *((state, 5, True) for state in NodeState if state is not NodeState.FAILED),
        (NodeState.TRADING, 6, False),
        (NodeState.HALTED, 6, False),
        (NodeState.STARTING, 6, True),
        (NodeState.STARTING, 60, True),
        (NodeState.STARTING, 61, False),
        (NodeState.STOPPING, 61, False),
        (NodeState.FAILED, 0, False),
    ],
)
def test_a_thread_that_is_silent_too_long_for_its_state_is_stuck(
    state: NodeState, secs: int, *, healthy: bool
) -> None:
    clock = Clock()
    board = board_at(clock)
    board.enter(state)
    clock.now_ns += secs * SECOND
    assert board.look().is_healthy is healthy


def test_a_beat_ends_the_silence() -> None:
    clock = Clock()
    board = board_at(clock)
    board.enter(NodeState.TRADING)
    clock.now_ns += 50 * SECOND
    assert board.look().trouble == "The engine's thread has not beaten for 50 s while trading"
    board.beat()
    assert board.look().trouble == ""


def test_a_failure_is_never_left_and_keeps_its_reason() -> None:
    clock = Clock()
    board = board_at(clock)
    board.enter(NodeState.FAILED, "no keys")
    clock.now_ns += SECOND
    board.enter(NodeState.STOPPING)
    health = board.look()
    assert (health.state, health.reason, health.since_ns) == (
        NodeState.FAILED,
        "no keys",
        100 * SECOND,
    )
    assert health.trouble == "The node has failed: no keys"


def test_a_new_reason_does_not_make_the_state_younger() -> None:
    clock = Clock()
    board = board_at(clock)
    board.enter(NodeState.HALTED, "drawdown")
    clock.now_ns += SECOND
    board.enter(NodeState.HALTED, "by hand")
    assert board.look().since_ns == 100 * SECOND
    assert board.look().reason == "by hand"


def test_hindrances_are_replaced_as_a_whole() -> None:
    board = board_at(Clock())
    board.hinder({"stale": "90 s"})
    board.hinder({"halt": "by hand"})
    assert board.look().fields()["hindrances"] == {"halt": "by hand"}


def test_a_clock_that_went_back_is_no_silence() -> None:
    clock = Clock()
    board = board_at(clock)
    clock.now_ns -= SECOND
    assert board.look().silent_secs == 0


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("silent_secs", {"silent_secs": -1}),
        ("since_ns", {"since_ns": -1}),
        ("limit_secs", {"limit_secs": 0}),
    ],
)
def test_a_health_that_cannot_be_is_refused(name: str, changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=name):
        Health(**{"state": NodeState.TRADING, "since_ns": 0, **changes})  # type: ignore[arg-type]

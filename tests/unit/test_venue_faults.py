"""Laws of the fault plan."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venue.faults import Fault, FaultKind, FaultPlan, parse_faults

KINDS = st.sampled_from(FaultKind)
WHERES = st.sampled_from(["*", "order", "read", "orders", "book", "POST /place"])
FAULTS = st.builds(
    Fault,
    kind=KINDS,
    where=WHERES,
    count=st.one_of(st.none(), st.integers(1, 5)),
    skip=st.integers(0, 3),
    probability=st.floats(0.05, 1.0),
)


def play(plan: FaultPlan, seed: int, steps: int = 200) -> list[tuple[FaultKind, str]]:
    """Send the plan a fixed traffic and list what struck."""
    dice = random.Random(seed)
    for _ in range(steps):
        if dice.random() < 0.5:
            plan.on_request(
                dice.choice(["order", "read", "connect"]),
                dice.choice(["GET", "POST"]),
                dice.choice(["/api/place-order", "/api/read"]),
                replayable=dice.random() < 0.5,
            )
        else:
            stream = dice.choice(["orders", "book", "pong", "ack"])
            whole = dice.random() < 0.3
            plan.on_push(stream, snapshot=whole, replayable=whole)
    return [(one.kind, one.target) for one in plan.log]


@given(st.lists(FAULTS, max_size=5), st.integers(), st.integers())
def test_a_plan_is_a_function_of_its_seed_and_the_traffic(
    faults: list[Fault], seed: int, traffic: int
) -> None:
    logs = []
    for _ in range(2):
        plan = FaultPlan(seed)
        plan.add(*faults)
        logs.append(play(plan, traffic))
    assert logs[0] == logs[1]


@given(FAULTS, st.integers(), st.integers())
def test_a_rule_never_strikes_more_often_than_its_count_nor_before_its_skip(
    fault: Fault, seed: int, traffic: int
) -> None:
    plan, free = FaultPlan(seed), FaultPlan(seed)
    plan.add(fault)
    free.add(Fault(kind=fault.kind, where=fault.where, count=None))
    struck, possible = play(plan, traffic), play(free, traffic)
    assert fault.count is None or len(struck) <= fault.count
    assert len(struck) <= max(0, len(possible) - fault.skip)
    if fault.probability == 1 and fault.count is None:
        assert struck == possible[fault.skip :]


@given(st.lists(FAULTS, max_size=5), st.integers())
def test_star_leaves_pongs_and_acknowledgements_alone(faults: list[Fault], traffic: int) -> None:
    plan = FaultPlan(0)
    plan.add(*(fault for fault in faults if fault.where == "*"))
    assert not {target for _, target in play(plan, traffic)} & {"pong", "ack"}


def test_a_rule_is_in_force_between_its_start_and_its_end() -> None:
    now = [100.0]
    plan = FaultPlan(0, secs=lambda: now[0])
    plan.add(Fault(kind=FaultKind.DELAY, where="order", count=None, start_secs=5, end_secs=7))
    struck = []
    for secs in range(10):
        now[0] = 100.0 + secs
        struck.append(plan.on_request("order", "POST", "/place", replayable=False) is not None)
    assert [secs for secs, yes in enumerate(struck) if yes] == [5, 6]


def test_a_dial_suffers_only_what_a_dial_can() -> None:
    plan = FaultPlan(0)
    plan.add(*(Fault(kind=kind, count=None) for kind in (FaultKind.RESET_AFTER,)))
    assert plan.on_request("connect", "GET", "/ws", replayable=False) is None
    plan.add(Fault(kind=FaultKind.STATUS_502_BEFORE))
    assert plan.on_request("connect", "GET", "/ws", replayable=False) is not None


def test_rules_are_read_from_rows_by_name() -> None:
    rows: list[dict[str, object]] = [
        {"kind": "reset_after", "where": "order", "count": 2},
        {"kind": "PUSH_DROP"},
    ]
    assert parse_faults(rows) == [
        Fault(kind=FaultKind.RESET_AFTER, where="order", count=2),
        Fault(kind=FaultKind.PUSH_DROP),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"kind": "explode"}, "'explode'"),
        ({"where": "order"}, "needs a kind"),
        ({"kind": "delay", "seconds": 3}, "'seconds'"),
        ({"kind": "delay", "probability": 0}, "probability must be in (0, 1], was 0"),
        ({"kind": "delay", "count": 0}, "count must be at least 1 or None, was 0"),
        ({"kind": "delay", "start_secs": 3, "end_secs": 2}, "end_secs must be after"),
        ({"kind": "delay", "skip": -1}, "skip must be 0 or more, was -1"),
        ({"kind": "delay", "where": ""}, "where must not be empty"),
    ],
)
def test_a_wrong_row_is_refused_by_name(row: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError) as e:
        parse_faults([row])
    assert told in str(e.value)

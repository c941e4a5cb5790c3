"""The board: the worst of its parts, told once for each change."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.health import HealthBoard, HealthReport
from ccxt_nt.values import Health

PARTS = st.sampled_from(["trades", "orders", "fills"])


@given(st.lists(st.tuples(PARTS, st.sampled_from(Health) | st.none()), max_size=30))
def test_the_board_is_as_well_as_its_worst_part_and_tells_every_change_once(
    steps: list[tuple[str, Health | None]],
) -> None:
    board, told, parts = HealthBoard(), list[HealthReport](), dict[str, Health]()
    board.listen(told.append)
    order = [Health.HEALTHY, Health.DEGRADED, Health.BLIND]
    for part, health in steps:
        if health is None:
            board.remove(part)
            parts.pop(part, None)
        else:
            board.set(part, health, f"{part} is {health.value}")
            parts[part] = health
        worst = max(parts.values(), key=order.index, default=Health.HEALTHY)
        assert board.health is worst
        assert told[-1] == board.report
    assert all(before != after for before, after in pairwise(told))


def test_a_report_says_what_is_not_seen_and_nothing_of_what_is() -> None:
    board = HealthBoard()
    board.set("trades", Health.HEALTHY)
    board.set("orders", Health.BLIND, "being reconciled")
    board.set("book", Health.DEGRADED, "connection lost")
    assert board.report == HealthReport(
        health=Health.BLIND, reasons=("book: connection lost", "orders: being reconciled")
    )
    board.set("orders", Health.HEALTHY)
    assert board.health is Health.DEGRADED


def test_a_part_that_is_not_well_must_say_why() -> None:
    with pytest.raises(ValueError, match="part 'orders' is blind and needs a reason"):
        HealthBoard().set("orders", Health.BLIND)

"""What is held is counted wherever it is, and what grows is found."""

from collections import deque

from tests.faults.sizes import Bound, grown, sizes


class Holder:
    def __init__(self, count: int) -> None:
        self.rows = {n: [n] * 3 for n in range(count)}
        self.tail = deque(range(count))


def test_containers_are_counted_by_where_they_are() -> None:
    found = sizes([Holder(4), Holder(2)])
    assert found["Holder.rows"] == 6
    assert found["Holder.rows[]"] == 18
    assert found["Holder.tail"] == 6


def test_what_grows_is_listed_the_worst_first() -> None:
    before, after = sizes([Holder(100)]), sizes([Holder(1_000)])
    assert [line.split(":")[0] for line in grown(before, after)] == [
        "Holder.rows[]",
        "Holder.rows",
        "Holder.tail",
    ]
    assert grown(after, after) == []


def test_a_table_may_fill_up_to_its_bound_and_no_further() -> None:
    bounds = (Bound(prefix="Holder.rows", counted="Holder.tail", most=1_000),)
    before, full, above = (sizes([Holder(count)]) for count in (400, 1_000, 2_000))
    assert [line.split(":")[0] for line in grown(before, full, bounds=bounds)] == ["Holder.tail"]
    assert "Holder.rows: 400 -> 2000" in grown(before, above, bounds=bounds)
    assert "Holder.rows: 1000 -> 2000" in grown(full, above, bounds=bounds)
    empty = sizes([Holder(0)])
    assert [line.split(":")[0] for line in grown(empty, full, bounds=bounds)] == ["Holder.tail"]

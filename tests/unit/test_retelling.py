"""What was booked and not journalled when a node was killed is told once by the next one."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.retelling import Forgetter, retell
from morningstar_strategy.core.records import Record, to_line
from morningstar_strategy.database.reading import read_records
from morningstar_strategy.store import StateStore
from tests.harness.live_looks import locked
from tests.integration.database_places import journal_in, record


class Kept:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, record: Record) -> None:
        self.records.append(record)


@settings(max_examples=20, deadline=None)
@given(written=st.integers(0, 6), owed=st.integers(0, 6))
def test_each_record_is_in_the_journals_once(
    tmp_path_factory: pytest.TempPathFactory, written: int, owed: int
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    url, whole = f"sqlite:///{folder / 'journal.sqlite'}", [record(n) for n in range(12)]
    begun = whole[: written + owed]
    with journal_in(url, folder) as journal:
        for each in begun[:written]:
            journal.append(each)
        assert journal.flush(10.0)
    with StateStore(folder / "state.sqlite", account="demo:BITGET") as store:
        lines = [to_line(each) for each in begun[max(written - 2, 0) :]]
        store.save_stray("O-1", Decimal(0), lines)
        heir = Kept()
        assert retell(store, heir, url) == owed
        assert [*read_records(url, "first"), *heir.records] == begun


def test_two_records_that_look_alike_are_two(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    with journal_in(url, tmp_path) as journal:
        journal.append(record(1))
        assert journal.flush(10.0)
    with StateStore(tmp_path / "state.sqlite", account="demo:BITGET") as store:
        store.save_stray("O-1", Decimal(0), [to_line(record(1)), to_line(record(1))])
        heir = Kept()
        assert retell(store, heir, url) == 1
        assert heir.records == [record(1)]


def test_a_store_that_is_locked_is_asked_once_a_second_to_forget(tmp_path: Path) -> None:
    with StateStore(tmp_path / "state.sqlite", account="demo:BITGET") as store:
        store.save_stray("O-1", Decimal(0), ["line"])
        asked: list[int] = []

        def is_journalled() -> bool:
            asked.append(1)
            return True

        forget, second = Forgetter(store, is_journalled), 1_000_000_000
        with locked(tmp_path / "state.sqlite"):
            assert [bool(forget(second + tick)) for tick in range(5)] == [True] * 5
        assert len(asked) == 1
        assert forget(2 * second) == ""
        assert store.untold() == ()

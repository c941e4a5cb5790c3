"""The spill file and what waits for a database: in order, whole, and counted when lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.records import Record, from_line, to_line
from morningstar_strategy.database.backlog import Backlog
from morningstar_strategy.database.chain import Entry, chained, entry_of
from morningstar_strategy.database.spill import Spill
from tests.integration.database_places import record
from tests.property.test_records import RECORDS

ORIGIN = "0" * 64


def entries(records: list[Record], first: int = 1) -> list[Entry]:
    return [entry_of(told, seq, to_line(told)) for seq, told in enumerate(records, start=first)]


@settings(max_examples=60)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=20),
    pieces=st.integers(1, 7),
    most=st.integers(1, 9),
    after=st.integers(0, 20),
)
def test_what_is_spilled_is_read_back_in_any_pieces(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[Record],
    pieces: int,
    most: int,
    after: int,
) -> None:
    spill, told = Spill(tmp_path_factory.mktemp("spill") / "spill", ORIGIN), entries(records)
    for place in range(0, len(told), pieces):
        spill.add(told[place : place + pieces])
    after = min(after, len(told))
    found: list[Entry] = []
    while batch := spill.read(after + len(found), most):
        assert len(batch) <= most
        found += batch
    assert found == told[after:]
    spill.close()
    again = Spill(spill.path, ORIGIN)
    assert list(again.take_up()) == told
    assert again.last == len(told)
    again.clear()
    assert not again
    assert not spill.path.exists()


@settings(max_examples=60)
@given(records=st.lists(RECORDS, min_size=1, max_size=5), cut=st.integers(0, 2_000))
def test_a_spill_file_cut_anywhere_gives_the_whole_lines_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], cut: int
) -> None:
    spill, told = Spill(tmp_path_factory.mktemp("spill") / "spill", ORIGIN), entries(records)
    spill.add(told)
    spill.close()
    whole = spill.path.read_bytes()
    cut %= len(whole)
    spill.path.write_bytes(whole[:cut])
    again = Spill(spill.path, ORIGIN)
    found = list(again.take_up())
    count = max(whole[:cut].count(b"\n") - 1, 0)
    assert found == told[:count]
    assert bool(again) is again.path.exists() is (count > 0)
    again.add(told[count:])
    assert again.read(count, 99) == told[count:]
    again.close()
    assert again.path.read_bytes() == whole


class Bench:
    """A backlog, what was written away from it, and a disk that takes no file for a while."""

    def __init__(self, folder: Path, *, capacity: int, most: int) -> None:
        self.backlog = Backlog(Spill(folder / "spill", ORIGIN), seq=0, capacity=capacity)
        self.written: list[Entry] = []
        self.put = 0
        self._path = folder / "spill"
        self._most = most
        self._blocked = False

    def do(self, step: str) -> None:
        match step:
            case "put":
                self.backlog.put(record(self.put))
                self.put += 1
            case "write":
                self.written += self.backlog.batch(self._most)
                self.backlog.settle(len(self.written))
            case "shelter":
                self.backlog.shelter()
            case "block" if not self._path.exists():
                self._path.touch()
                self._blocked = True
            case "free" if self._blocked:
                self._path.unlink()
                self._blocked = False


@settings(max_examples=150)
@given(
    steps=st.lists(
        st.sampled_from(["put", "put", "put", "write", "shelter", "block", "free"]), max_size=60
    ),
    capacity=st.integers(1, 4),
    most=st.integers(1, 5),
)
def test_whatever_happens_each_record_is_written_once_or_told_as_lost(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], capacity: int, most: int
) -> None:
    folder = tmp_path_factory.mktemp("backlog")
    bench = Bench(folder, capacity=capacity, most=most)
    for step in (*steps, "free"):
        bench.do(step)
    while bench.backlog.waiting:
        bench.do("write")
    assert [entry.seq for entry in bench.written] == [*range(1, len(bench.written) + 1)]
    told = [from_line(entry.line) for entry in bench.written]
    losses = [each for each in told if each.fields.get("state") == "records lost"]
    missing = sum(int(str(each.fields["reason"]).split()[0]) for each in losses)
    numbers = [each.ts_event for each in told if each not in losses]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + missing == bench.put
    assert missing == bench.backlog.lost
    assert bench.backlog.untold == 0
    assert list(folder.iterdir()) == []


def test_a_file_of_somebody_else_in_the_place_of_the_spill_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    spill = Spill(path, ORIGIN)
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        spill.add(entries([record(1)]))
    assert not spill
    assert path.read_text() == "mine"


def test_where_no_file_can_be_made_records_beyond_the_memory_are_counted() -> None:
    backlog = Backlog(Spill(Path("/dev/full/spill"), ORIGIN), seq=0, capacity=1)
    for number in range(3):
        backlog.put(record(number))
    assert (backlog.lost, backlog.waiting) == (2, 1)
    assert backlog.spill_fault == os.strerror(20)
    backlog.give_up()
    assert (backlog.lost, backlog.untold) == (3, 3)


CROWDED = """
import resource, sys
from pathlib import Path
from morningstar_strategy.database.chain import Entry
from morningstar_strategy.database.spill import Spill
spill = Spill(Path(sys.argv[1]), "0" * 64)
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (400, most))
taken = []
for seq in range(1, 99):
    entry = Entry(len(taken) + 1, seq, "fill", "X", "-" * (seq % 61))
    try:
        spill.add([entry])
        taken.append(entry)
    except OSError:
        if seq == 60:  # there is room again
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
assert 0 < len(taken) < 98, len(taken)
assert spill.read(0, 999) == taken
spill.close()
assert list(spill.take_up()) == taken
"""


def test_a_line_that_the_disk_took_only_in_part_is_taken_back(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", CROWDED, f"{tmp_path / 'spill'}"], check=True, timeout=200
    )


def test_the_hash_is_that_of_the_hash_before_and_the_line() -> None:
    # sha256 of 64 zeros, a line's end and the two letters, told by sha256sum
    assert (
        chained(ORIGIN, "{}") == "5649d09ed68c17156095d175eef152856c5b1a81c117c409c1e00f096aa6838e"
    )

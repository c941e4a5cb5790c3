"""What becomes of a journal when its disk is full, its file locked, its process killed."""

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from live.retelling import SPILL, take_up_spills
from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.journal import JournalManners
from morningstar_strategy.database.reading import read_records, verify
from tests.integration.database_places import QUICK, journal_in, record, until

# `Any` in this module: what a child tells is JSON

CHILD: Final = [sys.executable, "-m", "tests.integration.database_child"]
SCREEN_SECS: Final = 60.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.sqlite'}"


def numbers(url: str) -> list[int]:
    return [told.ts_event for told in read_records(url, "first")]


# ---------------------------------------------------------------- locked


def test_a_lock_is_a_fault_that_heals_and_nothing_is_lost_or_twice(
    url: str, tmp_path: Path
) -> None:
    with journal_in(url, tmp_path) as journal:
        journal.append(record(0))
        assert journal.flush(60.0)
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            for number in range(1, 3_001):
                journal.append(record(number))
            assert time.monotonic() - began < 20.0  # nothing waited for the lock
            until(lambda: bool(journal.fault))
            assert journal.fault.startswith("the journal is not written since 20")
            assert journal.fault.endswith("Z: database is locked")
            assert not journal.flush(0.05)
            until((tmp_path / "first.spill").exists)  # what a crash would have taken is on the disk
            said = journal.fault
            journal.append(record(3_001))
            until(lambda: journal.fault == said)  # since when it is so does not move
            other.rollback()
        assert journal.flush(60.0)
        until(lambda: journal.fault == "")
        journal.append(record(3_002))
    assert (journal.fault, journal.lost) == ("", 0)
    assert numbers(url) == [*range(3_003)]
    assert verify(url, "first") == 3_003
    assert not (tmp_path / "first.spill").exists()


def test_what_remains_when_a_journal_closes_stays_beside_and_is_taken_up_first(
    url: str, tmp_path: Path
) -> None:
    manners = JournalManners(retry_secs=0.02, most_retry_secs=0.1, exit_secs=0.3, capacity=10)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as other:
        with journal_in(url, tmp_path, manners=manners) as journal:
            other.execute("BEGIN EXCLUSIVE")
            for number in range(50):
                journal.append(record(number))
        assert "database is locked" in journal.fault
        assert journal.fault.endswith(f"50 records are left in {tmp_path / 'first.spill'}")
        other.rollback()
    assert numbers(url) == []
    with pytest.raises(DatabaseError, match="exists already"), journal_in(url, tmp_path):
        pytest.fail("it was opened")
    with journal_in(url, tmp_path, resume=True) as journal:
        journal.append(record(50))
        assert journal.flush(60.0)
        assert journal.fault == ""
    assert numbers(url) == [*range(51)]
    assert not (tmp_path / "first.spill").exists()


def test_a_file_that_is_moved_away_is_a_fault_that_heals_when_it_is_back(
    url: str, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    with journal_in(url, tmp_path) as journal:
        journal.append(record(0))
        assert journal.flush(60.0)
        files = [tmp_path / f"journal.sqlite{end}" for end in ("-wal", "-shm", "")]
        for path in files:
            path.rename(away / path.name)
        journal.append(record(1))
        until(lambda: "journal.sqlite is gone" in journal.fault)
        (tmp_path / "journal.sqlite").touch()
        until(lambda: "was replaced by another file" in journal.fault)
        for path in reversed(files):
            if (away / path.name).exists():
                (away / path.name).rename(path)
        assert journal.flush(60.0)
        until(lambda: journal.fault == "")
    assert numbers(url) == [0, 1]
    assert verify(url, "first") == 2


def left_behind(url: str, folder: Path) -> Path:
    """Leave records 2 to 4 in the spill file, with 1 in the database."""
    manners = JournalManners(retry_secs=0.02, exit_secs=0.2)
    with closing(sqlite3.connect(folder / "journal.sqlite")) as other:
        with journal_in(url, folder, manners=manners) as journal:
            journal.append(record(1))
            assert journal.flush(60.0)
            other.execute("BEGIN EXCLUSIVE")
            for number in (2, 3, 4):
                journal.append(record(number))
        other.rollback()
    return folder / "first.spill"


def test_a_node_brings_what_an_earlier_session_left_into_the_database(
    url: str, tmp_path: Path
) -> None:
    left_behind(url, tmp_path).rename(tmp_path / f"first{SPILL}")
    (tmp_path / f"unknown{SPILL}").write_bytes(b"of a session that is in no database")
    assert take_up_spills(tmp_path, url) == 1
    assert numbers(url) == [1, 2, 3, 4]
    assert [path.name for path in tmp_path.glob(f"*{SPILL}")] == [f"unknown{SPILL}"]
    assert take_up_spills(tmp_path, url) == 0


def test_a_torn_line_of_a_crash_is_cut_off_wherever_it_was_torn(url: str, tmp_path: Path) -> None:
    spill = left_behind(url, tmp_path)
    whole = spill.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    spill.write_bytes(whole[: last + 9])
    with journal_in(url, tmp_path, resume=True) as journal:
        journal.append(record(5))
    assert numbers(url) == [1, 2, 3, 5]
    spill.write_bytes(whole[:20])  # torn in its first line, before any record
    with journal_in(url, tmp_path, resume=True) as journal:
        journal.append(record(6))
    assert numbers(url) == [1, 2, 3, 5, 6]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (b"\n2\t", b"\n3\t", "does not go on with the database, which ends with record 1"),
        (b"\n3\t", b"\n4\t", "must go on with record 3, had 4"),
        (b"\n3\t", b"\n3 ", "is damaged at byte"),
        (b"\n3\t", b"\n\xff\t", "is damaged at byte"),
        (b"morningstar-spill-1 ", b"morningstar-spill-1 0", "holds records of another session"),
    ],
)
def test_a_spill_file_that_is_not_what_was_left_is_refused_and_kept(
    url: str, tmp_path: Path, was: bytes, now: bytes, said: str
) -> None:
    spill = left_behind(url, tmp_path)
    edited = spill.read_bytes().replace(was, now, 1)
    spill.write_bytes(edited)
    with pytest.raises(DatabaseError, match=said), journal_in(url, tmp_path, resume=True):
        pytest.fail("it was opened")
    assert spill.read_bytes() == edited
    spill.unlink()
    with journal_in(url, tmp_path, resume=True) as journal:
        journal.append(record(9))
    assert numbers(url) == [1, 9]


def test_a_spill_file_that_was_written_already_is_only_taken_away(url: str, tmp_path: Path) -> None:
    spill = left_behind(url, tmp_path)
    whole = spill.read_bytes()
    for life in range(2):  # the second finds what a crash left just before it was removed
        spill.write_bytes(whole)
        with journal_in(url, tmp_path, resume=True) as journal:
            journal.append(record(5 + life))
    assert numbers(url) == [1, 2, 3, 4, 5, 6]
    spill.write_bytes(whole.replace(b"2.5", b"9.9"))  # but not where it says something else
    with (
        pytest.raises(DatabaseError, match="it holds another record 2"),
        journal_in(url, tmp_path, resume=True),
    ):
        pytest.fail("it was opened")


# ---------------------------------------------------------------- full


def check_full(told: dict[str, Any], url: str, reason: str) -> None:
    """Hold what a child told against what the journal has: every record, or that it is lost."""
    assert told["first"].startswith("the journal is not written since")
    assert reason in told["first"]
    assert "records are lost: the spill file" in told["losing"]
    assert told["lost"] > 100
    assert told["healed"]
    assert told["last"] == ""
    kept = list(read_records(url, "first"))
    losses = [each for each in kept if each.fields.get("state") == "records lost"]
    missing = sum(int(str(each.fields["reason"]).split()[0]) for each in losses)
    found = [each.ts_event for each in kept if each not in losses]
    assert losses
    assert found == sorted(set(found))
    assert len(found) + missing == told["put"]
    assert verify(url, "first") == told["head"] == len(kept)


def test_a_file_that_may_not_grow_is_a_fault_and_what_is_lost_is_told_in_the_journal(
    url: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*CHILD, "limit", url, f"{tmp_path}", f"{200 * 1024}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SCREEN_SECS,
    )
    assert done.returncode == 0, done.stderr
    check_full(json.loads(done.stdout), url, "disk")


def test_a_full_disk_is_a_fault_and_what_is_lost_is_told_in_the_journal(tmp_path: Path) -> None:
    disk, rescued = tmp_path / "disk", tmp_path / "rescued"
    disk.mkdir()
    url = f"sqlite:///{disk / 'journal.sqlite'}"
    child = " ".join([*CHILD, "disk", url, f"{disk}", f"{700 * 1024}"])
    mount = f"mount -t tmpfs -o size=1m small {disk}"
    unshare = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    tried = subprocess.run([*unshare, mount], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("no small disk can be mounted here (unshare --mount is refused)")
    done = subprocess.run(
        [*unshare, f"{mount} && {child} && cp -r {disk} {rescued}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SCREEN_SECS,
    )
    assert done.returncode == 0, done.stderr
    there = f"sqlite:///{rescued / 'journal.sqlite'}"
    check_full(json.loads(done.stdout), there, "database or disk is full")


# ---------------------------------------------------------------- killed


@pytest.mark.parametrize("capacity", [3, 1_000])
def test_a_writer_that_is_killed_loses_nothing_that_was_confirmed(
    url: str, tmp_path: Path, capacity: int
) -> None:
    rng, sure = random.Random(capacity), 0
    for _ in range(3):
        command = [*CHILD, "append", url, f"{tmp_path}", f"{capacity}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(rng.randint(1, 40)):
                line = child.stdout.readline()
                assert line, "the child ended by itself"
                sure = int(line)
            threading.Event().wait(rng.random() * 0.01)
            child.kill()
            sure = max([sure, *map(int, child.stdout.read().split())])
        if (tmp_path / "journal.sqlite").exists():
            assert numbers(url) == [*range(verify(url, "first"))]
            assert verify(url, "first") >= sure
    with journal_in(url, tmp_path, resume=True, manners=QUICK) as journal:
        assert journal.flush(60.0)
        count = journal.head.seq
        journal.append(record(count))
    assert count >= sure > 0
    assert numbers(url) == [*range(count + 1)]
    assert verify(url, "first") == count + 1

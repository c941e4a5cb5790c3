"""Laws of a journal in a database, of SQLite and of PostgreSQL alike."""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from morningstar_strategy.core.records import Kind, Record, to_line
from morningstar_strategy.database.address import DatabaseError, parse_url, writing_engine
from morningstar_strategy.database.exporting import export
from morningstar_strategy.database.journal import JournalManners
from morningstar_strategy.database.reading import read_records, sessions, verify
from morningstar_strategy.database.upgrading import upgrade
from morningstar_strategy.journal import JOURNAL, Journal
from morningstar_strategy.journal import verify as verify_folder
from tests.integration.database_places import journal_in, postgres_url, record
from tests.property.test_records import RECORDS

NUMBERS: Final = itertools.count()  # of sessions: a database is not made anew for each
LETTERS: Final = st.text(st.characters(), max_size=8)  # surrogates and NUL too
NASTY: Final = st.builds(
    Record,
    ts_event=st.integers(-(2**63), 2**63 - 1),
    kind=st.sampled_from(Kind),
    instrument_id=LETTERS,
    fields=st.fixed_dictionaries({"reason": LETTERS, "\t\n": LETTERS}),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a migrated database."""
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path_factory.mktemp('laws') / 'journal.sqlite'}"
        upgrade(made)
        yield made
        return
    with postgres_url() as served:
        yield served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a place for spill files and exports."""
    return tmp_path_factory.mktemp("folder")


def fresh() -> str:
    return f"session {time.time_ns()} {next(NUMBERS)}"


@settings(max_examples=20)
@given(written=st.lists(RECORDS | NASTY, max_size=12))
def test_what_is_appended_is_read_back_in_order(
    url: str, folder: Path, written: list[Record]
) -> None:
    name = fresh()
    with journal_in(url, folder, name=name) as journal:
        for told in written:
            journal.append(told)
        assert journal.flush(10.0)
        assert journal.fault == ""
        head = journal.head
    assert [to_line(told) for told in read_records(url, name)] == [*map(to_line, written)]
    assert verify(url, name, head=head.hash) == head.seq == len(written)


@settings(max_examples=10)
@given(
    lives=st.lists(st.lists(RECORDS | NASTY, max_size=5), min_size=1, max_size=4),
    capacity=st.integers(1, 3),
)
def test_a_session_goes_on_where_it_ended_however_small_the_memory(
    url: str, folder: Path, lives: list[list[Record]], capacity: int
) -> None:
    name = fresh()
    manners = JournalManners(capacity=capacity, batch=2, gather_secs=0.0)
    for life in lives:
        with journal_in(url, folder, name=name, resume=True, manners=manners) as journal:
            for told in life:
                journal.append(told)
        assert (journal.fault, journal.lost, journal.waiting) == ("", 0, 0)
    written = [to_line(told) for life in lives for told in life]
    assert [to_line(told) for told in read_records(url, name)] == written
    assert verify(url, name) == len(written)
    assert not (folder / f"{name}.spill").exists()


@settings(max_examples=10)
@given(written=st.lists(RECORDS | NASTY, max_size=6))
def test_an_export_is_the_very_folder_that_a_file_journal_makes(
    url: str, folder: Path, written: list[Record]
) -> None:
    name = fresh()
    beside = folder / f"{name}.jsonl"
    with journal_in(url, folder, name=name) as journal, Journal(beside) as plain:
        for told in written:
            journal.append(told)
            plain.append(told)
    run = folder / f"run {name}"
    export(url, name, run)
    assert (run / JOURNAL).read_bytes() == beside.read_bytes()
    assert (run / "settings.yaml").read_text(encoding="utf-8") == "mode: paper\nπ: ∞\n"
    assert verify_folder(run) == len(written)
    with pytest.raises(DatabaseError, match="exists already"):
        export(url, name, run)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET line = line",
        "UPDATE sessions SET mode = 'live'",
        "DELETE FROM records WHERE seq = 1",
        "DELETE FROM sessions",
    ],
)
def test_the_database_itself_refuses_to_change_or_to_forget(
    url: str, folder: Path, statement: str
) -> None:
    name = fresh()
    with journal_in(url, folder, name=name) as journal:
        journal.append(record(1))
    with (
        pytest.raises(DBAPIError, match="the journal is append-only"),
        writing_engine(parse_url(url)).begin() as connection,
    ):
        connection.execute(text(statement))
    assert verify(url, name) == 1


def test_a_second_writer_of_a_session_is_refused_and_one_of_another_is_not(
    url: str, folder: Path
) -> None:
    name, other = fresh(), fresh()
    with journal_in(url, folder, name=name) as journal:
        with (
            pytest.raises(DatabaseError, match=r"is being written by another process"),
            journal_in(url, folder, name=name, resume=True, spill=folder / "second.spill"),
        ):
            pytest.fail("it was opened")
        with journal_in(url, folder, name=other) as beside:
            beside.append(record(1))
            assert beside.flush(10.0)
        journal.append(record(1))
    with journal_in(url, folder, name=name, resume=True) as again:
        again.append(record(2))
    assert [told.ts_event for told in read_records(url, name)] == [1, 2]


def test_a_session_that_exists_is_only_resumed_when_it_is_said_and_the_same(
    url: str, folder: Path
) -> None:
    name = fresh()
    with journal_in(url, folder, name=name):
        pass
    for more, said in (
        ({}, "exists already"),
        ({"resume": True, "mode": "live"}, "has mode paper, to resume it had live"),
        ({"resume": True, "settings_sha256": "cd" * 32}, "has settings_sha256 abab"),
    ):
        with (
            pytest.raises(DatabaseError, match=said),
            journal_in(url, folder, name=name, **more),
        ):
            pytest.fail("it was opened")
    with journal_in(url, folder, name=name, resume=True, started_ns=7, versions={"x": "2"}):
        pass
    (kept,) = [found for found in sessions(url) if found.session.name == name]
    assert kept.session.started_ns == 1_700_000_000_000_000_000
    assert (kept.records, kept.last_ts_event) == (0, None)


def test_processes_that_read_do_not_disturb_the_one_that_writes(url: str, folder: Path) -> None:
    name = fresh()
    with journal_in(url, folder, name=name) as journal:
        journal.append(record(0))
        assert journal.flush(10.0)
        command = [sys.executable, "-m", "morningstar_strategy.database", "verify", url, name]
        readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        count = 1
        while any(reader.poll() is None for reader in readers):
            journal.append(record(count))
            count += 1
            assert journal.flush(10.0)
            assert journal.fault == ""
        for reader in readers:
            said, _ = reader.communicate(timeout=60)
            assert reader.returncode == 0
            assert "sound" in said
    assert verify(url, name) == count

"""Whoever changes a row of a journal behind its back is found, and the row is named."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.chain import Session
from morningstar_strategy.database.exporting import export
from morningstar_strategy.database.reading import read_records, sessions, verify
from tests.integration.database_places import journal_in, record

# `Any` in this module: the arguments of a session

COUNT: Final = 9
PLACES: Final = st.integers(1, COUNT)
type Edit = Callable[[sqlite3.Connection], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Make a journal of some records; give its file and the hash of its last one."""
    path = tmp_path_factory.mktemp("sound") / "journal.sqlite"
    with journal_in(f"sqlite:///{path}", path.parent) as journal:
        for number in range(COUNT):
            journal.append(record(number))
        assert journal.flush(10.0)
        head = journal.head.hash
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # all in one file, to be copied
    return path, head


@pytest.fixture(scope="module")
def edited(sound: tuple[Path, str]) -> Callable[[Edit], str]:
    """Give a copy of the journal in which somebody did something without the triggers."""
    path, _ = sound
    copy = path.with_name("edited.sqlite")

    def edit(act: Edit) -> str:
        shutil.copy(path, copy)
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in names.fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            act(connection)
            connection.commit()
        return f"sqlite:///{copy}"

    return edit


def test_the_journal_is_sound_before_anybody_edits_it(edited: Callable[[Edit], str]) -> None:
    assert verify(edited(lambda connection: None), "first") == COUNT


@settings(max_examples=100)
@given(
    seq=PLACES,
    column=st.sampled_from(["line", "hash", "kind", "instrument_id"]),
    place=st.integers(0, 200),
    change=st.integers(1, 255),
)
def test_every_changed_byte_of_every_row_is_found(
    edited: Callable[[Edit], str], seq: int, column: str, place: int, change: int
) -> None:
    def act(connection: sqlite3.Connection) -> None:
        where = f"WHERE seq = {seq}"
        (was,) = connection.execute(
            f"SELECT CAST({column} AS BLOB) FROM records {where}"
        ).fetchone()
        now = bytearray(was)
        now[place % len(now)] ^= change
        connection.execute(f"UPDATE records SET {column} = CAST(? AS TEXT) {where}", (bytes(now),))

    with pytest.raises(DatabaseError, match=rf"record {seq} of session 'first' (was|has|is)"):
        verify(edited(act), "first")


@settings(max_examples=30)
@given(seq=PLACES, shift=st.integers(-(2**40), 2**40).filter(bool))
def test_a_changed_time_is_found(edited: Callable[[Edit], str], seq: int, shift: int) -> None:
    url = edited(
        lambda connection: connection.execute(
            f"UPDATE records SET ts_event = ts_event + {shift} WHERE seq = {seq}"
        ).close()
    )
    with pytest.raises(DatabaseError, match=f"record {seq} of session 'first' has other columns"):
        verify(url, "first")


@settings(max_examples=50)
@given(seqs=st.sets(PLACES, min_size=1, max_size=3))
def test_rows_taken_away_are_missing(
    edited: Callable[[Edit], str], sound: tuple[Path, str], seqs: set[int]
) -> None:
    listed = ",".join(map(str, seqs))
    url = edited(lambda c: c.execute(f"DELETE FROM records WHERE seq IN ({listed})").close())
    cut = min(seqs) + len(seqs) > COUNT and max(seqs) == COUNT
    if cut:  # the chain alone cannot know of it, whoever saw its end can
        assert verify(url, "first") == min(seqs) - 1
        said = f"record with hash {sound[1]} of session 'first' is missing"
    else:
        said = f"record {min(seqs)} of session 'first' is missing"
    with pytest.raises(DatabaseError, match=said):
        verify(url, "first", head=sound[1])


@settings(max_examples=40)
@given(pair=st.sets(PLACES, min_size=2, max_size=2))
def test_rows_that_changed_places_are_out_of_order(
    edited: Callable[[Edit], str], pair: set[int]
) -> None:
    low, high = sorted(pair)

    def act(connection: sqlite3.Connection) -> None:
        for was, now in ((low, 0), (high, low), (0, high)):
            connection.execute("UPDATE records SET seq = ? WHERE seq = ?", (now, was))

    said = rf"record {low} of session 'first' (is out of order|was changed)"
    with pytest.raises(DatabaseError, match=said):
        verify(edited(act), "first")


def test_a_row_in_the_place_of_a_later_one_is_said_to_follow_another(
    edited: Callable[[Edit], str],
) -> None:
    def act(connection: sqlite3.Connection) -> None:
        for was, now in ((3, 0), (7, 3), (0, 7)):
            connection.execute("UPDATE records SET seq = ? WHERE seq = ?", (now, was))

    with pytest.raises(DatabaseError, match=r"record 3 .* is out of order: it follows 6"):
        verify(edited(act), "first")


@pytest.mark.parametrize(
    "change",
    ["started_ns = 5", "mode = 'live'", "settings = 'mode: live'", "versions = '{}'"],
)
def test_a_session_that_was_changed_is_found_at_its_first_record(
    edited: Callable[[Edit], str], change: str
) -> None:
    url = edited(lambda connection: connection.execute(f"UPDATE sessions SET {change}").close())
    with pytest.raises(DatabaseError, match="record 1 of session 'first' was changed"):
        verify(url, "first")


def test_an_invented_row_at_the_end_is_found(edited: Callable[[Edit], str]) -> None:
    row = f"SELECT session_id, {COUNT + 1}, ts_event, kind, instrument_id, line, hash"
    url = edited(
        lambda c: c.execute(f"INSERT INTO records {row} FROM records WHERE seq = 4").close()
    )
    with pytest.raises(
        DatabaseError, match=rf"record {COUNT + 1} .* is out of order: it follows 3"
    ):
        verify(url, "first")


def test_what_is_not_sound_is_not_exported(edited: Callable[[Edit], str], tmp_path: Path) -> None:
    url = edited(lambda c: c.execute("UPDATE records SET line = '{}' WHERE seq = 2").close())
    with pytest.raises(DatabaseError, match="record 2 of session 'first' was changed"):
        export(url, "first", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatabaseError, match="record 2 of session 'first' is not a record"):
        list(read_records(url, "first"))


def test_a_replaced_row_is_refused_though_sqlite_replaces_without_deleting(
    sound: tuple[Path, str],
) -> None:
    path, _ = sound
    with closing(sqlite3.connect(path)) as connection:
        for table in ("records", "sessions"):
            with pytest.raises(sqlite3.IntegrityError, match=f"the row of {table} exists"):
                connection.execute(f"REPLACE INTO {table} SELECT * FROM {table}")


def test_a_damaged_file_or_another_one_is_told_in_one_sentence(
    sound: tuple[Path, str], tmp_path: Path
) -> None:
    path = tmp_path / "journal.sqlite"
    content = bytearray(sound[0].read_bytes())
    content[4_096:] = b"\xff" * (len(content) - 4_096)
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match="database cannot be read"):
        verify(f"sqlite:///{path}", "first")
    path.write_text("no database at all, but long enough to look like a page of one\n" * 99)
    with pytest.raises(DatabaseError, match="database cannot be read: file is not a database"):
        sessions(f"sqlite:///{path}")


def test_a_session_that_is_not_there_is_named(sound: tuple[Path, str]) -> None:
    with pytest.raises(DatabaseError, match="session 'second' is not in the database"):
        verify(f"sqlite:///{sound[0]}", "second")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "name must be a visible text, was ''"),
        ("name", "a\0b", r"name must be a visible text, was 'a\\x00b'"),
        ("mode", "", "mode must be a visible text"),
        ("started_ns", -1, "started_ns must be UNIX nanoseconds, was -1"),
        ("settings_sha256", "ABC", "settings_sha256 must be 64 hexadecimal digits, was 'ABC'"),
        ("settings", "a\0", "settings must be a text of YAML"),
        ("settings", "\ud800", "settings must be a text of YAML"),
        ("versions", {"x": "\n"}, "versions must be visible texts, had 'x'"),
    ],
)
def test_a_session_cannot_exist_wrong(field: str, value: object, said: str) -> None:
    fields: dict[str, Any] = {
        "name": "n",
        "started_ns": 1,
        "mode": "paper",
        "settings": "",
        "settings_sha256": "0" * 64,
        "versions": {},
        field: value,
    }
    with pytest.raises(DatabaseError, match=said):
        Session(**fields)


def test_a_time_that_no_database_holds_is_refused_at_once(tmp_path: Path) -> None:
    far = Record(ts_event=2**63, kind=Kind.BAR, instrument_id="", fields={})
    with journal_in(f"sqlite:///{tmp_path / 'j.sqlite'}", tmp_path) as journal:
        with pytest.raises(DatabaseError, match="ts_event must fit into 64 bits, was 9223372036"):
            journal.append(far)
        journal.append(record(1))
    with pytest.raises(DatabaseError, match="is not open"):
        journal.append(record(2))
    assert verify(f"sqlite:///{tmp_path / 'j.sqlite'}", "first") == 1

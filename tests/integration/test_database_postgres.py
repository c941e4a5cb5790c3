"""What becomes of a journal in PostgreSQL when the server stops, hangs, or cuts the line."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from morningstar_strategy.database.__main__ import main
from morningstar_strategy.database.address import DatabaseError, parse_url, writing_engine
from morningstar_strategy.database.journal import JournalManners
from morningstar_strategy.database.reading import read_records, verify
from tests.integration.database_places import (
    PASSWORD,
    PostgresServer,
    journal_in,
    own_server,
    record,
    until,
)
from tests.integration.database_proxy import CuttingProxy

BACKEND: Final = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND granted"
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with own_server() as running:
        yield running


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def ask(server: PostgresServer, statement: str) -> list[tuple[object, ...]]:
    """Do something on a connection beside."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def numbers(server: PostgresServer, name: str) -> list[int]:
    return [told.ts_event for told in read_records(server.url, name)]


def test_a_server_that_stops_and_comes_back_is_a_fault_that_heals(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    with journal_in(server.url, tmp_path, name=name) as journal:
        journal.append(record(0))
        assert journal.flush(60.0)
        server.stop()
        for number in range(1, 2_001):
            journal.append(record(number))
        until(lambda: "Connection refused" in journal.fault)
        assert PASSWORD not in journal.fault
        assert not journal.flush(0.05)
        until((tmp_path / f"{name}.spill").exists)
        server.start()
        assert journal.flush(60.0)
        until(lambda: journal.fault == "")
        journal.append(record(2_001))
    assert (journal.fault, journal.lost) == ("", 0)
    assert numbers(server, name) == [*range(2_002)]
    assert verify(server.url, name) == 2_002


def test_a_server_that_stays_away_leaves_all_in_the_spill_file(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    manners = JournalManners(retry_secs=0.02, exit_secs=0.2)
    with journal_in(server.url, tmp_path, name=name, manners=manners) as journal:
        journal.append(record(0))
        assert journal.flush(60.0)
        server.stop()
        journal.append(record(1))
    assert journal.fault.endswith(f"1 records are left in {tmp_path / f'{name}.spill'}")
    with (
        pytest.raises(DatabaseError, match="journal cannot be opened in") as e,
        journal_in(server.url, tmp_path, name=name, resume=True),
    ):
        pytest.fail("it was opened")
    assert PASSWORD not in f"{e.value}"
    server.start()
    with journal_in(server.url, tmp_path, name=name, resume=True) as journal:
        journal.append(record(2))
    assert numbers(server, name) == [0, 1, 2]


def test_connections_that_are_ended_from_outside_cost_and_double_nothing(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    with journal_in(server.url, tmp_path, name=name) as journal:
        number = 0
        for _ in range(6):
            for _ in range(300):
                journal.append(record(number))
                number += 1
            until(lambda: bool(ask(server, BACKEND)))
            ask(server, f"SELECT pg_terminate_backend(pid) FROM ({BACKEND}) AS writers")
        assert journal.flush(60.0)
        until(lambda: journal.fault == "")
    assert numbers(server, name) == [*range(number)]
    assert verify(server.url, name) == number


def test_a_commit_whose_answer_was_lost_is_not_done_again(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    with CuttingProxy(server.port) as proxy:
        url = server.url.replace(f":{server.port}/", f":{proxy.port}/")
        with journal_in(url, tmp_path, name=name) as journal:
            for number in range(40):
                if number % 10 == 5:
                    proxy.cut()
                journal.append(record(number))
                assert journal.flush(60.0)
            assert proxy.cuts == 4
            until(lambda: journal.fault == "")
    assert numbers(server, name) == [*range(40)]
    assert verify(server.url, name) == 40


def test_a_table_that_somebody_locks_is_a_fault_that_heals(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    with journal_in(server.url, tmp_path, name=name) as journal:
        with psycopg.connect(server.url) as other:
            other.execute("LOCK TABLE records IN SHARE MODE")
            journal.append(record(0))
            until(lambda: "does not answer" in journal.fault)
            until(lambda: "lock timeout" in journal.fault)
            other.rollback()
        assert journal.flush(60.0)
        until(lambda: journal.fault == "")
    assert numbers(server, name) == [0]


def test_a_server_that_does_not_answer_is_a_fault_and_blocks_nobody(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    manners = JournalManners(stall_secs=0.3, retry_secs=0.02, exit_secs=0.2, capacity=50)
    with journal_in(server.url, tmp_path, name=name, manners=manners) as journal:
        ((pid,),) = ask(server, BACKEND)
        os.kill(int(str(pid)), signal.SIGSTOP)
        try:
            for number in range(220):
                journal.append(record(number))
            until(lambda: journal.fault.endswith("the database does not answer"))
            assert (tmp_path / f"{name}.spill").exists()  # though its writer waits
        finally:
            os.kill(int(str(pid)), signal.SIGCONT)
        assert journal.flush(60.0)
        until(lambda: journal.fault == "")
    assert numbers(server, name) == [*range(220)]


def test_a_writer_that_lost_its_session_to_another_writes_nothing_more(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    manners = JournalManners(retry_secs=0.02, most_retry_secs=0.1, exit_secs=0.1)
    with journal_in(server.url, tmp_path, name=name, manners=manners) as journal:
        journal.append(record(0))
        assert journal.flush(60.0)
        ask(server, f"SELECT pg_terminate_backend(pid) FROM ({BACKEND}) AS writers")
        until(lambda: not ask(server, BACKEND))
        spill = tmp_path / "second.spill"
        with journal_in(server.url, tmp_path, name=name, resume=True, spill=spill) as second:
            journal.append(record(1))
            until(lambda: "is being written by another process" in journal.fault)
            second.append(record(100))
            assert second.flush(60.0)
        until(lambda: "somebody else wrote to it" in journal.fault)
    assert "1 records are left in" in journal.fault
    assert numbers(server, name) == [0, 100]
    assert verify(server.url, name) == 2


def test_a_role_that_may_only_read_and_add_keeps_a_journal(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```sql\n(.*?)```", page, flags=re.S)
    with psycopg.connect(server.url, autocommit=True) as owner:
        for statement in recipe.split(";"):
            if statement.strip():
                owner.execute(statement.encode())
    (password,) = re.findall(r"PASSWORD '(\S+)'", recipe)
    url = server.url.replace(f"owner:{PASSWORD}", f"morningstar_node:{password}")
    with journal_in(url, tmp_path, name=name) as journal:
        journal.append(record(0))
        assert journal.flush(60.0)
    with journal_in(url, tmp_path, name=name, resume=True) as journal:
        journal.append(record(1))
    assert verify(url, name) == 2
    with psycopg.connect(url) as node:
        for statement in (
            "UPDATE records SET line = ''",
            "DELETE FROM records",
            "DROP TABLE records",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                node.execute(statement.encode())
            node.rollback()


def test_a_truncated_table_is_refused_even_to_its_owner(
    server: PostgresServer, name: str, tmp_path: Path
) -> None:
    with journal_in(server.url, tmp_path, name=name) as journal:
        journal.append(record(0))
    with psycopg.connect(server.url) as owner, pytest.raises(psycopg.errors.RaiseException):
        owner.execute("TRUNCATE records")
    assert verify(server.url, name) == 1


def test_no_password_is_ever_told(
    server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "0ther-s3cret"
    right = f"postgresql://owner:{PASSWORD}@127.0.0.1:{server.port}"
    urls = (
        f"postgresql://owner:{wrong}@127.0.0.1:{server.port}/postgres",
        f"postgresql://owner@127.0.0.1:{server.port}/postgres?password={wrong}",
        f"{right}/no-such-database",
        f"postgresql://owner:{wrong}@127.0.0.1:1/postgres",
    )
    for url in urls:
        assert main(["list", url]) == 2
        assert main(["migrate", url]) == 2
        journal = journal_in(url, tmp_path)
        assert "owner" in repr(journal)
        with pytest.raises(DatabaseError) as e, journal:
            pytest.fail("it was opened")
        out, err = capsys.readouterr()
        for said in (f"{e.value!r}", repr(journal), out, err, repr(writing_engine(parse_url(url)))):
            assert wrong not in said
            assert PASSWORD not in said
        assert len(err.splitlines()) == 2


def test_a_database_that_nobody_migrated_says_how(server: PostgresServer, tmp_path: Path) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
    url = server.url.replace("/postgres", "/bare")
    said = "has no journal, must have 0001: run python -m morningstar_strategy.database migrate URL"
    with pytest.raises(DatabaseError, match=said), journal_in(url, tmp_path):
        pytest.fail("it was opened")
    assert main(["migrate", url]) == 0
    with journal_in(url, tmp_path) as journal:
        journal.append(record(0))
    assert verify(url, "first") == 1

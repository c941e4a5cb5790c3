"""The commands that look after journals, the page that shows them, and the revisions of tables."""

import json
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from morningstar_strategy.database.__main__ import main
from morningstar_strategy.database.address import (
    DatabaseError,
    parse_url,
    reading_engine,
    redacted,
    told,
    writing_engine,
)
from morningstar_strategy.database.reading import verify
from morningstar_strategy.database.schema import METADATA
from morningstar_strategy.database.upgrading import upgrade
from morningstar_strategy.journal import main as look_at_folders
from tests.acceptance.conftest import commands_of
from tests.integration.database_places import journal_in, postgres_url, record

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
OURS: Final = "python -m morningstar_strategy."


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Keep a journal of five records of one session, and an empty one of another."""
    made = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    with journal_in(made, tmp_path, name="paper-1") as journal:
        for number in range(5):
            journal.append(record(number * 10**9))
    with journal_in(made, tmp_path, name="paper-2"):
        pass
    return made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a migrated database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('made') / 'below' / 'journal.sqlite'}"
        upgrade(url)
        yield url
        return
    with postgres_url() as served:
        yield served


def test_every_command_of_the_page_does_what_it_says(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = commands_of(PAGE)
    assert all(command.startswith(OURS) for command in commands), commands
    (tmp_path / "runs").mkdir()
    (tmp_path / "journal.sqlite").rename(tmp_path / "runs" / "journal.sqlite")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'adapters'}")
    order = ("migrate", "list", "database verify", "export", "journal verify")
    local = [command for command in commands if "postgresql" not in command]
    assert len(local) == 6
    for command in sorted(local, key=lambda said: [step in said for step in order].index(True)):
        done = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout
    found = [line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| table")]
    assert found == [f"table `{table}`" for table in METADATA.tables]


def test_the_command_for_a_server_is_run_on_a_server(
    made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = [said for said in commands_of(PAGE) if "postgresql" in said]
    *_, act, shown = shlex.split(command)
    assert parse_url(shown).drivername == "postgresql+psycopg"
    assert main([act, made]) == 0
    assert capsys.readouterr().out == "revision 0001\n"


def test_sessions_are_listed_with_their_ends(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", url, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["session"], first["records"], first["last_ts_event"]) == ("paper-1", 5, 4 * 10**9)
    assert (second["session"], second["records"], second["last_ts_event"]) == ("paper-2", 0, None)
    assert verify(url, "paper-1", head=first["head"]) == 5
    assert main(["list", url]) == 0
    found = capsys.readouterr().out.splitlines()
    assert found[0] == (
        "paper-1: paper, from 2023-11-14T22:13:20Z, 5 records, last 1970-01-01T00:00:04Z, "
        f"head {first['head']}"
    )
    assert "0 records, last never" in found[1]


def test_sound_journals_pass_and_a_cut_one_does_not(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["session"], each["records"], each["fault"]) for each in found] == [
        ("paper-1", 5, ""),
        ("paper-2", 0, ""),
    ]
    head = found[0]["head"]
    assert main(["verify", url, "paper-1", "--head", head]) == 0
    assert capsys.readouterr().out == f"paper-1: sound, 5 records, head {head}\n"
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as other:
        other.execute("DROP TRIGGER records_no_delete")
        other.execute("DELETE FROM records WHERE seq = 5")
        other.commit()
    assert main(["verify", url]) == 0
    assert main(["verify", url, "paper-1", "--head", head]) == 1
    assert f"paper-1: FAULT: record with hash {head}" in capsys.readouterr().out
    assert main(["verify", url, "paper-3", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["fault"] == "session 'paper-3' is not in the database"


def test_an_export_is_a_run_folder_that_verifies(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "run"
    assert main(["export", url, "paper-1", f"{folder}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert look_at_folders(["verify", f"{folder}"]) == 0
    assert capsys.readouterr().out == f"{folder}: sound, 5 records, 0 exchanges\n"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["chain_head"] == found["head"]
    assert (manifest["start_ns"], manifest["end_ns"]) == (1_700_000_000_000_000_000, 4 * 10**9)
    assert [path.name for path in folder.parent.iterdir()] == ["run"]
    assert main(["export", url, "paper-1", f"{folder}"]) == 2
    assert capsys.readouterr().err == f"run folder {folder} exists already\n"
    blocked = tmp_path / "journal.sqlite" / "run"
    assert main(["export", url, "paper-1", f"{blocked}"]) == 2
    assert "cannot be written: Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("journal.sqlite", "database must be a URL such as sqlite:///journal.sqlite or"),
        (
            "mysql://u:s3cret@h/d",
            "database must be of sqlite or postgresql+psycopg, was of 'mysql'",
        ),
        ("postgresql+psycopg2://u:s3cret@h/d", "was of 'postgresql+psycopg2'"),
        ("postgresql://u:s3cret@h:port/d", "database must be a URL such as"),
        ("sqlite://", "database must name a file of SQLite by its path, was sqlite://"),
        ("sqlite:///:memory:", "database must name a file of SQLite by its path"),
        ("sqlite:///nowhere/journal.sqlite", "database nowhere/journal.sqlite does not exist"),
    ],
)
def test_a_bad_url_is_one_sentence_without_its_password(
    url: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["list", url], ["verify", url], ["export", url, "a", "b"]):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert said in err
        assert "s3cret" not in err


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@h/d", "postgresql://u@h/d?password=s3cret&sslpassword=t0ken"]
)
def test_a_driver_that_repeats_a_password_is_not_repeated(url: str) -> None:
    address = parse_url(url)
    said = told(OSError("no way to\n  u:s3cret@h (t0ken)"), address)
    assert "s3cret" not in said + redacted(address) + repr(address)
    assert said.startswith("no way to u:***@h (")
    assert ("t0ken" in said) is ("t0ken" not in url)
    assert "t0ken" not in redacted(address)


def test_migrating_again_changes_nothing_and_the_tables_are_those_of_the_code(made: str) -> None:
    assert upgrade(made) == upgrade(made) == "0001"
    with reading_engine(parse_url(made)).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_newer_database_is_refused_by_whoever_comes(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    said = "has revision 9999, which is newer than this program"
    for command in ("migrate", "list", "verify"):
        assert main([command, url]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    with (
        pytest.raises(DatabaseError, match=said),
        journal_in(url, tmp_path, name="paper-1", resume=True),
    ):
        pytest.fail("it was opened")


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE records (mine INTEGER)")
    with pytest.raises(DatabaseError, match="cannot be migrated: table records already exists"):
        upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as other:
        tables = other.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("records",)]


def test_an_empty_file_is_no_journal_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()
    assert main(["list", f"sqlite:///{path}"]) == 2
    assert "has no journal, must have 0001: run python -m" in capsys.readouterr().err
    assert main(["migrate", f"sqlite:///{path}"]) == 0
    assert main(["list", f"sqlite:///{path}"]) == 0
    assert capsys.readouterr().out == "revision 0001\nno sessions\n"


def test_only_the_two_ways_to_the_disk_are_known(tmp_path: Path) -> None:
    url = parse_url(f"sqlite:///{tmp_path / 'j.sqlite'}")
    for word, number in (("FULL", 2), ("NORMAL", 1)):
        with writing_engine(url, synchronous=word).connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == number
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    with pytest.raises(DatabaseError, match=r"synchronous must be one of .* was 'OFF'"):
        writing_engine(url, synchronous="OFF")


def test_the_benchmark_compares_the_two_journals() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/journal_database.py", "--records", "600", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    ratio, ours, plain, speed = json.loads(done.stdout)
    assert (ratio["name"], ratio["goal"]) == ("append, database ÷ file, CPU", 3.0)
    assert all(figure["value"] > 0 for figure in (ratio, ours, plain, speed))


def test_the_help_names_exit_codes_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as e:
        main(["--help"])
    assert e.value.code == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "Exit code 0: done. 1: a journal is not as it was written. 2:" in said
    for command in ("migrate", "list", "verify", "export"):
        assert f" {command} " in said

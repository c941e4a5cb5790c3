"""The start of a node completes the records of its sessions that were killed, and of no others."""

import os
from pathlib import Path

import pytest

from live.recording import complete_earlier
from morningstar_strategy.database.upgrading import upgrade
from morningstar_strategy.journal import JOURNAL, MANIFEST, SETTINGS, TAPE, read_manifest
from morningstar_strategy.settings.load import dump_settings, load_settings
from morningstar_strategy.settings.schema import Settings
from tests.integration.database_places import journal_in, record

NAME = "20240101T000000Z-paper"


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    upgrade(made)
    with journal_in(made, tmp_path, name=NAME) as journal:
        journal.append(record(1))
    return made


def settings_in(folder: Path, *words: str) -> Settings:
    told = (f"runs={folder / 'runs'}", f"node.state={folder / 'state'}", *words)
    return load_settings(Path("config/paper-local.yaml"), overrides=told)


def killed(settings: Settings, name: str = NAME) -> Path:
    """Leave what a session leaves that was killed."""
    folder = settings.runs / name
    folder.mkdir(parents=True)
    (folder / SETTINGS).write_text(dump_settings(settings), encoding="utf-8")
    (folder / "crossings-001.jsonl").write_text('["bar",1,"X",2]\n')
    return folder


def said(settings: Settings, url: str) -> list[str]:
    told: list[str] = []
    complete_earlier(settings, url, told.append)
    return told


def test_a_killed_session_gets_its_journal_and_the_tape_of_its_own_supervisor(
    tmp_path: Path, url: str
) -> None:
    folder = killed(settings_in(tmp_path, "supervisor.source=scripted"))
    tape = tmp_path / "state" / TAPE
    tape.parent.mkdir()
    tape.write_text("what was said")
    # Nobody supervises the session that comes after it
    assert said(settings_in(tmp_path), url) == []
    assert read_manifest(folder)["killed"] is True
    assert (folder / TAPE).read_text() == "what was said"


def test_a_completion_that_was_cut_off_is_taken_up(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path)
    folder = killed(settings)
    (folder / JOURNAL).write_text("cut off before the manifest came")
    assert said(settings, url) == []
    assert (folder / MANIFEST).exists()
    assert (folder / JOURNAL).read_text().count("\n") == 1


def test_one_that_never_began_is_taken_away(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path)
    folder = killed(settings)
    (folder / "crossings-001.jsonl").write_text("")
    assert said(settings, url) == []
    assert not folder.exists()


def test_another_state_s_session_is_left_alone(tmp_path: Path, url: str) -> None:
    folder = killed(settings_in(tmp_path, f"node.state={tmp_path / 'other'}"))
    assert said(settings_in(tmp_path), url) == []
    assert not (folder / MANIFEST).exists()


def test_what_cannot_be_completed_is_said_and_keeps_no_session_from_its_start(
    tmp_path: Path, url: str
) -> None:
    settings = settings_in(tmp_path)
    elsewhere = killed(settings, "elsewhere").rename(tmp_path / "elsewhere")
    (elsewhere / "crossings-001.jsonl").write_text("")
    (settings.runs / "a link").symlink_to(elsewhere)  # a link is nothing to take away
    (killed(settings, "b unreadable") / SETTINGS).write_bytes(b"\xff")
    whole = killed(settings)
    first, second = said(settings, url)
    assert first.startswith(f"{settings.runs / 'a link'} stays without a journal: ")
    assert second.startswith(f"{settings.runs / 'b unreadable'} stays without a journal: ")
    assert (whole / MANIFEST).exists()
    assert (elsewhere / SETTINGS).exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_may_not_be_looked_into_is_said(tmp_path: Path, url: str) -> None:
    settings = settings_in(tmp_path)
    closed = killed(settings, "closed")
    closed.chmod(0)
    try:
        (told,) = said(settings, url)
    finally:
        closed.chmod(0o700)
    assert told.startswith(f"{closed} stays without a journal: ")

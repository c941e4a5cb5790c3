"""The run folder: whole or not there; the journal: read as written, or found out."""

import json
import os
from pathlib import Path

import pytest

from morningstar_strategy.core.records import Kind, Record, Value, to_line
from morningstar_strategy.journal import (
    JOURNAL,
    MANIFEST,
    TAPE,
    Journal,
    JournalError,
    RunFolder,
    digest_of,
    journal_digest,
    main,
    moment_in,
    read_manifest,
    read_records,
    read_records_and_tear,
    verify,
    verify_taped,
    write_json,
)
from morningstar_strategy.supervisor.tape import TapeWriter
from tests.harness.counsels import exchange, scene


def record(ts_event: int) -> Record:
    return Record(
        ts_event=ts_event, kind=Kind.FILL, instrument_id="X.Y", fields={"price": f"{ts_event}.0"}
    )


RECORDS = [record(n) for n in range(1, 6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a journal of five records with its manifest."""
    with Journal(tmp_path / JOURNAL) as journal:
        for told in RECORDS:
            journal.append(told)
    write_json(tmp_path / MANIFEST, {"journal_sha256": journal_digest(tmp_path)})
    return tmp_path


def test_what_is_appended_is_read_back_in_order(folder: Path) -> None:
    assert list(read_records(folder)) == RECORDS
    assert verify(folder) == 5


@pytest.fixture
def taped(folder: Path) -> Path:
    """Add a tape of three exchanges, and vouch for it."""
    with TapeWriter(folder / TAPE) as tape:
        for number in range(1, 4):
            tape.append(exchange(scene(number)))
    digests = {"journal_sha256": journal_digest(folder), "tape_sha256": digest_of(folder / TAPE)}
    write_json(folder / MANIFEST, digests)
    return folder


def test_a_run_with_a_tape_is_verified_with_it(
    taped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (verify(taped), verify_taped(taped)) == (5, 3)
    assert main(["verify", str(taped)]) == 0
    assert capsys.readouterr().out == f"{taped}: sound, 5 records, 3 exchanges\n"


def test_every_changed_byte_of_a_tape_is_found(taped: Path) -> None:
    sound = (taped / TAPE).read_bytes()
    for place in range(0, len(sound), 37):
        changed = bytearray(sound)
        changed[place] ^= 1
        (taped / TAPE).write_bytes(changed)
        with pytest.raises(JournalError):
            verify(taped)


def test_a_tape_cut_at_a_line_taken_away_or_added_is_found_by_the_manifest(
    taped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (taped / TAPE).read_bytes().splitlines(keepends=True)
    (taped / TAPE).write_bytes(b"".join(lines[:2]))
    assert verify_taped(taped) == 2  # the chain alone cannot know of it
    with pytest.raises(JournalError, match=r"tape\.jsonl has digest"):
        verify(taped)
    (taped / TAPE).unlink()
    with pytest.raises(JournalError, match=r"tape\.jsonl cannot be read"):
        verify(taped)
    assert main(["verify", str(taped)]) == 1
    assert "FAULT: tape.jsonl cannot be read" in capsys.readouterr().out


def test_a_folder_in_the_place_of_a_tape_is_a_fault(
    taped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (taped / TAPE).unlink()
    (taped / TAPE).mkdir()
    assert main(["verify", str(taped)]) == 1
    assert capsys.readouterr().out == f"{taped}: FAULT: {TAPE} cannot be read: Is a directory\n"


def test_a_tape_that_no_manifest_vouches_for_is_found(folder: Path) -> None:
    with TapeWriter(folder / TAPE) as tape:
        tape.append(exchange(scene(1)))
    with pytest.raises(JournalError, match="says None"):
        verify(folder)


def test_an_empty_journal_is_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / JOURNAL):
        pass
    assert list(read_records(tmp_path)) == []


def test_a_journal_that_exists_is_not_written_over(folder: Path) -> None:
    before = (folder / JOURNAL).read_bytes()
    with pytest.raises(FileExistsError), Journal(folder / JOURNAL):
        pass
    assert (folder / JOURNAL).read_bytes() == before


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL)
    with pytest.raises(JournalError, match=r"journal.jsonl is not open"):
        journal.append(RECORDS[0])
    with journal:
        journal.append(RECORDS[0])
    with pytest.raises(JournalError, match=r"journal.jsonl is not open"):
        journal.append(RECORDS[1])
    assert list(read_records(tmp_path)) == RECORDS[:1]


def test_what_was_written_before_an_error_is_on_disk(tmp_path: Path) -> None:
    def fail() -> None:
        with Journal(tmp_path / JOURNAL) as journal:
            journal.append(RECORDS[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(read_records(tmp_path)) == RECORDS[:1]


def test_a_changed_number_is_found_by_the_digest(folder: Path) -> None:
    path = folder / JOURNAL
    path.write_text(path.read_text().replace('"price":"3.0"', '"price":"3.1"'))
    with pytest.raises(JournalError, match=r"journal.jsonl has digest \w{64}, manifest"):
        verify(folder)


@pytest.mark.parametrize(
    "line", [b"not a record\n", b'{"ts_event":3}\n', b"\xff\xfe\n", b"\n", b"\x00\n"]
)
def test_a_line_that_is_no_record_is_found_by_its_number(folder: Path, line: bytes) -> None:
    path = folder / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], line, *lines[3:]]))
    with pytest.raises(JournalError, match=r"journal.jsonl line 3: "):
        list(read_records(folder))
    with pytest.raises(JournalError, match=r"journal.jsonl line 3: "):
        verify(folder)


def test_lines_lost_added_and_swapped_are_found(folder: Path) -> None:
    path = folder / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    extra = (to_line(record(9)) + "\n").encode()
    for changed in (lines[:-1], [*lines, extra], [lines[1], lines[0], *lines[2:]]):
        path.write_bytes(b"".join(changed))
        with pytest.raises(JournalError, match="has digest"):
            verify(folder)


def test_a_journal_cut_inside_its_last_line_is_found(folder: Path) -> None:
    path = folder / JOURNAL
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(JournalError, match=r"journal.jsonl line 5: "):
        verify(folder)


def test_a_folder_without_a_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"has no journal.jsonl"):
        list(read_records(tmp_path))


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", "{}", '{"journal_sha256": null}'])
def test_a_manifest_that_does_not_vouch_is_refused(folder: Path, text: str | None) -> None:
    path = folder / MANIFEST
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(JournalError):
        verify(folder)


# ---------------------------------------------------------------- run folders


def test_a_run_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "runs", "one") as partial:
        (partial / "file").write_text("x")
        assert not (tmp_path / "runs" / "one").exists()
    assert (tmp_path / "runs" / "one" / "file").read_text() == "x"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["one"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_run_that_fails_or_is_interrupted_leaves_nothing(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def fail() -> None:
        with RunFolder(tmp_path / "runs", "one") as partial:
            (partial / "file").write_text("x")
            raise error

    with pytest.raises(error):
        fail()
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_folder_that_exists_is_refused_and_kept(tmp_path: Path) -> None:
    kept = tmp_path / "one"
    kept.mkdir()
    (kept / "file").write_text("old")
    with pytest.raises(JournalError, match="exists already"), RunFolder(tmp_path, "one"):
        pass
    assert (kept / "file").read_text() == "old"


def test_what_a_killed_run_left_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / f".one.{os.getpid()}.partial"
    left.mkdir()
    (left / "rubbish").write_text("x")
    with RunFolder(tmp_path, "one") as partial:
        assert list(partial.iterdir()) == []


def test_two_runs_of_one_moment_leave_each_other_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunFolder(tmp_path, "one") as first:
        (first / "file").write_text("first")
        monkeypatch.setattr(os, "getpid", lambda: 1)
        other = RunFolder(tmp_path, "one")
        with other as second:
            (second / "file").write_text("second")
        other.path.rename(tmp_path / "kept")
    assert (tmp_path / "one" / "file").read_text() == "first"
    assert (tmp_path / "kept" / "file").read_text() == "second"


def test_a_run_that_comes_second_says_so_and_leaves_the_first(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="another run"), RunFolder(tmp_path, "one"):
        (tmp_path / "one").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_json_is_written_readably_and_in_order(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"a": [1.5, None], "b": 1}
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")


def test_a_last_line_that_was_cut_is_given_apart(folder: Path) -> None:
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write('{"ts_event":17')
    assert read_records_and_tear(folder) == (tuple(RECORDS), '{"ts_event":17')


def test_a_whole_journal_has_no_tear(folder: Path) -> None:
    assert read_records_and_tear(folder) == (tuple(RECORDS), "")


def test_a_cut_line_before_the_last_is_a_fault(folder: Path) -> None:
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write('{"ts_event":17\n')
    with pytest.raises(JournalError, match="line 6: not a record"):
        read_records_and_tear(folder)


def test_a_run_that_was_killed_has_an_empty_manifest_and_is_not_sound(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    assert read_manifest(folder) == {}
    with pytest.raises(JournalError, match=r"has no manifest\.json"):
        verify(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a manifest"),
        ("[]", "must hold an object, held list"),
        ("[" * 100_000, "is not a manifest"),
        ("9" * 5_000, "is not a manifest"),
    ],
    ids=["cut", "list", "brackets without end", "digits without end"],
)
def test_what_is_no_manifest_is_named(folder: Path, text: str, said: str) -> None:
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(JournalError, match=said):
        read_manifest(folder)


def test_a_folder_in_the_place_of_a_manifest_is_a_fault(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).mkdir()
    with pytest.raises(JournalError, match="cannot be read"):
        read_manifest(folder)


@pytest.mark.parametrize("value", [True, "x", 1.5, -(1 << 63) - 1, 1 << 63, None, []])
def test_a_time_of_a_manifest_is_whole_nanoseconds(folder: Path, value: Value) -> None:
    write_json(folder / MANIFEST, {"start_ns": value})
    with pytest.raises(JournalError, match=r"start_ns of .* must be whole nanoseconds, was "):
        read_manifest(folder)


def test_a_manifest_tells_its_times_or_none(folder: Path) -> None:
    assert moment_in(read_manifest(folder), "start_ns") is None
    write_json(folder / MANIFEST, {"start_ns": (1 << 63) - 1})
    assert moment_in(read_manifest(folder), "start_ns") == (1 << 63) - 1

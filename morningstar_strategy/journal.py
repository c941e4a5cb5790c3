"""The run folder: manifest, resolved settings and the journal of records."""

import argparse
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from morningstar_strategy.core.records import Record, RecordError, Value, from_line, to_line
from morningstar_strategy.supervisor.tape import TapeError, verify_tape

MANIFEST: Final = "manifest.json"
KILLED: Final = "killed"  # in a manifest: the node did not end in order
SETTINGS: Final = "settings.yaml"
JOURNAL: Final = "journal.jsonl"
TAPE: Final = "tape.jsonl"  # what a supervisor was asked and answered
SHADOWS: Final = "shadows.jsonl"  # forecasts of models that only watch
HISTORY: Final = "history"  # the bars of before a session, as a catalog of the engine
RECORD: Final = "data"  # the market that a session saw, as a catalog of the engine
_TIMES: Final = ("start_ns", "end_ns")  # of a manifest
_BUFFER_BYTES: Final = 1 << 20


class JournalError(ValueError):
    """A run folder is not what it should be."""


class Journal:
    """Append-only file of records; whoever opens it closes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("x", encoding="utf-8", buffering=_BUFFER_BYTES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def append(self, record: Record) -> None:
        """Write one record at the end."""
        if self._file is None:
            raise JournalError(f"journal {self._path.name} is not open")
        self._file.write(to_line(record) + "\n")


class RunFolder:
    """One run on disk, built beside its final place and moved there when it is whole."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self._partial = root / f".{name}.{os.getpid()}.partial"

    def __enter__(self) -> Path:
        if self.path.exists():
            raise JournalError(f"run folder {self.path} exists already")
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        return self._partial

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and not self.path.exists():
            self._partial.rename(self.path)
            return
        shutil.rmtree(self._partial, ignore_errors=True)
        if kind is None:
            raise JournalError(f"run folder {self.path} was written by another run meanwhile")


def write_json(path: Path, value: Mapping[str, Value]) -> None:
    """Write a mapping as readable JSON with sorted keys."""
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_records(folder: Path) -> Iterator[Record]:
    """Read the journal of a run folder; raise JournalError naming the faulty line."""
    for number, line in _lines(folder):
        yield _record(folder, number, line)


def read_records_and_tear(folder: Path) -> tuple[tuple[Record, ...], str]:
    """Read a journal whose last line a crash may have cut, and give what is left of that line.

    Raises JournalError naming any other faulty line.
    """
    found: list[Record] = []
    for number, line in _lines(folder):
        try:
            found.append(_record(folder, number, line))
        except JournalError:
            if line.endswith(b"\n"):
                raise
            return tuple(found), line.decode(errors="replace")
    return tuple(found), ""


def _lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    path = folder / JOURNAL
    if not path.is_file():
        raise JournalError(f"{folder} has no {JOURNAL}")
    with path.open("rb") as file:
        yield from enumerate(file, start=1)


def _record(folder: Path, number: int, line: bytes) -> Record:
    try:
        return from_line(line.decode())
    except (RecordError, UnicodeDecodeError) as e:
        raise JournalError(f"{folder / JOURNAL} line {number}: {e}") from e


def read_manifest(folder: Path) -> dict[str, object]:
    """Read the manifest of a run folder, {} where there is none, as of a node that was killed.

    Raises JournalError for what is no manifest. Times are UNIX nanoseconds of 64 bits, to 2262.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise JournalError(f"{path} cannot be read: {e.strerror}") from e
    except (ValueError, RecursionError) as e:  # also brackets without end
        raise JournalError(f"{path} is not a manifest: {e}") from e
    if not isinstance(manifest, dict):
        raise JournalError(f"{path} must hold an object, held {type(manifest).__name__}")
    for name in _TIMES:
        value = manifest.get(name, 0)
        if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
            raise JournalError(f"{name} of {path} must be whole nanoseconds, was {value!r:.80}")
    return manifest


def moment_in(manifest: Mapping[str, object], name: str) -> int | None:
    """Give `start_ns` or `end_ns` of a manifest that was read, None where it tells none."""
    value = manifest.get(name)
    return value if isinstance(value, int) else None


def journal_digest(folder: Path) -> str:
    """Give the SHA-256 of the journal's bytes."""
    return digest_of(folder / JOURNAL)


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path) -> int:
    """Check journal and tape against the digests in the manifest; give the number of records.

    Raises JournalError for whatever is missing or is not as it was written.
    """
    records = sum(1 for _ in read_records(folder))
    if not (folder / MANIFEST).exists():
        raise JournalError(f"{folder} has no {MANIFEST}")
    manifest = read_manifest(folder)
    _compare(folder / JOURNAL, manifest.get("journal_sha256"))
    verify_taped(folder)
    if "tape_sha256" in manifest or (folder / TAPE).exists():
        _compare(folder / TAPE, manifest.get("tape_sha256"))
    return records


def verify_taped(folder: Path) -> int:
    """Check the chain of the tape in a run folder; give the number of exchanges, 0 without one.

    Raises JournalError naming the first line that is wrong.
    """
    try:
        return verify_tape(folder / TAPE)
    except FileNotFoundError:
        return 0
    except OSError as e:
        raise JournalError(f"{TAPE} cannot be read: {e.strerror}") from e
    except TapeError as e:
        raise JournalError(f"{e}") from e


def _compare(path: Path, said: object) -> None:
    try:
        found = digest_of(path)
    except OSError as e:
        raise JournalError(f"{path.name} cannot be read: {e.strerror}") from e
    if said != found:
        raise JournalError(f"{path.name} has digest {found}, {MANIFEST} says {said}")


def main(argv: Sequence[str] | None = None) -> int:
    """Verify run folders: `python -m morningstar_strategy.journal verify RUN...`; 1 for a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m morningstar_strategy.journal",
        description="Check that journal and tape of run folders are as they were written.",
        epilog="Exit code 0: all are sound. 1: one is not.",
    )
    parser.add_argument("command", choices=("verify",))
    parser.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    faulty = False
    for folder in parser.parse_args(argv).folders:
        try:
            told = f"sound, {verify(folder):,} records, {verify_taped(folder):,} exchanges"
        except JournalError as e:
            faulty, told = True, f"FAULT: {e}"
        sys.stdout.write(f"{folder}: {told}\n")
    return int(faulty)


if __name__ == "__main__":
    sys.exit(main())

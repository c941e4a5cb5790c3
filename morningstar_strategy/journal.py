"""The run folder: manifest, resolved settings and the journal of records."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from morningstar_strategy.core.records import Record, RecordError, Value, from_line, to_line

MANIFEST: Final = "manifest.json"
SETTINGS: Final = "settings.yaml"
JOURNAL: Final = "journal.jsonl"
SHADOWS: Final = "shadows.jsonl"  # forecasts of models that only watch
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
    path = folder / JOURNAL
    if not path.is_file():
        raise JournalError(f"{folder} has no {JOURNAL}")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield from_line(line.decode())
            except (RecordError, UnicodeDecodeError) as e:
                raise JournalError(f"{path.name} line {number}: {e}") from e


def journal_digest(folder: Path) -> str:
    """Give the SHA-256 of the journal's bytes."""
    with (folder / JOURNAL).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path) -> int:
    """Check the journal against the digest in its manifest; give the number of records.

    Raises JournalError for whatever is missing or is not as it was written.
    """
    records = sum(1 for _ in read_records(folder))
    said, found = _said_digest(folder / MANIFEST), journal_digest(folder)
    if said != found:
        raise JournalError(f"{JOURNAL} has digest {found}, {MANIFEST} says {said}")
    return records


def _said_digest(path: Path) -> object:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise JournalError(f"{path} is not a manifest: {e}") from e
    return manifest.get("journal_sha256") if isinstance(manifest, dict) else None

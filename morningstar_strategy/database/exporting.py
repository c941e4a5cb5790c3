"""A session of a database as a run folder, for whatever reads those."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Final

from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.chain import chained
from morningstar_strategy.database.reading import Kept, read_lines, verified

__all__ = ["export"]

_JOURNAL: Final = "journal.jsonl"
_SETTINGS: Final = "settings.yaml"
_TAPE: Final = "tape.jsonl"
_KILLED: Final = "killed"
_MANIFEST: Final = "manifest.json"


def export(
    url: str, name: str, folder: Path, *, tape: Path | None = None, killed: bool = False
) -> Kept:
    """Check a session and write it as a run folder; raises DatabaseError.

    The folder may hold the record of the session, but no journal. A tape comes with it as it is
    now, where there is one. `killed` tells those who compare that the last of it may be missing.
    """
    kept = verified(url, name)
    partial = folder.with_name(f".{folder.name}.partial")
    if (folder / _MANIFEST).exists():  # without one an earlier export was cut off
        raise DatabaseError(f"run folder {folder} exists already")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        digest = _write_journal(partial / _JOURNAL, url, kept)
        (partial / _SETTINGS).write_text(kept.session.settings, encoding="utf-8", newline="")
        told = _manifest(kept, digest) | ({_KILLED: True} if killed else {})
        if tape is not None and tape.is_file():
            shutil.copyfile(tape, partial / _TAPE)
            told["tape_sha256"] = hashlib.sha256((partial / _TAPE).read_bytes()).hexdigest()
        manifest = json.dumps(told, indent=2, sort_keys=True)
        (partial / _MANIFEST).write_text(manifest + "\n", encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for each in (_TAPE, _JOURNAL, _SETTINGS, _MANIFEST):  # with the manifest it is whole
            if (partial / each).exists():
                (partial / each).replace(folder / each)
    except OSError as e:
        raise DatabaseError(f"run folder {folder} cannot be written: {e.strerror}") from e
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


def _write_journal(path: Path, url: str, kept: Kept) -> str:
    """Write what was verified, whatever was appended since; give the digest of the bytes."""
    digest, last = hashlib.sha256(), kept.session.origin
    with path.open("wb") as file:
        for seq, line in read_lines(url, kept.session.name):
            if seq > kept.records:
                break
            content = line.encode(errors="surrogateescape") + b"\n"
            file.write(content)
            digest.update(content)
            last = chained(last, line)
    if last != kept.head.hash:
        raise DatabaseError(f"session {kept.session.name!r} was changed while it was exported")
    return digest.hexdigest()


def _manifest(kept: Kept, journal_sha256: str) -> dict[str, object]:
    session = kept.session
    return {
        "session": session.name,
        "mode": session.mode,
        "start_ns": session.started_ns,
        "end_ns": kept.last_ts_event if kept.last_ts_event is not None else session.started_ns,
        "settings_sha256": session.settings_sha256,
        "versions": dict(session.versions),
        "records": kept.records,
        "chain_origin": session.origin,
        "chain_head": kept.head.hash,
        "journal_sha256": journal_sha256,
    }

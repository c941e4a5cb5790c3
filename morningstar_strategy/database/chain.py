"""The chain: each hash holds the one before it, the first that of its session."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from morningstar_strategy.core.records import Record, to_line
from morningstar_strategy.database.address import DatabaseError

__all__ = ["Entry", "Head", "Session", "chained", "columns_of", "entry_of"]

_MOST_NS: Final = 2**63
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One life of a node, restarts included: what its records are kept under."""

    name: str
    started_ns: int
    mode: str
    settings: str  # YAML
    settings_sha256: str
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.name or not _plain(self.name):
            raise DatabaseError(f"name must be a visible text, was {self.name!r:.80}")
        if not self.mode or not _plain(self.mode):
            raise DatabaseError(f"mode must be a visible text, was {self.mode!r:.80}")
        if not 0 <= self.started_ns < _MOST_NS:
            raise DatabaseError(f"started_ns must be UNIX nanoseconds, was {self.started_ns}")
        if len(self.settings_sha256) != 64 or not _HEX.issuperset(self.settings_sha256):
            raise DatabaseError(
                f"settings_sha256 must be 64 hexadecimal digits, was {self.settings_sha256!r:.80}"
            )
        if "\0" in self.settings or not _encodable(self.settings):
            raise DatabaseError("settings must be a text of YAML, held a letter that no text has")
        for name, version in self.versions.items():
            if not _plain(f"{name}{version}"):
                raise DatabaseError(f"versions must be visible texts, had {name!r}: {version!r}")

    @property
    def origin(self) -> str:
        """Give the hash that the first record follows."""
        told = {
            "name": self.name,
            "started_ns": self.started_ns,
            "mode": self.mode,
            "settings": self.settings,
            "settings_sha256": self.settings_sha256,
            "versions": dict(self.versions),
        }
        return sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Head(NamedTuple):
    """The last record of a chain: its place, 0 before the first, and its hash."""

    seq: int
    hash: str


class Entry(NamedTuple):
    """A record on its way: its place in the chain and what a row is made of."""

    seq: int
    ts_event: int
    kind: str
    instrument_id: str
    line: str


def chained(previous: str, line: str) -> str:
    """Give the hash of a line that follows a hash."""
    return sha256(f"{previous}\n{line}".encode(errors="surrogateescape")).hexdigest()


def entry_of(record: Record, seq: int, line: str) -> Entry:
    """Make the entry of a record whose line is written."""
    return Entry(seq, *columns_of(record), line)


def line_of(record: Record) -> str:
    """Write a record's line; raises DatabaseError where its time fits into no database."""
    if not -_MOST_NS <= record.ts_event < _MOST_NS:
        raise DatabaseError(f"ts_event must fit into 64 bits, was {record.ts_event}")
    return to_line(record)


def columns_of(record: Record) -> tuple[int, str, str]:
    """Give time, kind and instrument of a record as its row has them."""
    name = record.instrument_id
    shown = name if name.isascii() and name.isprintable() else json.dumps(name)[1:-1]
    return record.ts_event, record.kind.value, shown


def _plain(text: str) -> bool:
    return text.isprintable() and _encodable(text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

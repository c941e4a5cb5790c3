"""RSS and Atom read with nothing that XML can do to a reader: no DTD, no entities, no depth."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from xml.parsers import expat

from morningstar_strategy.supervisor.fetching import FeedError

__all__ = ["MAX_ITEMS", "MAX_TEXT", "Entry", "read_syndication"]

MAX_ITEMS: Final = 200  # of one page, the first
MAX_TEXT: Final = 500  # letters of one entry
_MAX_DEPTH: Final = 32
_MAX_GATHERED: Final = 4_096
_ENTRIES: Final = ("item", "entry")
_TITLE: Final = "title"
_TIMES: Final = ("pubDate", "published", "updated", "date")  # the first that is told
_SPACES: Final = (
    "",
    "http://www.w3.org/2005/Atom",
    "http://purl.org/rss/1.0/",
    "http://purl.org/dc/elements/1.1/",
)
_ROOTS: Final = ("rss", "feed", "RDF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One piece of news: its headline and when it says that it appeared, None where it does not."""

    text: str
    ts_event: int | None


def read_syndication(body: bytes) -> tuple[Entry, ...]:
    """Read a page of RSS 0.9-2.0 or Atom, in its own order; raises FeedError."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as e:
        raise FeedError("the page is not well-formed XML") from e
    return tuple(reader.entries)


def _refuse(*_: object) -> None:
    raise FeedError("the page declares a document type or entities")


class _Reader:
    """Gathers the direct children of entries, and nothing else."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._depth = 0
        self._entry_depth: int | None = None
        self._field: str | None = None
        self._gathered: dict[str, list[str]] = {}
        self._size = 0

    def start(self, tag: str, _: object) -> None:
        space, _, name = tag.rpartition(" ")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FeedError(f"the page nests deeper than {_MAX_DEPTH}")
        if self._depth == 1 and name not in _ROOTS:
            raise FeedError("the page is XML, but neither RSS nor Atom")
        if self._entry_depth is None:
            if name in _ENTRIES and space in _SPACES:
                self._entry_depth, self._gathered, self._size = self._depth, {}, 0
        elif self._depth == self._entry_depth + 1:
            known = name == _TITLE or name in _TIMES
            self._field = name if known and space in _SPACES else None

    def end(self, _: str) -> None:
        if self._entry_depth == self._depth:
            self._finish()
            self._entry_depth = None
        elif self._entry_depth is not None and self._depth == self._entry_depth + 1:
            self._field = None
        self._depth -= 1

    def characters(self, data: str) -> None:
        if self._field is not None and self._size < _MAX_GATHERED:
            self._size += len(data)
            self._gathered.setdefault(self._field, []).append(data[:_MAX_GATHERED])

    def _finish(self) -> None:
        text = " ".join("".join(self._gathered.get(_TITLE, ())).split())[:MAX_TEXT]
        if not text or len(self.entries) >= MAX_ITEMS:
            return
        told = next((self._gathered[name] for name in _TIMES if name in self._gathered), [])
        self.entries.append(Entry(text=text, ts_event=read_date("".join(told).strip())))


def read_date(text: str) -> int | None:
    """Read a date of a feed in UNIX nanoseconds; None where it is none. Without a zone it is UTC.

    Two notations are in use, those of mail and of ISO 8601.
    """
    readers: tuple[Callable[[str], datetime], ...] = (
        datetime.fromisoformat,
        parsedate_to_datetime,
    )
    for reader in readers:
        try:
            moment = reader(text)
            zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            return int(zoned.timestamp()) * 1_000_000_000
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None

"""Records in, journal out."""

from typing import Any, Final, Protocol

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.records import Kind, Record, of_assessment
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.topics import ASSESSMENT, RECORD

__all__ = ["JournalActor", "Sink"]

_FIRST: Final = 1  # before whoever acts on it: handlers of one priority run in any order


class Sink(Protocol):
    """Where records go: a file, or a database."""

    def append(self, record: Record) -> None:
        """Keep a record, after all before it."""
        ...


class JournalActor(Actor):
    """Writes every record in the order in which it happened.

    With `every_assessment` it also writes the assessments on which nothing was done.
    """

    def __init__(self, *, journal: Sink, faults: Faults, every_assessment: bool) -> None:
        self.faults = faults
        self._journal = journal
        self._every_assessment = every_assessment

    @guarded
    def on_start(self) -> None:
        """Listen to the records."""
        self.subscribe_topic(RECORD, self.on_record)
        if self._every_assessment:
            self.subscribe_topic(ASSESSMENT, self.on_assessment, priority=_FIRST)

    @guarded
    def on_record(self, record: Any) -> None:
        """Append a record; an assessment that was acted on is there already, like every other."""
        if not (self._every_assessment and record.kind is Kind.ASSESSMENT):
            self._journal.append(record)

    @guarded
    def on_assessment(self, assessment: Any) -> None:
        """Append an assessment."""
        self._journal.append(of_assessment(assessment))

"""Records in, journal out."""

from typing import Any

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.records import of_assessment
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.journal import Journal
from morningstar_strategy.topics import ASSESSMENT, RECORD

__all__ = ["JournalActor"]


class JournalActor(Actor):
    """Writes every record in the order in which it happened.

    With `every_assessment` it also writes the assessments on which nothing was done.
    """

    def __init__(self, *, journal: Journal, faults: Faults, every_assessment: bool) -> None:
        self.faults = faults
        self._journal = journal
        self._every_assessment = every_assessment

    @guarded
    def on_start(self) -> None:
        """Listen to the records."""
        self.subscribe_topic(RECORD, self.on_record)
        if self._every_assessment:
            self.subscribe_topic(ASSESSMENT, self.on_assessment)

    @guarded
    def on_record(self, record: Any) -> None:
        """Append a record."""
        self._journal.append(record)

    @guarded
    def on_assessment(self, assessment: Any) -> None:
        """Append an assessment."""
        self._journal.append(of_assessment(assessment))

"""Reads a run folder into a session, and verifies that its journal is as it was written."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from live.auditing.findings import Criterion, Finding, Verdict
from live.auditing.session import PriceBar, Session, bars_told
from morningstar_strategy.core.records import Record
from morningstar_strategy.journal import (
    JOURNAL,
    MANIFEST,
    SETTINGS,
    JournalError,
    read_records,
    verify,
)
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.pace import hurried, step_ns

__all__ = ["BarsOf", "journal_is_whole", "read_session"]

# Instrument, interval such as 5m, first and last close: the bars between
type BarsOf = Callable[[str, str, int, int], tuple[PriceBar, ...]]

_LONGEST_LINE: Final = 1 << 20


def read_session(folder: Path, *, bars_of: BarsOf | None = None) -> Session:
    """Read the journal, settings and manifest of a run folder.

    `bars_of` tells the bars where the journal holds none. Raises JournalError, SettingsError or
    RecordError for what cannot be read.
    """
    records, torn = _records(folder)
    settings = hurried(load_settings(folder / SETTINGS))
    manifest = _manifest(folder)
    data = settings.data
    simulated = settings.mode == "backtest"
    session = Session(
        records=records,
        instruments=data.instruments,
        interval_ns=step_ns(settings),
        max_holding_secs=settings.decision.max_holding_secs,
        simulated=simulated,
        sealed="journal_sha256" in manifest,
        torn=torn,
        keeps_assessments=settings.journal.assessments == "all" or not simulated,
        handed=_handed(manifest, data.instruments),
        start_ns=_whole(manifest, "start_ns"),
        end_ns=_whole(manifest, "end_ns"),
    )
    if told := bars_told(records):
        return replace(session, bars=told, bars_from="journal")
    if bars_of is None or not records:
        return session
    start = session.start_ns or records[0].ts_event
    end = session.end_ns or records[-1].ts_event
    bars = {name: bars_of(name, data.interval.value, start, end) for name in data.instruments}
    for name, count in session.handed.items():
        if count != len(bars[name]):
            raise JournalError(
                f"the run was handed {count} bars of {name}, the catalog holds {len(bars[name])} "
                "of that time: it is not the same catalog"
            )
    return replace(session, bars=bars, bars_from="catalog")


def _records(folder: Path) -> tuple[tuple[Record, ...], str]:
    """Read the records; a last line that a crash cut is given apart."""
    found: list[Record] = []
    try:
        for record in read_records(folder):
            found.append(record)  # what came before an error is kept
    except JournalError:
        torn = _torn(folder / JOURNAL, len(found))
        if not torn:
            raise
        return tuple(found), torn
    return tuple(found), ""


def _torn(path: Path, whole: int) -> str:
    """Give what stands after the last line's end, where just that could not be read."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        ends = sum(1 for line in file if line.endswith(b"\n"))
        file.seek(0, 2)
        file.seek(max(file.tell() - _LONGEST_LINE, 0))
        rest = file.read().rpartition(b"\n")[2]
    return rest.decode(errors="replace") if ends == whole else ""


def _manifest(folder: Path) -> dict[str, object]:
    """Read the manifest; one that is not there is found by the check of the journal."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise JournalError(f"{path} is not a manifest: {e}") from e
    if not isinstance(manifest, dict):
        raise JournalError(f"{path} must hold an object, held {type(manifest).__name__}")
    return manifest


def _whole(manifest: dict[str, object], name: str) -> int:
    value = manifest.get(name, 0)
    if type(value) is not int:
        raise JournalError(f"{name} of {MANIFEST} must be whole nanoseconds, was {value!r:.80}")
    return value


def _handed(manifest: dict[str, object], instruments: tuple[str, ...]) -> dict[str, int]:
    """Read how many bars of each instrument were replayed."""
    told = manifest.get("bars", {})
    counts = told.items() if isinstance(told, dict) else ()
    return {
        name: count
        for name in instruments
        for series, count in counts
        if str(series).startswith(f"{name}-") and type(count) is int
    }


def journal_is_whole(folder: Path) -> Finding:
    """Check the journal, and the tape beside it, against the digests in the manifest."""
    try:
        count = verify(folder)
    except JournalError as e:
        return Finding(
            criterion=Criterion.JOURNAL,
            verdict=Verdict.FAIL,
            says="the journal is not as it was written",
            faults=(f"{e}",),
        )
    return Finding(
        criterion=Criterion.JOURNAL,
        verdict=Verdict.PASS,
        says=f"{count:,} records are as they were written",
        evidence={"records": count},
    )

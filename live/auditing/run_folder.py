"""Reads a run folder into a session, and verifies that its journal is as it was written."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from live.auditing.findings import Criterion, Finding, Verdict
from live.auditing.session import PriceBar, Session, bars_told
from morningstar_strategy.journal import (
    SETTINGS,
    JournalError,
    moment_in,
    read_manifest,
    read_records_and_tear,
    verify,
)
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.pace import hurried, step_ns

__all__ = ["BarsOf", "journal_is_whole", "read_session"]

# Instrument, interval such as 5m, first and last close: the bars between
type BarsOf = Callable[[str, str, int, int], tuple[PriceBar, ...]]


def read_session(folder: Path, *, bars_of: BarsOf | None = None) -> Session:
    """Read the journal, settings and manifest of a run folder.

    `bars_of` tells the bars where the journal holds none. Raises JournalError, SettingsError or
    RecordError for what cannot be read.
    """
    records, torn = read_records_and_tear(folder)
    settings = hurried(load_settings(folder / SETTINGS))
    manifest = read_manifest(folder)
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
        start_ns=moment_in(manifest, "start_ns") or 0,
        end_ns=moment_in(manifest, "end_ns") or 0,
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


def _handed(manifest: Mapping[str, object], instruments: tuple[str, ...]) -> dict[str, int]:
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

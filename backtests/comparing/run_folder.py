"""Reads a run folder, of a backtest or of a live node, into one side of a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backtests.comparing.bars import recorded_bars
from morningstar_strategy.core.divergence.bars import journal_bars
from morningstar_strategy.core.divergence.settings import flat
from morningstar_strategy.core.divergence.values import Side
from morningstar_strategy.core.records import Kind, Record, Value
from morningstar_strategy.journal import (
    JOURNAL,
    KILLED,
    SETTINGS,
    JournalError,
    journal_digest,
    moment_in,
    read_manifest,
    read_records_and_tear,
)
from morningstar_strategy.tree import SettingsError, read_tree

__all__ = ["read_run", "read_runs"]

_BACKTEST: Final = "backtest"
_JOURNAL: Final = "the journal"
_VERSIONS: Final = ("libraries", "versions")  # of a backtest, and of a node


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A run folder that was read but for its bars."""

    path: Path
    side: Side
    manifest: Mapping[str, object]

    @property
    def catalog_sha256(self) -> str:
        """Give the digest of the catalog that a backtest read, "" of any other run."""
        told = self.manifest.get("catalog_sha256")
        return told if isinstance(told, str) else ""

    def seeing(self, other: "_Folder | None" = None) -> Side:
        """Give the run with its bars; where both read one catalog its digest will do."""
        bars, late = journal_bars(self.side.records)
        if bars:
            return replace(self.side, bars=bars, bars_from=_JOURNAL, late_bars=late)
        sha256 = self.catalog_sha256
        if other is not None and sha256 and other.catalog_sha256 == sha256:
            return replace(self.side, bars_sha256=sha256)
        seen = recorded_bars(self.side, self.path, sha256)
        told_by = "" if seen is None else seen.told_by
        bars_of = None if seen is None else seen.bars
        return replace(self.side, bars=bars_of, bars_from=told_by, bars_sha256=sha256)


def read_runs(a: Path, b: Path) -> tuple[Side, Side]:
    """Read two run folders; raises JournalError, SettingsError or RecordError in one sentence."""
    ours, theirs = _read(a), _read(b)
    if a.name == b.name:
        ours, theirs = _named(ours, f"{a}"), _named(theirs, f"{b}")
    return ours.seeing(theirs), theirs.seeing(ours)


def read_run(folder: Path) -> Side:
    """Read one run folder; a last line that a crash cut is left out."""
    return _read(folder).seeing()


def _named(folder: _Folder, name: str) -> _Folder:
    return replace(folder, side=replace(folder.side, name=name))


def _read(folder: Path) -> _Folder:
    records, torn = read_records_and_tear(folder)
    settings = flat(read_tree(folder / SETTINGS))
    manifest = read_manifest(folder)
    killed = manifest.get(KILLED) is True
    records = _surely_told(records) if killed else records
    if not records:
        raise JournalError(f"{folder / JOURNAL} holds no record, so there is nothing to compare")
    start, end = _span(records, {} if killed else manifest)
    simulated = _mode(folder, settings) == _BACKTEST
    side = Side(
        name=folder.name,
        records=records,
        start_ns=start,
        end_ns=end,
        simulated=simulated,
        settings=settings,
        versions=_versions(manifest),
        every_prediction=not simulated or settings.get("journal.assessments") == "all",
        currency=f"{settings.get('currency', '')}",
        remarks=_remarks(folder, torn, manifest),
    )
    return _Folder(path=folder, side=side, manifest=manifest)


def _mode(folder: Path, settings: Mapping[str, Value]) -> str:
    mode = settings.get("mode")
    if not isinstance(mode, str):
        raise SettingsError(f"mode in {folder / SETTINGS} must be a text, was {mode!r:.80}")
    return mode


def _span(records: tuple[Record, ...], manifest: Mapping[str, object]) -> tuple[int, int]:
    told = [record.ts_event for record in records]
    start, end = moment_in(manifest, "start_ns"), moment_in(manifest, "end_ns")
    return min(told) if start is None else start, max(told) if end is None else end


def _remarks(folder: Path, torn: str, manifest: Mapping[str, object]) -> tuple[str, ...]:
    """Say what a reader should know of a journal that is not as a run writes it."""
    if torn:
        return ("its last line was cut, and is left out",)
    digest = manifest.get("journal_sha256")
    if digest is not None and digest != journal_digest(folder):
        return ("its journal is not as it was written: the manifest has another digest",)
    return ()


def _surely_told(records: tuple[Record, ...]) -> tuple[Record, ...]:
    """Leave out the last instant that a node which was killed told of: not all of it is there."""
    last = max((each.ts_event for each in records if each.kind is Kind.BAR), default=None)
    return records if last is None else tuple(each for each in records if each.ts_event < last)


def _versions(manifest: Mapping[str, object]) -> dict[str, str]:
    """Give the versions that a manifest tells, by names that both kinds of run share."""
    found = {
        name: f"{manifest[name]}"
        for name in ("code_version", "code_sha256", "python")
        if name in manifest
    }
    for group in _VERSIONS:
        told = manifest.get(group)
        if isinstance(told, dict):
            found.update({f"libraries.{name}": f"{version}" for name, version in told.items()})
    return found

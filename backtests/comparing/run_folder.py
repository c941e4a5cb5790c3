"""Reads a run folder, of a backtest or of a live node, into one side of a comparison."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backtests.comparing.bars import recorded_bars
from morningstar_strategy.core.divergence.bars import journal_bars
from morningstar_strategy.core.divergence.settings import flat
from morningstar_strategy.core.divergence.values import Side
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.journal import (
    JOURNAL,
    KILLED,
    MANIFEST,
    SETTINGS,
    JournalError,
    read_records,
)
from morningstar_strategy.tree import read_tree

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
    records = _records(folder)
    settings = flat(read_tree(folder / SETTINGS)) if (folder / SETTINGS).is_file() else {}
    manifest = _manifest(folder / MANIFEST)
    killed = manifest.get(KILLED) is True
    records = _surely_told(records) if killed else records
    if not records:
        raise JournalError(f"{folder / JOURNAL} holds no record, so there is nothing to compare")
    start, end = _span(records, {} if killed else manifest)
    simulated = settings.get("mode", _BACKTEST) == _BACKTEST
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
    )
    return _Folder(path=folder, side=side, manifest=manifest)


def _records(folder: Path) -> tuple[Record, ...]:
    found: list[Record] = []
    try:
        for record in read_records(folder):
            found.append(record)  # what came before an error is kept
    except JournalError:
        if not _is_torn(folder / JOURNAL, len(found)):
            raise
    return tuple(found)


def _is_torn(path: Path, whole: int) -> bool:
    """Say whether only what stands after the last line's end could not be read."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return sum(line.endswith(b"\n") for line in file) == whole


def _manifest(path: Path) -> dict[str, object]:
    if not path.is_file():  # a node that was killed left none
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise JournalError(f"{path} is not a manifest: {e}") from e
    if not isinstance(manifest, dict):
        raise JournalError(f"{path} must hold an object, held {type(manifest).__name__}")
    return manifest


def _span(records: tuple[Record, ...], manifest: Mapping[str, object]) -> tuple[int, int]:
    told = [record.ts_event for record in records]
    ends = (manifest.get("start_ns"), manifest.get("end_ns"))
    start, end = (
        value if isinstance(value, int) else known
        for value, known in zip(ends, (min(told), max(told)), strict=True)
    )
    return start, end


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

"""What a run was made from: everything needed to make it again, and to count trials."""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import backtests
import catalog
import morningstar_strategy
import reports
from backtests.data import MarketData
from catalog import externals, store
from morningstar_strategy.core.records import Value
from morningstar_strategy.journal import MANIFEST
from morningstar_strategy.settings.load import settings_digest
from morningstar_strategy.settings.schema import Settings

__all__ = ["REPORT", "Trials", "code_digest", "count_trials", "make_manifest"]

REPORT: Final = "report.json"
_PACKAGES: Final = (morningstar_strategy, catalog, reports, backtests)
_LIBRARIES: Final = ("nautilus_trader", "numpy", "numba", "pyarrow", "pydantic")


def make_manifest(
    settings: Settings,
    data: Sequence[MarketData],
    *,
    model: str,
    journal_sha256: str,
    started: str,
    tape_sha256: str | None = None,
    unasked: int = 0,
) -> dict[str, Value]:
    """Name code, engine, catalog, model, settings, journal and tape by their hashes."""
    seed = store.synthetic_seed(settings.data.catalog)
    taped: dict[str, Value] = {} if tape_sha256 is None else {"tape_sha256": tape_sha256}
    if unasked:
        taped["tape_unasked"] = unasked
    return {
        "started": started,
        "code_version": importlib.metadata.version("morningstar-strategy"),
        "code_sha256": code_digest(),
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "python": platform.python_version(),
        "settings_sha256": settings_digest(settings),
        "catalog_sha256": catalog_digest(settings, data),
        "synthetic": store.is_synthetic(settings.data.catalog),
        "model": model,
        "seeds": {} if seed is None else {"sample": seed},
        "journal_sha256": journal_sha256,
        **taped,
        **_outside(settings),
        "bars": {str(market.bar_type): len(market.bars) for market in data},
        "start_ns": min(market.bars[0].ts_event for market in data),
        "end_ns": max(market.bars[-1].ts_event for market in data),
    }


def _outside(settings: Settings) -> dict[str, Value]:
    data = settings.data
    if not data.externals:
        return {}
    return {"externals_sha256": externals.digest_externals(data.catalog, data.externals)}


def code_digest() -> str:
    """Give the SHA-256 of our sources."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def catalog_digest(settings: Settings, data: Sequence[MarketData]) -> str:
    """Give the SHA-256 of the series that a run reads."""
    return store.digest(settings.data.catalog, [str(market.bar_type) for market in data])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How many different settings were tried on the same data, with their daily Sharpe ratios."""

    count: int
    sharpes: tuple[float, ...]


def count_trials(runs: Path, *, settings_sha256: str, catalog_sha256: str) -> Trials:
    """Count the run folders on the same data, this run included; equal settings count once."""
    sharpes: dict[str, float | None] = {}
    for path in sorted(runs.glob(f"*/{MANIFEST}")):
        manifest = _read(path)
        if manifest.get("catalog_sha256") == catalog_sha256:
            sharpes[str(manifest.get("settings_sha256"))] = _daily_sharpe(path.parent / REPORT)
    sharpes.setdefault(settings_sha256, None)
    known = tuple(value for value in sharpes.values() if value is not None)
    return Trials(count=len(sharpes), sharpes=known)


def _daily_sharpe(path: Path) -> float | None:
    report = _read(path)
    sharpe = report.get("sharpe")
    value = sharpe.get("sharpe") if isinstance(sharpe, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _read(path: Path) -> dict[str, Value]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a folder that somebody has changed by hand is no trial of ours
    return loaded if isinstance(loaded, dict) else {}

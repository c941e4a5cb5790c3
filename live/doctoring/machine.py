"""What is about this machine: the engine's version and the room on its disks."""

import os
import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.settings.schema import Settings

__all__ = ["disk", "engine", "folders_of"]

_GIB: Final = Decimal(1024**3)
_UNFINISHED: Final = ("a", "b", "rc", "dev")


def engine(version: str) -> Finding:
    """Say which engine runs; one that is not released yet is worth a warning."""
    if any(mark in version for mark in _UNFINISHED):
        text = f"NautilusTrader {version} is a release candidate: its interface may still change"
        return about("engine", Level.WARN, text, version=version)
    return about("engine", Level.OK, f"NautilusTrader {version}", version=version)


def folders_of(settings: Settings) -> Mapping[str, Path]:
    """Name the folders that a node writes to."""
    return {"runs": settings.runs, "state": settings.node.state}


def disk(settings: Settings) -> tuple[Finding, ...]:
    """Check that every folder can be written and has room."""
    least = settings.node.doctor.least_free_gib
    return tuple(_room(name, folder, least=least) for name, folder in folders_of(settings).items())


def _room(name: str, folder: Path, *, least: Decimal) -> Finding:
    found = _existing(folder)
    if not found.is_dir() or not os.access(found, os.W_OK | os.X_OK):
        text = f"the folder of {name}, {folder}, cannot be written"
        return about("disk", Level.RED, text, folder=folder)
    free = (Decimal(shutil.disk_usage(found).free) / _GIB).quantize(Decimal("0.1"))
    level = Level.OK if free >= least else Level.RED
    text = f"{free} GiB are free for {name}, at least {least} are wanted"
    return about("disk", level, text, folder=folder, free_gib=free)


def _existing(folder: Path) -> Path:
    """Give the folder or the nearest one above it that is there."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())

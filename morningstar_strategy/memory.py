"""The risk memory, kept current and on disk: a latched halt survives a restart."""

import json
import os
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

from morningstar_strategy.core.limits import RiskLimits, RiskMemory, calm, remember, rest

__all__ = ["MemoryFile", "MemoryFileError", "RiskWatch"]


class MemoryFileError(ValueError):
    """The stored risk memory cannot be read; trading must not start on a guess."""


class MemoryFile:
    """Keeps one risk memory in a file, replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> RiskMemory:
        """Read the memory; a missing file is a fresh one, an unreadable one is an error."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return RiskMemory()
        try:
            fields = json.loads(text, parse_float=str)
            return RiskMemory(
                peak_equity=Decimal(fields["peak_equity"]),
                day=int(fields["day"]),
                day_equity=Decimal(fields["day_equity"]),
                halted=str(fields["halted"]),
                day_halted=str(fields["day_halted"]),
                cooldowns=tuple((str(name), int(until)) for name, until in fields["cooldowns"]),
            )
        except (ValueError, KeyError, TypeError, InvalidOperation) as e:
            raise MemoryFileError(f"risk memory {self._path} is damaged: {e}") from e

    def save(self, memory: RiskMemory) -> None:
        """Replace the stored memory; after a crash the old or the new one is there, whole."""
        fields = asdict(memory) | {
            "peak_equity": f"{memory.peak_equity:f}",
            "day_equity": f"{memory.day_equity:f}",
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".partial")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(fields, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


class RiskWatch:
    """Keeps the risk memory current, on disk first where there is a file."""

    def __init__(self, *, limits: RiskLimits, file: MemoryFile | None = None) -> None:
        self._limits = limits
        self._file = file
        self._take(RiskMemory() if file is None else file.load())
        self._told = ""

    def see(self, equity: Decimal, *, now_ns: int) -> None:
        """Take notice of the equity."""
        if not self._calm.holds(equity, now_ns=now_ns):
            limits = self._limits
            self._keep(remember(self.memory, equity=equity, now_ns=now_ns, limits=limits))

    def rest(self, instrument_id: str, *, until_ns: int, now_ns: int) -> None:
        """Keep an instrument out of new plans until the given time."""
        self._keep(rest(self.memory, instrument_id, until_ns=until_ns, now_ns=now_ns))

    def news(self) -> str | None:
        """Give the reason of a halt, or "" for its end, once; None when nothing has changed."""
        halted = self.memory.halted or self.memory.day_halted
        if halted == self._told:
            return None
        self._told = halted
        return halted

    def _keep(self, memory: RiskMemory) -> None:
        if self._file is not None and memory != self.memory:
            self._file.save(memory)
        self._take(memory)

    def _take(self, memory: RiskMemory) -> None:
        self.memory = memory
        self._calm = calm(memory, self._limits)

"""What risk must remember, as JSON values and back."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal

from morningstar_strategy.core.limits import RiskMemory

__all__ = ["memory_fields", "memory_of"]


def memory_fields(memory: RiskMemory) -> dict[str, object]:
    """Write a risk memory as JSON values, money as exact text."""
    return asdict(memory) | {
        "peak_equity": f"{memory.peak_equity:f}",
        "day_equity": f"{memory.day_equity:f}",
    }


def memory_of(fields: Mapping[str, object]) -> RiskMemory:
    """Read a risk memory; raise ValueError, KeyError or TypeError for anything else."""
    cooldowns = fields["cooldowns"]
    if not isinstance(cooldowns, list):
        raise TypeError(f"cooldowns must be a list, was {cooldowns!r:.80}")
    return RiskMemory(
        peak_equity=Decimal(str(fields["peak_equity"])),
        day=int(str(fields["day"])),
        day_equity=Decimal(str(fields["day_equity"])),
        halted=str(fields["halted"]),
        day_halted=str(fields["day_halted"]),
        cooldowns=tuple((str(name), int(until)) for name, until in cooldowns),
    )

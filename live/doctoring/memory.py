"""The store of what must survive a restart: readable, free, and without a latched halt."""

from pathlib import Path

from live.doctoring.finding import Finding, Level, about
from live.state import account_of, shelves_of, state_file
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import StateStore, StoreError

__all__ = ["store"]


def store(settings: Settings) -> Finding:
    """Look into the store of an account; nothing is written where there is none yet."""
    path = state_file(settings)
    if not path.is_file():
        return about("state", Level.OK, f"no store at {path} yet, it begins empty", path=path)
    try:
        with StateStore(path, account=account_of(settings)) as opened:
            memories = [opened.load(shelf) for shelf in shelves_of(settings)]
            plans = opened.load_plans()
    except StoreError as e:
        return about("state", Level.RED, f"{e}", path=path)
    halts = [memory.halted or memory.day_halted for memory in memories]
    return _judged(settings, path, "; ".join(filter(None, halts)), plans=len(plans))


def _judged(settings: Settings, path: Path, halt: str, *, plans: int) -> Finding:
    if halt:
        level = Level.RED if settings.mode == "live" else Level.WARN
        told = f"a halt is latched: {halt}; find out why, then resume it: python live/resume.py"
        return about("state", level, told, path=path, open_plans=plans, halt=halt)
    text = f"{plans} open plans are remembered, no halt is latched"
    return about("state", Level.OK, text, path=path, open_plans=plans)

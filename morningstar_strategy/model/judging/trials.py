"""How many configurations were tried on the same bars: what the best of them owes to luck."""

import json
from pathlib import Path
from typing import Final

__all__ = ["count_trials"]

_FILE: Final = "trials.json"


def count_trials(root: Path, *, data_sha256: str, recipe_sha256: str, each: int) -> int:
    """Note that a recipe is tried on some bars and give all trials on them so far.

    A recipe counts once however often it is run; `each` is how many configurations it looks at.
    Raises ValueError where the notes cannot be read.
    """
    path = root / _FILE
    notes = _read(path)
    tried = notes.setdefault(data_sha256, {})
    if tried.get(recipe_sha256) != each:
        tried[recipe_sha256] = each
        root.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        unfinished.replace(path)
    return sum(tried.values())


def _read(path: Path) -> dict[str, dict[str, int]]:
    if not path.exists():
        return {}
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
        return {data: {name: int(n) for name, n in tried.items()} for data, tried in notes.items()}
    except (OSError, ValueError, AttributeError) as e:
        raise ValueError(f"trials {path} cannot be read: {e}") from e

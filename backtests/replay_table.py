"""What came of a replay, for a terminal and for a machine."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backtests.replay import Replayed
from morningstar_strategy.core.records import Value

__all__ = ["document", "summary"]

_LONGEST = 600  # characters of a difference


def document(replayed: Replayed) -> dict[str, Value]:
    """Give all of it as JSON values."""
    held = replayed.held
    return {
        "run": f"{replayed.run}",
        "replay": f"{replayed.folder}",
        "same": replayed.is_same,
        "decisions": dict(sorted(held.counts.items())),
        "different": dict(sorted(held.different.items())),
        "outside": held.outside,
        "first": held.first,
        "parted": replayed.parted,
    }


def summary(replayed: Replayed) -> RenderableType:
    """Give a table, the verdict and what to do next."""
    held, same = replayed.held, replayed.is_same
    table = Table("Decisions", "Session", "Different")
    for kind in sorted({*held.counts, *held.different}):
        table.add_row(kind, f"{held.counts.get(kind, 0):,}", f"{held.different.get(kind, 0):,}")
    verdict = "Every decision was made again, to the byte." if same else "The replay differs."
    parts: list[RenderableType] = [
        Text(f"Replay of {replayed.run.resolve().name}", style="bold"),
        table,
        Text(verdict, style="bold blue" if same else "bold red"),
    ]
    if held.outside:
        parts.append(
            Text(f"{held.outside:,} decisions were beyond the end of a record that a kill cut.")
        )
    for words in (replayed.parted, held.first):
        if words:
            parts.append(Text(f"First: {words[:_LONGEST]}"))
    parts.append(Text(f"Compare: python backtests/compare.py {replayed.run} {replayed.folder}"))
    return Group(*parts)

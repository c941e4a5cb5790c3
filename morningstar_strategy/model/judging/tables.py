"""Tables of a model card as text cells, which Markdown and HTML show alike."""

from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["MISSING", "Counted", "Table", "number", "percent", "rows_in"]

MISSING: Final = "n/a"
_MINUS: Final = "\u2212"


class Counted(Protocol):
    """Anything that says of how many rows it was measured."""

    @property
    def count(self) -> int:
        """Count the rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text below a heading; the first `texts` columns are words, the others numbers."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"rows must have {len(self.head)} cells, one had {len(row)}")


def number(value: float | None, places: int = 2) -> str:
    """Write a number; what rounds to zero has no sign."""
    if value is None:
        return MISSING
    text = f"{value:,.{places}f}"
    return text.lstrip("-") if round(value, places) == 0 else text.replace("-", _MINUS)


def percent(fraction: float | None, places: int = 1) -> str:
    """Write a fraction as percent."""
    return MISSING if fraction is None else f"{number(100.0 * fraction, places)} %"


def rows_in(found: Counted) -> str:
    """Write the number of rows that something was measured on."""
    return f"{found.count:,}"

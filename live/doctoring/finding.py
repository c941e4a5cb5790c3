"""What one check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Finding", "Level", "about", "reds"]


class Level(StrEnum):
    """How bad it is; red must not trade."""

    OK = "ok"
    WARN = "warn"
    RED = "red"
    UNKNOWN = "unknown"  # nobody tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's table; `venue` is empty where it is about this machine."""

    name: str
    venue: str = ""
    level: Level
    text: str
    evidence: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("name", "text"):
            value: str = getattr(self, name)
            if not value.strip() or "\n" in value:
                raise ValueError(f"{name} of a finding must be one line, was {value!r}")

    @property
    def fields(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "name": self.name,
            "venue": self.venue,
            "level": self.level.value,
            "text": self.text,
            "evidence": dict(self.evidence),
        }


def about(name: str, level: Level, text: str, *, venue: str = "", **evidence: object) -> Finding:
    """Make a finding; the evidence is written as text."""
    told = {key: f"{value}" for key, value in evidence.items() if value is not None}
    # What others say may have lines; a table has not
    text = " ".join(text.split())
    return Finding(name=name, venue=venue, level=level, text=text, evidence=told)


def reds(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Give those that forbid to trade."""
    return tuple(each for each in findings if each.level is Level.RED)

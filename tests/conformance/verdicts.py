"""How a case ended."""

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Self

# `Any` in this module: results travel between processes as JSON


class Verdict(Enum):
    """The three ends; there is no fourth, and nothing is skipped in silence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case at one venue and product."""

    case_id: str
    dialect: str
    product: str
    verdict: Verdict
    note: str = ""  # why it failed or does not apply, or what is special here
    secs: float = 0.0  # never in a document

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.PASSED and not self.note:
            raise ValueError(f"note of {self.case_id} must say why, was {self.note!r}")

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {**asdict(self), "verdict": self.verdict.value}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Read plain values."""
        return cls(**{**plain, "verdict": Verdict(plain["verdict"])})

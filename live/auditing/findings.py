"""What an audit says: a verdict for each criterion, with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.records import Value

__all__ = ["Audit", "Criterion", "Finding", "Verdict", "moment", "span", "to_dict"]

SECOND_NS: Final = 1_000_000_000


class Verdict(StrEnum):
    """How a criterion stands; UNKNOWN is never as good as PASS."""

    PASS = "PASS"  # noqa: S105  # no secret
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


class Criterion(StrEnum):
    """What is asked of a session."""

    NO_CRASH = "no_crash"
    CROSSINGS = "crossings"
    CAPITAL_DRIFT = "capital_drift"
    HOLDING = "holding"
    CYCLES = "cycles"
    PROTECTION = "protection"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One criterion with its verdict, one sentence, and the numbers behind it.

    `faults` names each thing that is wrong or cannot be known.
    """

    criterion: Criterion
    verdict: Verdict
    says: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """All findings of one run."""

    run: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Give the worst verdict: FAIL before UNKNOWN before PASS."""
        found = {finding.verdict for finding in self.findings}
        worst = (Verdict.FAIL, Verdict.UNKNOWN)
        return next((verdict for verdict in worst if verdict in found), Verdict.PASS)


def to_dict(audits: Sequence[Audit]) -> dict[str, Value]:
    """Give audits as plain values for JSON; money and prices are texts."""
    return {"runs": [_audit(audit) for audit in audits]}


def _audit(audit: Audit) -> Value:
    criteria: list[Value] = [
        {
            "criterion": finding.criterion.value,
            "verdict": finding.verdict.value,
            "says": finding.says,
            "evidence": dict(finding.evidence),
            "faults": list(finding.faults),
        }
        for finding in audit.findings
    ]
    return {"run": audit.run, "verdict": audit.verdict.value, "criteria": criteria}


def moment(ns: int) -> str:
    """Write a time to the second, in UTC."""
    return f"{datetime.fromtimestamp(ns // SECOND_NS, tz=UTC):%Y-%m-%d %H:%M:%S}Z"


def span(ns: int) -> str:
    """Write a length of time as a person reads it."""
    minutes, secs = divmod(ns // SECOND_NS, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {secs} s" if minutes else f"{secs} s"

"""What became of sessions, one by one and summed up."""

from dataclasses import dataclass, field

__all__ = ["Outcome", "Totals"]

_COUNTED = ("orders", "fills", "plans", "kills", "faults", "by_hand", "replayed", "decisions")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Figures and differences of one session."""

    dialect: str
    seed: int
    secs: float = 0.0
    orders: int = 0
    fills: int = 0
    plans: int = 0
    kills: int = 0
    starts: int = 0
    gave_up: list[str] = field(default_factory=list)  # why starts failed while things went wrong
    faults: int = 0
    by_hand: int = 0
    replayed: int = 0  # lives of the node that were run again from their record
    decisions: int = 0  # in these
    alive_secs: float = 0.0  # longest unprotected: node started, venue reachable
    outage_secs: float = 0.0  # node started, whatever the venue did
    whole_secs: float = 0.0  # with the time between a kill and the next start
    differences: list[str] = field(default_factory=list)
    folder: str = ""

    @property
    def line(self) -> str:
        """Say it in one line."""
        figures = (
            f"{self.dialect} seed {self.seed}: {self.orders} orders, {self.fills} fills,"
            f" {self.plans} plans, {self.kills} kills, {self.faults} faults,"
            f" {self.by_hand} by hand, unprotected {self.alive_secs:.2f} s"
            f" ({self.whole_secs:.1f} s with kills), {self.replayed} lives replayed,"
            f" {self.secs:.0f} s"
        )
        if not self.differences:
            return f"{figures}: equal"
        more = f" (and {len(self.differences) - 1} more)" * (len(self.differences) > 1)
        return f"{figures}: DIFFERS: {self.differences[0]}{more}; see {self.folder}"


@dataclass(slots=True)
class Totals:
    """Figures of many sessions."""

    sessions: int = 0
    failed: int = 0
    orders: int = 0
    fills: int = 0
    plans: int = 0
    kills: int = 0
    faults: int = 0
    by_hand: int = 0
    gave_up: int = 0
    replayed: int = 0
    decisions: int = 0
    alive_secs: float = 0.0
    outage_secs: float = 0.0
    whole_secs: float = 0.0
    failed_seeds: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.sessions += 1
        self.gave_up += len(outcome.gave_up)
        if outcome.differences:
            self.failed += 1
            self.failed_seeds.append(outcome.seed)
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        for name in ("alive_secs", "outage_secs", "whole_secs"):
            setattr(self, name, max(getattr(self, name), getattr(outcome, name)))

    def line(self, name: str) -> str:
        """Say it all in one line."""
        return (
            f"{name}: {self.sessions} sessions, {self.failed} with differences,"
            f" {self.plans} plans, {self.orders} orders, {self.fills} fills, {self.kills} kills,"
            f" {self.faults} faults, {self.by_hand} by hand, {self.gave_up} starts given up;"
            f" {self.replayed} lives with {self.decisions} decisions replayed;"
            f" unprotected at most {self.alive_secs:.2f} s while a node ran"
            f" ({self.outage_secs:.1f} s with outages, {self.whole_secs:.1f} s with kills)"
        )

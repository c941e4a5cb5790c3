"""What became of schedules, as it is told from process to process and summed up."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Figures and differences of one schedule."""

    seed: int
    orders: int = 0  # submitted
    denied: int = 0
    rejected: int = 0
    fills: int = 0
    by_hand: int = 0
    placed: int = 0  # orders of the exchange
    faults: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    blind_secs: float = 0.0  # of the adapter's time
    degraded_secs: float = 0.0
    adapter_secs: float = 0.0
    secs: float = 0.0  # real ones
    settle_secs: float = 0.0  # real, from the last fault to the truth


@dataclass(slots=True)
class Totals:
    """Figures of many schedules."""

    schedules: int = 0
    failed: int = 0
    orders: int = 0
    denied: int = 0
    rejected: int = 0
    fills: int = 0
    by_hand: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    blind_secs: float = 0.0
    degraded_secs: float = 0.0
    adapter_secs: float = 0.0
    secs: float = 0.0
    longest_settle_secs: float = 0.0
    failed_seeds: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.schedules += 1
        if outcome.differences:
            self.failed += 1
            self.failed_seeds.append(outcome.seed)
        for name in ("orders", "denied", "rejected", "fills", "by_hand"):
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        for name in ("blind_secs", "degraded_secs", "adapter_secs", "secs"):
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        self.faults = dict(Counter(self.faults) + Counter(outcome.faults))
        self.longest_settle_secs = max(self.longest_settle_secs, outcome.settle_secs)

    def line(self, name: str) -> str:
        """Say it all in one line."""
        share = 100 * self.blind_secs / self.adapter_secs if self.adapter_secs else 0.0
        return (
            f"{name}: {self.schedules} schedules, {self.failed} with differences,"
            f" {self.orders} orders ({self.denied} denied, {self.rejected} rejected),"
            f" {self.by_hand} by hand, {self.fills} fills, {sum(self.faults.values())} faults,"
            f" blind {share:.1f} % of {self.adapter_secs:.0f} s,"
            f" true again after at most {self.longest_settle_secs:.1f} s"
        )

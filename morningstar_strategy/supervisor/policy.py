"""What a supervisor may do, how long it may take and how much it is shown."""

from dataclasses import dataclass

from morningstar_strategy.core.timeline import MAX_TEXTS

__all__ = ["SupervisorPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorPolicy:
    """When a supervisor is asked, what it may do and what its silence means.

    `cycle_secs` is event time between two questions to the executor about one instrument;
    `silence_scale` multiplies the size where no usable answer came; a veto is kept under silence,
    and against proposals of the executor, for `veto_bars` bars.
    """

    may_propose: bool = False
    cycle_secs: int = 900
    deadline_secs: float = 8.0  # of one decision, a repair included
    least_repair_secs: float = 1.0  # left of the deadline for a repair to be asked for
    silence_scale: float = 0.5
    veto_bars: int = 4
    lessons: int = 5  # shown of its own past advice
    words: int = MAX_TEXTS  # shown pieces of news, and the most there can be
    word_chars: int = 240  # of one piece of news
    numbers: int = 16  # shown outside numbers

    def __post_init__(self) -> None:
        if not self.cycle_secs > 0:
            raise ValueError(f"cycle_secs must be positive, was {self.cycle_secs}")
        if not 0.0 < self.deadline_secs <= 3_600.0:
            raise ValueError(f"deadline_secs must be in (0, 3600], was {self.deadline_secs}")
        if not 0.0 < self.least_repair_secs <= 3_600.0:
            value = self.least_repair_secs
            raise ValueError(f"least_repair_secs must be in (0, 3600], was {value}")
        if not 0.0 <= self.silence_scale <= 1.0:
            raise ValueError(f"silence_scale must be in [0, 1], was {self.silence_scale}")
        most = {"veto_bars": 100, "lessons": 100, "words": MAX_TEXTS, "numbers": 100}
        for name, limit in most.items():
            count: int = getattr(self, name)
            if not 0 <= count <= limit:
                raise ValueError(f"{name} must be in [0, {limit}], was {count}")
        if not 20 <= self.word_chars <= 2_000:
            raise ValueError(f"word_chars must be in [20, 2000], was {self.word_chars}")

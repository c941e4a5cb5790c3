"""What a supervisor says about a prediction, and the assessment that the strategy acts on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from morningstar_strategy.core.commands import TradeCommand
from morningstar_strategy.core.prediction import Prediction


class Verdict(StrEnum):
    """What a review did to a prediction."""

    CONFIRMED = "confirmed"
    REDUCED = "reduced"
    VETOED = "vetoed"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Opinion on one prediction; every number of it can only take risk off.

    `scale` multiplies the size, `stop_scale` and `target_scale` the distances of stop and take
    profits after the size is settled. `coherence` (how well signal, regime and context agree) and
    `risk_score` (how dangerous the context is) are shares, None where nobody judged them.
    """

    verdict: Verdict
    scale: float = 1.0
    reason: str = ""
    proposal: TradeCommand | None = None
    stop_scale: float = 1.0
    target_scale: float = 1.0
    coherence: float | None = None
    risk_score: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.scale <= 1.0:
            raise ValueError(f"scale must be in [0, 1], was {self.scale}")
        for name in ("stop_scale", "target_scale"):
            factor: float = getattr(self, name)
            if not 0.0 < factor <= 1.0:
                raise ValueError(f"{name} must be in (0, 1], was {factor}")
        for name in ("coherence", "risk_score"):
            share: float | None = getattr(self, name)
            if share is not None and not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], was {share}")
        if self.verdict is Verdict.VETOED and self.scale != 0.0:
            raise ValueError(f"scale of a veto must be 0, was {self.scale}")
        if self.verdict is not Verdict.CONFIRMED and not self.reason:
            raise ValueError(f"a review that is {self.verdict.value} needs a reason")

    @classmethod
    def abstain(cls, reason: str) -> "Review":
        """Give no opinion, and say why."""
        return cls(verdict=Verdict.ABSTAINED, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """A prediction laid before a reviewer."""

    prediction: Prediction


class Reviewer(Protocol):
    """Anything that gives an opinion on a prediction."""

    def review(self, request: ReviewRequest) -> Review:
        """Give the opinion; every failure is an abstention with its reason."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A prediction with the review it received: the one input of the strategy."""

    prediction: Prediction
    review: Review

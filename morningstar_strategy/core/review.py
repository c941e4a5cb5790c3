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
    """Opinion on one prediction; `scale` multiplies the size and can only shrink it."""

    verdict: Verdict
    scale: float = 1.0
    reason: str = ""
    proposal: TradeCommand | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.scale <= 1.0:
            raise ValueError(f"scale must be in [0, 1], was {self.scale}")
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
    """A prediction laid before the supervisor."""

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

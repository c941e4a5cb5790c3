"""Reviewers of predictions."""

from morningstar_strategy.core.review import Review, ReviewRequest

__all__ = ["AbstainingReviewer"]


class AbstainingReviewer:
    """Gives no opinion on anything, and says why."""

    def __init__(self, reason: str) -> None:
        self._review = Review.abstain(reason)

    def review(self, request: ReviewRequest) -> Review:
        """Abstain."""
        del request
        return self._review

"""Predictions in, assessments out: exactly one for each."""

from typing import Any

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.review import Assessment, Reviewer, ReviewRequest
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.topics import ASSESSMENT, PREDICTION

__all__ = ["SupervisionActor"]


class SupervisionActor(Actor):
    """Lays every prediction before the reviewer and publishes what comes of it."""

    def __init__(self, *, reviewer: Reviewer, faults: Faults) -> None:
        self.faults = faults
        self._reviewer = reviewer

    @guarded
    def on_start(self) -> None:
        """Listen to the predictions."""
        self.subscribe_topic(PREDICTION, self.on_prediction)

    @guarded
    def on_prediction(self, prediction: Any) -> None:
        """Ask for a review and publish the assessment."""
        review = self._reviewer.review(ReviewRequest(prediction=prediction))
        self.publish_message(ASSESSMENT, Assessment(prediction=prediction, review=review))

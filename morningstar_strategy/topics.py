"""Bus topics, each with the one core type that travels on it."""

from typing import Final

PREDICTION: Final = "morningstar.prediction"  # core.prediction.Prediction
ASSESSMENT: Final = "morningstar.assessment"  # core.review.Assessment
RECORD: Final = "morningstar.record"  # core.records.Record
PLAN: Final = "morningstar.plan"  # core.state: Pending, Active or Ended, as a plan comes into it

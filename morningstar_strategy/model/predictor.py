"""Predictors that a wiring can choose from."""

import hashlib
from dataclasses import fields

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import FEATURE_SET
from morningstar_strategy.core.prediction import Prediction

__all__ = ["BaselinePredictor"]


class BaselinePredictor:
    """The transparent rule as a predictor."""

    def __init__(self, rule: BaselineRule) -> None:
        self._signal = rule.signal
        self._model = f"baseline-{_digest(rule)}"

    @property
    def model(self) -> str:
        """Name the rule and the hash of its parameters and features."""
        return self._model

    def predict(
        self, instrument_id: str, ts_event: int, price: float, vector: FloatArray
    ) -> Prediction:
        """Apply the rule to one feature vector (shape [F])."""
        p_short, p_flat, p_long, confidence, volatility, turbulence, stop, target = self._signal(
            vector
        )
        return Prediction(
            instrument_id=instrument_id,
            ts_event=ts_event,
            price=price,
            p_short=p_short,
            p_flat=p_flat,
            p_long=p_long,
            confidence=confidence,
            volatility=volatility,
            turbulence=turbulence,
            stop_distance=stop,
            target_distance=target,
            model=self._model,
        )


def _digest(rule: BaselineRule) -> str:
    named = [(item.name, getattr(rule, item.name)) for item in fields(rule) if item.init]
    return hashlib.sha256(repr((FEATURE_SET, named)).encode()).hexdigest()[:12]

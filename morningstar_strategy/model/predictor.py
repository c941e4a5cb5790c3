"""Predictors that a wiring can choose from: the transparent rule, and a trained bundle."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import FEATURE_SET, index_of
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.model.bundle import MorningstarModel
from morningstar_strategy.model.drift import DriftWatch, outliers
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.manifest import ALT, ALT_MASK
from morningstar_strategy.model.outside import NOTHING, Outside, columns
from morningstar_strategy.model.reading import Reader, prediction_of, stand_aside

__all__ = ["DRIFTED", "BaselinePredictor", "BundlePredictor"]

type Int8Array = npt.NDArray[np.int8]

_EFFICIENCY: Final = index_of("efficiency_ratio_96")
_EXPIRED: Final = 1  # places in the reasons to abstain, counted from 1
_OUTLIERS: Final = 2
DRIFTED: Final = 3


class BaselinePredictor:
    """The transparent rule as a predictor."""

    __slots__ = ("_model", "_signal")

    def __init__(self, rule: BaselineRule) -> None:
        self._signal = rule.signal
        self._model = f"baseline-{_digest(rule)}"

    @property
    def model(self) -> str:
        """Name the rule and the hash of its parameters and features."""
        return self._model

    @property
    def window(self) -> int:
        """Say how many feature vectors the rule looks at: the newest."""
        return 1

    def predict(
        self, instrument_id: str, ts_event: int, price: float, window: FloatArray
    ) -> Prediction:
        """Apply the rule to the newest of some feature vectors (shape [window, F])."""
        if window.ndim != 2 or not len(window):
            raise ValueError(f"window must have shape [1, features], was {window.shape}")
        vector = window[-1]
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
            efficiency=min(vector.item(_EFFICIENCY), 1.0),
        )


class BundlePredictor:
    """A trained bundle as a predictor; it abstains where it knows that it does not know.

    One bar tells the bundle's age and the bar's outliers. Drift takes many bars: whoever feeds the
    bars keeps one `watch` per instrument and abstains for the last of the `reasons`. A bundle that
    was trained with series from outside is fed what `outside` knew of them at each bar's close; a
    series that is `missing` there counts as unknown. Raises ValueError for a name of several.
    """

    __slots__ = (
        "_bundle",
        "_expires_ns",
        "_iqr",
        "_max_outliers",
        "_median",
        "_model",
        "_outside",
        "_reader",
    )

    def __init__(self, bundle: MorningstarModel, outside: Outside = NOTHING) -> None:
        manifest = bundle.manifest
        self._bundle = bundle
        self._outside = outside
        self.fed(np.empty(0, np.int64))  # to refuse before the first bar what must be refused
        self._model = f"{manifest.model_id}-{bundle.sha256[:12]}"
        self._reader = Reader(labels=manifest.labels)
        self._expires_ns = manifest.expires_ns
        self._max_outliers = manifest.features.max_outliers
        self._median = np.array(manifest.features.median)
        self._iqr = np.array(manifest.features.iqr)

    @property
    def bundle(self) -> MorningstarModel:
        """Give the bundle that is asked."""
        return self._bundle

    @property
    def model(self) -> str:
        """Name the bundle and the hash of its manifest, which holds the hashes of all else."""
        return self._model

    @property
    def window(self) -> int:
        """Say how many consecutive feature vectors a forecast looks at."""
        return self._bundle.manifest.window

    @property
    def missing(self) -> tuple[str, ...]:
        """Name the series that the bundle was trained with and nobody provides."""
        provided = set(self._outside.names)
        return tuple(name for name in self._bundle.manifest.outside if name not in provided)

    def fed_by(self, outside: Outside) -> "BundlePredictor":
        """Give the same bundle, fed by others."""
        return BundlePredictor(self._bundle, outside)

    def fed(self, ts_event: IntArray) -> Mapping[str, Float32Array]:
        """Give what the graph is fed beside bars that close at some moments, [N, series] each."""
        names = self._bundle.manifest.outside
        if not names:
            return {}
        values, known = columns(self._outside, names, ts_event)
        return {ALT: values, ALT_MASK: known.astype(np.float32)}

    @property
    def reasons(self) -> tuple[str, str, str]:
        """Say why the model may abstain: its age, outliers, drift."""
        manifest = self._bundle.manifest
        features = manifest.features
        return (
            f"the model expired on {manifest.expires:%Y-%m-%d}, {manifest.life_days} days after "
            "its training ended",
            f"more than {features.max_outliers} of the bar's features lie far outside what the "
            "model was trained on",
            f"more than {features.drift_limit:.0%} of the watched features drifted, over "
            f"{features.drift_window} bars, from what the model was trained on",
        )

    def predict(
        self, instrument_id: str, ts_event: int, price: float, window: FloatArray
    ) -> Prediction:
        """Forecast from feature vectors (shape [window, F], newest last) of consecutive bars.

        Raises BundleError naming feature and value for anything not finite.
        """
        vectors = np.ascontiguousarray(window[-1:])
        stamps, prices = np.array([ts_event]), np.array([float(price)])
        values, codes = self.read(stamps, prices, vectors, window[np.newaxis].astype(np.float32))
        code = codes.item()
        abstained = self.reasons[code - 1] if code else ""
        return prediction_of(instrument_id, ts_event, values[0].tolist(), self._model, abstained)

    def read(
        self, ts_event: IntArray, price: FloatArray, vectors: FloatArray, windows: Float32Array
    ) -> tuple[FloatArray, Int8Array]:
        """Forecast N bars from their newest vectors [N, F] and windows [N, window, F].

        Returns the numbers of the predictions (shape [N, `reading.COLUMNS`]) and, where the model
        abstains, which of the `reasons` it has, counted from 1; else 0.
        """
        told = self._bundle.predict({"bars": windows, **self.fed(ts_event)})
        values = self._reader.values(told, price, vectors)
        codes = np.zeros(len(price), np.int8)
        codes[outliers(vectors, self._median, self._iqr) > self._max_outliers] = _OUTLIERS
        codes[ts_event > self._expires_ns] = _EXPIRED
        stand_aside(values, codes != 0)
        return values, codes

    def watch(self) -> DriftWatch:
        """Begin to compare one instrument's features with those of the training."""
        return DriftWatch(self._bundle.manifest.features.reference)


def _digest(rule: BaselineRule) -> str:
    named = [(item.name, getattr(rule, item.name)) for item in fields(rule) if item.init]
    return hashlib.sha256(repr((FEATURE_SET, named)).encode()).hexdigest()[:12]

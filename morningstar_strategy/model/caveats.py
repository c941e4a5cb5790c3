"""What a reader of results must know about the model behind them, in whole sentences."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.model.manifest import Manifest
from morningstar_strategy.model.predictor import BaselinePredictor, BundlePredictor

__all__ = ["caveats", "unfed"]

_MADE_UP: Final = ("SYNTHETIC: the model was trained on bars that no market ever traded",)
_WORDS: Final = 5  # touch, direction, what follows from it, what is served, volatility


def caveats(
    predictor: Predictor,
    *,
    instruments: Collection[str],
    start_ns: int,
    end_ns: int,
    synthetic: bool,
) -> tuple[str, ...]:
    """Say what the model can and cannot forecast, and whether it had seen these bars before.

    `synthetic` says whether these bars were generated: then only a model of generated bars can
    have seen them, whatever their dates, and a model of real ones only real bars.
    """
    match predictor:
        case BundlePredictor():
            manifest = predictor.bundle.manifest
            return (
                f"direction_edge: {manifest.direction_edge}",
                *manifest.plain_words[:_WORDS],
                f"Everything else that was measured is in the card of {manifest.model_id}",
                *(_MADE_UP if manifest.synthetic else ()),
                *(_seen(manifest, start_ns, end_ns) if manifest.synthetic is synthetic else ()),
                *_strangers(manifest, instruments),
                *unfed(predictor),
            )
        case BaselinePredictor():
            return (
                "The predictor is a transparent rule: its probabilities are votes and no odds, and "
                "it is not expected to earn anything",
            )
        case _:
            return ()


def unfed(predictor: Predictor) -> tuple[str, ...]:
    """Say which series a model was trained with and is not given."""
    match predictor:
        case BundlePredictor(missing=missing, bundle=bundle) if missing:
            return (
                f"UNKNOWN on every bar: {', '.join(missing)}, which {bundle.manifest.model_id} was "
                "trained with beside the bars and data.externals does not name",
            )
        case _:
            return ()


def _seen(manifest: Manifest, start_ns: int, end_ns: int) -> tuple[str, ...]:
    start, end = _moment(start_ns), _moment(end_ns)
    if start >= manifest.train_end or end <= manifest.train_start:
        return ()
    return (
        f"IN SAMPLE: the model was trained on bars from {manifest.train_start:%Y-%m-%d} to "
        f"{manifest.train_end:%Y-%m-%d}; results before that end prove nothing",
    )


def _strangers(manifest: Manifest, instruments: Collection[str]) -> tuple[str, ...]:
    strangers = sorted(set(instruments) - set(manifest.instruments))
    if not strangers:
        return ()
    return (f"The model was not trained on {', '.join(strangers)}",)


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, tz=UTC)

"""Who forecasts: whether the model is whole, fits, is fresh, and may trade money."""

from datetime import UTC, datetime
from typing import Final

from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.model.bundle import arming_fault
from morningstar_strategy.model.manifest import Manifest
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.wiring import make_predictor, make_shadows

__all__ = ["models", "verdict"]

_DAY_SECS: Final = 86_400
_SECOND_NS: Final = 1_000_000_000


def models(settings: Settings, *, now_ns: int) -> tuple[Finding, ...]:
    """Load what forecasts, which proves its checksums, and those that only watch."""
    try:
        found = [_trading(settings, make_predictor(settings), now_ns=now_ns)]
    except ValueError as e:
        found = [about("model", Level.RED, f"the model cannot be used: {e}")]
    try:
        found += [_watching(each) for each in make_shadows(settings)]
    except ValueError as e:
        found.append(about("model", Level.RED, f"a shadow cannot be used: {e}"))
    return tuple(found)


def _trading(settings: Settings, predictor: Predictor, *, now_ns: int) -> Finding:
    match predictor:
        case BundlePredictor():
            bundle = predictor.bundle
            return verdict(settings, bundle.manifest, sha256=bundle.sha256, now_ns=now_ns)
        case _:
            return _rule(settings, predictor)


def _rule(settings: Settings, predictor: Predictor) -> Finding:
    if settings.mode == "live" and not settings.predictor.allow_no_edge:
        text = f"{predictor.model} has never shown an edge and allow_no_edge is false"
        return about("model", Level.RED, text, model=predictor.model)
    text = f"the plain rule {predictor.model}, which no training has made"
    return about("model", Level.OK, text, model=predictor.model)


def verdict(settings: Settings, manifest: Manifest, *, sha256: str, now_ns: int) -> Finding:
    """Judge a bundle whose checksums were proven; what forbids live trading is a warning else."""
    fault = arming_fault(manifest, allow_no_edge=settings.predictor.allow_no_edge, now_ns=now_ns)
    now = datetime.fromtimestamp(now_ns // _SECOND_NS, UTC)
    days = (now - manifest.train_end).total_seconds() / _DAY_SECS
    level = Level.OK if fault is None else Level.RED if settings.mode == "live" else Level.WARN
    whole = (
        f"{manifest.model_id} is whole, trained until {manifest.train_end:%Y-%m-%d}, "
        f"valid until {manifest.expires:%Y-%m-%d}, edge in direction: {manifest.direction_edge}"
    )
    return about(
        "model",
        level,
        whole if fault is None else f"{fault}; {whole}",
        model=manifest.model_id,
        sha256=sha256,
        trained_until=f"{manifest.train_end:%Y-%m-%d}",
        valid_until=f"{manifest.expires:%Y-%m-%d}",
        age_days=f"{days:.0f}",
        direction_edge=manifest.direction_edge,
    )


def _watching(predictor: Predictor) -> Finding:
    return about("model", Level.OK, f"{predictor.model} only watches", model=predictor.model)

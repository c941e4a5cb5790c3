"""When a challenger takes over from the champion, and when a model must be trained again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from morningstar_strategy.model import statistics
from morningstar_strategy.model.manifest import Manifest
from morningstar_strategy.model.shadow_evidence import Evidence, Head, HeadLosses, gather
from morningstar_strategy.model.shadow_log import Watched

__all__ = ["HeadResult", "PromotionRule", "Verdict", "compare", "judge", "retraining_due"]

_EDGES: Final = ("none", "weak", "significant")
_SECOND_NS: Final = 10**9
_DAY_NS: Final = 86_400 * _SECOND_NS
_QUARTER_DAYS: Final = 92  # the longest one
_REST_DAYS: Final = _QUARTER_DAYS // 4  # no alarm counts sooner: there is too little new to learn
_MAX_QLIKE: Final = 1.25  # times that of HAR
_ENOUGH_LAGS: Final = 4  # moments that a head is judged on, in spans that errors depend over


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRule:
    """How much better a challenger must be than the champion.

    Simulated with losses as dependent as ours on 2,000 bars, an equal model passes 4 times in 100,
    and one with a tenth less volatility loss only every second time: promotion is slow by nature.
    """

    min_bars: int = 1_500  # moments that both models gave odds of
    better: float = 2.4  # t that one head must be above
    worse: float = -1.0  # t that every head must be above
    max_ece: float = 0.05  # that the calibration error of the challenger's direction is below
    lag_horizons: int = 4  # how far losses depend on each other

    def __post_init__(self) -> None:
        if self.min_bars < 2:
            raise ValueError(f"min_bars must be at least 2, was {self.min_bars}")
        if not self.worse < self.better:
            raise ValueError(f"better must be above {self.worse}, was {self.better}")
        if not 0.0 < self.max_ece <= 1.0:
            raise ValueError(f"max_ece must be in (0, 1], was {self.max_ece}")
        if self.lag_horizons < 1:
            raise ValueError(f"lag_horizons must be at least 1, was {self.lag_horizons}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadResult:
    """How much lower the challenger's loss is on one head."""

    head: Head
    gain: float  # mean over the moments
    t: float  # Diebold-Mariano, autocorrelation-consistent
    count: int  # moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the challenger takes over, and every reason why or why not."""

    promote: bool
    reasons: tuple[str, ...]
    heads: tuple[HeadResult, ...]
    bars: int  # moments in common
    ece: float


def judge(evidence: Evidence, *, horizon: int, rule: PromotionRule | None = None) -> Verdict:
    """Apply the rule to losses that look `horizon` bars ahead."""
    rule = PromotionRule() if rule is None else rule
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1, was {horizon}")
    lag = rule.lag_horizons * horizon
    heads = tuple(_result(losses, lag) for losses in evidence.losses)
    bars = min(head.count for head in heads if head.head != "direction")
    faults = (*_too_little(heads, bars, lag, rule), *_too_bad(heads, evidence.ece, rule))
    gains = tuple(
        f"{head.head} is better: t = {head.t:.2f} over {head.count:,} bars"
        for head in heads
        if head.t > rule.better
    )
    return Verdict(
        promote=not faults, reasons=faults or gains, heads=heads, bars=bars, ece=evidence.ece
    )


def compare(
    log: Mapping[str, Watched],
    champion: Manifest,
    challenger: Manifest,
    *,
    rule: PromotionRule | None = None,
) -> Verdict:
    """Judge a challenger by what shadow logs tell of both models.

    One that claims more skill in direction than the champion is never promoted by the rule.
    Raises ValueError where the two models are not comparable.
    """
    evidence = gather(log, champion, challenger)
    verdict = judge(evidence, horizon=champion.labels.horizon, rule=rule)
    old, new = champion.direction_edge, challenger.direction_edge
    if _EDGES.index(new) <= _EDGES.index(old):
        return verdict
    fault = f"direction_edge would rise from {old} to {new}, which only a person may decide"
    faults = () if verdict.promote else verdict.reasons
    return replace(verdict, promote=False, reasons=(fault, *faults))


def retraining_due(
    manifest: Manifest, now_ns: int, *, live_qlike_ratio: float | None = None, drifted: bool = False
) -> str | None:
    """Say why a model must be trained again, None where it need not be.

    `live_qlike_ratio` is its volatility loss on live bars over that of HAR, None if not measured.
    Alarms count once a quarter of the period has gone by.
    """
    days = (now_ns - int(manifest.train_end.timestamp()) * _SECOND_NS) / _DAY_NS
    if days > _QUARTER_DAYS:
        return f"a quarter has passed since its training ended on {manifest.train_end:%Y-%m-%d}"
    if days < _REST_DAYS:
        return None
    if drifted:
        return "the features have drifted from those it was trained on"
    if live_qlike_ratio is not None and not live_qlike_ratio <= _MAX_QLIKE:
        return f"its volatility loss is {live_qlike_ratio:.2f} times that of HAR"
    return None


def _result(losses: HeadLosses, lag: int) -> HeadResult:
    """Average the instruments of a moment, which move together, and test the mean difference."""
    if not len(losses.ts_event):
        return HeadResult(head=losses.head, gain=0.0, t=0.0, count=0)
    gain = statistics.by_time(losses.champion - losses.challenger, losses.ts_event)
    t = statistics.hac_t(gain, lag)
    return HeadResult(head=losses.head, gain=float(gain.mean()), t=t, count=len(gain))


def _too_little(
    heads: Sequence[HeadResult], bars: int, lag: int, rule: PromotionRule
) -> Iterator[str]:
    if bars < rule.min_bars:
        yield f"both models must have given odds of {rule.min_bars:,} bars, gave of {bars:,}"
    for head in heads:
        if head.count < _ENOUGH_LAGS * lag:
            yield (
                f"{head.head} must be judged on {_ENOUGH_LAGS * lag:,} bars, was on {head.count:,}"
            )


def _too_bad(heads: Sequence[HeadResult], ece: float, rule: PromotionRule) -> Iterator[str]:
    best = max(heads, key=lambda head: head.t)
    if not best.t > rule.better:
        yield f"t must be above {rule.better} on some head, was at best {best.t:.2f} on {best.head}"
    for head in heads:
        if not head.t > rule.worse:
            yield f"t must be above {rule.worse} on every head, was {head.t:.2f} on {head.head}"
    if not ece < rule.max_ece:
        yield f"calibration error of direction must be below {rule.max_ece}, was {ece:.3f}"

"""What a reply may do: turned into a review whose every number takes risk off."""

from dataclasses import dataclass
from math import floor
from typing import Final

from morningstar_strategy.core.commands import PlanTrade, TradeCommand
from morningstar_strategy.core.review import Review, Verdict
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.reply import Opinion

__all__ = ["Silence", "Veto", "of_command", "of_opinion", "of_silence", "weight"]

_GRAIN: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No usable answer, and why in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """A veto that still stands, given at the bar with this number."""

    bar: int
    reason: str


def weight(opinion: Opinion) -> float:
    """Give the share of the size an opinion leaves, rounded down to a ten-thousandth.

    Risk takes its share off, and what is incoherent at most half of the rest.
    """
    if opinion.veto:
        return 0.0
    left = (1.0 - opinion.risk_score) * (0.5 + 0.5 * opinion.coherence)
    return min(floor(left * _GRAIN) / _GRAIN, 1.0)


def of_opinion(opinion: Opinion) -> Review:
    """Confirm, reduce or veto as the opinion has it."""
    scale = weight(opinion)
    untouched = scale == opinion.stop_scale == opinion.target_scale == 1.0
    verdict = Verdict.CONFIRMED if untouched else Verdict.REDUCED
    return Review(
        verdict=Verdict.VETOED if scale == 0.0 else verdict,
        scale=scale,
        reason=opinion.reasoning or "no reason given",
        stop_scale=opinion.stop_scale,
        target_scale=opinion.target_scale,
        coherence=opinion.coherence,
        risk_score=opinion.risk_score,
    )


def of_command(command: TradeCommand, *, veto: Veto | None) -> Review:
    """Pass a command on as a proposal; while a veto stands it may not open a trade."""
    if veto is not None and isinstance(command, PlanTrade):
        return _vetoed(f"a plan was proposed while a veto stands: {veto.reason}")
    said = f": {command.reasoning}" if command.reasoning else ""
    reason = f"executor says {command.action}{said}"
    return Review(verdict=Verdict.CONFIRMED, reason=reason, proposal=command)


def of_silence(silence: Silence, *, policy: SupervisorPolicy, veto: Veto | None) -> Review:
    """Abstain at the size that silence leaves, or keep a veto that still stands."""
    if veto is not None:
        return _vetoed(f"veto kept, {silence.reason}: {veto.reason}")
    return Review(verdict=Verdict.ABSTAINED, scale=policy.silence_scale, reason=silence.reason)


def _vetoed(reason: str) -> Review:
    return Review(verdict=Verdict.VETOED, scale=0.0, reason=reason)

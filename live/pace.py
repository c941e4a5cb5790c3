"""How fast bars come: as they were, or many times faster from an exchange on this machine."""

from dataclasses import replace
from typing import Final

from live.errors import NodeError
from morningstar_strategy.settings.schema import Settings

__all__ = ["hurried", "step_ns"]

_SECOND: Final = 1_000_000_000


def step_ns(settings: Settings) -> int:
    """Give the time from one bar to the next; raise NodeError where it is no whole second."""
    interval_ns, speed = settings.data.interval.nanoseconds, settings.node.speed
    if interval_ns % (speed * _SECOND):
        raise NodeError(
            f"node.speed must divide the seconds of data.interval {settings.data.interval.value}, "
            f"was {speed}"
        )
    return interval_ns // speed


def hurried(settings: Settings) -> Settings:
    """Shorten what the strategy waits for, so that bars that come faster mean the same."""
    speed = settings.node.speed
    if speed == 1:
        return settings

    def sooner(secs: int) -> int:
        return max(secs // speed, 1)

    decision, risk = settings.decision, settings.risk
    return settings.model_copy(
        update={
            "decision": replace(
                decision,
                entry_expiry_secs=sooner(decision.entry_expiry_secs),
                cooldown_secs=decision.cooldown_secs // speed,
                max_holding_secs=sooner(decision.max_holding_secs),
            ),
            "risk": replace(
                risk,
                max_price_age_secs=max(sooner(risk.max_price_age_secs), 5),
                observe_every_secs=sooner(risk.observe_every_secs),
            ),
            "journal": settings.journal.model_copy(
                update={"equity_every_secs": sooner(settings.journal.equity_every_secs)}
            ),
        }
    )

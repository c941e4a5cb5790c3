"""What a live session's settings mean for its strategy: the pace of bars, the ways of the venue."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.settings.load import SettingsError
from morningstar_strategy.settings.schema import Settings

__all__ = ["hurried", "step_ns", "style_of"]

_SECOND: Final = 1_000_000_000
_HUNDRED: Final = Decimal(100)


def step_ns(settings: Settings) -> int:
    """Give the time from one bar to the next; raise SettingsError where it is no whole second."""
    interval_ns, speed = settings.data.interval.nanoseconds, settings.node.speed
    if interval_ns % (speed * _SECOND):
        raise SettingsError(
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


def style_of(settings: Settings) -> VenueStyle:
    """Say how exits behave: a sandbox cuts reduce-only orders itself, real venues do not.

    Its fee model takes the slippage of the settings with the fee.
    """
    if settings.mode == "paper":
        charged = settings.venue.slippage_percent / _HUNDRED
        return VenueStyle(link_stop=False, shrinks_exits=True, slippage_charged=charged)
    return VenueStyle(link_stop=False, shrinks_exits=False)

"""What a node looks at several times a second before it takes new risk: data and venues."""

from typing import Any, Final

from nautilus_trader.model import ClientId

from ccxt_nt.conversion import health_type
from ccxt_nt.health import VenueHealth
from ccxt_nt.values import Health
from morningstar_strategy.actors.bars import BarLog
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.faults import Faults, guarded

__all__ = ["HealthActor", "data_is_old"]

_SECOND: Final = 1_000_000_000


class HealthActor(Actor):
    """Hears how well the clients of ccxt see their venues."""

    def __init__(self, *, venues: tuple[str, ...], faults: Faults) -> None:
        self.faults = faults
        self._venues = venues
        self._seen: dict[tuple[str, str], VenueHealth] = {}

    @guarded
    def on_start(self) -> None:
        """Listen to the venues."""
        for venue in self._venues:
            self.subscribe_data(health_type(venue), client_id=ClientId(venue))

    @guarded
    def on_data(self, data: Any) -> None:
        """Take notice of a change."""
        health = data.data if hasattr(data, "data") else data
        if isinstance(health, VenueHealth):
            self._seen[health.venue, health.source] = health

    def check(self, now_ns: int) -> str:
        """Say which venue is not seen well, "" where all are."""
        del now_ns
        return "; ".join(
            f"{venue} {source} {health.health.value}: {', '.join(health.reasons)}"
            for (venue, source), health in sorted(self._seen.items())
            if _hinders(health)
        )


def _hinders(health: VenueHealth) -> bool:
    """Refuse risk where the account is not seen well, or the market not at all."""
    if health.source == "execution":
        return health.health is not Health.HEALTHY
    return health.health is Health.BLIND


def data_is_old(bars: BarLog, most_ns: int, now_ns: int) -> str:
    """Say which instrument has no bar for too long, "" where none."""
    late = [
        f"{name} for {(now_ns - newest) / _SECOND:.0f} s"
        for name, newest in bars.newest_ns.items()
        if now_ns - newest > most_ns
    ]
    return f"no bar of {', '.join(late)}" if late else ""

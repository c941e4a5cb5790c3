"""Whom those who carry orders out work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from ccxt_nt.errors import Rejected, Unauthorised, Unsent, Unsupported
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.desk import Desk
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.resolver import Patience, Resolver

REFUSALS = (Rejected, Unauthorised, Unsupported, Unsent)  # it did not happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Whom the acts work with, and time."""

    desk: Desk
    inquiry: Inquiry
    resolver: Resolver
    cases: Cases
    patience: Patience
    secs: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    rng: Random
    note: Callable[[str], None]
    confirm_secs: float = 1.0  # a stream has so long to confirm a cancellation

    async def pause(self, attempt: int) -> None:
        """Wait before the next attempt, ever longer."""
        await self.sleep(self.patience.pause_secs(attempt, self.rng))

"""What is not known of orders yet, and so must be asked: read from the roster, never acted on."""

from collections.abc import Callable
from random import Random

from ccxt_nt.ids import Codec
from ccxt_nt.orders.case import Case, is_sure, may_be_of
from ccxt_nt.orders.roster import Roster
from ccxt_nt.profiles import Profile


class Doubts(Roster):
    """The roster, and what its orders leave open."""

    def __init__(
        self, profile: Profile, codec: Codec, *, rng: Random, secs: Callable[[], float]
    ) -> None:
        super().__init__(profile, codec, rng=rng)
        self._secs = secs

    @property
    def suspects(self) -> tuple[Case, ...]:
        """List waiting trigger orders that may have fired: an unknown order looks like theirs.

        Not every venue tells what a trigger order became, unless that one is asked for.
        """
        strangers = [case for case in self if case.is_external and not case.is_announced]
        return tuple(
            case
            for case in self
            if case.is_waiting
            and case.ledger.legs
            and any(may_be_of(case, other) for other in strangers)
        )

    def asked(self, case: Case) -> None:
        """Note that a trigger order was just asked for."""
        case.asked_at = self._secs()

    def unsure(self, symbol: str) -> tuple[Case, ...]:
        """List a symbol's orders that closed a while ago and may have unknown fills."""
        ripe = self._secs() - 1.0
        return tuple(
            case
            for case in self
            if case.ticket.symbol == symbol
            and case.over_at is not None
            and case.over_at <= ripe
            and not is_sure(case)
        )

    @property
    def wanted(self) -> dict[str, int]:
        """List the symbols whose fills must be asked for, and since when."""
        wanted: dict[str, int] = {}
        for case in self:
            if self._wants(case):
                symbol = case.ticket.symbol
                wanted[symbol] = min(wanted.get(symbol, case.since_ms), case.since_ms)
        return wanted

    def _wants(self, case: Case) -> bool:
        if case.ledger.missing or case.fill_due:
            return True
        return case.is_over and not case.told.closed and not is_sure(case)

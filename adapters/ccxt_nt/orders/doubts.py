"""What is not known of orders yet, and so must be asked: read from the roster, never acted on."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from ccxt_nt.ids import Codec
from ccxt_nt.orders.case import Case, is_sure, may_be_of
from ccxt_nt.orders.roster import Roster
from ccxt_nt.profiles import Profile
from ccxt_nt.values import FillRow

_TOLD_SECS = 0.25  # a stream has so long to tell what became of a market order
_PATIENT_SECS = 0.5  # an order nobody knows may still turn out to be one we just sent


class Doubts(Roster):
    """The roster, and what its orders leave open."""

    def __init__(
        self, profile: Profile, codec: Codec, *, rng: Random, secs: Callable[[], float]
    ) -> None:
        super().__init__(profile, codec, rng=rng, secs=secs)
        self.past: set[str] = set()  # trade ids that the engine knows as balances and positions
        self.orphans: dict[str, FillRow] = {}  # a fill of each order that no row is known of

    @property
    def suspects(self) -> tuple[Case, ...]:
        """List orders that must be asked for: only their fills tell of them, or they fired.

        Not every venue tells what a trigger order became, unless that one is asked for; one that
        waits may have fired where a stranger looks like it.
        """
        strangers = [case for case in self if case.is_external and not case.is_announced]
        return tuple(
            case
            for case in self
            if (case.is_registered and (case.is_unlinked or case.is_rowless))
            or (
                case.is_waiting
                and case.ledger.legs
                and any(may_be_of(case, other) for other in strangers)
            )
        )

    @property
    def mute(self) -> tuple[Case, ...]:
        """List market orders of which no stream told the outcome, which takes them no time."""
        return tuple(case for case in self if case.is_mute)

    @property
    def overdue(self) -> tuple[Case, ...]:
        """List those of them that a stream should have told of by now."""
        return tuple(case for case in self.mute if self._secs() - case.opened >= _TOLD_SECS)

    def orphaned(self, venue_order_id: str) -> tuple[FillRow, ...]:
        """Give up on an order that the venue cannot name; lists its fills that are not told yet.

        Each is told as an order of its own: the first has the order's id.
        """
        self.orphans.pop(venue_order_id, None)
        ledger = self._ledgers.by_venue(venue_order_id)
        fills = () if ledger is None else ledger.fills
        untold = [fill for fill in fills if fill.trade_id not in self.past]
        named = 1 if len(untold) == len(fills) else 0
        self.past |= {fill.trade_id for fill in untold}
        alone = (replace(f, venue_order_id=f"{f.venue_order_id}-{f.trade_id}") for f in untold)
        return (*untold[:named], *tuple(alone)[named:])

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
        if case.is_registered and case.is_unlinked:
            return True
        return case.is_over and not case.told.closed and not is_sure(case)

    def _is_absorbed(self, case: Case) -> bool:
        """Say whether a trigger order of somebody else is told as the order that it became."""
        current = case.ledger.current
        if current is None:
            return False
        return self._ledgers.by_venue(current.venue_order_id) is not case.ledger

    def _may_be_ours(self, case: Case) -> bool:
        """Say whether a stranger may turn out to be an order of ours."""
        if self._secs() - case.opened < _PATIENT_SECS:
            return True
        sending = any(
            other.is_sent and (other.awaited or not (other.told.closed or other.ledger.legs))
            for other in self
            if other.ticket.symbol == case.ticket.symbol
            and not other.is_external
            and not self._would_be_named(other, case)
        )
        return sending or any(may_be_of(other, case) for other in self.suspects)

    def _would_be_named(self, ours: Case, stranger: Case) -> bool:
        """Say whether the venue shows a stranger's row, and it would bear a name were it ours.

        Somebody who trades by hand beside an order in doubt must not wait until that is resolved:
        what he opened has no stop.
        """
        current, stops = stranger.ledger.current, self.profile.stops
        if ours.awaited is not None or current is None or current.last is None:
            return False
        if not ours.ticket.kind.is_trigger:
            return True
        is_plain = current.last.client_order_id is None and not stranger.ticket.kind.is_trigger
        return is_plain and stops is not None and (stops.names_fired or stops.keeps_client_id)

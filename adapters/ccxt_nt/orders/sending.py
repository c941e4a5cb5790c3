"""Send an order once, and find out what became of it."""

from ccxt_nt.errors import Throttled, VenueError, WouldTake
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.office import REFUSALS, Office
from ccxt_nt.orders.resolver import Absent, Found, Patience, Traded
from ccxt_nt.orders.story import Rejected


class Sending:
    """The one place from which an order leaves."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._cases = office.cases

    async def send(self, case: Case) -> None:
        """Send an order; whatever comes back, its outcome is known in the end."""
        case.is_sent = True
        patience, note = self._office.patience, self._office.note
        try:
            venue_order_id = await self._office.desk.place(case.ticket)
        except REFUSALS as e:
            if case.ledger.legs:  # a stream told of it: the refusal was of something else
                await self.settle(case, patience)
            else:
                refusal = Rejected(reason=str(e), would_take=isinstance(e, WouldTake))
                self._cases.say(case, refusal)
        except Throttled as e:
            note(f"{case.client_order_id}: {e}; asking whether it is there")
            await self.settle(case, patience.brief())
        except VenueError as e:
            note(f"{case.client_order_id}: outcome unknown, left in flight: {e}")
            await self.settle(case, patience)
        else:
            self._cases.placed(case, venue_order_id)

    async def settle(self, case: Case, patience: Patience) -> None:
        """Ask what became of an order that was sent a moment ago."""
        outcome = await self._office.resolver.outcome(
            lambda: self._cases.key(case),
            sent=self._office.secs(),
            patience=patience,
            known=lambda: bool(case.ledger.legs),
            mine=lambda row: self._cases.is_mine(case, row),
        )
        if isinstance(outcome, Found) and self._cases.is_of_another(case, outcome.row):
            await self.settle(case, patience)  # it was claimed in the same moment
            return
        match outcome:
            case Found(row=row):
                self._cases.placed(case, row.venue_order_id)
                self._cases.take_order(row)
            case Traded(fills=fills):
                for fill in fills:
                    self._cases.placed(case, fill.venue_order_id)
                    self._cases.take_fill(fill)
            case Absent() if not case.ledger.legs:
                self._cases.say(case, Rejected(reason=_never_there(case, outcome)))
            case _:
                pass  # a stream told of it meanwhile


def _never_there(case: Case, absent: Absent) -> str:
    reason = f"the venue never had it: {absent.looks} looks in {absent.waited_secs:.1f} s"
    if case.namesakes:
        reason += f"; its client order id is that of {', '.join(sorted(case.namesakes))}"
    return reason

"""Every order between the engine and the venue: facts come in, what they mean is said once."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random

from ccxt_nt.ids import Codec
from ccxt_nt.orders.case import (
    Awaited,
    Case,
    facts_of,
    held_fills,
    is_past,
    readiness,
    terms_of,
    with_quantity,
)
from ccxt_nt.orders.doubts import Doubts
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.orders.ledger import Ledger
from ccxt_nt.orders.story import Rejected, Saying, Told, Updated, due
from ccxt_nt.profiles import Profile
from ccxt_nt.values import FillRow, OrderRow, OrderStatus, Ticket

_MISSES = 3  # looks that did not find an order before it is held to be over
_MISSING_SECS = 2.0  # and so long at least, for one part of a venue may lag behind another
_SIGHTINGS = 3  # listings that show an order as open which was held to be over
_ALIVE = (OrderStatus.OPEN, OrderStatus.TRIGGERED)
FEE_PATIENCE_SECS = 1.0  # then a fill is told with the fee of the rates: a stop waits for it


class Cases(Doubts):
    """All orders of one client. Nothing here waits, and nothing here asks the venue."""

    def __init__(
        self,
        profile: Profile,
        codec: Codec,
        *,
        say: Callable[[Case, Saying], None],
        announce: Callable[[Case, OrderRow], None],
        on_ghost: Callable[[Case, str | None], None],  # an order that must end, or one leg of it
        on_want: Callable[[], None],
        note: Callable[[str], None],
        secs: Callable[[], float],
        rng: Random,
        check: Callable[[OrderRow | FillRow], None] = lambda row: None,
        pending: Callable[[str], bool] = lambda client_order_id: False,
        can_reduce: Callable[[Case, FillRow], bool] = lambda case, fill: True,
        knows: Callable[[str], bool] = lambda symbol: True,
    ) -> None:
        super().__init__(profile, codec, rng=rng, secs=secs)
        self.knows = knows  # whether a symbol's orders are any business of ours
        self._pending = pending  # whether the engine waits for the answer to a command
        self._can_reduce = can_reduce  # whether the engine knows of what a fill reduces
        self._check = check  # raises ValueError for what the engine can never be told
        self.news = 0  # counts whatever changed anything
        self.doors_open = False  # whether orders of others may be announced
        self._say = say
        self._announce = announce
        self._on_ghost = on_ghost
        self._on_want = on_want
        self._note = note

    # ---- facts ----

    def open(self, client_order_id: str, ticket: Ticket, told: Told, *, since_ms: int) -> Case:
        """Begin an order of ours, before it is sent."""
        self._rename(client_order_id)
        case = Case(
            client_order_id=client_order_id,
            ticket=ticket,
            ledger=self._ledgers.begin(client_order_id),
            told=told,
            opened=self._secs(),
            since_ms=since_ms,
        )
        self._by_id[client_order_id] = case
        self._enter(case)
        return case

    def placed(self, case: Case, venue_order_id: str) -> None:
        """Note the venue's id of an order of ours."""
        self._ledgers.acknowledge(case.client_order_id, venue_order_id)
        self._advance(case)

    def replaced(self, case: Case, old_id: str, new_id: str, *, waits: bool) -> None:
        """Note that another order stands in an order's stead at the venue."""
        if not case.ledger.is_external:
            self._ledgers.acknowledge(case.client_order_id, old_id)
        case.names.setdefault(old_id, case.ticket.client_order_id)
        self._ledgers.replace(old_id, new_id)
        if waits:
            case.replacements.add(new_id)

    def take_order(self, row: OrderRow) -> Case:
        """Take in what the venue says of an order; ValueError where that can be told to nobody."""
        self._check(row)
        row = self._told_apart(row)
        ledger, news = self._ledgers.absorb_order(row)
        ledger = self._linked(row.client_order_id, row.venue_order_id, ledger)
        self.news += news.status is not None
        self.orphans.pop(row.venue_order_id, None)
        case = self._cases.get(id(ledger))
        if case is None:
            case = self._meet(ledger, row)
            if self.suspects:
                self._on_want()
        self._advance(case)
        return case

    def take_fill(self, fill: FillRow) -> None:
        """Take in a fill; ValueError where it can be told to nobody."""
        self._check(fill)
        fill = self._told_apart(fill)
        ledger, is_new = self._ledgers.absorb_fill(fill)
        ledger = self._linked(fill.client_order_id, fill.venue_order_id, ledger)
        self.news += is_new
        if ledger.surplus:
            self._note(f"{fill.venue_order_id}: fills exceed the order by {ledger.surplus}")
        case = self._cases.get(id(ledger))
        if case is not None:
            if is_new and not case.is_announced and case.is_external:
                self._live[id(ledger)] = case  # it may have been held to be none of our business
            self._advance(case)
        elif is_new and fill.trade_id not in self.past:
            self.orphans[fill.venue_order_id] = fill  # an order that nobody told us of: ask
            self._on_want()

    def _told_apart[Row: (OrderRow, FillRow)](self, row: Row) -> Row:
        """Take its client id from what is no order of ours, though it is called like one."""
        name = None if row.client_order_id is None else self.decode(row.client_order_id)
        case = None if name is None else self._by_id.get(name)
        if case is None or self.is_mine(case, row):
            return row
        return replace(row, client_order_id=None)

    def is_mine(self, case: Case, row: OrderRow | FillRow) -> bool:
        """Say whether a row with an order's client id is of that order; note where it is not."""
        if not self.is_namesake(case, row):
            return True
        if row.venue_order_id not in case.namesakes:
            case.namesakes.add(row.venue_order_id)
            self._note(f"{case.client_order_id}: {row.venue_order_id} has its client id as well")
        return False

    def _linked(self, client_id: str | None, venue_order_id: str, ledger: Ledger) -> Ledger:
        """Know a fired order by its client id, where that is the id of the trigger order."""
        trigger = None if client_id is None else self._ledgers.by_venue(client_id)
        if client_id is None or trigger is None or trigger is ledger:
            return ledger
        stranger = self._cases.get(id(ledger))
        if stranger is not None and stranger.is_external and not stranger.is_announced:
            self._ledgers.disown(ledger)  # its client id is no name that anybody gave it
        return self._ledgers.fire(client_id, venue_order_id)

    def gone(self, case: Case) -> None:
        """Note that the venue had an order and knows it no more: it is over."""
        case.is_gone = True
        self._advance(case)

    def missed(self, key: OrderKey) -> None:
        """Note that a look did not find an order; after several it is over."""
        case = self._owner(key.venue_order_id)
        if case is None or case.turn.locked():
            return  # whoever works on it asks by itself
        if not case.misses:
            case.missed_at = self._secs()
        case.misses += 1
        if case.misses >= _MISSES and self._secs() - case.missed_at >= _MISSING_SECS:
            self.gone(case)

    def asked(self, case: Case) -> None:
        """Note that a trigger order was just asked for.

        Of somebody else's that fired, and of which the venue does not tell as what, nothing more
        will be heard: what it became is told under its own name.
        """
        super().asked(case)
        if case.is_external and case.is_registered and case.is_unlinked:
            case.is_gone = case.is_sure = True
            self._advance(case)

    def compare(self, row: OrderRow, *, asked: float) -> None:
        """Tell the engine of terms that somebody else changed, by an answer asked for then."""
        case = self._owner(row.venue_order_id)
        if case is None or case.turn.locked() or not case.is_registered:
            return
        case.misses = 0
        is_current = case.ledger.venue_order_id == row.venue_order_id
        if case.is_gone or case.told.closed or not is_current:
            if row.status is OrderStatus.OPEN:
                self._sight(case, row)
            return
        if asked <= case.changed_at or case.told.in_quote or case.ledger.missing:
            return
        terms = terms_of(row, case.ticket, before=case.ledger.filled_before(row.venue_order_id))
        if row.status is OrderStatus.OPEN and terms != case.ticket:
            self.update(case, terms)

    def _sight(self, case: Case, row: OrderRow) -> None:
        """Note that the venue lists an order, or a leg of one, that was held to be over.

        One listing may be old; what several show is there, and may fill: ours is ended, and what
        it fills until then is told of the order that it is.
        """
        case.sightings += 1
        if case.sightings < _SIGHTINGS:
            return
        case.sightings, case.is_gone, case.is_sure, case.over_at = 0, False, False, None
        self._live[id(case.ledger)] = case
        if case.is_external:
            self._note(f"{row.venue_order_id}: was held to be over, and is there")
        else:
            self._note(f"{row.venue_order_id}: was held to be over, and is there; cancelling")
            self._on_ghost(case, row.venue_order_id)
        self._advance(case)

    def checked(self, cases: tuple[Case, ...]) -> None:
        """Note that all fills were asked for after these orders were over."""
        for case in cases:
            case.is_sure = True
            self._advance(case)

    def bury(self, case: Case) -> None:
        """Note that the engine holds an order to have never been, or to be over."""
        case.is_buried = True

    # ---- what is said ----

    def say(self, case: Case, saying: Saying) -> None:
        """Say something to the engine and remember it."""
        self._say(case, saying)  # first: what could not be said is due again
        if case.is_buried and not isinstance(saying, Rejected):
            return  # the engine did not hear of it: it is told when the order rises
        case.told.hear(saying)
        if isinstance(saying, Rejected) and not case.ledger.legs:
            case.is_buried = True

    def update(self, case: Case, ticket: Ticket) -> None:
        """Put an order's new terms into force; of one that is over nothing is said any more."""
        case.ticket = ticket
        case.changed_at = self._secs()
        if case.told.closed:
            return
        self.say(
            case,
            Updated(
                venue_order_id=str(case.ledger.venue_order_id),
                quantity=ticket.quantity,
                price=ticket.price,
                trigger_price=ticket.trigger_price,
            ),
        )

    def open_doors(self) -> None:
        """Let orders of others be announced from now on."""
        self.doors_open = True

    def settle(self, case: Case) -> None:
        """Say what one order's facts mean now."""
        self._advance(case)

    def advance(self) -> None:
        """Say what has become due with time, and announce orders of others."""
        for case in self:
            try:
                self._grow_old(case)
            except Exception as e:  # one order must not keep the others from being told of
                self._note_fault(case, e)

    def _grow_old(self, case: Case) -> None:
        if not case.is_registered and self.doors_open:
            self._offer(case)
        elif case.is_external and self._is_absorbed(case):
            case.is_gone = case.is_sure = True
        self._advance(case)

    def _note_fault(self, case: Case, e: Exception) -> None:
        case.faults += 1
        if case.faults & (case.faults - 1) == 0:  # ever fewer lines of the same
            self._note(f"{case.client_order_id}: could not be told: {type(e).__name__}: {e}")

    def reported(self, case: Case, fills: tuple[FillRow, ...]) -> None:
        """Note that the engine was given a report of an order, with these fills."""
        told = case.told
        told.venue_order_id = case.ledger.venue_order_id
        told.fills |= {fill.trade_id for fill in fills}
        told.filled = sum((fill.quantity for fill in fills), Decimal(0))

    def registered(self, client_order_id: str, venue_order_id: str) -> None:
        """Note that the engine knows an order of somebody else."""
        case = self._owner(venue_order_id)
        if case is None or case.is_registered:
            return
        case.client_order_id, case.is_registered = client_order_id, True
        self._by_id[client_order_id] = case
        self._advance(case)

    def _advance(self, case: Case) -> None:
        for event in case.waiters:
            event.set()
        if case.is_over and case.over_at is None:
            case.over_at = self._secs()
        self._inherit(case)
        if case.is_buried and (case.ledger.fills or case.ledger.status in _ALIVE):
            self._rise(case)
        if not case.is_registered:
            return
        self._tell(case)
        if self._wants(case) or case.is_mute:
            self._live[id(case.ledger)] = case
            self._on_want()
        elif case.told.closed and (case.is_over or not case.ledger.legs):
            self._leave(case)

    def _tell(self, case: Case) -> None:
        """Say all that is due."""
        if case.awaited is not None:
            self._look_for(case, case.awaited)
        held = held_fills(
            case,
            now=self._secs(),
            patience_secs=FEE_PATIENCE_SECS,
            is_ready=readiness(case, self._can_reduce),
        )
        facts = replace(facts_of(case, self.past), pending=self._pending(case.client_order_id))
        for saying in due(facts, case.told, held=held):
            self.say(case, saying)

    def _look_for(self, case: Case, awaited: Awaited) -> None:
        """Put the terms of a replacement into force as soon as anything tells of it."""
        for leg in case.ledger.legs.values():
            if awaited.is_told_by(leg):
                self.arrived(case, leg.venue_order_id)
                return

    def arrived(self, case: Case, venue_order_id: str) -> None:
        """Note that the venue has the awaited replacement."""
        awaited, case.awaited = case.awaited, None
        if awaited is not None:
            self.replaced(case, awaited.old_id, venue_order_id, waits=awaited.waits)
            self.update(case, awaited.terms)

    # ---- orders of others, and of the dead ----

    def _offer(self, case: Case) -> None:
        """Announce an order of somebody else, once it cannot be one that we just sent."""
        current = case.ledger.current
        if current is None or current.last is None:
            return
        self._link_late(case, current.last)
        if self._is_absorbed(case):
            self._cases.pop(id(case.ledger), None)  # it turned out to be ours
            self._live.pop(id(case.ledger), None)
            return
        if case.is_over and case.ledger.missing:
            return  # its fills tell whether it was over before the engine began
        if case.is_over and all(is_past(case, fill, self.past) for fill in case.ledger.fills):
            self._live.pop(id(case.ledger), None)  # it was over before the engine began
            return
        if case.ledger.status is OrderStatus.TRIGGERED and not case.ledger.fills:
            return  # what it became is told, under its own name where nothing links them
        row = with_quantity(case, current.last)
        if row is None or case.is_announced:
            return
        if self._may_be_ours(case):
            self._on_want()  # the one that it may be of is asked for
        else:
            self._announce(case, row)
            case.is_announced = case.ledger.is_told = True
            case.told.venue_order_id = current.venue_order_id  # the report says that it is accepted

    def _link_late(self, case: Case, row: OrderRow) -> None:
        """Give an order to the trigger order that it came from, which was not known before."""
        ledger = self._linked(row.client_order_id, row.venue_order_id, case.ledger)
        owner = self._cases.get(id(ledger))
        if owner is not None and owner is not case:
            self._advance(owner)

    def _rise(self, case: Case) -> None:
        """Treat an order that the engine holds to be dead, and that lives, as somebody else's."""
        venue_order_id = case.ledger.venue_order_id
        if venue_order_id is None:
            return
        case.is_buried = False
        self._live[id(case.ledger)] = case
        case.is_external, case.is_registered, case.is_announced = True, False, False
        case.client_order_id = venue_order_id
        case.told = replace(
            case.told, venue_order_id=None, closed=False, fills=set(), filled=Decimal(0)
        )
        self._note(f"{venue_order_id}: an order that was held to be refused is there; cancelling")
        self._on_ghost(case, None)

"""Every order between the engine and the venue: facts come in, what they mean is said once."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from uuid import UUID

from ccxt_nt.generations import original, replacement
from ccxt_nt.ids import Codec
from ccxt_nt.inquiry import OrderKey
from ccxt_nt.ledger import Ledger, Ledgers, Leg
from ccxt_nt.profiles import Profile
from ccxt_nt.story import Facts, Rejected, Saying, Told, Updated, due
from ccxt_nt.values import FillRow, OrderRow, OrderStatus, Ticket

_PATIENT_SECS = 0.5  # an order nobody knows may still turn out to be one we just sent
_MISSES = 3  # looks that did not find an order before it is held to be over
_ALIVE = (OrderStatus.OPEN, OrderStatus.TRIGGERED)
FEE_PATIENCE_SECS = 5.0  # then a fill is told with the fee that the venue's rates make


@dataclass(slots=True, eq=False, kw_only=True)
class Case:
    """One order: what we sent, what is known, what the engine was told."""

    client_order_id: str  # the engine's
    ticket: Ticket  # with the terms in force
    ledger: Ledger
    told: Told
    opened: float  # seconds of the client's clock
    since_ms: int  # venue time before which it cannot have filled
    is_external: bool = False
    is_registered: bool = True  # the engine knows it
    is_announced: bool = False  # the engine was given a report of somebody else's order
    is_sent: bool = False  # the request left, or may have
    is_replacing: bool = False  # an old leg's end is not the order's
    is_gone: bool = False  # the venue had it and knows it no more
    is_buried: bool = False  # the engine was told that it never was
    is_sure: bool = False  # fills were asked for after it closed
    faults: int = 0  # how often something could not be said
    misses: int = 0  # how many looks in a row did not find it
    changed_at: float = 0.0  # when the engine was last told of new terms
    over_at: float | None = None  # when it was first seen to be over
    generation: int = 0  # how often it was replaced at the venue
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one command at a time
    fee_due: dict[str, float] = field(default_factory=dict)  # trade id -> when patience ends
    waiters: list[asyncio.Event] = field(default_factory=list)

    @property
    def has_fired(self) -> bool:
        """Say whether a trigger order went out."""
        return self.ticket.kind.is_trigger and any(map(_fired, self.ledger.legs.values()))

    @property
    def is_waiting(self) -> bool:
        """Say whether it waits for its trigger price."""
        return self.ticket.kind.is_trigger and not self.has_fired

    @property
    def is_over(self) -> bool:
        """Say whether the venue closed it, fills told or not."""
        return self.is_gone or (self.ledger.is_closed and not self.is_replacing)

    async def over_within(self, secs: float) -> bool:
        """Wait for its end, so long at most."""
        event = asyncio.Event()
        self.waiters.append(event)
        try:
            async with asyncio.timeout(secs):
                while not self.is_over:
                    event.clear()
                    await event.wait()
        except TimeoutError:
            pass
        finally:
            self.waiters.remove(event)
        return self.is_over


class Cases:
    """All orders of one client. Nothing here waits, and nothing here asks the venue."""

    def __init__(
        self,
        profile: Profile,
        codec: Codec,
        *,
        say: Callable[[Case, Saying], None],
        announce: Callable[[Case, OrderRow], None],
        on_ghost: Callable[[Case], None],
        on_want: Callable[[], None],
        note: Callable[[str], None],
        secs: Callable[[], float],
        rng: Random,
    ) -> None:
        self.profile = profile
        self.aliases: dict[str, str] = {}  # a replacement's id at the venue -> the engine's id
        self.news = 0  # counts whatever changed anything
        self.doors_open = False  # whether orders of others may be announced
        self.orphans: dict[str, FillRow] = {}  # a fill of each order that no row is known of
        self._codec = codec
        self._ledgers = Ledgers(self.decode)
        self._cases: dict[int, Case] = {}  # by ledger
        self._by_id: dict[str, Case] = {}
        self._say = say
        self._announce = announce
        self._on_ghost = on_ghost
        self._on_want = on_want
        self._note = note
        self._secs = secs
        self._rng = rng

    def __iter__(self) -> Iterator[Case]:
        return iter(list(self._cases.values()))

    def decode(self, venue_text: str) -> str | None:
        """Read the engine's id from a venue's client id."""
        if venue_text in self.aliases:
            return self.aliases[venue_text]
        decoded = self._codec.decode(venue_text)
        return None if decoded is None else original(decoded)

    def find(self, client_order_id: str) -> Case | None:
        """Find an order by the engine's id."""
        return self._by_id.get(client_order_id)

    def key(self, case: Case, venue_order_id: str | None = None) -> OrderKey:
        """Say what an order, or one leg of it, is asked for by."""
        leg_id = venue_order_id or case.ledger.venue_order_id
        leg = case.ledger.legs.get(leg_id or "")
        stops = self.profile.stops
        nameless = case.ticket.kind.is_trigger and stops is not None and not stops.carries_client_id
        told = None if leg is None or leg.last is None else leg.last.client_order_id
        return OrderKey(
            symbol=case.ticket.symbol,
            client_id=told or case.ticket.client_order_id or None,
            venue_order_id=leg_id,
            waiting=_waits(case, leg),
            likeness=case.ticket if nameless else None,
            others=self._ids_but(case) if nameless else frozenset(),
        )

    def next_name(self, case: Case) -> str:
        """Make the client id of the order that will replace one, and know it for the same."""
        case.generation += 1
        try:
            text = self._codec.encode(replacement(case.client_order_id, case.generation))
        except ValueError:  # too long for the venue: a name that only this process can read
            text = self._codec.encode(str(UUID(int=self._rng.getrandbits(128), version=4)))
        self.aliases[text] = case.client_order_id
        return text

    def _ids_but(self, case: Case) -> frozenset[str]:
        others = (other for other in self if other is not case and not other.is_external)
        return frozenset(leg_id for other in others for leg_id in other.ledger.legs)

    # ---- facts ----

    def open(self, client_order_id: str, ticket: Ticket, told: Told, *, since_ms: int) -> Case:
        """Begin an order of ours, before it is sent."""
        case = Case(
            client_order_id=client_order_id,
            ticket=ticket,
            ledger=self._ledgers.expect(client_order_id),
            told=told,
            opened=self._secs(),
            since_ms=since_ms,
        )
        self._by_id[client_order_id] = self._cases[id(case.ledger)] = case
        return case

    def placed(self, case: Case, venue_order_id: str) -> None:
        """Note the venue's id of an order of ours."""
        self._ledgers.acknowledge(case.client_order_id, venue_order_id)
        self._advance(case)

    def follow(self, case: Case, venue_order_id: str, next_id: str) -> None:
        """Note that an order has another id now."""
        self._ledgers.acknowledge(case.client_order_id, venue_order_id)
        self._ledgers.follow(venue_order_id, next_id)

    def take_order(self, row: OrderRow) -> Case:
        """Take in what the venue says of an order."""
        ledger, news = self._ledgers.absorb_order(row)
        ledger = self._linked(row.client_order_id, row.venue_order_id, ledger)
        self.news += news.status is not None
        self.orphans.pop(row.venue_order_id, None)
        case = self._case_of(ledger, row)
        self._advance(case)
        return case

    def take_fill(self, fill: FillRow) -> None:
        """Take in a fill."""
        ledger, is_new = self._ledgers.absorb_fill(fill)
        ledger = self._linked(fill.client_order_id, fill.venue_order_id, ledger)
        self.news += is_new
        if ledger.surplus:
            self._note(f"{fill.venue_order_id}: fills exceed the order by {ledger.surplus}")
        case = self._cases.get(id(ledger))
        if case is not None:
            self._advance(case)
        else:
            self.orphans[fill.venue_order_id] = fill  # an order that nobody told us of: ask
            self._on_want()

    def _linked(self, client_id: str | None, venue_order_id: str, ledger: Ledger) -> Ledger:
        """Know a fired order by its client id, where that is the id of the trigger order."""
        trigger = None if client_id is None else self._ledgers.by_venue(client_id)
        if client_id is None or trigger is None or trigger is ledger:
            return ledger
        return self._ledgers.follow(client_id, venue_order_id)

    def gone(self, case: Case) -> None:
        """Note that the venue had an order and knows it no more: it is over."""
        case.is_gone = True
        self._advance(case)

    @property
    def symbols(self) -> set[str]:
        """List the symbols that have or had orders."""
        return {case.ticket.symbol for case in self}

    @property
    def alive(self) -> tuple[Case, ...]:
        """List the orders that the venue has, as far as we know."""
        return tuple(case for case in self if case.ledger.legs and not case.is_over)

    def missed(self, key: OrderKey) -> None:
        """Note that a look did not find an order; after several it is over."""
        ledger = self._ledgers.by_venue(key.venue_order_id or "")
        case = None if ledger is None else self._cases.get(id(ledger))
        if case is None or case.turn.locked():
            return  # whoever works on it asks by itself
        case.misses += 1
        if case.misses >= _MISSES:
            self.gone(case)

    def compare(self, row: OrderRow, *, asked: float) -> None:
        """Tell the engine of terms that somebody else changed, by an answer asked for then."""
        ledger = self._ledgers.by_venue(row.venue_order_id)
        case = None if ledger is None else self._cases.get(id(ledger))
        if case is None or case.turn.locked() or not case.is_registered:
            return
        case.misses = 0
        if asked <= case.changed_at or len(case.ledger.legs) > 1 or case.told.in_quote:
            return
        terms = _terms_of(row, case.ticket)
        if row.status is OrderStatus.OPEN and terms != case.ticket and not case.told.closed:
            self.update(case, terms)

    def unsure(self, symbol: str) -> tuple[Case, ...]:
        """List a symbol's orders that closed a while ago and may have unknown fills."""
        ripe = self._secs() - 1.0
        return tuple(
            case
            for case in self
            if case.ticket.symbol == symbol
            and case.over_at is not None
            and case.over_at <= ripe
            and not self._is_sure(case)
        )

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
        case.told.hear(saying)
        if isinstance(saying, Rejected) and not case.ledger.legs:
            case.is_buried = True

    def update(self, case: Case, ticket: Ticket) -> None:
        """Put an order's new terms into force."""
        case.ticket = ticket
        case.changed_at = self._secs()
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
            if not case.is_registered and self.doors_open:
                self._offer(case)
            if case.fee_due or not case.told.closed:
                self._try_to_advance(case)

    def _try_to_advance(self, case: Case) -> None:
        try:
            self._advance(case)
        except Exception as e:  # one order must not keep the others from being told of
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
        ledger = self._ledgers.by_venue(venue_order_id)
        case = None if ledger is None else self._cases.get(id(ledger))
        if case is None or case.is_registered:
            return
        case.client_order_id, case.is_registered = client_order_id, True
        self._by_id[client_order_id] = case
        self._advance(case)

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
        if case.ledger.missing or case.fee_due:
            return True
        return case.is_over and not case.told.closed and not self._is_sure(case)

    def _advance(self, case: Case) -> None:
        for event in case.waiters:
            event.set()
        if case.is_over and case.over_at is None:
            case.over_at = self._secs()
        if case.is_buried and (case.ledger.fills or case.ledger.status in _ALIVE):
            self._rise(case)
        if not case.is_registered:
            return
        for saying in due(self._facts(case), case.told, held=self._held(case)):
            self.say(case, saying)
        if self._wants(case):
            self._on_want()

    def _facts(self, case: Case) -> Facts:
        ledger = case.ledger
        status = ledger.status or OrderStatus.OPEN
        if case.is_replacing:
            status = OrderStatus.OPEN
        elif case.is_gone and not ledger.is_closed:
            status = OrderStatus.CANCELED
        return Facts(
            kind=case.ticket.kind,
            status=status,
            venue_order_id=ledger.venue_order_id,
            fills=ledger.fills,
            missing=ledger.missing,
            sure=self._is_sure(case),
            fired=case.has_fired,
        )

    def _is_sure(self, case: Case) -> bool:
        """Say whether the venue's own words leave no room for an unknown fill."""
        if case.is_sure:
            return True
        rows = [leg.last for leg in case.ledger.legs.values() if leg.status]
        return not case.is_gone and all(
            row is not None and (row.filled is not None or row.status is OrderStatus.TRIGGERED)
            for row in rows
        )

    def _held(self, case: Case) -> list[str]:
        """List the fills that wait for their fee, for as long as patience lasts."""
        now, held = self._secs(), []
        for fill in case.ledger.fills:
            if fill.fee is not None or fill.trade_id in case.told.fills:
                case.fee_due.pop(fill.trade_id, None)
            elif now < case.fee_due.setdefault(fill.trade_id, now + FEE_PATIENCE_SECS):
                held.append(fill.trade_id)
            else:
                case.fee_due.pop(fill.trade_id)
        return held

    # ---- orders of others, and of the dead ----

    def _case_of(self, ledger: Ledger, row: OrderRow) -> Case:
        case = self._cases.get(id(ledger))
        if case is not None:
            return case
        case = Case(
            client_order_id=self._foreign_id(row),
            ticket=ticket_of(row),
            ledger=ledger,
            told=Told(
                quantity=row.quantity or Decimal(0),
                price=row.price,
                trigger_price=row.trigger_price,
            ),
            opened=self._secs(),
            since_ms=row.created_ns // 1_000_000 - 60_000,
            is_external=True,
            is_registered=False,
            is_sent=True,
        )
        self._cases[id(ledger)] = case
        return case

    def _foreign_id(self, row: OrderRow) -> str:
        decoded = None if row.client_order_id is None else self.decode(row.client_order_id)
        return row.venue_order_id if decoded is None or decoded in self._by_id else decoded

    def _offer(self, case: Case) -> None:
        """Announce an order of somebody else, once it cannot be one that we just sent."""
        current = case.ledger.current
        if current is None or current.last is None:
            return
        if self._ledgers.by_venue(current.venue_order_id) is not case.ledger:
            self._cases.pop(id(case.ledger), None)  # it turned out to be ours
            return
        sending = any(
            other.is_sent and not other.ledger.legs and not other.told.closed
            for other in self
            if other.ticket.symbol == case.ticket.symbol and not other.is_external
        )
        if not sending and not case.is_announced and self._secs() - case.opened >= _PATIENT_SECS:
            case.is_announced = True
            self._announce(case, current.last)
            case.told.venue_order_id = current.venue_order_id  # the report says that it is accepted

    def _rise(self, case: Case) -> None:
        """Treat an order that the engine holds to be dead, and that lives, as somebody else's."""
        venue_order_id = case.ledger.venue_order_id
        if venue_order_id is None:
            return
        case.is_buried = False
        case.is_external, case.is_registered, case.is_announced = True, False, False
        case.client_order_id = venue_order_id
        case.told = replace(
            case.told, venue_order_id=None, closed=False, fills=set(), filled=Decimal(0)
        )
        self._note(f"{venue_order_id}: an order that was held to be refused is there; cancelling")
        self._on_ghost(case)


def _waits(case: Case, leg: Leg | None) -> bool:
    """Say whether one leg of an order waits for its trigger price."""
    if not case.ticket.kind.is_trigger or leg is None:
        return case.is_waiting
    if leg.last is not None or leg.fills or leg.status is OrderStatus.TRIGGERED:
        return not _fired(leg)
    legs = case.ledger.legs.values()
    return not any(_fired(other) for other in legs if other.next_id == leg.venue_order_id)


def _terms_of(row: OrderRow, ticket: Ticket) -> Ticket:
    """Read an order's terms, as far as the venue tells them."""
    price = row.price if ticket.kind.is_limit and row.price is not None else ticket.price
    trigger = ticket.trigger_price if row.trigger_price is None else row.trigger_price
    quantity = ticket.quantity if row.quantity is None else row.quantity
    return replace(ticket, quantity=quantity, price=price, trigger_price=trigger)


def _fired(leg: Leg) -> bool:
    row = leg.last
    told = row is not None and (row.triggered or not row.kind.is_trigger)
    return told or leg.status is OrderStatus.TRIGGERED or bool(leg.fills)


def ticket_of(row: OrderRow) -> Ticket:
    """Read the terms of an order that we did not send."""
    return Ticket(
        symbol=row.symbol,
        client_order_id=row.client_order_id or "",
        side=row.side,
        kind=row.kind,
        quantity=row.quantity or Decimal(0),
        price=row.price,
        trigger_price=row.trigger_price,
        force=row.force,
        post_only=row.post_only,
        reduce_only=row.reduce_only,
    )

"""The orders of one client: found by any of their names, kept as long as facts may come."""

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from uuid import UUID

from ccxt_nt.ids import Codec
from ccxt_nt.orders.case import Case, ticket_of, waits
from ccxt_nt.orders.generations import generation_of, original, replacement
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.orders.ledger import Ledger
from ccxt_nt.orders.ledgers import Ledgers
from ccxt_nt.orders.namesakes import is_namesake
from ccxt_nt.orders.story import Told
from ccxt_nt.profiles import Profile
from ccxt_nt.values import FillRow, OrderRow

ORDERS_KEPT = 2_000  # orders that are over are remembered, for late and repeated facts


class Roster:
    """Who is who: names at the engine, names at the venue, ids, legs."""

    def __init__(
        self, profile: Profile, codec: Codec, *, rng: Random, secs: Callable[[], float]
    ) -> None:
        self.profile = profile
        self.aliases: dict[str, str] = {}  # a replacement's id at the venue -> the engine's id
        self._codec = codec
        self._rng = rng
        self._secs = secs
        self._ledgers = Ledgers(self.decode)
        self._cases: dict[int, Case] = {}  # by ledger
        self._by_id: dict[str, Case] = {}
        self._live: dict[int, Case] = {}  # those that are not over and done with
        self._done: deque[Case] = deque()  # oldest first

    def __iter__(self) -> Iterator[Case]:
        """Go through the orders that something may still be said of."""
        return iter(list(self._live.values()))

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
        told = None if leg is None else leg.client_id
        sent = case.names.get(leg_id or "", case.ticket.client_order_id)
        return OrderKey(
            symbol=case.ticket.symbol,
            client_id=told or sent or None,
            venue_order_id=leg_id,
            waiting=waits(case, leg),
            likeness=case.ticket if nameless else None,
            others=self._ids_but(case) if nameless else frozenset(),
            since_ms=case.since_ms,
        )

    def next_name(self, case: Case) -> str:
        """Make the client id of the order that will replace one, and know it for the same."""
        case.generation += 1
        try:
            text = self._codec.encode(replacement(case.client_order_id, case.generation))
        except ValueError:  # too long for the venue: a name that only this process can read
            text = self._codec.encode(str(UUID(int=self._rng.getrandbits(128), version=4)))
        self.aliases[text] = case.client_order_id
        case.aliases.append(text)
        return text

    def _ids_but(self, case: Case) -> frozenset[str]:
        everybody = self._cases.values()
        others = (each for each in everybody if each is not case and not each.is_external)
        return frozenset(leg_id for other in others for leg_id in other.ledger.legs)

    @property
    def symbols(self) -> set[str]:
        """List the symbols that have or had orders."""
        return {case.ticket.symbol for case in self._cases.values()}

    @property
    def alive(self) -> tuple[Case, ...]:
        """List the orders that the venue has, as far as we know."""
        return tuple(case for case in self if case.ledger.legs and not case.is_over)

    def is_of_another(self, case: Case, row: OrderRow) -> bool:
        """Say whether an order was claimed for another of ours meanwhile."""
        owner = self._owner(row.venue_order_id)
        return owner is not None and owner is not case and not owner.is_external

    def is_namesake(self, case: Case, row: OrderRow | FillRow) -> bool:
        """Say whether a row that names an order of ours is of somebody else's."""
        owner = self._owner(row.venue_order_id)
        was_there = owner is not None and owner is not case and owner.opened <= case.opened
        return was_there or is_namesake(case, row)

    def _owner(self, venue_order_id: str | None) -> Case | None:
        ledger = self._ledgers.by_venue(venue_order_id or "")
        return None if ledger is None else self._cases.get(id(ledger))

    # ---- coming and going ----

    def _enter(self, case: Case) -> None:
        self._cases[id(case.ledger)] = self._live[id(case.ledger)] = case

    def _rename(self, client_order_id: str) -> None:
        """Call somebody else's order of this name by its id: the name will be ours."""
        ledger = self._ledgers.by_client(client_order_id)
        other = None if ledger is None else self._cases.get(id(ledger))
        if other is not None and other.ledger.venue_order_id is not None:
            other.client_order_id = other.ledger.venue_order_id

    def _meet(self, ledger: Ledger, row: OrderRow) -> Case:
        """Begin an order that we did not send: somebody else's, or ours of an earlier run."""
        name = self._foreign_id(row)
        if name != row.venue_order_id:  # ours of an earlier run, or named like one
            ledger = self._ledgers.expect(name)
        case = Case(
            client_order_id=name,
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
            generation=self._generation(row),
        )
        self._enter(case)
        return case

    def _inherit(self, case: Case) -> None:
        """Take over what the engine heard under the names of orders that turned out to be this."""
        for ledger in case.ledger.absorbed:
            other = self._cases.get(id(ledger))
            if other is not None and other is not case and other.is_announced:
                case.told.fills |= other.told.fills
        case.ledger.absorbed.clear()

    def _leave(self, case: Case) -> None:
        """Set an order aside that is told to its end; of very many the oldest are forgotten."""
        if self._live.pop(id(case.ledger), None) is None:
            return
        self._done.append(case)
        while len(self._done) > ORDERS_KEPT:
            oldest = self._done.popleft()
            if id(oldest.ledger) not in self._live:
                self._forget(oldest)

    def _forget(self, case: Case) -> None:
        self._cases.pop(id(case.ledger), None)
        if self._by_id.get(case.client_order_id) is case:
            del self._by_id[case.client_order_id]
        for text in case.aliases:
            self.aliases.pop(text, None)
        self._ledgers.forget(case.ledger)

    def _generation(self, row: OrderRow) -> int:
        decoded = None if row.client_order_id is None else self._codec.decode(row.client_order_id)
        return 0 if decoded is None else generation_of(decoded)

    def _foreign_id(self, row: OrderRow) -> str:
        stops, named = self.profile.stops, row.client_order_id or ""
        if stops is not None and stops.names_fired and named.isdecimal():
            return row.venue_order_id  # it is called by the id of the trigger order that it was
        decoded = None if row.client_order_id is None else self.decode(row.client_order_id)
        return row.venue_order_id if decoded is None or decoded in self._by_id else decoded

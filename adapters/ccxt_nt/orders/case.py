"""One order between the engine and the venue, and what can be read from what is known of it."""

import asyncio
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ccxt_nt.orders.ledger import Ledger, Leg
from ccxt_nt.orders.story import Facts, Told
from ccxt_nt.values import FillRow, OrderKind, OrderRow, OrderStatus, Ticket

_LAG_SECS = 2.0  # one part of a venue may know so much later what another one told


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A replacement that was sent: what the order becomes once the venue is seen to have it."""

    client_id: str  # the replacement's, as the venue has it
    old_id: str  # of the leg that it is to replace
    terms: Ticket  # of the whole order then
    waits: bool = False  # sent as a trigger order

    def is_told_by(self, leg: Leg) -> bool:
        """Say whether a leg is the replacement."""
        named = [fill.client_order_id for fill in leg.fills.values()]
        if leg.last is not None:
            named.append(leg.last.client_order_id)
        return leg.venue_order_id != self.old_id and self.client_id in named


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
    asked_at: float = 0.0  # when a trigger order was last asked whether it fired
    faults: int = 0  # how often something could not be said
    misses: int = 0  # how many looks in a row did not find it
    missed_at: float = 0.0  # when the first of them was
    sightings: int = 0  # how many looks listed it as open though it was held to be over
    changed_at: float = 0.0  # when the engine was last told of new terms
    over_at: float | None = None  # when it was first seen to be over
    generation: int = 0  # how often it was replaced at the venue
    names: dict[str, str] = field(default_factory=dict)  # client ids of replaced orders, by id
    aliases: list[str] = field(default_factory=list)  # client ids of its replacements
    replacements: set[str] = field(default_factory=set)  # ids of trigger orders sent for others
    namesakes: set[str] = field(default_factory=set)  # ids of others' orders of the same name
    awaited: Awaited | None = None  # a replacement that the venue may have by now
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one command at a time
    fill_due: dict[str, float] = field(default_factory=dict)  # trade id -> when patience ends
    waiters: list[asyncio.Event] = field(default_factory=list)

    @property
    def has_fired(self) -> bool:
        """Say whether a trigger order went out."""
        return self.ticket.kind.is_trigger and any(map(fired, self.ledger.legs.values()))

    @property
    def is_waiting(self) -> bool:
        """Say whether it waits for its trigger price."""
        return self.ticket.kind.is_trigger and not self.has_fired

    @property
    def is_unlinked(self) -> bool:
        """Say whether a trigger order went out, and as what is not known."""
        current = None if self.is_gone else self.ledger.current
        return current is not None and self.ledger.is_unlinked(current)

    @property
    def is_rowless(self) -> bool:
        """Say whether fills wait for an order of which only they tell."""
        current = self.ledger.current if self.fill_due else None
        return current is not None and current.last is None and bool(current.fills)

    @property
    def is_mute(self) -> bool:
        """Say whether a market order was taken, and nothing was told of what it became."""
        is_ours = self.is_registered and not self.is_external and bool(self.ledger.legs)
        is_market = self.ticket.kind is OrderKind.MARKET
        return is_ours and is_market and not self.is_over and not self.ledger.fills

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


def facts_of(case: Case, past: Set[str]) -> Facts:
    """Sum up what is known of an order; `past` are trades from before the engine began."""
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
        fills=tuple(fill for fill in ledger.fills if not is_past(case, fill, past)),
        missing=ledger.missing,
        sure=is_sure(case),
        fired=case.has_fired,
        quantity=quantity_of(ledger),
    )


def quantity_of(ledger: Ledger) -> Decimal | None:
    """Tell the quantity of the whole: what other legs filled and what the present one is for."""
    current = ledger.current
    if current is None or current.last is None or current.last.quantity is None:
        return None
    others = ledger.filled - current.filled
    return others + current.last.quantity


def is_past(case: Case, fill: FillRow, past: Set[str]) -> bool:
    """Say whether a fill is in the balances and positions that the engine began with."""
    return fill.trade_id in past and fill.trade_id not in case.told.fills


def is_sure(case: Case) -> bool:
    """Say whether the venue's own words leave no room for an unknown fill."""
    if case.is_sure:
        return True
    rows = [leg.last for leg in case.ledger.legs.values() if leg.status]
    return not case.is_gone and all(
        row is not None and (row.filled is not None or row.status is OrderStatus.TRIGGERED)
        for row in rows
    )


def held_fills(
    case: Case, *, now: float, patience_secs: float, is_ready: Callable[[FillRow], bool]
) -> list[str]:
    """List the fills that wait for their fee, or for what they reduce, while patience lasts."""
    held = []
    for fill in case.ledger.fills:
        if fill.trade_id in case.told.fills or (fill.fee is not None and is_ready(fill)):
            case.fill_due.pop(fill.trade_id, None)
        elif now < case.fill_due.setdefault(fill.trade_id, now + patience_secs):
            held.append(fill.trade_id)
    return held


def room(case: Case) -> Decimal | None:
    """Count what may still fill, where that is not certain; more is held until it is.

    While a change is under way the venue's quantity may not be the one that was told, and of a leg
    that only its fills tell of it is not known.
    """
    told, known = case.told, quantity_of(case.ledger)
    if told.in_quote or told.closed or (known is not None and not case.turn.locked()):
        return None
    return max(told.quantity, known or Decimal(0)) - told.filled


def readiness(case: Case, can_reduce: Callable[[Case, FillRow], bool]) -> Callable[[FillRow], bool]:
    """Make the question whether the engine can take a fill, with all those before it."""
    taken, most = Decimal(0), room(case)

    def is_ready(fill: FillRow) -> bool:
        nonlocal taken
        taken += fill.quantity
        if most is not None and taken > most:
            return False
        whole = replace(fill, quantity=taken)
        return not case.ticket.reduce_only or can_reduce(case, whole)

    return is_ready


def may_be_of(trigger: Case, stranger: Case) -> bool:
    """Say whether an unknown order may be what a trigger order became since it was asked well."""
    mine, other = trigger.ticket, stranger.ticket
    alike = (mine.symbol, mine.side, mine.quantity) == (other.symbol, other.side, other.quantity)
    was_asked = trigger.asked_at > stranger.opened + _LAG_SECS
    return trigger is not stranger and alike and not was_asked


def waits(case: Case, leg: Leg | None) -> bool:
    """Say whether one leg of an order is asked for as a waiting trigger order.

    One that fired still is, until that told what it became.
    """
    if not case.ticket.kind.is_trigger or leg is None:
        return case.is_waiting
    if case.ledger.is_unlinked(leg):
        return True
    if case.ledger.became(leg) is not None:
        return False
    if leg.last is not None or leg.fills or leg.status is OrderStatus.TRIGGERED:
        return not fired(leg)
    if leg.venue_order_id in case.replacements:
        return True
    # Whatever else came after a leg is what a stop became, or was sent when it had fired
    legs = case.ledger.legs.values()
    later = {each.fired_id for each in legs} | {each.replaced_by for each in legs}
    return leg.venue_order_id not in later


def terms_of(row: OrderRow, ticket: Ticket, *, before: Decimal = Decimal(0)) -> Ticket:
    """Read an order's terms, as far as the venue tells them; `before` filled in earlier legs."""
    price = row.price if ticket.kind.is_limit and row.price is not None else ticket.price
    trigger = ticket.trigger_price if row.trigger_price is None else row.trigger_price
    quantity = ticket.quantity if row.quantity is None else row.quantity + before
    return replace(ticket, quantity=quantity, price=price, trigger_price=trigger)


def fired(leg: Leg) -> bool:
    """Say whether a trigger order went out."""
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


def with_quantity(case: Case, row: OrderRow) -> OrderRow | None:
    """Show an order with its quantity; one by cost has none before its end, None until then."""
    if row.quantity is not None:
        return row
    filled = case.ledger.filled
    if not case.is_over or case.ledger.missing or not filled:
        return None
    case.ticket = replace(case.ticket, quantity=filled)
    case.told.quantity = filled
    return replace(row, quantity=filled)

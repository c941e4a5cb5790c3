"""What the engine was told of an order, and what it must hear next: each thing once, in order."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ccxt_nt.values import FillRow, OrderKind, OrderStatus

_ZERO = Decimal(0)
_CLOSED = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The venue has the order."""

    venue_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """The trigger price was reached and a limit order went out."""

    venue_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The order has other terms, or another id at the venue."""

    venue_order_id: str
    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Somebody traded with the order."""

    fill: FillRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """A fill for which the order has no room: told as an order of its own."""

    fill: FillRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """What is left of the order will never fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The order's time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The venue refused the order, or definitely never had it."""

    reason: str
    would_take: bool = False  # refused because a post-only order would have taken


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """The order stays, though its end was asked for."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRefused:
    """The order keeps its terms, though others were asked for."""

    reason: str


type Saying = (
    Accepted
    | Triggered
    | Updated
    | Filled
    | Surplus
    | Canceled
    | Expired
    | Rejected
    | CancelRefused
    | ChangeRefused
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of an order at the venue."""

    kind: OrderKind
    status: OrderStatus
    venue_order_id: str | None  # of its latest leg
    fills: tuple[FillRow, ...] = ()
    missing: Decimal = _ZERO  # filled according to the venue, fills not yet known
    sure: bool = True  # every fill of a closed order was asked for
    fired: bool = False
    pending: bool = False  # the engine waits for the answer to a command, and hears of no trigger
    quantity: Decimal | None = None  # of the whole order, as the venue has it
    reason: str = "refused by the venue"


@dataclass(slots=True, kw_only=True)
class Told:
    """What the engine has heard of one order."""

    quantity: Decimal  # in the instrument's units; a cost where `in_quote`
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    in_quote: bool = False
    venue_order_id: str | None = None
    triggered: bool = False
    closed: bool = False
    fills: set[str] = field(default_factory=set)
    filled: Decimal = _ZERO

    def hear(self, saying: Saying) -> None:
        """Remember what was said."""
        match saying:
            case Accepted(venue_order_id=venue_order_id):
                self.venue_order_id = venue_order_id
            case Updated():
                self.venue_order_id = saying.venue_order_id
                self.quantity, self.in_quote = saying.quantity, False
                self.price, self.trigger_price = saying.price, saying.trigger_price
            case Triggered():
                self.triggered = True
            case Filled(fill=fill):
                self.fills.add(fill.trade_id)
                self.filled += fill.quantity
                self.closed = self.closed or (not self.in_quote and self.filled >= self.quantity)
            case Surplus(fill=fill):
                self.fills.add(fill.trade_id)
            case Canceled() | Expired() | Rejected():
                self.closed = True
            case CancelRefused() | ChangeRefused():
                pass


def due(facts: Facts, told: Told, *, held: Iterable[str] = ()) -> list[Saying]:
    """List what must be said now; `held` are trade ids that must wait for their fee.

    The caller lets `told` hear each of them. What cannot be said yet is due later.
    """
    if facts.venue_order_id is None or (told.closed and told.venue_order_id is None):
        return []
    if told.venue_order_id is None and _was_refused(facts):
        return [Rejected(reason=facts.reason)]
    sayings = _openings(facts, told)
    if told.in_quote and not _is_settled(facts):
        return sayings  # the quantity is a cost until the end, and fills would not fit into it
    waiting = set(held)
    new = [fill for fill in facts.fills if fill.trade_id not in told.fills]
    said = [fill for fill in new if fill.trade_id not in waiting]
    if len(said) == len(new):
        sayings += _last_terms(facts, told, new)
    sayings += _room(facts, told, said, _quantity(sayings, told))
    sayings += _fills(said, _quantity(sayings, told), told)
    if len(said) == len(new):
        sayings += _ending(facts, told, [s.fill for s in sayings if isinstance(s, Filled)])
    return sayings


def _quantity(sayings: list[Saying], told: Told) -> Decimal:
    """Read the quantity that the engine will know when it hears of the fills."""
    updates = [saying.quantity for saying in sayings if isinstance(saying, Updated)]
    return updates[-1] if updates else told.quantity


def _room(facts: Facts, told: Told, said: list[FillRow], quantity: Decimal) -> list[Saying]:
    """Tell of a larger quantity where an open order filled above the one that was told.

    That happens while the outcome of a change is not known, and where two stops of it fired.
    """
    total = told.filled + sum((fill.quantity for fill in said), _ZERO)
    most = facts.quantity or _ZERO
    if told.closed or told.in_quote or total <= quantity or most <= quantity:
        return []
    return [replace(_terms(facts, told), quantity=most)]


def _fills(fills: list[FillRow], quantity: Decimal, told: Told) -> list[Saying]:
    """Tell each fill of the order as long as there is room: a full order hears of no more."""
    sayings: list[Saying] = []
    filled = told.filled
    for fill in fills:
        if filled + fill.quantity <= quantity:
            filled += fill.quantity
            sayings.append(Filled(fill=fill))
        else:
            sayings.append(Surplus(fill=fill))
    return sayings


def _was_refused(facts: Facts) -> bool:
    return facts.status is OrderStatus.REJECTED and not facts.fills and not facts.missing


def _is_settled(facts: Facts) -> bool:
    return facts.status in _CLOSED and not facts.missing and facts.sure


def _openings(facts: Facts, told: Told) -> list[Saying]:
    """Say that it was accepted, that it triggered, that it has another id."""
    sayings: list[Saying] = []
    venue_order_id = str(facts.venue_order_id)
    if told.venue_order_id is None:
        sayings.append(Accepted(venue_order_id=venue_order_id))
    if told.closed:
        return sayings
    fired = facts.fired and facts.kind.is_limit and not told.triggered and not told.fills
    if fired and not facts.pending:
        sayings.append(Triggered(venue_order_id=venue_order_id))
    if told.venue_order_id not in (None, venue_order_id):
        sayings.append(_terms(facts, told))
    return sayings


def _terms(facts: Facts, told: Told) -> Updated:
    return Updated(
        venue_order_id=str(facts.venue_order_id),
        quantity=told.quantity,
        price=told.price,
        trigger_price=told.trigger_price,
    )


def _last_terms(facts: Facts, told: Told, new: list[FillRow]) -> list[Saying]:
    """Tell the true quantity before the last fill of an order that filled at another one.

    A market buy by cost has none before; a reduce-only order may have been cut to the position.
    """
    total = told.filled + sum((fill.quantity for fill in new), _ZERO)
    if told.closed or not new or not _is_settled(facts):
        return []
    if not told.in_quote and (facts.status is not OrderStatus.FILLED or total >= told.quantity):
        return []  # more than was asked for is refused by the engine, and noted elsewhere
    terms = _terms(facts, told)
    return [
        Updated(
            venue_order_id=terms.venue_order_id,
            quantity=total,
            price=terms.price,
            trigger_price=terms.trigger_price,
        )
    ]


def _ending(facts: Facts, told: Told, said: list[FillRow]) -> list[Saying]:
    if told.closed or not _is_settled(facts):
        return []
    total = told.filled + sum((fill.quantity for fill in said), _ZERO)
    if told.in_quote and said:
        return []  # its quantity was just set to what filled: it is over
    match facts.status:
        case OrderStatus.CANCELED:
            return [] if _is_full(total, told) else [Canceled()]
        case OrderStatus.EXPIRED:
            return [] if _is_full(total, told) else [Expired()]
        case OrderStatus.REJECTED:
            return [Canceled() if total else Rejected(reason=facts.reason)]
        case OrderStatus.FILLED if not said and not _is_full(total, told):
            return [Canceled()]  # cut by the venue after its fills were told
        case _:
            return []


def _is_full(total: Decimal, told: Told) -> bool:
    return not told.in_quote and total >= told.quantity

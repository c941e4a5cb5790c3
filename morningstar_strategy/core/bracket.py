"""Legs of a position at venue precision, and what must change so that they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from morningstar_strategy.core.commands import Direction

_FINEST_LOT = Decimal("1e-6")


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round a quantity or price down to a multiple of `step`."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round a quantity or price up to a multiple of `step`."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def tighter(direction: Direction, price: Decimal, tick: Decimal) -> Decimal:
    """Round a stop to the tick that loses less."""
    return ceil_to(price, tick) if direction is Direction.LONG else floor_to(price, tick)


def sooner(direction: Direction, price: Decimal, tick: Decimal) -> Decimal:
    """Round an entry or a take profit to the tick that pays no more than asked."""
    return floor_to(price, tick) if direction is Direction.LONG else ceil_to(price, tick)


def split(
    quantity: Decimal, fractions: Sequence[Decimal], lot: Decimal, minimum: Decimal
) -> tuple[Decimal, ...]:
    """Split a quantity over the take profits in lots.

    Each part is a multiple of `lot`, is zero or at least `minimum`, and together they are exactly
    `quantity`. What rounding or a too small part leaves over goes to the last part that stands.
    """
    parts: list[Decimal] = []
    left = quantity
    for fraction in fractions[:-1]:
        # A third is told to twelve digits, and a third of nine lots is three of them all the same
        lots = (quantity * fraction / lot).quantize(_FINEST_LOT, ROUND_HALF_EVEN)
        part = lots.to_integral_value(ROUND_DOWN) * lot
        part = part if part >= minimum else Decimal(0)
        part = min(part, left)
        left -= part
        parts.append(part)
    parts.append(left)
    return _absorb_small_rest(parts, minimum)


def _absorb_small_rest(parts: list[Decimal], minimum: Decimal) -> tuple[Decimal, ...]:
    """Give a last part below the minimum to the one before it that stands."""
    if 0 < parts[-1] < minimum:
        for index in range(len(parts) - 2, -1, -1):
            if parts[index] > 0:
                parts[index] += parts[-1]
                parts[-1] = Decimal(0)
                break
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingExit:
    """An exit order that is not done: its open quantity, and whether it may be changed now."""

    order_id: str
    price: Decimal
    quantity: Decimal
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """What protects and closes one position now, beside what should.

    `targets` are the wanted take profits (price, quantity), `working_targets` what stands for
    each, None where nothing does.
    """

    direction: Direction
    open_quantity: Decimal
    stop_price: Decimal
    stops: tuple[WorkingExit, ...]
    stop_refused: bool
    targets: tuple[tuple[Decimal, Decimal], ...]
    working_targets: tuple[WorkingExit | None, ...]
    closing: bool
    close_working: bool
    entry_done: bool = False  # nothing more can be filled, so the stop need not be larger
    stop_fixed: bool = False  # the venue has refused to change the stop

    @property
    def is_settled(self) -> bool:
        """Say whether the venue has confirmed every exit and none is still to be sent."""
        targets = (target for target in self.working_targets if target is not None)
        return not self.closing and all(exit_.settled for exit_ in (*self.stops, *targets))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStop:
    """Put a stop for this quantity."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStop:
    """Give the working stop this open quantity and price."""

    order_id: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTarget:
    """Put the take profit with this index."""

    index: int
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelExit:
    """Take this exit order back."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAtMarket:
    """Close this quantity now."""

    quantity: Decimal
    reason: str


type Change = PlaceStop | MoveStop | PlaceTarget | CancelExit | CloseAtMarket


def wanted_targets(
    open_quantity: Decimal,
    filled: Sequence[Decimal],
    fractions: Sequence[Decimal],
    lot: Decimal,
    minimum: Decimal,
) -> tuple[Decimal, ...]:
    """Give each take profit the quantity still to close; together they are the open quantity.

    `filled` is what each of them has closed already.
    """
    whole = open_quantity + sum(filled, Decimal(0))
    wanted = [
        max(part - done, Decimal(0))
        for part, done in zip(split(whole, fractions, lot, minimum), filled, strict=True)
    ]
    excess = sum(wanted, Decimal(0)) - open_quantity
    for index in range(len(wanted) - 1, -1, -1):
        cut = min(excess, wanted[index])
        wanted[index] -= cut
        excess -= cut
    return tuple(wanted)


def changes(bracket: Bracket) -> tuple[Change, ...]:
    """List what to send so that the stop covers the whole position and the targets equal it.

    The stop comes first, and an existing one is never taken back while something is open.
    """
    if bracket.open_quantity <= 0:
        left = (*bracket.stops, *(t for t in bracket.working_targets if t is not None))
        return tuple(CancelExit(order_id=exit_.order_id) for exit_ in left)
    stop = _stop_changes(bracket)
    if bracket.closing or bracket.stop_refused:
        reason = "stop refused" if bracket.stop_refused else "closing"
        return (*stop, *_close_changes(bracket, reason))
    return (*stop, *_target_changes(bracket))


def _stop_changes(bracket: Bracket) -> tuple[Change, ...]:
    if bracket.stop_refused:
        return ()
    if not bracket.stops:
        return (PlaceStop(quantity=bracket.open_quantity, price=bracket.stop_price),)
    first, *spare = bracket.stops
    if not first.settled:
        return ()
    if bracket.stop_fixed:
        return _stop_beside(bracket)
    too_large = bracket.entry_done and first.quantity > bracket.open_quantity
    if too_large or first.price != bracket.stop_price or first.quantity < bracket.open_quantity:
        return (
            MoveStop(
                order_id=first.order_id,
                quantity=bracket.open_quantity
                if bracket.entry_done
                else max(first.quantity, bracket.open_quantity),
                price=bracket.stop_price,
            ),
        )
    return tuple(CancelExit(order_id=stop.order_id) for stop in spare)


def _stop_beside(bracket: Bracket) -> tuple[Change, ...]:
    """Put what is missing where the stop belongs; what stands elsewhere goes when that stands."""
    right = [stop for stop in bracket.stops if stop.price == bracket.stop_price]
    missing = bracket.open_quantity - sum((stop.quantity for stop in right), Decimal(0))
    if missing > 0:
        return (PlaceStop(quantity=missing, price=bracket.stop_price),)
    if not all(stop.settled for stop in right):
        return ()
    wrong = [stop for stop in bracket.stops if stop.price != bracket.stop_price]
    return tuple(CancelExit(order_id=stop.order_id) for stop in wrong)


def _close_changes(bracket: Bracket, reason: str) -> tuple[Change, ...]:
    cancels = tuple(
        CancelExit(order_id=target.order_id)
        for target in bracket.working_targets
        if target is not None
    )
    if bracket.close_working:
        return cancels
    return (*cancels, CloseAtMarket(quantity=bracket.open_quantity, reason=reason))


def _target_changes(bracket: Bracket) -> tuple[Change, ...]:
    found: list[Change] = []
    pairs = zip(bracket.targets, bracket.working_targets, strict=True)
    for index, ((price, quantity), working) in enumerate(pairs):
        if working is None:
            if quantity > 0:
                found.append(PlaceTarget(index=index, quantity=quantity, price=price))
        elif working.quantity != quantity or working.price != price:
            found.append(CancelExit(order_id=working.order_id))
    return tuple(found)

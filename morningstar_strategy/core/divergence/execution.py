"""The rungs of what became of it: orders, fills and equity."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.divergence.aligning import Pair, align, in_order
from morningstar_strategy.core.divergence.decisions import Compared, compared_of
from morningstar_strategy.core.divergence.reading import STRAY, OrderTold, Told
from morningstar_strategy.core.divergence.telling import (
    alone,
    changes_of,
    first_of,
    found_of,
    listed,
)
from morningstar_strategy.core.divergence.values import Cause, Found, PlanKey, Rung, Step, utc

__all__ = ["Matched", "compare_fills", "compare_orders", "matched_orders", "same_charge"]

_REFUSALS: Final = frozenset({"rejected", "denied", "modify rejected", "cancel rejected"})
_REFUSED: Final = frozenset({"rejected", "denied"})
_ENDS: Final = frozenset({"canceled", "expired"})
_ROUNDING: Final = Decimal("1e-6")  # money that a venue's rounding may add to a fill
_SHARE: Final = Decimal("1e-6")


def compare_orders(a: Told, b: Told, *, slack_ns: int) -> Compared:
    """Compare what was planned and what became of the orders.

    Of two simulations every event counts; beside a venue, which tells more of them, refusals and
    entries that ended unfilled.
    """
    sides = (a.side, b.side)
    plans = align(a.plans, b.plans, sides=sides, slack_ns=None)
    found: list[Found] = []
    for pair in plans.pairs:
        match pair:
            case (Step() as ours, Step() as theirs):
                if changes := changes_of(ours.fields, theirs.fields):
                    step = first_of(ours, theirs)
                    found.append(found_of(Rung.ORDERS, Cause.RISK_STATE, step, listed(changes)))
            case _:
                found.append(alone(Rung.ORDERS, Cause.RISK_STATE, pair, (a, b), "the plan"))
    exact = a.side.simulated and b.side.simulated
    events = align(_events(a, exact=exact), _events(b, exact=exact), sides=sides, slack_ns=None)
    for pair in events.pairs:
        if not _was_refused(pair, a, b):
            found.extend(_event(pair, (a, b), slack_ns))
    both = compared_of(found, len(plans.pairs) + len(events.pairs), plans)
    return Compared(
        found=both.found,
        compared=both.compared,
        outside_a=plans.outside_a + events.outside_a,
        outside_b=plans.outside_b + events.outside_b,
    )


def _events(told: Told, *, exact: bool) -> list[Step]:
    if exact:
        return told.events
    filled = {(order.plan, order.role) for order in told.orders.values()}
    return [step for step in told.events if _matters(step, filled)]


def _matters(step: Step, filled: set[tuple[PlanKey, str]]) -> bool:
    *plan, role, word = step.key
    if word in _REFUSALS:
        return True
    name, bar, nth = plan
    key = (f"{name}", int(bar), int(nth))
    return word in _ENDS and role == "entry" and (key, "entry") not in filled


def _was_refused(pair: Pair, a: Told, b: Told) -> bool:
    """Say whether one run lacks an event since its order was refused: the refusal tells it all."""
    match pair:
        case (Step() as step, None):
            lacking = b
        case (None, Step() as step):
            lacking = a
        case _:
            return False
    *order, word = step.key
    return word not in _REFUSALS and any((*order, each) in lacking.happened for each in _REFUSED)


def _event(pair: Pair, told: tuple[Told, Told], slack_ns: int) -> list[Found]:
    match pair:
        case (Step() as ours, Step() as theirs):
            return _event_apart(ours, theirs, slack_ns)
        case (Step() as step, None) | (None, Step() as step):
            said = alone(Rung.ORDERS, Cause.RISK_STATE, pair, told, _named(step)).says
            reason = step.fields.get("reason")
            said = f"{said}: {reason}" if reason else said
            word = f"{step.key[-1]}"
            certain = word in _REFUSALS
            return [found_of(Rung.ORDERS, _why(word), step, said, certain=certain)]
        case _:
            return []


def _event_apart(ours: Step, theirs: Step, slack_ns: int) -> list[Found]:
    step = first_of(ours, theirs)
    told = [{**each.fields, "reason": None} for each in (ours, theirs)]
    if changes := changes_of(told[0], told[1]):
        said = f"{_named(step)}: {listed(changes)}"
        return [found_of(Rung.ORDERS, Cause.RISK_STATE, step, said)]
    apart = theirs.ts_event - ours.ts_event
    if abs(apart) <= slack_ns:
        return []
    said = f"{_named(step)} {abs(apart) / 1e9:g} s {'later' if apart > 0 else 'earlier'}"
    return [found_of(Rung.ORDERS, Cause.LATENCY, step, said, structural=False)]


def _named(step: Step) -> str:
    return f"order of role {step.key[-2]} {step.key[-1]}"


def _why(word: str) -> Cause:
    """Say what an order event that only one run has speaks for."""
    refused = word in ("rejected", "modify rejected", "cancel rejected", *_ENDS)
    return Cause.VENUE_REJECTION if refused else Cause.RISK_STATE  # by hand, or limits of our own


# ------------------------------------------------------------ fills


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The same order in both runs, None where one has no fill of it."""

    a: OrderTold | None
    b: OrderTold | None

    @property
    def either(self) -> OrderTold:
        """Give the order that was filled first."""
        orders = [order for order in (self.a, self.b) if order is not None]
        return min(orders, key=lambda order: (order.ts_event, order.seq))


def matched_orders(a: Told, b: Told) -> tuple[Matched, ...]:
    """Pair the filled orders by plan, role and instrument, in the order of their first fills."""
    groups: dict[tuple[PlanKey, str, str], tuple[list[OrderTold], list[OrderTold]]] = {}
    for which, told in enumerate((a, b)):
        for order in sorted(told.orders.values(), key=lambda each: (each.ts_event, each.seq)):
            key = (order.plan, order.role, order.instrument_id)
            groups.setdefault(key, ([], []))[which].append(order)
    return tuple(
        Matched(a=mine, b=other)
        for ours, theirs in groups.values()
        for mine, other in in_order(ours, theirs, slack_ns=None)
    )


def compare_fills(a: Told, b: Told, *, slack_ns: int) -> Compared:
    """Compare what was filled of each order: how much, at what price, cost and time."""
    found: list[Found] = []
    outside = [0, 0]
    compared = 0
    for matched in matched_orders(a, b):
        which = _outside(matched, a, b, slack_ns)
        if which is not None:
            outside[which] += 1
            continue
        compared += 1
        if _was_ended(matched, a, b):
            continue
        inherits = _planned_apart(matched.either.plan, a, b)
        if matched.a is None or matched.b is None:
            found.append(_lone_fill(matched, a, b, inherits=inherits))
        else:
            found.extend(_unlike(matched.a, matched.b, slack_ns, inherits=inherits))
    return Compared(
        found=tuple(found), compared=compared, outside_a=outside[0], outside_b=outside[1]
    )


def _was_ended(matched: Matched, a: Told, b: Told) -> bool:
    """Say whether one run lacks a fill since its order was refused or ended: that tells it all."""
    order = matched.either
    lacking = b if matched.b is None else a if matched.a is None else None
    if lacking is None:
        return False
    words = _REFUSED | _ENDS if order.role == "entry" else _REFUSED
    return any((*order.plan, order.role, word) in lacking.happened for word in words)


def _outside(matched: Matched, a: Told, b: Told, slack_ns: int) -> int | None:
    if matched.b is None and not b.side.covers(matched.either.ts_event, slack_ns):
        return 0
    if matched.a is None and not a.side.covers(matched.either.ts_event, slack_ns):
        return 1
    return None


def _planned_apart(plan: PlanKey, a: Told, b: Told) -> bool:
    """Say whether the plan itself differs, so that its fills could not be the same."""
    ours, theirs = a.setups.get(plan), b.setups.get(plan)
    if ours is None or theirs is None:
        return ours is not theirs
    return bool(changes_of(ours.fields, theirs.fields))


def _lone_fill(matched: Matched, a: Told, b: Told, *, inherits: bool) -> Found:
    order = matched.either
    having, lacking = (a, b) if matched.b is None else (b, a)
    cause, why = Cause.MISSING_FILL, ""
    stray = order.plan[1] == STRAY and a.side.has_decisions and b.side.has_decisions
    if stray:
        cause, why = Cause.RISK_STATE, ", of an order that no plan knows"
    elif order.role != "entry" and (other := _other_exit(order.plan, having, lacking)):
        cause, why = Cause.PRICE, f"; {lacking.side.name} left by {other}"
    said = f"{_fill(order)} is in {having.side.name} alone{why}"
    return _of(order, cause, said, inherits=inherits, certain=stray)


def _other_exit(plan: PlanKey, having: Told, lacking: Told) -> str:
    """Name by which role a run left the plan that the other did not leave it by."""
    roles = [{order.role for order in told.by_plan.get(plan, ())} for told in (having, lacking)]
    return ", ".join(sorted(roles[1] - roles[0]))


def _unlike(a: OrderTold, b: OrderTold, slack_ns: int, *, inherits: bool) -> list[Found]:
    order = min(a, b, key=lambda each: (each.ts_event, each.seq))
    named = f"{order.role} of {order.instrument_id}"
    found: list[Found] = []
    if a.filled != b.filled:
        said = f"{named}: quantity {abs(a.filled):f} → {abs(b.filled):f}"
        found.append(_of(order, Cause.PARTIAL_FILL, said, inherits=inherits))
    apart = b.last_ns - a.last_ns
    if abs(apart) > slack_ns:
        said = f"{named}: filled {abs(apart) / 1e9:g} s {'later' if apart > 0 else 'earlier'}"
        found.append(_of(order, Cause.LATENCY, said, structural=False, inherits=inherits))
    if abs(b.price - a.price) > _SHARE * abs(a.price):
        said = f"{named}: price {a.price.normalize():f} → {b.price.normalize():f}"
        found.append(_of(order, Cause.PRICE, said, structural=False, inherits=inherits))
    if not same_charge(a, a.slippage, b, b.slippage):
        said = f"{named}: slippage charged {a.slippage:f} → {b.slippage:f}"
        found.append(_of(order, Cause.PRICE, said, structural=False))
    if not same_charge(a, a.fee, b, b.fee):
        said = f"{named}: fee {a.fee:f} → {b.fee:f}"
        found.append(_of(order, Cause.FEE, said, structural=False))
    return found


def same_charge(a: OrderTold, cost_a: Decimal, b: OrderTold, cost_b: Decimal) -> bool:
    """Say whether two costs are alike: the same for each coin, or the same share of its worth.

    What a venue rounds is left aside.
    """
    if not (a.value and b.value):
        return cost_a == cost_b
    expected = (cost_a * (b.filled / a.filled), cost_a * (b.value / a.value))
    return any(abs(cost_b - cost) <= _ROUNDING + _SHARE * abs(cost) for cost in expected)


def _fill(order: OrderTold) -> str:
    side = "buy" if order.filled > 0 else "sale"
    return (
        f"the {order.role} {side} of {abs(order.filled):f} {order.instrument_id} at "
        f"{order.price.normalize():f} of {utc(order.ts_event)}"
    )


def _of(
    order: OrderTold,
    cause: Cause,
    said: str,
    *,
    structural: bool = True,
    inherits: bool = False,
    certain: bool = False,
) -> Found:
    return Found(
        rung=Rung.FILLS,
        natural=cause,
        instrument_id=order.instrument_id,
        ts_event=order.ts_event,
        seq=order.seq,
        says=said,
        plan=order.plan,
        structural=structural,
        inherits=inherits,
        certain=certain,
    )

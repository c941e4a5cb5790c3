"""Criterion six: what is held has a working stop, but for seconds."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from live.auditing.findings import SECOND_NS, Criterion, Finding, Verdict, moment
from live.auditing.session import Asked, Session
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.ledger import Role
from morningstar_strategy.core.records import Kind, Record, RecordError

__all__ = ["protection"]

_ZERO: Final = Decimal(0)
_GONE: Final = frozenset({"canceled", "expired", "rejected", "denied"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bare:
    """A stretch without a working stop."""

    what: str
    from_ns: int
    secs: Decimal


@dataclass(slots=True, kw_only=True)
class _Watched:
    """One plan as its orders and fills tell of it."""

    name: str
    held: Decimal = _ZERO
    stops: set[str] = field(default_factory=set)
    bare_from: int | None = None


def protection(session: Session, asked: Asked) -> Finding:
    """Find the longest time unprotected, as the guard says and as orders and fills tell."""
    end_ns = max((record.ts_event for record in session.records), default=0)
    guarded, derived = _guarded(session, end_ns), _derived(session, end_ns)
    found = sorted([*guarded, *derived], key=lambda bare: -bare.secs)
    longest = max((bare.secs for bare in found), default=_ZERO)
    held = any(text(r, "role") == Role.ENTRY.value for r in session.of(Kind.FILL))
    says = f"without a working stop for {longest} s at most, {asked.max_unprotected_secs} s allowed"
    return Finding(
        criterion=Criterion.PROTECTION,
        verdict=Verdict.FAIL if longest > asked.max_unprotected_secs else Verdict.PASS,
        says=says if held or found else "nothing was held, so this proves nothing",
        evidence={
            "longest_secs": f"{longest:f}",
            "limit_secs": f"{asked.max_unprotected_secs:f}",
            "by_guard": f"{max((b.secs for b in guarded), default=_ZERO):f}",
            "by_orders": f"{max((b.secs for b in derived), default=_ZERO):f}",
            "guard_records": sum(1 for _ in session.of(Kind.GUARD)),
            "vacuous": not (held or found),
        },
        faults=tuple(
            f"{bare.what} had no working stop for {bare.secs} s from {moment(bare.from_ns)}"
            for bare in found
            if bare.secs > asked.max_unprotected_secs
        ),
    )


def _guarded(session: Session, end_ns: int) -> list[_Bare]:
    """Read what the guard says; what it never called protected again lasts to the end."""
    found: list[_Bare] = []
    left: dict[str, _Bare] = {}
    for record in session.of(Kind.GUARD):
        name, secs = record.instrument_id, _secs(record)
        began = record.ts_event - int(secs * SECOND_NS)
        bare = _Bare(what=f"{name} (says the guard)", from_ns=began, secs=secs)
        if text(record, "state") == "unprotected":
            left.setdefault(name, bare)
            found.append(bare)
        else:
            found.append(_until(left.pop(name, bare), record.ts_event, at_least=secs))
    found.extend(_until(bare, end_ns, at_least=bare.secs) for bare in left.values())
    return found


def _until(bare: _Bare, end_ns: int, *, at_least: Decimal) -> _Bare:
    lasted = Decimal(end_ns - bare.from_ns) / SECOND_NS
    return _Bare(what=bare.what, from_ns=bare.from_ns, secs=max(lasted, at_least))


def _secs(record: Record) -> Decimal:
    value = record.fields.get("secs")
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise RecordError(
            f"secs of the guard record at {record.ts_event} must be a number >= 0, was {value!r}"
        )
    return Decimal(str(value))


def _derived(session: Session, end_ns: int) -> list[_Bare]:
    """Follow fills and stops of every plan that began in this journal."""
    plans: dict[str, _Watched] = {}
    found: list[_Bare] = []
    for record in session.of(Kind.PLAN, Kind.ORDER, Kind.FILL):
        state = text(record, "state")
        if state == "PENDING":
            order_id = text(record, "order_id")
            plans[order_id] = _Watched(name=f"{record.instrument_id} plan {order_id}")
            continue
        plan = plans.get(text(record, "plan_id") or text(record, "order_id"))
        if plan is None:
            continue
        if record.kind is Kind.PLAN and state != "ACTIVE":
            plan.held = _ZERO
        _follow(plan, record)
        _note(plan, record.ts_event, found)
    for plan in plans.values():
        plan.held = _ZERO
        _note(plan, end_ns, found)
    return found


def _follow(plan: _Watched, record: Record) -> None:
    role = text(record, "role")
    if record.kind is Kind.FILL:
        sign = 1 if role == Role.ENTRY.value else -1
        plan.held += sign * money(record, "quantity")
    elif record.kind is Kind.ORDER and role == Role.STOP.value:
        if text(record, "event") == "accepted":
            plan.stops.add(text(record, "order_id"))
        elif text(record, "event") in _GONE:
            plan.stops.discard(text(record, "order_id"))


def _note(plan: _Watched, now_ns: int, found: list[_Bare]) -> None:
    """Begin or end a stretch in which something is held without a stop."""
    is_bare = plan.held > 0 and not plan.stops
    if is_bare and plan.bare_from is None:
        plan.bare_from = now_ns
    elif not is_bare and plan.bare_from is not None:
        secs = Decimal(now_ns - plan.bare_from) / SECOND_NS
        found.append(_Bare(what=plan.name, from_ns=plan.bare_from, secs=secs))
        plan.bare_from = None

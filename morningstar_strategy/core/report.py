"""The report of a run: what its records amount to, as one frozen value."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from math import isfinite
from typing import Final

import numpy as np

from morningstar_strategy.core.costs import Costs, reconcile
from morningstar_strategy.core.curves import (
    DAY_NS,
    Basket,
    Days,
    Marks,
    Month,
    Prices,
    daily,
    hold,
    marks_of,
    monthly,
)
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.plans import PlanRow, PlanSummary, plan_rows, summarize
from morningstar_strategy.core.records import Kind, Record, Value
from morningstar_strategy.core.sharpe import SharpeEvidence, sharpe_evidence

__all__ = [
    "Denial",
    "FillMark",
    "Head",
    "HealthMark",
    "Prices",
    "Report",
    "RuleCount",
    "build_report",
    "to_dict",
]

_KEPT: Final = frozenset(Kind) - {Kind.ASSESSMENT, Kind.ORDER, Kind.EXCHANGE, Kind.REVIEW}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What was run and how it ended; `max_drawdown` is the deepest recorded at a mark."""

    start_ns: int
    end_ns: int
    days: float
    instruments: tuple[str, ...]
    synthetic: bool
    currency: str
    starting_equity: Decimal
    ending_equity: Decimal
    simple_return: float
    max_drawdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """How often a rule denied, with the reason it gave first."""

    rule: str
    count: int
    example: str
    instrument_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How often a rule or an action occurred."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMark:
    """Something about the run itself, such as a halt."""

    ts_event: int
    instrument_id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillMark:
    """A fill as it is drawn on the price chart."""

    ts_event: int
    instrument_id: str
    plan_id: str
    role: str
    side: str
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """Everything that is shown of a run."""

    head: Head
    marks: Marks
    days: Days
    months: tuple[Month, ...]
    basket: Basket | None
    plans: tuple[PlanRow, ...]
    summary: PlanSummary
    costs: Costs
    sharpe: SharpeEvidence | None
    actions: tuple[RuleCount, ...]  # commands put before the gate
    approved: int
    denials: tuple[Denial, ...]
    shrinks: tuple[RuleCount, ...]
    health: tuple[HealthMark, ...]
    fills: tuple[FillMark, ...]
    prices: tuple[Prices, ...]


def build_report(
    records: Iterable[Record],
    *,
    prices: Sequence[Prices],
    starting_equity: Decimal,
    currency: str,
    synthetic: bool,
    trials: int,
    trial_sharpes: Sequence[float],
) -> Report:
    """Turn the records of a run and the prices it saw into its report.

    `trials` is how many runs were tried on the same data, `trial_sharpes` their daily, not
    annualised, Sharpe ratios as far as known. Raises RecordError for records without equity or
    with a field that cannot be read, ValueError for a starting equity that is not positive.
    """
    if not (starting_equity.is_finite() and starting_equity > 0):
        raise ValueError(f"starting_equity must be positive, was {starting_equity}")
    kept = [record for record in records if record.kind in _KEPT]
    by_kind = {kind: [record for record in kept if record.kind is kind] for kind in _KEPT}
    equities = by_kind[Kind.EQUITY]
    plans = plan_rows(kept)
    traded = sorted({row.instrument_id for row in plans})
    named = dict.fromkeys([*(price.instrument_id for price in prices), *traded])
    marks = marks_of(equities, tuple(named))
    days = daily(marks, float(starting_equity))
    head = _head(marks, equities, starting_equity, currency=currency, synthetic=synthetic)
    rulings = by_kind[Kind.RULING]
    return Report(
        head=head,
        marks=marks,
        days=days,
        months=monthly(marks, float(starting_equity)),
        basket=hold(prices),
        plans=plans,
        summary=summarize(plans, start_ns=head.start_ns, end_ns=head.end_ns),
        costs=reconcile(by_kind[Kind.FILL], by_kind[Kind.FUNDING], equities[-1], starting_equity),
        sharpe=sharpe_evidence(days.simple_return, trials=trials, trial_sharpes=trial_sharpes),
        actions=_counted(text(record, "action") for record in rulings),
        approved=sum(text(record, "ruling") == "approved" for record in rulings),
        denials=_denials(rulings),
        shrinks=_counted(name for record in rulings for name in _shrunk(record)),
        health=tuple(_health(record) for record in by_kind[Kind.HEALTH]),
        fills=tuple(_fill(record) for record in by_kind[Kind.FILL]),
        prices=tuple(prices),
    )


def _head(
    marks: Marks,
    equities: Sequence[Record],
    starting_equity: Decimal,
    *,
    currency: str,
    synthetic: bool,
) -> Head:
    start_ns, end_ns = int(marks.ts_event[0]), int(marks.ts_event[-1])
    ending = money(equities[-1], "equity")
    return Head(
        start_ns=start_ns,
        end_ns=end_ns,
        days=(end_ns - start_ns) / DAY_NS,
        instruments=marks.instruments,
        synthetic=synthetic,
        currency=currency,
        starting_equity=starting_equity,
        ending_equity=ending,
        simple_return=float(ending / starting_equity - 1),
        max_drawdown=float(marks.drawdown.max()),
    )


def _counted(names: Iterable[str]) -> tuple[RuleCount, ...]:
    """Count names, the most frequent first."""
    found = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    return tuple(RuleCount(name=name, count=count) for name, count in found)


def _shrunk(ruling: Record) -> list[str]:
    names = ruling.fields.get("shrunk", [])
    return [f"{name}" for name in names] if isinstance(names, list) else []


def _denials(rulings: Sequence[Record]) -> tuple[Denial, ...]:
    denied = [record for record in rulings if text(record, "ruling") == "denied"]
    first: dict[str, Record] = {}
    for record in denied:
        first.setdefault(text(record, "rule"), record)
    return tuple(
        Denial(
            rule=rule.name,
            count=rule.count,
            example=text(first[rule.name], "reason"),
            instrument_id=first[rule.name].instrument_id,
        )
        for rule in _counted(text(record, "rule") for record in denied)
    )


def _health(record: Record) -> HealthMark:
    return HealthMark(
        ts_event=record.ts_event,
        instrument_id=record.instrument_id,
        state=text(record, "state"),
        reason=text(record, "reason"),
    )


def _fill(record: Record) -> FillMark:
    return FillMark(
        ts_event=record.ts_event,
        instrument_id=record.instrument_id,
        plan_id=text(record, "plan_id"),
        role=text(record, "role"),
        side=text(record, "side"),
        quantity=money(record, "quantity"),
        price=money(record, "price"),
    )


def to_dict(report: Report) -> dict[str, Value]:
    """Write a report as JSON values: money as exact text, curves as one value per UTC day.

    Figures that do not exist are null; fills and prices are left out, since the journal and the
    catalog hold them.
    """
    costs, plans, basket = report.costs, report.plans, report.basket
    held: Value = None
    if basket is not None:
        held = {"simple_return": basket.simple_return, "instruments": dict(basket.instruments)}
    return {
        "head": _plain(report.head),
        "daily": _plain(report.days),
        "monthly": _plain(report.months),
        "buy_and_hold": held,
        "plans": [{**_flat(row), "net": _plain(row.net)} for row in plans],
        "summary": _plain(report.summary),
        "costs": {
            **_flat(costs),
            "total": _plain(costs.total),
            "reconciled": costs.reconciled,
        },
        "sharpe": _plain(report.sharpe),
        "gate": {
            "actions": _plain(report.actions),
            "approved": report.approved,
            "denials": _plain(report.denials),
            "shrinks": _plain(report.shrinks),
        },
        "health": _plain(report.health),
    }


def _flat(value: object) -> dict[str, Value]:
    if not is_dataclass(value):
        raise TypeError(f"{value!r} is not a dataclass")
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> Value:
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return value if isfinite(value) else None
        case Decimal():
            return f"{value:f}"
        case tuple():
            return [_plain(item) for item in value]
        case np.ndarray():
            return [_plain(item) for item in value.tolist()]
        case _:
            return _flat(value)

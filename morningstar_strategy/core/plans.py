"""The trade plans of a run, put together from its records."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.fields import money, money_or_none, text
from morningstar_strategy.core.records import Kind, Record, RecordError

__all__ = ["Group", "PlanRow", "PlanSummary", "Standing", "plan_rows", "summarize"]

_ZERO: Final = Decimal(0)


class Standing(StrEnum):
    """Where a plan stood at the end of the run."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One plan from its planning to its end; times are UNIX nanoseconds, money is exact.

    `costs` are fees with slippage, of which `slippage` is the modelled part; `funding` is what the
    instrument paid (negative) or received while the plan was active.
    """

    order_id: str
    instrument_id: str
    direction: str = ""
    standing: Standing = Standing.PENDING
    planned_ns: int
    opened_ns: int | None = None
    ended_ns: int | None = None
    quantity: Decimal = _ZERO
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None
    stop_loss_price: Decimal | None = None
    gross: Decimal = _ZERO
    costs: Decimal = _ZERO
    slippage: Decimal = _ZERO
    funding: Decimal = _ZERO
    planned_reason: str = ""
    end_reason: str = ""

    @property
    def net(self) -> Decimal:
        """Give what the plan earned after fees, slippage and funding."""
        return self.gross - self.costs + self.funding


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Plans that have something in common."""

    name: str
    count: int
    wins: int
    gross: Decimal
    costs: Decimal
    funding: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """What the closed plans amount to; a plan wins when its net result is above zero."""

    planned: int
    closed: int
    wins: int
    losses: int
    win_rate: float | None
    average_net: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    best: Decimal | None
    worst: Decimal | None
    average_holding_secs: float | None
    time_in_market: float  # fraction of the span in which at least one plan was active
    by_outcome: tuple[Group, ...]
    by_reason: tuple[Group, ...]
    by_direction: tuple[Group, ...]
    by_instrument: tuple[Group, ...]


def plan_rows(records: Iterable[Record]) -> tuple[PlanRow, ...]:
    """Put plans together from plan, fill and funding records, in the order of planning."""
    rows: dict[str, PlanRow] = {}
    active: dict[str, str] = {}  # instrument to the plan that is open on it
    for record in records:
        match record.kind:
            case Kind.PLAN:
                row = _stated(rows, record)
                rows[row.order_id] = row
                _follow(active, row)
            case Kind.FILL if (plan_id := text(record, "plan_id")) in rows:
                rows[plan_id] = _filled(rows[plan_id], record)
            case Kind.FUNDING if (plan_id := active.get(record.instrument_id, "")) in rows:
                row = rows[plan_id]
                rows[plan_id] = replace(row, funding=row.funding + money(record, "amount"))
            case _:
                continue
    return tuple(sorted(rows.values(), key=lambda row: row.planned_ns))


def _follow(active: dict[str, str], row: PlanRow) -> None:
    if row.standing is Standing.ACTIVE:
        active[row.instrument_id] = row.order_id
    elif active.get(row.instrument_id) == row.order_id:
        del active[row.instrument_id]


def _stated(rows: dict[str, PlanRow], record: Record) -> PlanRow:
    order_id = text(record, "order_id")
    row = rows.get(order_id) or PlanRow(
        order_id=order_id, instrument_id=record.instrument_id, planned_ns=record.ts_event
    )
    try:
        standing = Standing(text(record, "state"))
    except ValueError as e:
        raise RecordError(f"state of a plan record is unknown: {record.fields['state']!r}") from e
    row = replace(row, standing=standing)
    match standing:
        case Standing.PENDING:
            return _planned(row, record)
        case Standing.ACTIVE:
            return _opened(row, record)
        case Standing.CLOSED | Standing.CANCELLED | Standing.EXPIRED | Standing.REJECTED:
            return _ended(row, record)


def _planned(row: PlanRow, record: Record) -> PlanRow:
    return replace(
        row,
        direction=text(record, "direction"),
        quantity=money(record, "quantity"),
        entry_price=money_or_none(record, "entry_price"),
        stop_loss_price=money_or_none(record, "stop_loss_price"),
        planned_reason=text(record, "reason"),
    )


def _opened(row: PlanRow, record: Record) -> PlanRow:
    return replace(
        row,
        opened_ns=record.ts_event,
        entry_price=money(record, "entry_price"),
        stop_loss_price=money(record, "stop_loss_price"),
    )


def _ended(row: PlanRow, record: Record) -> PlanRow:
    planned_ns = record.fields.get("planned_ns", row.planned_ns)
    filled = money(record, "quantity")
    return replace(
        row,
        direction=text(record, "direction"),
        planned_ns=planned_ns if isinstance(planned_ns, int) else row.planned_ns,
        ended_ns=record.ts_event,
        quantity=filled or row.quantity,
        entry_price=money_or_none(record, "entry_price") or row.entry_price,
        exit_price=money_or_none(record, "exit_price"),
        gross=money(record, "gross_pnl"),
        costs=money(record, "fees"),
        end_reason=text(record, "reason"),
    )


def _filled(row: PlanRow, fill: Record) -> PlanRow:
    slippage = money(fill, "slippage")
    costs = row.costs + money(fill, "fee") + slippage
    return replace(row, costs=costs, slippage=row.slippage + slippage)


def summarize(rows: Sequence[PlanRow], *, start_ns: int, end_ns: int) -> PlanSummary:
    """Sum up the plans of a run from `start_ns` to `end_ns`."""
    closed = [row for row in rows if row.standing is Standing.CLOSED]
    nets = [row.net for row in closed]
    wins = [net for net in nets if net > 0]
    losses = [net for net in nets if net < 0]
    lasted = [
        (row.ended_ns - row.opened_ns) / 1e9
        for row in closed
        if row.ended_ns is not None and row.opened_ns is not None
    ]
    return PlanSummary(
        planned=len(rows),
        closed=len(closed),
        wins=len(wins),
        losses=len(losses),
        win_rate=len(wins) / len(closed) if closed else None,
        average_net=_mean(nets),
        average_win=_mean(wins),
        average_loss=_mean(losses),
        best=max(nets, default=None),
        worst=min(nets, default=None),
        average_holding_secs=sum(lasted) / len(lasted) if lasted else None,
        time_in_market=_time_in_market(rows, start_ns=start_ns, end_ns=end_ns),
        by_outcome=_grouped(rows, lambda row: row.standing.value),
        by_reason=_grouped(
            [row for row in rows if row.ended_ns is not None],
            lambda row: f"{row.standing.value}: {row.end_reason}",
        ),
        by_direction=_grouped(closed, lambda row: row.direction),
        by_instrument=_grouped(closed, lambda row: row.instrument_id),
    )


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return sum(values, _ZERO) / len(values) if values else None


def _grouped(rows: Sequence[PlanRow], name: Callable[[PlanRow], str]) -> tuple[Group, ...]:
    """Group plans by name, the largest group first."""
    found: dict[str, list[PlanRow]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    groups = [
        Group(
            name=key,
            count=len(members),
            wins=sum(row.standing is Standing.CLOSED and row.net > 0 for row in members),
            gross=sum([row.gross for row in members], _ZERO),
            costs=sum([row.costs for row in members], _ZERO),
            funding=sum([row.funding for row in members], _ZERO),
            net=sum([row.net for row in members], _ZERO),
        )
        for key, members in found.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.name)))


def _time_in_market(rows: Sequence[PlanRow], *, start_ns: int, end_ns: int) -> float:
    if end_ns <= start_ns:
        return 0.0
    spans = sorted(
        (row.opened_ns, end_ns if row.ended_ns is None else row.ended_ns)
        for row in rows
        if row.opened_ns is not None
    )
    inside, reached = 0, start_ns
    for opened, ended in spans:
        inside += max(0, min(ended, end_ns) - max(opened, reached))
        reached = max(reached, min(ended, end_ns))
    return inside / (end_ns - start_ns)

"""Edits of a journal, as a venue or a person at it would have made the journal another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.plans import PlanRow, Standing, plan_rows
from morningstar_strategy.core.records import Kind, Record, of_health
from tests.planted.bench import with_equity, with_fields
from tests.planted.markets import STEP_NS

__all__ = ["SECOND_NS", "Journal", "insert", "scaled"]

SECOND_NS: Final = 1_000_000_000
_WALL: Final = frozenset({Kind.COMMAND, Kind.RULING, Kind.PLAN, Kind.EQUITY, Kind.HEALTH})


def insert(records: Sequence[Record], *new: Record) -> list[Record]:
    """Put records after all that happened up to their moment."""
    found = [*records]
    for record in new:
        at = next(
            (place for place, each in enumerate(found) if each.ts_event > record.ts_event),
            len(found),
        )
        found.insert(at, record)
    return found


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal that is about to be edited."""

    records: list[Record]

    def closed(self, nth: int = 2) -> PlanRow:
        """Give one of the plans that were entered and left; below zero from the last."""
        rows = [row for row in plan_rows(self.records) if row.standing is Standing.CLOSED]
        return rows[nth]

    def fills(self, plan: PlanRow, role: str = "") -> list[Record]:
        """Give the fills of a plan."""
        return [
            record
            for record in self.records
            if record.kind is Kind.FILL
            and record.fields["plan_id"] == plan.order_id
            and role in ("", record.fields["role"])
        ]

    def change(self, which: Sequence[Record], how: Callable[[Record], Record]) -> list[Record]:
        """Change some records in their places."""
        chosen = {id(record) for record in which}
        return [how(record) if id(record) in chosen else record for record in self.records]

    def without(self, which: Sequence[Record]) -> list[Record]:
        """Leave some records out."""
        chosen = {id(record) for record in which}
        return [record for record in self.records if id(record) not in chosen]

    def of_plan(self, plan: PlanRow) -> list[Record]:
        """Give all that came of a plan once it was made, its funding too."""
        begun, ended = plan.opened_ns or 0, plan.ended_ns or 0
        return [
            record
            for record in self.records
            if plan.order_id in (record.fields.get("plan_id"), record.fields.get("order_id"))
            or (
                record.kind is Kind.FUNDING
                and record.instrument_id == plan.instrument_id
                and begun <= record.ts_event <= ended
            )
        ]

    def pending(self, plan: PlanRow) -> Record:
        """Give the record with which a plan began."""
        return next(r for r in self.of_plan(plan) if r.fields.get("state") == "PENDING")

    def without_plan(self, plan: PlanRow, *instead: Record) -> list[Record]:
        """Let nothing come of a plan but what is told instead, and the equity be without it."""
        rest = Journal(self.without([r for r in self.of_plan(plan) if r is not self.pending(plan)]))
        commands = [
            record
            for record in rest.records
            if record.kind in (Kind.COMMAND, Kind.RULING)
            and record.instrument_id == plan.instrument_id
            and (plan.planned_ns < record.ts_event <= (plan.ended_ns or 0))
        ]
        kept = Journal(rest.without(commands)).records
        return with_equity(insert(kept, *instead), plan.ended_ns or 0, -plan.net)


def order(plan: PlanRow, *, ts_event: int, event: str, role: str, reason: str) -> Record:
    """Tell an event of an order."""
    return Record(
        ts_event=ts_event,
        kind=Kind.ORDER,
        instrument_id=plan.instrument_id,
        fields={
            "event": event,
            "order_id": plan.order_id,
            "plan_id": plan.order_id,
            "role": role,
            "reason": reason,
        },
    )


def ended(plan: PlanRow, state: str, reason: str, *, ts_event: int) -> Record:
    """Tell that a plan ended without a trade."""
    return Record(
        ts_event=ts_event,
        kind=Kind.PLAN,
        instrument_id=plan.instrument_id,
        fields={
            "order_id": plan.order_id,
            "state": state,
            "direction": plan.direction,
            "planned_ns": plan.planned_ns,
            "reason": reason,
            "quantity": "0",
            "entry_price": None,
            "exit_price": None,
            "gross_pnl": "0",
            "fees": "0",
        },
    )


# ------------------------------------------------------------ what a venue does


def rejected_entry(records: list[Record]) -> list[Record]:
    """The venue refuses an entry."""
    journal = Journal(records)
    plan = journal.closed()
    at = plan.planned_ns
    told = order(plan, ts_event=at, event="rejected", role="entry", reason="insufficient margin")
    return journal.without_plan(plan, told, ended(plan, "REJECTED", "rejected", ts_event=at))


def denied_entry(records: list[Record]) -> list[Record]:
    """The engine's own limits on this machine refuse an entry."""
    journal = Journal(records)
    plan = journal.closed()
    at = plan.planned_ns
    told = order(plan, ts_event=at, event="denied", role="entry", reason="submit rate")
    return journal.without_plan(plan, told, ended(plan, "REJECTED", "denied", ts_event=at))


def cancelled_entry(records: list[Record]) -> list[Record]:
    """An entry ends at the venue before it is filled."""
    journal = Journal(records)
    plan = journal.closed()
    at = plan.planned_ns + SECOND_NS
    told = order(plan, ts_event=at, event="canceled", role="entry", reason="")
    return journal.without_plan(plan, told, ended(plan, "CANCELLED", "cancelled", ts_event=at))


def refused_change(records: list[Record]) -> list[Record]:
    """The venue refuses to change a stop."""
    plan = Journal(records).closed()
    at = (plan.opened_ns or 0) + STEP_NS
    told = order(plan, ts_event=at, event="modify rejected", role="stop", reason="not allowed")
    return insert(records, told)


def partial_fill(records: list[Record]) -> list[Record]:
    """An entry is filled by half and no more."""
    journal = Journal(records)
    plan = journal.closed()
    fills, share = journal.fills(plan), Decimal("0.5")
    edited = journal.change(fills, lambda fill: scaled(fill, share))
    return with_equity(edited, plan.ended_ns or 0, -(plan.net - plan.funding) * share)


def scaled(fill: Record, share: Decimal) -> Record:
    """Give a share of a fill."""
    names = ("quantity", "fee", "slippage")
    return with_fields(
        fill, **{name: f"{Decimal(str(fill.fields[name])) * share:f}" for name in names}
    )


def missing_fill(records: list[Record]) -> list[Record]:
    """The last fill of a plan, one of its exits, never came: what it sold is still held."""
    journal = Journal(records)
    plan = journal.closed(-1)
    fill = [each for each in journal.fills(plan) if each.fields["role"] != "entry"][-1]
    state = [r for r in journal.of_plan(plan) if r.fields.get("state") == "CLOSED"]
    quantity, price = (Decimal(str(fill.fields[name])) for name in ("quantity", "price"))
    signed = quantity if fill.fields["side"] == "SELL" else -quantity
    costs = Decimal(str(fill.fields["fee"])) + Decimal(str(fill.fields["slippage"]))
    kept = with_equity(journal.without([fill, *state]), fill.ts_event, costs)
    held = f"{signed * price:f}"
    return [
        with_fields(record, exposure={**_exposure(record), plan.instrument_id: held})
        if record.kind is Kind.EQUITY and record.ts_event > fill.ts_event
        else record
        for record in kept
    ]


def _exposure(record: Record) -> dict[str, str]:
    held = record.fields["exposure"]
    return {name: f"{worth}" for name, worth in held.items()} if isinstance(held, dict) else {}


def worse_price(records: list[Record]) -> list[Record]:
    """An entry is filled at a price that is worse by five hundredths of a percent."""
    return _repriced(records, "entry", Decimal("0.0005"))


def slipped_stop(records: list[Record]) -> list[Record]:
    """A stop is filled far beyond its price."""
    return _repriced(records, "stop", Decimal("0.004"))


def _repriced(records: list[Record], role: str, share: Decimal) -> list[Record]:
    journal = Journal(records)
    fill = next(
        fill
        for plan in plan_rows(records)
        if plan.standing is Standing.CLOSED
        for fill in journal.fills(plan, role)
    )
    price, quantity = (Decimal(str(fill.fields[name])) for name in ("price", "quantity"))
    sign = 1 if fill.fields["side"] == "BUY" else -1
    moved = (price * (1 + sign * share)).quantize(Decimal("0.01"))
    edited = journal.change([fill], lambda each: with_fields(each, price=f"{moved:f}"))
    return with_equity(edited, fill.ts_event, -abs(moved - price) * quantity)


def late_fill(records: list[Record]) -> list[Record]:
    """An entry is filled twenty seconds after it was sent."""
    journal = Journal(records)
    fills = journal.fills(journal.closed(), "entry")
    return sorted(
        journal.change(fills, lambda each: replace(each, ts_event=each.ts_event + 20 * SECOND_NS)),
        key=lambda record: record.ts_event,
    )


def dearer_fill(records: list[Record]) -> list[Record]:
    """A fill costs half as much again."""
    journal = Journal(records)
    (fill, *_) = journal.fills(journal.closed(), "entry")
    fee = Decimal(str(fill.fields["fee"]))
    edited = journal.change([fill], lambda each: with_fields(each, fee=f"{fee * 3 / 2:f}"))
    return with_equity(edited, fill.ts_event, -fee / 2)


def unpaid_funding(records: list[Record]) -> list[Record]:
    """A payment of funding is not booked."""
    payment = [record for record in records if record.kind is Kind.FUNDING][1]
    amount = Decimal(str(payment.fields["amount"]))
    return with_equity(Journal(records).without([payment]), payment.ts_event, -amount)


# ------------------------------------------------------------ what a person or a machine does


def halted(records: list[Record]) -> list[Record]:
    """A person halts the account, and the next plan is denied."""
    journal = Journal(records)
    plan = journal.closed()
    ruling = next(
        record
        for record in records
        if record.kind is Kind.RULING
        and record.instrument_id == plan.instrument_id
        and record.ts_event == plan.planned_ns
        and record.fields["ruling"] == "approved"
    )
    fields = {"action": "PLAN_TRADE", "equity": ruling.fields["equity"], "ruling": "denied"}
    denied = replace(ruling, fields={**fields, "rule": "not_halted", "reason": "halted by hand"})
    told = of_health(
        ts_event=plan.planned_ns - SECOND_NS,
        instrument_id="",
        state="halted",
        reason="halted by hand",
    )
    edited = Journal(journal.change([ruling], lambda _: denied)).without_plan(plan)
    gone = [record for record in edited if record.fields.get("order_id") == plan.order_id]
    return insert(Journal(edited).without(gone), told)


def moved_stop(records: list[Record]) -> list[Record]:
    """A person moves a stop by a command of their own."""
    journal = Journal(records)
    plan = journal.closed()
    at = (plan.opened_ns or 0) + 60 * SECOND_NS
    stop = f"{(plan.stop_loss_price or Decimal(1)) * Decimal('0.999'):.2f}"
    wire = {"action": "ADJUST_TRADE", "order_id": plan.order_id, "new_stop_loss_price": stop}
    command = Record(
        ts_event=at,
        kind=Kind.COMMAND,
        instrument_id=plan.instrument_id,
        fields={"command": {**wire, "reasoning": "by hand"}},
    )
    ruling = Record(
        ts_event=at,
        kind=Kind.RULING,
        instrument_id=plan.instrument_id,
        fields={"action": "ADJUST_TRADE", "equity": "0", "ruling": "approved", "quantity": "0"},
    )
    return insert(records, command, ruling)


def order_by_hand(records: list[Record]) -> list[Record]:
    """A person buys at the venue, and the node closes what nobody planned."""
    plan = Journal(records).closed()
    at = (plan.opened_ns or 0) + 60 * SECOND_NS
    return with_equity(
        insert(
            records,
            _stray(plan, "BUY", "100.00", at),
            _stray(plan, "SELL", "99.90", at + SECOND_NS),
        ),
        at,
        Decimal("-0.12"),
    )


def _stray(plan: PlanRow, side: str, price: str, ts_event: int) -> Record:
    return Record(
        ts_event=ts_event,
        kind=Kind.FILL,
        instrument_id=plan.instrument_id,
        fields={
            "order_id": f"by-hand-{side}",
            "plan_id": "",
            "role": "stray",
            "side": side,
            "quantity": "1",
            "price": price,
            "fee": "0.01",
            "slippage": "0",
            "liquidity": "TAKER",
        },
    )


def restarted(records: list[Record]) -> list[Record]:
    """A node is down for an hour, and is told nothing of that time."""
    begun = records[0].ts_event
    down = begun + 30 * STEP_NS  # before it has seen enough bars to trade
    up = down + 12 * STEP_NS

    def start(ts_event: int) -> Record:
        return of_health(ts_event=ts_event, instrument_id="", state="started", reason="")

    kept = [record for record in records if not down < record.ts_event < up]
    return insert([start(begun), *kept], start(up - SECOND_NS))


def skewed_clock(records: list[Record]) -> list[Record]:
    """The clock of the machine is 30 s ahead of the venue's."""
    return [
        replace(record, ts_event=record.ts_event + 30 * SECOND_NS)
        if record.kind in _WALL
        else record
        for record in records
    ]


def late_bar(records: list[Record]) -> list[Record]:
    """A bar comes after the next one of its instrument."""
    bars = [place for place, record in enumerate(records) if record.kind is Kind.BAR]
    first = bars[100]
    name = records[first].instrument_id
    second = next(p for p in bars if p > first and records[p].instrument_id == name)
    edited = [*records]
    edited.insert(second, edited.pop(first))
    return edited


def deposit(records: list[Record]) -> list[Record]:
    """A person pays money in."""
    middle = (records[0].ts_event + records[-1].ts_event) // 2
    return with_equity(records, middle, Decimal(250))


def changed_bar(records: list[Record]) -> list[Record]:
    """The venue told another close of a bar, and the journal has it."""
    bar = [record for record in records if record.kind is Kind.BAR][200]
    high = f"{bar.fields['high']}"
    return Journal(records).change([bar], lambda each: with_fields(each, close=high))

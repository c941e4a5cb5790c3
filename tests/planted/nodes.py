"""Tells the journal of a backtest as a live node would have told the same."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from morningstar_strategy.core.records import Kind, Record
from tests.planted.bench import with_fields
from tests.planted.editing import scaled

__all__ = ["as_a_node_tells"]


def as_a_node_tells(records: list[Record]) -> list[Record]:
    """Tell the same as a node would: later by a moment, by other ids, fills in pieces."""
    told: list[Record] = []
    for record in records:
        match record.kind:
            case Kind.FILL:
                half = scaled(_in_time(record), Decimal("0.5"))
                told += [half, half]
            case Kind.COMMAND:
                told += [_newest(records, record), _in_time(record)]
            case Kind.PLAN if record.fields["state"] == "PENDING":
                accepted = {"event": "accepted", "role": "entry"}
                known = dict.fromkeys(("order_id", "plan_id"), record.fields["order_id"])
                order = replace(_in_time(record), kind=Kind.ORDER, fields={**accepted, **known})
                told += [_in_time(record), order]
            case Kind.BAR | Kind.ASSESSMENT | Kind.FUNDING | Kind.EQUITY:
                told.append(record)
            case _:
                told.append(_in_time(record))
    return [_renamed(record) for record in told]


def _in_time(record: Record) -> Record:
    return replace(record, ts_event=record.ts_event + 12_000_000)


def _newest(records: Sequence[Record], command: Record) -> Record:
    """Give the assessment that a command came of: a live journal tells it once more."""
    return next(
        record
        for record in reversed(records)
        if record.kind is Kind.ASSESSMENT
        and record.instrument_id == command.instrument_id
        and record.ts_event <= command.ts_event
    )


def _renamed(record: Record) -> Record:
    """Give orders the ids of another session."""
    ids = {
        name: f"{value}".replace("O-2024", "O-2026")
        for name, value in record.fields.items()
        if name in ("order_id", "plan_id")
    }
    wire = record.fields.get("command")
    if isinstance(wire, dict) and isinstance(wire.get("order_id"), str):
        order_id = f"{wire['order_id']}".replace("O-2024", "O-2026")
        return with_fields(record, command={**wire, "order_id": order_id})
    return with_fields(record, **ids)

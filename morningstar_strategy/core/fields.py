"""Read the fields of a record, or say which one is wrong."""

from decimal import Decimal, InvalidOperation

from morningstar_strategy.core.records import Record, RecordError

__all__ = ["money", "money_or_none", "text"]


def text(record: Record, name: str) -> str:
    """Give a field as text, "" where it is absent; raise RecordError for anything else."""
    value = record.fields.get(name, "")
    if not isinstance(value, str):
        raise RecordError(
            f"{name} of the {record.kind.value} record at {record.ts_event} must be a text, "
            f"was {value!r}"
        )
    return value


def money(record: Record, name: str) -> Decimal:
    """Give a field as exact number; raise RecordError where it is absent or not finite."""
    return _exact(record, name, record.fields.get(name))


def money_or_none(record: Record, name: str) -> Decimal | None:
    """Give a field as exact number, None where it is absent."""
    value = record.fields.get(name)
    return None if value is None else _exact(record, name, value)


def _exact(record: Record, name: str, value: object) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise RecordError(
            f"{name} of the {record.kind.value} record at {record.ts_event} must be a finite "
            f"decimal text, was {value!r}"
        )
    return number

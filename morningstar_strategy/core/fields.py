"""Read the fields of a record, or say which one is wrong."""

from decimal import Decimal, InvalidOperation
from typing import Final

from morningstar_strategy.core.records import Record, RecordError

__all__ = ["NUMERIC", "exact_or_none", "money", "money_or_none", "text"]

_DIGITS: Final = 21  # before the point: more than any venue counts, few enough to add up exactly
_PLACES: Final = 40
NUMERIC: Final = (
    f"a finite decimal text of at most {_DIGITS} digits before and {_PLACES} behind the point"
)


def text(record: Record, name: str) -> str:
    """Give a field as text, "" where it is absent; raise RecordError for anything else."""
    value = record.fields.get(name, "")
    if not isinstance(value, str):
        raise RecordError(
            f"{name} of the {record.kind.value} record at {record.ts_event} must be a text, "
            f"was {value!r:.80}"
        )
    return value


def money(record: Record, name: str) -> Decimal:
    """Give a field as exact number; raise RecordError where it is absent or not finite."""
    return _exact(record, name, record.fields.get(name))


def money_or_none(record: Record, name: str) -> Decimal | None:
    """Give a field as exact number, None where it is absent."""
    value = record.fields.get(name)
    return None if value is None else _exact(record, name, value)


def exact_or_none(value: object) -> Decimal | None:
    """Give a value as exact number, None where it is none that can be reckoned with exactly."""
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("nan")
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or number.adjusted() >= _DIGITS or exponent < -_PLACES:
        return None
    return number


def _exact(record: Record, name: str, value: object) -> Decimal:
    number = exact_or_none(value)
    if number is None:
        raise RecordError(
            f"{name} of the {record.kind.value} record at {record.ts_event} must be {NUMERIC}, "
            f"was {value!r:.80}"
        )
    return number

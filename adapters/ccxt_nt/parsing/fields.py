"""Reading single fields of a foreign dictionary, strictly: a value is right or it is refused."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

# Any: what comes in is foreign JSON, of any shape until it was read here
type Raw = Mapping[str, Any]

_LARGEST: Final = Decimal(10) ** 24
_FINEST: Final = -24  # digits after the point
_MS, _US, _NS = 10**12, 10**15, 10**18  # September 2001 in each unit
_LAST_MS: Final = 4_102_444_800_000  # the year 2100
_NUMERAL: Final = re.compile(  # what venues write; Decimal itself takes 1_000 and other scripts
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:~-]{1,128}")
_TEXT_LIMIT: Final = 64  # of a value shown in a message


class Unreadable(ValueError):  # noqa: N818  # names the state of the text, as errors.py does
    """The venue said something that we refuse to guess about; names field and value."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        shown = repr(value)
        if len(shown) > _TEXT_LIMIT:
            shown = shown[:_TEXT_LIMIT] + "..."
        super().__init__(f"{field} {reason}, was {shown}")
        self.field = field


def mapping(value: object, field: str) -> Raw:
    """Insist on a dictionary."""
    if not isinstance(value, Mapping):
        raise Unreadable(field, value, "must be a dictionary")
    return value


def info(row: Raw) -> Raw:
    """Give the venue's own dictionary inside a unified one, empty where there is none."""
    inside = row.get("info")
    return inside if isinstance(inside, Mapping) else {}


def text(row: Raw, key: str) -> str:
    """Read a text that must be there."""
    value = optional_text(row, key)
    if value is None:
        raise Unreadable(key, row.get(key), "must be a text that is not empty")
    return value


def identifier(row: Raw, key: str) -> str:
    """Read an id that can be asked for: it becomes part of paths."""
    value = text(row, key)
    if not _IDENTIFIER.fullmatch(value):
        raise Unreadable(key, value, "must be an id of letters, digits and -_.:~")
    return value


def optional_text(row: Raw, key: str) -> str | None:
    """Read a text or a number as text; None for absent and empty."""
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable(key, value, "must be a text")
    return str(value)


def flag(row: Raw, key: str) -> bool:
    """Read a boolean in any venue's spelling; absent is false."""
    value = row.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    spelled = {"yes": True, "true": True, "no": False, "false": False, "": False}
    if isinstance(value, str) and value.lower() in spelled:
        return spelled[value.lower()]
    raise Unreadable(key, value, "must be a boolean")


def number(row: Raw, key: str) -> Decimal:
    """Read a finite number that must be there."""
    return decimal(row.get(key), key)


def optional_number(row: Raw, key: str) -> Decimal | None:
    """Read a finite number; None for absent and empty."""
    value = row.get(key)
    return None if value is None or value == "" else decimal(value, key)


def positive(row: Raw, key: str) -> Decimal:
    """Read a number above zero."""
    value = number(row, key)
    if value <= 0:
        raise Unreadable(key, row.get(key), "must be above zero")
    return value


def not_negative(row: Raw, key: str) -> Decimal:
    """Read a number that is zero or more."""
    value = number(row, key)
    if value < 0:
        raise Unreadable(key, row.get(key), "must not be negative")
    return value


def optional_positive(row: Raw, key: str) -> Decimal | None:
    """Read a number above zero; None for absent, empty and zero, which venues write for none."""
    value = optional_number(row, key)
    if value is None or value == 0:
        return None
    if value < 0:
        raise Unreadable(key, row.get(key), "must not be negative")
    return value


def decimal(value: object, field: str) -> Decimal:
    """Turn a text or a number into a Decimal, exactly; a float by its shortest spelling."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Unreadable(field, value, "must be a number")
    try:
        result = Decimal(str(value).strip())
    except InvalidOperation as e:
        raise Unreadable(field, value, "must be a number") from e
    if not result.is_finite():
        raise Unreadable(field, value, "must be finite")
    if isinstance(value, str) and not _NUMERAL.fullmatch(value):
        raise Unreadable(field, value, "must be a number")
    exponent = result.as_tuple().exponent
    if result.copy_abs() > _LARGEST or (isinstance(exponent, int) and exponent < _FINEST * 2):
        raise Unreadable(field, value, "must be a plausible number")
    return plain(result)


def plain(value: Decimal) -> Decimal:
    """Write a number without an exponent; trailing zeros stay as the venue wrote them."""
    if not value:
        return Decimal(0)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        return value.quantize(Decimal(1))
    return value


def nanoseconds(value: object, field: str) -> int:
    """Read a UNIX time in ms, us or ns, whichever it must be, as nanoseconds."""
    if isinstance(value, str | float | Decimal):
        try:
            value = int(Decimal(str(value)))
        except (InvalidOperation, ValueError, OverflowError) as e:
            raise Unreadable(field, value, "must be a time in milliseconds") from e
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(field, value, "must be a time in milliseconds")
    for unit, factor in ((_MS, 10**6), (_US, 10**3), (_NS, 1)):
        if unit <= value < _LAST_MS * (unit // _MS):
            return value * factor
    raise Unreadable(field, value, "must be a time between 2001 and 2100")


def first_time(*candidates: tuple[object, str], received_ns: int | None = None) -> int:
    """Take the first time that is told; the time of receipt where the venue tells none."""
    for value, field in candidates:
        if value is not None and value != "" and value != 0 and value != "0":
            return nanoseconds(value, field)
    if received_ns is None:
        field = candidates[0][1]
        raise Unreadable(field, None, "must be a time")
    return received_ns


def expect_symbol(row: Raw, symbol: str | None) -> str:
    """Read the symbol; refuse one that was not asked about."""
    told = text(row, "symbol")
    if symbol is not None and told != symbol:
        raise Unreadable("symbol", told, f"must be {symbol}")
    return told

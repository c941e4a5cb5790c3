"""Strict reading of JSON: one value, exact numbers, every field once, nothing unexpected."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final, NoReturn

__all__ = ["MAX_TEXT_BYTES", "CommandError", "Fields", "Reason", "load"]

MAX_TEXT_BYTES: Final = 65_536


class Reason(StrEnum):
    """Why a text is not what was asked for."""

    EMPTY = "empty"
    NOT_JSON = "not json"
    PROSE = "prose around json"
    SEVERAL = "several objects"
    NOT_AN_OBJECT = "not an object"
    TOO_LONG = "too long"
    DUPLICATE_FIELD = "duplicate field"
    UNKNOWN_FIELD = "unknown field"
    MISSING_FIELD = "missing field"
    WRONG_TYPE = "wrong type"
    NOT_FINITE = "not finite"
    NOT_UNICODE = "not unicode"
    OUT_OF_RANGE = "out of range"
    UNKNOWN_ACTION = "unknown action"
    WRONG_SYMBOL = "wrong symbol"
    FOREIGN_ORDER = "foreign order"
    OVERSIZE = "oversize"


class CommandError(ValueError):
    """The text is not one of the four commands."""

    def __init__(self, message: str, reason: Reason = Reason.OUT_OF_RANGE) -> None:
        super().__init__(message)
        self.reason = reason


class Fields:
    """The fields of one JSON object, each taken once and by its type; raises CommandError."""

    def __init__(self, value: object, *, where: str) -> None:
        if not isinstance(value, Mapping):
            raise CommandError(f"{where} must be an object, was {value!r:.80}", _not_object(where))
        self._left = dict(value)
        self._where = where

    def take(self, name: str) -> object:
        """Take a field of any type."""
        if name not in self._left:
            raise CommandError(f"{self._where} lacks {name}", Reason.MISSING_FIELD)
        return self._left.pop(name)

    def text(self, name: str, *, required: bool = True) -> str:
        """Take a text, "" where it is absent and not required."""
        if not required and name not in self._left:
            return ""
        value = self.take(name)
        if not isinstance(value, str) or (required and not value):
            raise CommandError(f"{name} must be a text, was {value!r:.80}", Reason.WRONG_TYPE)
        if not _is_unicode(value):
            message = f"{name} must be valid Unicode, was {value!r:.80}"
            raise CommandError(message, Reason.NOT_UNICODE)
        return value

    def flag(self, name: str, *, required: bool = True) -> bool:
        """Take true or false, false where it is absent and not required."""
        if not required and name not in self._left:
            return False
        value = self.take(name)
        if not isinstance(value, bool):
            message = f"{name} must be true or false, was {value!r:.80}"
            raise CommandError(message, Reason.WRONG_TYPE)
        return value

    def number(self, name: str, *, required: bool = True) -> Decimal | None:
        """Take a number, None where it is absent or null and not required."""
        if not required and self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        return _number(name, self.take(name))

    def required_number(self, name: str) -> Decimal:
        """Take a number."""
        return _number(name, self.take(name))

    def numbers(self, name: str, *, required: bool = True) -> tuple[Decimal, ...]:
        """Take a list of numbers, () where it is absent and not required."""
        if not required and name not in self._left:
            return ()
        value = self.take(name)
        if not isinstance(value, list):
            message = f"{name} must be a list of numbers, was {value!r:.80}"
            raise CommandError(message, Reason.WRONG_TYPE)
        return tuple(_number(name, item) for item in value)

    def whole(self, name: str) -> int | None:
        """Take a whole number, None where it is absent or null."""
        value = self.number(name, required=False)
        if value is None:
            return None
        if not -(10**9) < value < 10**9 or value != value.to_integral_value():
            raise CommandError(f"{name} must be a whole number of seconds, was {value!s:.80}")
        return int(value)

    def finish(self) -> None:
        """Refuse what nobody took."""
        if self._left:
            message = f"{self._where} has unknown fields {sorted(self._left)!r:.120}"
            raise CommandError(message, Reason.UNKNOWN_FIELD)


def _not_object(where: str) -> Reason:
    return Reason.NOT_AN_OBJECT if where in ("command", "reply") else Reason.WRONG_TYPE


def _is_unicode(text: str) -> bool:
    """Say whether the text can be written down: JSON may escape halves of surrogate pairs."""
    return text.isascii() or _HALVES.search(text) is None


def _number(name: str, value: object) -> Decimal:
    if not isinstance(value, Decimal):
        raise CommandError(f"{name} must be a number, was {value!r:.80}", Reason.WRONG_TYPE)
    return value


def load(text: str | bytes) -> object:
    """Read one JSON value, numbers as Decimal; raise CommandError naming what is wrong."""
    if len(text) > MAX_TEXT_BYTES:
        message = f"a command is at most {MAX_TEXT_BYTES} long, was {len(text)}"
        raise CommandError(message, Reason.TOO_LONG)
    try:
        return _DECODER.decode(text if isinstance(text, str) else _decoded(text))
    except CommandError:
        raise
    except ArithmeticError as e:
        raise CommandError(f"a number is too large or too fine: {type(e).__name__}") from e
    except (ValueError, RecursionError) as e:
        raise CommandError(f"not JSON: {type(e).__name__}", _shape_fault(text)) from e


def _decoded(raw: bytes) -> str:
    return raw.decode(json.detect_encoding(raw), "surrogatepass")


def _shape_fault(text: str | bytes) -> Reason:
    """Say in which way a text is not one JSON value."""
    if isinstance(text, bytes):
        return Reason.NOT_JSON
    bare = text.strip(_BLANKS)
    if not bare:
        return Reason.EMPTY
    if bare[0] != "{":
        return Reason.PROSE if "{" in bare else Reason.NOT_JSON
    try:
        _, end = _DECODER.raw_decode(bare)
    except (ValueError, ArithmeticError, RecursionError):
        return Reason.NOT_JSON
    return Reason.SEVERAL if bare[end:].lstrip(_BLANKS)[:1] == "{" else Reason.PROSE


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise CommandError("an object names a field twice", Reason.DUPLICATE_FIELD)
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise CommandError(f"{name} is not a number", Reason.NOT_FINITE)


_HALVES: Final = re.compile("[\ud800-\udfff]")
_BLANKS: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder(
    parse_float=Decimal,
    parse_int=Decimal,
    parse_constant=_refuse_constant,
    object_pairs_hook=_unique,
)

"""Numbers, texts and times as JSON text, as a prompt shows them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from math import isfinite
from typing import Final

__all__ = [
    "escape",
    "escaped",
    "exact",
    "flag",
    "listed",
    "minutes",
    "percent",
    "quoted",
    "rounded",
    "short",
    "time",
]

_MINUTE_NS: Final = 60_000_000_000
_DAY_MINUTES: Final = 1_440
_BOUND: Final = 1e12
# An encoder writes texts with these too, but passes four calls before it comes to them
_quote: Final = encode_basestring
escape: Final = encode_basestring_ascii


@lru_cache(maxsize=1_024)
def quoted(text: str) -> str:
    """Write a text; the same few names and news are written again and again."""
    return _quote(text)


@lru_cache(maxsize=64)
def escaped(text: str) -> str:
    """Write a text in ASCII that comes again and again, as names do."""
    return escape(text)


def flag(value: bool) -> str:
    """Write true or false."""
    return "true" if value else "false"


def listed(items: Iterable[str]) -> str:
    """Write a list of what is JSON already."""
    return f"[{', '.join(items)}]"


@lru_cache(maxsize=128)
def exact(value: Decimal) -> str:
    """Write a price or quantity to the fifteen digits that a float keeps."""
    number = float(value)
    if number.is_integer():
        return f"{int(number)}"
    return f"{number!r}" if isfinite(number) else json.dumps(number)


def rounded(value: Decimal) -> str:
    """Write money or percent to two decimal places, what is below one to six digits."""
    number = float(value)
    size = abs(number)
    if size < 1.0:
        return short(number)
    if size < _BOUND:
        text = f"{number:.2f}"
        return text[:-1] if text.endswith("0") else text
    return f"{round(number, 2)!r}" if isfinite(number) else json.dumps(number)


def short(value: float) -> str:
    """Write six digits of a number, and the bound for what JSON cannot hold."""
    if not -_BOUND <= value <= _BOUND:
        value = -_BOUND if value < 0.0 else _BOUND
    text = f"{value:.6g}"
    if "e" in text:
        return f"{float(text)!r}"
    return text if "." in text else f"{text}.0"


def percent(fraction: float) -> str:
    """Write a fraction as percent, to four digits."""
    value = fraction * 100.0
    if not -_BOUND <= value <= _BOUND:
        value = -_BOUND if value < 0.0 else _BOUND
    text = f"{value:.4g}"
    if "e" in text:
        return f"{float(text)!r}"
    return text if "." in text else f"{text}.0"


def minutes(span_ns: int) -> int:
    """Give whole minutes."""
    return span_ns // _MINUTE_NS


def time(ts_event: int) -> str:
    """Write a time as UTC to the minute."""
    day, minute = divmod(ts_event // _MINUTE_NS, _DAY_MINUTES)
    return f'"{_day(day)}T{minute // 60:02d}:{minute % 60:02d}Z"'


@lru_cache(maxsize=16)
def _day(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_MINUTES * 60, UTC).strftime("%Y-%m-%d")

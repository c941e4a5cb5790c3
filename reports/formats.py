"""How numbers and times are written for a person."""

from decimal import Decimal
from math import isfinite
from typing import Final

import numpy as np

__all__ = [
    "MISSING",
    "amount",
    "days",
    "duration",
    "fraction",
    "moment",
    "money",
    "ratio",
    "shortened",
    "tone",
]

MISSING: Final = "n/a"
_MINUS: Final = "\u2212"
_SMALLEST: Final = 5e-5
_PRECISE: Final = 8  # significant digits of a price or quantity


def money(value: Decimal | float | None, *, signed: bool = False) -> str:
    """Write money with two places, small amounts with more."""
    if value is None or not isfinite(value):
        return MISSING
    size = abs(float(value))
    places = 4 if _SMALLEST <= size < 0.01 else 2
    return _number(value, places, signed=signed)


def fraction(value: float | None, *, signed: bool = False) -> str:
    """Write a fraction as percent."""
    if value is None or not isfinite(value):
        return MISSING
    percent = value * 100
    places = 2 if abs(percent) < 1_000 else 0
    return f"{_number(percent, places, signed=signed)} %"


def ratio(value: float | None) -> str:
    """Write a ratio with two places."""
    return MISSING if value is None or not isfinite(value) else _number(value, 2, signed=False)


def amount(value: Decimal | None) -> str:
    """Write a price or a quantity as exactly as a person can use it."""
    if value is None:
        return MISSING
    rounded = Decimal(f"{value:.{_PRECISE}g}")
    text = f"{rounded:,f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def moment(ts_event: int | None) -> str:
    """Write UNIX nanoseconds as UTC time to the minute."""
    if ts_event is None:
        return MISSING
    stamp = np.datetime64(ts_event, "ns").astype("datetime64[m]")
    return f"{stamp}".replace("T", " ")


def duration(seconds: float | None) -> str:
    """Write a length of time in the two largest units."""
    if seconds is None:
        return MISSING
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 2_880:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1_440} d {minutes % 1_440 // 60:02d} h"


def days(count: float) -> str:
    """Write a number of days."""
    return f"{count:,.1f} days" if count < 10 else f"{count:,.0f} days"


def shortened(text: str, length: int) -> str:
    """Cut a text to a length; an ellipsis says so."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def tone(value: Decimal | float | None) -> str:
    """Name the sign of a number: "good", "bad", or "" for what is written as zero."""
    if value is None or not isfinite(value) or abs(float(value)) < _SMALLEST:
        return ""
    return "good" if value > 0 else "bad"


def _number(value: Decimal | float, places: int, *, signed: bool) -> str:
    """Write a number; what rounds to zero has no sign."""
    plain = f"{value:,.{places}f}".removeprefix("-")
    if not plain.strip("0,."):
        return plain
    sign = _MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{plain}"


def _minus(text: str) -> str:
    return text.replace("-", _MINUS)

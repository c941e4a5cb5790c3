"""JSON pages read by the paths that the settings name."""

import json
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, NoReturn

from morningstar_strategy.supervisor.fetching import FeedError
from morningstar_strategy.supervisor.syndication import MAX_ITEMS, MAX_TEXT, read_date

__all__ = ["Paths", "Point", "read_json"]

# `Any` in this module: JSON has no better type

_MILLISECONDS: Final = 1e11  # stamps above are of milliseconds, above the next of micro- and nano-
_UNITS: Final = ((1e17, 1), (1e14, 1_000), (_MILLISECONDS, 1_000_000), (0.0, 1_000_000_000))
_LATEST: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where things stand in a page: keys and list places joined by dots, "" the whole.

    `items` leads to a list or to one item, the others from an item to its `value` or `text`, and
    to its `time` if it tells one.
    """

    items: str = ""
    value: str = ""
    text: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One item of a page: a number or a text, and the time it speaks of, None where untold."""

    value: float | None
    text: str
    ts_event: int | None


def read_json(body: bytes, paths: Paths) -> tuple[Point, ...]:
    """Read a page in its own order; raises FeedError where it does not hold what paths name."""
    try:
        page = json.loads(body, parse_constant=_refuse)
        found = _at(page, paths.items)
        items = found if isinstance(found, list) else [found]
        return tuple(_point(item, paths) for item in items[:MAX_ITEMS])
    except (ValueError, RecursionError) as e:
        raise FeedError("the page is not JSON") from e
    except (KeyError, IndexError, TypeError) as e:
        raise FeedError("the page does not hold what the paths name") from e


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _at(value: Any, path: str) -> Any:
    for step in path.split(".") if path else ():
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def _point(item: Any, paths: Paths) -> Point:
    time = _time(_at(item, paths.time)) if paths.time else None
    if paths.text:
        text = _at(item, paths.text)
        if not isinstance(text, str):
            raise TypeError(type(text))
        return Point(value=None, text=" ".join(text.split())[:MAX_TEXT], ts_event=time)
    return Point(value=_number(_at(item, paths.value)), text="", ts_event=time)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(type(value))
    try:
        number = float(value)
    except (ValueError, OverflowError) as e:
        raise FeedError("a value of the page is not a number") from e
    if not isfinite(number):
        raise FeedError("a value of the page is not a number")
    return number


def _time(value: Any) -> int | None:
    if isinstance(value, str) and not value.strip().isdecimal():
        return read_date(value.strip())
    stamp = _number(value)
    factor = next((unit for least, unit in _UNITS if stamp >= least), None)
    if factor is None or stamp * factor > _LATEST:
        return None
    return int(stamp) * factor if isinstance(value, float) else int(value) * factor

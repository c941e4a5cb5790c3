"""Replies broken at random from the hostile corpus, seeded."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final

_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    "",
    "LONG",
    "SHORT",
    "P-7",
    [],
    {},
    0,
    float("nan"),
)
_NUMBERS: Final = (
    "0", "-0", "1", "-1", "0.5", "1e999", "-1e999", "1e-999", "NaN", "Infinity", "-Infinity",
    "9" * 60, "0." + "0" * 60 + "1", "1E+13", "64800", "63500.05", "15", "15.01", "true", "null",
    '"1"', "[]", "{}", "1e99999999999999999999",
)  # fmt: skip
_PIECES: Final = (
    "\u202e", "\u200b", "\x00", "\ufeff", "\ud800", "}", "{", '"', "\\", ",", ":", "[", "]", "//",
    "/*", "\n", '"veto": false,', '"action": "PLAN_TRADE",', '"order_id": "P-7",',
    '"position_size_percent": 100', "```", "<|im_end|>", "１", "é", "\U0001f680", "\\u0000",
    "\\ud800",
)  # fmt: skip


def broken(corpus: tuple[str, ...], *, count: int, seed: int) -> Iterator[str]:
    """Give as many replies, by turns a text torn apart and an object with other values."""
    rng = Random(seed)
    objects = [found for text in corpus if isinstance(found := _loaded(text), dict)]
    for number in range(count):
        yield _bent(rng.choice(objects), rng) if number % 2 else _torn(rng.choice(corpus), rng)


def _torn(text: str, rng: Random) -> str:
    text = text[:4_000]
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(_BREAKS)(text, rng)
    return text


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _bent(fields: object, rng: Random) -> str:
    """Write an object down again with one to three of its values changed."""
    fields = deepcopy(fields)
    for _ in range(rng.randint(1, 3)):
        _bend(fields, rng)
    return json.dumps(fields)


def _bend(value: object, rng: Random) -> None:
    """Change one value somewhere within; prices and shares more often than anything else."""
    if not isinstance(value, dict | list) or not value:
        return
    place = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    inner = value[place]
    if isinstance(inner, dict | list) and inner and rng.random() < 0.9:
        _bend(inner, rng)
    elif isinstance(inner, int | float) and not isinstance(inner, bool):
        value[place] = _number(rng)
    elif rng.random() < 0.2:
        value[place] = rng.choice(_VALUES)


def _number(rng: Random) -> float:
    kind = rng.random()
    if kind < 0.4:
        return round(65_000 * (1 + rng.gauss(0.0, 0.03)), rng.randint(0, 3))
    if kind < 0.7:
        return round(rng.uniform(0.0, 1.0), rng.randint(0, 4))
    return rng.choice((0, 1, -1, 10, 15, 15.01, 100, 0.25, 1e-12, 1e13, 9e12, 1e300, 5e-324))


def _cut(text: str, rng: Random) -> str:
    return text[: rng.randint(0, len(text))]


def _drop(text: str, rng: Random) -> str:
    start = rng.randint(0, len(text))
    return text[:start] + text[start + rng.randint(1, 8) :]


def _insert(text: str, rng: Random) -> str:
    place = rng.randint(0, len(text))
    return text[:place] + rng.choice(_PIECES) + text[place:]


def _flip(text: str, rng: Random) -> str:
    if not text:
        return text
    place = rng.randrange(len(text))
    return text[:place] + chr(ord(text[place]) ^ (1 << rng.randrange(7))) + text[place + 1 :]


def _renumber(text: str, rng: Random) -> str:
    """Put a wild number where a value stands."""
    places = [place for place, each in enumerate(text) if each == ":"]
    if not places:
        return text
    start = rng.choice(places) + 1
    end = next((n for n in range(start, len(text)) if text[n] in ",}"), len(text))
    return f"{text[:start]} {rng.choice(_NUMBERS)}{text[end:]}"


def _repeat(text: str, rng: Random) -> str:
    start = rng.randint(0, len(text))
    end = min(len(text), start + rng.randint(1, 60))
    return text[:end] + text[start:end] + text[end:]


def _swap(text: str, rng: Random) -> str:
    one, two = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    return text[two:] + text[one:two] + text[:one]


_BREAKS: Final[tuple[Callable[[str, Random], str], ...]] = (
    _cut, _drop, _insert, _flip, _renumber, _renumber, _repeat, _swap,
)  # fmt: skip

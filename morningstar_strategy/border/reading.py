"""Reads the lines that a recorder wrote; nothing of them is taken on trust."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from morningstar_strategy.border.crossing import Origin, Plain
from morningstar_strategy.border.recorder import ACT, BAR, CALL, END, SEEN

__all__ = ["crossings"]

_MOST: Final = 2**63  # what the engine's clock can tell


def crossings(texts: Iterable[str]) -> Iterator[list[Plain]]:
    """Read lines; a call that a kill cut off at the end is left out.

    Raises ValueError naming a faulty line.
    """
    waiting: list[list[Plain]] = []  # of a call that has not ended
    for line in _lines(texts):
        if line[0] == END:
            yield from waiting
            waiting.clear()
        elif waiting or line[0] != BAR:
            waiting.append(line)
        else:
            yield line


def _lines(texts: Iterable[str]) -> Iterator[list[Plain]]:
    """Read lines; the last one may be torn."""
    fault = ""
    for number, text in enumerate(texts, start=1):
        if fault:
            raise ValueError(fault)
        line = _line(text)
        if line is None:
            fault = f"line {number} is no crossing: {text!r:.80}"
        else:
            yield line
    if fault and text.endswith("\n"):
        raise ValueError(fault)


def _line(text: str) -> list[Plain] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(line, list) and line and isinstance(line[0], str)):
        return None
    shape = _SHAPES.get(line[0])
    if shape is None or len(shape) != len(line) - 1:
        return None
    return line if all(fits(each) for fits, each in zip(shape, line[1:], strict=True)) else None


def _is_count(value: Plain) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _is_text(value: Plain) -> bool:
    return isinstance(value, str)


def _is_origin(value: Plain) -> bool:
    return value in [*Origin]


def _is_list(value: Plain) -> bool:
    return isinstance(value, list)


def _is_mapping(value: Plain) -> bool:
    return isinstance(value, dict)


def _is_anything(_value: Plain) -> bool:
    return True


_SHAPES: Final[Mapping[str, tuple[Callable[[Plain], bool], ...]]] = {
    CALL: (_is_count, _is_count, _is_origin, _is_text, _is_list, _is_mapping),
    SEEN: (_is_count, _is_text, _is_anything),
    ACT: (_is_count, _is_anything),
    BAR: (_is_count, _is_text, _is_count),
    END: (),
}

"""Rows of an answer into the engine's types; what these cannot hold is named, never passed over."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime


def expressed[Row, Item](
    rows: Sequence[Row],
    make: Callable[[Row], Item],
    *,
    opened: Callable[[Row], int],
    log: Callable[[str], None],
) -> list[Item]:
    """Make what can be made; each stretch that cannot is logged with its times and a reason."""
    made: list[Item] = []
    stretch: list[tuple[Row, str]] = []
    for row in rows:
        try:
            made.append(make(row))
        except ValueError as e:
            stretch.append((row, str(e)))
            continue
        _tell(stretch, opened, log)
    _tell(stretch, opened, log)
    return made


def _tell[Row](
    stretch: list[tuple[Row, str]], opened: Callable[[Row], int], log: Callable[[str], None]
) -> None:
    if not stretch:
        return
    (first, reason), (last, _) = stretch[0], stretch[-1]
    when = _text(opened(first))
    if len(stretch) > 1:
        when = f"from {when} to {_text(opened(last))}, {len(stretch)} of them,"
    log(f"left out {when} which the engine cannot express: {reason}")
    stretch.clear()


def _text(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds")

"""What a comparison says, for the terminal."""

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from morningstar_strategy.core.divergence.ladder import Divergence
from morningstar_strategy.core.divergence.values import RungResult, Standing, utc
from reports import formats

__all__ = ["comparison", "verdict"]

_SIGNS: Final = {
    Standing.SAME: ("=", "bold blue"),
    Standing.UNTIL: ("≈", "blue"),
    Standing.DIFFERS: ("≠", "bold red"),
    Standing.UNJUDGED: ("·", "dim"),
    Standing.UNRECORDED: ("?", "yellow"),
}
_SHOWN: Final = 10


def verdict(divergence: Divergence) -> str:
    """Say in one sentence where two runs part first and why."""
    if divergence.first is None:
        return "The runs are the same in the time they have in common."
    first = divergence.differences[0]
    where = f" on {first.instrument_id}" if first.instrument_id else ""
    return (
        f"They part first at the {first.rung.value}{where} at {utc(first.ts_event)}: "
        f"{first.cause.value}."
    )


def comparison(divergence: Divergence) -> RenderableType:
    """Give ladder, differences and bridge, ready to be printed by rich."""
    parts: list[RenderableType] = [
        _plain(f"A  {divergence.a.name}", style="bold"),
        _plain(f"B  {divergence.b.name}", style="bold"),
        _plain(verdict(divergence), style="bold red" if not divergence.same else "bold blue"),
        *(_plain(f"· {note}", style="dim") for note in divergence.notes),
        _ladder(divergence),
    ]
    if divergence.differences:
        parts.append(_differences(divergence))
    if divergence.settings or divergence.versions:
        parts.append(_changed(divergence))
    parts.append(_bridge(divergence))
    return Group(*parts)


def _ladder(divergence: Divergence) -> Table:
    table = Table("", "Rung", "Standing", title_justify="left")
    table.add_column("Compared", justify="right")
    table.add_column("Differing", justify="right")
    table.add_column("Outside A / B", justify="right")
    table.add_column("")
    for rung in reversed(divergence.rungs):
        sign, style = _SIGNS[rung.standing]
        table.add_row(
            _plain(sign, style=style),
            _plain(rung.rung.value),
            _plain(rung.standing.value, style=style),
            _count(rung, rung.compared),
            _count(rung, rung.differing),
            f"{rung.outside_a:,} / {rung.outside_b:,}" if rung.outside_a or rung.outside_b else "",
            _plain(rung.says, style="dim"),
        )
    return table


def _count(rung: RungResult, count: int) -> str:
    judged = rung.standing not in (Standing.UNJUDGED, Standing.UNRECORDED)
    return f"{count:,}" if judged else ""


def _differences(divergence: Divergence) -> Group:
    found = divergence.differences
    table = Table("Time (UTC)", "Instrument", "Cause", "What differs, A → B", title_justify="left")
    for each in found[:_SHOWN]:
        cells = (utc(each.ts_event), each.instrument_id, each.cause.value, each.says)
        table.add_row(*map(_plain, cells))
    if len(found) > _SHOWN:
        table.add_row("", "", "", _plain(f"and {len(found) - _SHOWN:,} more (--json has all)"))
    keys = dict.fromkeys(key for each in found for key in each.keys)
    return Group(table, *(_plain(f"because of {key}") for key in keys))


def _changed(divergence: Divergence) -> Table:
    table = Table("Setting or version", "A", "B", title_justify="left")
    for each in (*divergence.settings, *divergence.versions):
        table.add_row(_plain(each.key), _plain(each.a), _plain(each.b))
    return table


def _bridge(divergence: Divergence) -> Table:
    bridge = divergence.bridge
    table = Table("Bridge", title_justify="left")
    table.add_column(bridge.currency or "Amount", justify="right")
    table.add_row(_plain(f"Result of A, {divergence.a.name}"), formats.money(bridge.start))
    for part in bridge.contributions:
        table.add_row(_plain(f"  {part.label}"), formats.money(part.amount, signed=True))
    table.add_row(_plain(f"Result of B, {divergence.b.name}"), formats.money(bridge.end))
    return table


def _plain(text: str, style: str = "") -> Text:
    """Give a text without what a terminal would obey or cannot show, such as an escape."""
    return Text("".join(each if each.isprintable() else "�" for each in text), style)

"""A comparison as one HTML file that opens offline."""

from collections.abc import Sequence
from html import escape
from typing import Final

from morningstar_strategy.core.divergence.ladder import Divergence
from morningstar_strategy.core.divergence.values import (
    Difference,
    Rung,
    RungResult,
    Side,
    Standing,
    utc,
)
from reports import formats
from reports.compare_charts import bridge_chart, delay_chart, equity_curves, slippage_chart
from reports.compare_table import verdict
from reports.html_tables import Cell, nothing, result, table, words
from reports.parts import Charts, document, pair, section

__all__ = ["MAX_DIFFERENCES", "render"]

MAX_DIFFERENCES: Final = 1_000
_STYLE: Final = "compare.css"
_SIGNS: Final = {
    Standing.SAME: ("=", "same"),
    Standing.UNTIL: ("≈", "until"),
    Standing.DIFFERS: ("≠", "differs"),
    Standing.UNJUDGED: ("·", "unjudged"),
    Standing.UNRECORDED: ("?", "unrecorded"),
}


def render(divergence: Divergence) -> str:
    """Render a comparison as HTML."""
    drawn = Charts()
    body = "\n".join(
        (
            section("The ladder", _ladder(divergence), note=_LADDER),
            drawn.place(equity_curves(divergence)),
            drawn.place(bridge_chart(divergence)),
            section("What each cause is worth", _bridge(divergence)),
            section("What differs", _differences(divergence.differences), kind="panel wide"),
            section("Settings and versions that differ", _changed(divergence)),
            pair(drawn.place(slippage_chart(divergence)), drawn.place(delay_chart(divergence))),
        )
    )
    title = f"{divergence.a.name} against {divergence.b.name}"
    header = (
        f'<header><h1>{escape(title)}</h1><ul class="lines">'
        f"{_line('A', divergence.a)}{_line('B', divergence.b)}"
        f"{''.join(f'<li>{escape(note)}</li>' for note in divergence.notes)}"
        f'</ul><p class="verdict {"good" if divergence.same else "bad"}">'
        f"{escape(verdict(divergence))}</p></header>"
    )
    footer = "<footer>What is not in a journal cannot be told from it.</footer>"
    page = f"{header}\n<main>{body}{footer}</main>"
    return document(title, page, drawn, more_style=_STYLE)


_LADDER: Final = (
    "Each rung comes out of those below it. The comparison stops at the first that differs; what "
    "stands above it is not judged."
)


def _line(letter: str, side: Side) -> str:
    kind = "simulated" if side.simulated else "at a venue"
    span = f"{formats.moment(side.start_ns)} to {formats.moment(side.end_ns)}"
    return f"<li>{letter}: {escape(side.name)}, {kind}, {span} UTC</li>"


def _ladder(divergence: Divergence) -> str:
    first = divergence.differences[0] if divergence.differences else None
    rows = "".join(_rung(rung, first) for rung in reversed(divergence.rungs))
    return f'<ol class="ladder" reversed>{rows}</ol>'


def _rung(rung: RungResult, first: Difference | None) -> str:
    sign, kind = _SIGNS[rung.standing]
    said = _cause(first) if first is not None and rung.rung is first.rung else _counts(rung)
    return (
        f'<li class="{kind}"><span class="sign" aria-hidden="true">{sign}</span>'
        f'<span class="rung">{rung.rung.value}</span>'
        f'<span class="how">{rung.standing.value}</span>'
        f'<span class="counts">{escape(said)}</span></li>'
    )


def _cause(first: Difference) -> str:
    because = f" ({'; '.join(first.keys)})" if first.keys else ""
    name = f"{first.instrument_id}, " if first.instrument_id else ""
    return f"{first.cause.value}{because} · {name}{utc(first.ts_event)}: {first.says}"


def _counts(rung: RungResult) -> str:
    parts = []
    if rung.compared:
        parts.append(f"{rung.compared:,} compared")
    if rung.standing is Standing.UNTIL:
        parts.append(f"{rung.differing:,} differ after the first difference")
    if rung.outside_a or rung.outside_b:
        parts.append(f"outside the other's time: A {rung.outside_a:,}, B {rung.outside_b:,}")
    if rung.says:
        parts.append(rung.says)
    return " · ".join(parts)


def _bridge(divergence: Divergence) -> str:
    bridge = divergence.bridge
    rows = [(words("Result of A"), result(bridge.start))]
    rows += [(words(part.label), result(part.amount)) for part in bridge.contributions]
    rows.append((words("Result of B"), result(bridge.end)))
    return table(("Cause", f"Amount ({bridge.currency})"), rows)


def _differences(found: Sequence[Difference]) -> str:
    if not found:
        return nothing("Nothing differs in the time that both runs have in common.")
    shown = found[:MAX_DIFFERENCES]
    few = len(shown) == len(found)
    said = "" if few else f"The first {len(shown):,} of {len(found):,} are shown."
    note = f'<p class="note">{escape(said)}</p>' if said else ""
    columns = ("Time (UTC)", "Instrument", "Cause", "What differs, A → B", "Because")
    return note + table(columns, map(_row, shown), sortable=True)


def _row(each: Difference) -> tuple[Cell, ...]:
    return (
        words(utc(each.ts_event)),
        words(each.instrument_id or "all"),
        words(each.cause.value),
        words(each.says),
        words("; ".join(each.keys)),
    )


def _changed(divergence: Divergence) -> str:
    changed = (*divergence.settings, *divergence.versions)
    if not changed:
        return nothing("Both runs tell the same settings and versions.")
    rows = (
        (words(each.key), words(each.a), words(each.b), words(_reach(each.rungs)))
        for each in changed
    )
    return table(("Key", "A", "B", "May act on"), rows)


def _reach(rungs: Sequence[Rung]) -> str:
    return ", ".join(rung.value for rung in rungs) or "nothing that is compared"

"""The headline of a report for the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from morningstar_strategy.core.report import Report
from reports import formats
from reports.headline import figures, span, warnings
from reports.performance import statistics_of

__all__ = ["summary"]

_STYLES: Final = {"good": "bold blue", "bad": "bold red", "": "bold"}
_REASON: Final = 60


def summary(
    report: Report,
    *,
    title: str,
    head_lines: Sequence[str],
    model_lines: Sequence[str],
    synthetic: bool,
) -> RenderableType:
    """Give headline, results by instrument and denials, ready to be printed by rich."""
    parts: list[RenderableType] = []
    if synthetic or report.head.synthetic:
        parts.append(Text(" SYNTHETIC DATA: the result means nothing ", style="bold white on red"))
    parts.append(Text(title, style="bold"))
    parts.extend(Text(line, style="dim") for line in (span(report), *head_lines))
    parts.extend(Text(f"· {said}") for said in model_lines)
    parts.extend(Text(said, style="yellow") for said in warnings(report))
    parts.append(_figures(report))
    if report.summary.by_instrument:
        parts.append(_instruments(report))
    if report.denials:
        parts.append(_denials(report))
    return Group(*parts)


def _figures(report: Report) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for figure in figures(report, statistics_of(report)):
        value = Text(figure.value, style=_STYLES[figure.tone])
        table.add_row(figure.label, value, Text(figure.hint))
    return table


def _instruments(report: Report) -> Table:
    table = Table("Instrument", title_justify="left")
    for name in ("Plans", "Won", "Gross", "Costs", "Funding", f"Net {report.head.currency}"):
        table.add_column(name, justify="right")
    for group in report.summary.by_instrument:
        table.add_row(
            Text(group.name),
            f"{group.count:,}",
            formats.fraction(group.wins / group.count),
            formats.money(group.gross, signed=True),
            formats.money(group.costs),
            formats.money(group.funding, signed=True),
            Text(formats.money(group.net, signed=True), style=_STYLES[formats.tone(group.net)]),
        )
    return table


def _denials(report: Report) -> Table:
    table = Table("Denied by", title_justify="left")
    table.add_column("Times", justify="right")
    table.add_column("First reason")
    for denial in report.denials:
        reason = formats.shortened(denial.example, _REASON)
        table.add_row(Text(denial.rule), f"{denial.count:,}", Text(reason))
    return table

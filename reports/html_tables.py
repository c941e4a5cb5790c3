"""The tables of a report as HTML; every text is escaped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Final

from morningstar_strategy.core.costs import Costs
from morningstar_strategy.core.curves import Month
from morningstar_strategy.core.plans import Group, PlanRow
from morningstar_strategy.core.report import Report
from reports import formats

__all__ = [
    "MAX_PLANS",
    "Cell",
    "denials",
    "groups",
    "health",
    "monthly",
    "plans",
    "reconciliation",
    "shrinks",
    "table",
]

MAX_PLANS: Final = 2_000
_MONTHS: Final = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_GOOD, _BAD = "47,129,199", "217,96,26"  # blue and vermilion


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one cell shows, what it is sorted by, and "good" or "bad"."""

    text: str
    key: Decimal | float | int | None = None
    tone: str = ""


def words(text: str) -> Cell:
    """Give a cell of text."""
    return Cell(text=text)


def result(value: Decimal | None) -> Cell:
    """Give a cell of signed money."""
    return Cell(text=formats.money(value, signed=True), key=value or 0, tone=formats.tone(value))


def number(text: str, key: Decimal | float | int | None) -> Cell:
    """Give a cell that is sorted as a number."""
    return Cell(text=text, key=0 if key is None else key)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, sortable: bool = False) -> str:
    """Write a table of at least one row; a cell with a key is aligned as a number."""
    listed = list(rows)
    head = "".join(map(_heading, columns, listed[0]))
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in listed)
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _heading(name: str, below: Cell) -> str:
    kind = "" if below.key is None else ' class="n"'
    return f'<th scope="col"{kind}>{escape(name)}</th>'


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.key is None:
        return f"<td>{text}</td>"
    kind = f"n {cell.tone}".rstrip()
    return f'<td class="{kind}" data-v="{float(cell.key):.10g}">{text}</td>'


def nothing(said: str) -> str:
    """Say that there is nothing to show."""
    return f'<p class="nothing">{escape(said)}</p>'


def monthly(months: Sequence[Month]) -> str:
    """Write the months as a heat map, one row per year."""
    years: dict[int, dict[int, float]] = {}
    for month in months:
        years.setdefault(month.year, {})[month.month] = month.simple_return
    hottest = max((abs(month.simple_return) for month in months), default=0.0) or 1.0
    head = "".join(f'<th scope="col">{name}</th>' for name in (*_MONTHS, "Year"))
    body = "".join(_year(year, cells, hottest) for year, cells in years.items())
    return (
        '<div class="scroll"><table class="heat"><thead><tr><th scope="col">%</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _year(year: int, months: dict[int, float], hottest: float) -> str:
    whole = 1.0
    for earned in months.values():
        whole *= 1.0 + earned
    cells = "".join(_heat(months.get(number), hottest) for number in range(1, 13))
    total = formats.fraction(whole - 1.0, signed=True).removesuffix(" %")
    return f'<tr><th scope="row">{year}</th>{cells}<td class="total">{total}</td></tr>'


def _heat(earned: float | None, hottest: float) -> str:
    if earned is None:
        return '<td class="none"></td>'
    depth = 0.08 + 0.62 * min(abs(earned) / hottest, 1.0)
    color = _GOOD if earned >= 0 else _BAD
    text = formats.fraction(earned, signed=True).removesuffix(" %")
    return f'<td style="background:rgba({color},{depth:.2f})">{text}</td>'


def groups(first: str, found: Sequence[Group], currency: str) -> str:
    """Write groups of plans."""
    if not found:
        return nothing("No plan was closed.")
    columns = (
        first,
        "Plans",
        "Won",
        "Gross",
        "Costs",
        "Funding",
        f"Net ({currency})",
    )
    rows = (
        (
            words(group.name),
            number(f"{group.count:,}", group.count),
            number(formats.fraction(group.wins / group.count), group.wins / group.count),
            result(group.gross),
            number(formats.money(group.costs), group.costs),
            result(group.funding),
            result(group.net),
        )
        for group in found
    )
    return table(columns, rows, sortable=True)


def denials(report: Report) -> str:
    """Write the denials by rule."""
    if not report.denials:
        return nothing("The gate denied nothing.")
    rows = (
        (
            words(denial.rule),
            number(f"{denial.count:,}", denial.count),
            words(denial.instrument_id),
            words(denial.example),
        )
        for denial in report.denials
    )
    return table(("Rule", "Denied", "First on", "First reason"), rows, sortable=True)


def shrinks(report: Report) -> str:
    """Write how often each rule made a plan smaller."""
    if not report.shrinks:
        return nothing("The gate made no plan smaller.")
    rows = ((words(rule.name), number(f"{rule.count:,}", rule.count)) for rule in report.shrinks)
    return table(("Rule", "Made smaller"), rows)


def health(report: Report) -> str:
    """Write halts and incidents."""
    if not report.health:
        return nothing("No halt and no incident.")
    rows = (
        (
            words(formats.moment(mark.ts_event)),
            words(mark.instrument_id or "all"),
            words(mark.state),
            words(mark.reason),
        )
        for mark in report.health
    )
    return table(("Time (UTC)", "Instrument", "State", "Reason"), rows)


def reconciliation(costs: Costs, currency: str) -> str:
    """Write how the change of the equity comes about."""
    rows = (
        ("Realized before costs", costs.gross),
        ("Unrealized at the end", costs.unrealized),
        ("Maker fees", -costs.maker_fees),
        ("Taker fees", -costs.taker_fees),
        ("Slippage", -costs.slippage),
        ("Funding", costs.funding),
        ("Not explained by the records", costs.residual),
        ("Change of the equity", costs.change),
    )
    cells = [(words(name), result(value)) for name, value in rows]
    return table(("Part", f"Amount ({currency})"), cells)


def plans(rows: Sequence[PlanRow], currency: str) -> str:
    """Write the plans; of more than 2,000 the first and the last 1,000."""
    if not rows:
        return nothing("No plan was made.")
    half = MAX_PLANS // 2
    few = len(rows) <= MAX_PLANS
    shown = rows if few else (*rows[:half], *rows[-half:])
    said = "" if few else f"The first and the last {half:,} of {len(rows):,} plans are shown. "
    columns = (
        "Planned (UTC)",
        "Instrument",
        "Direction",
        "Planned because",
        "Outcome",
        "Ended by",
        "Net",
        "Gross",
        "Costs",
        "Funding",
        "Held",
        "Quantity",
        "Entry",
        "Exit",
    )
    said += f"Money in {currency}; costs are fees with slippage. Click a column to sort."
    note = f'<p class="note">{escape(said)}</p>'
    return note + table(columns, map(_plan, shown), sortable=True)


def _plan(row: PlanRow) -> tuple[Cell, ...]:
    held = None
    if row.opened_ns is not None and row.ended_ns is not None:
        held = (row.ended_ns - row.opened_ns) / 1e9
    filled, entry = row.opened_ns is not None, row.entry_price
    return (
        words(formats.moment(row.planned_ns)),
        words(row.instrument_id),
        words(row.direction),
        words(row.planned_reason),
        words(row.standing.value),
        words(row.end_reason),
        result(row.net) if filled else number("", None),
        result(row.gross) if filled else number("", None),
        number(formats.money(row.costs) if filled else "", row.costs),
        result(row.funding) if row.funding else number("", None),
        number("" if held is None else formats.duration(held), held),
        number(formats.amount(row.quantity), row.quantity),
        number("market" if entry is None else formats.amount(entry), entry),
        number("" if row.exit_price is None else formats.amount(row.exit_price), row.exit_price),
    )

"""What the report says of a supervisor: one line, and two tables."""

from typing import Final

from morningstar_strategy.core.counsel import CounselRow, CounselSummary, Tally
from reports import formats
from reports.html_tables import Cell, nothing, number, table, words

__all__ = ["MAX_ROWS", "counsel_figures", "counsel_line", "counsel_rows"]

MAX_ROWS: Final = 500
_REASON_LENGTH: Final = 160


def counsel_line(summary: CounselSummary, source: str) -> str:
    """Say in one line what was reviewed and what it cost."""
    who = ", ".join(summary.models) or "nobody answered"
    return (
        f"Supervisor {source} ({who}): {len(summary.rows):,} decisions considered, "
        f"{_counted(summary.verdicts)}; cost {_money(summary)} a decision, "
        f"{formats.fraction(summary.yearly_cost)} of the capital a year"
    )


def counsel_figures(summary: CounselSummary) -> str:
    """Write what was said and what it cost as a table."""
    mean, longest = summary.mean_latency_ms, summary.longest_latency_ms
    told = (
        ("Decisions considered", f"{len(summary.rows):,}"),
        ("Verdicts", _counted(summary.verdicts)),
        ("Commands proposed", _counted(summary.proposals) or "none"),
        ("Questions", f"{summary.exchanges:,}, {summary.repairs:,} of them repairs"),
        ("Without a reply", _counted(summary.failures) or "none"),
        ("Answers nobody waited for", f"{summary.late:,}"),
        ("Tokens of replies", f"{summary.tokens_in:,} in, {summary.tokens_out:,} out"),
        ("Charged perhaps, for nothing", f"{summary.charged:,} requests"),
        ("Cost", f"{formats.money(summary.cost)}, {_money(summary)} a decision"),
        ("Cost of a year", f"{formats.fraction(summary.yearly_cost)} of the capital"),
        ("Latency", formats.MISSING if mean is None else f"{mean:,.0f} ms, at most {longest:,} ms"),
        ("Prompts", ", ".join(summary.prompts) or formats.MISSING),
        ("Models", ", ".join(summary.models) or formats.MISSING),
    )
    return table(("Supervisor", ""), ((words(name), words(value)) for name, value in told))


def counsel_rows(summary: CounselSummary) -> str:
    """Write the newest considerations as a table that can be sorted."""
    rows = summary.rows[-MAX_ROWS:][::-1]
    if not rows:
        return nothing("Nothing was considered.")
    columns = ("Time (UTC)", "Instrument", "Purpose", "Verdict", "Size", "Command", "Reason")
    return table(columns, map(_row, rows), sortable=True)


def _row(row: CounselRow) -> tuple[Cell, ...]:
    return (
        number(formats.moment(row.ts_event), row.ts_event),
        words(row.instrument_id),
        words(row.purpose),
        words(row.verdict),
        number(formats.fraction(row.scale), row.scale),
        words(row.proposed),
        words(formats.shortened(row.reason, _REASON_LENGTH)),
    )


def _counted(tallies: tuple[Tally, ...]) -> str:
    return ", ".join(f"{tally.count:,} {tally.name}" for tally in tallies)


def _money(summary: CounselSummary) -> str:
    per = summary.cost_per_decision
    return formats.MISSING if per is None else f"{per:.6f}"

"""The report as one HTML file that opens offline."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final

from morningstar_strategy.core.counsel import CounselSummary
from morningstar_strategy.core.report import Report
from reports import html_tables
from reports.charts import cost_chart, equity_chart, exposure_chart, result_chart
from reports.counsel import counsel_figures, counsel_rows
from reports.headline import Figure, figures, span, warnings
from reports.parts import Charts, document, pair, section
from reports.performance import statistics_of
from reports.price_charts import price_charts

__all__ = ["render"]


def render(
    report: Report,
    *,
    title: str,
    head_lines: Sequence[str],
    model_lines: Sequence[str] = (),
    synthetic: bool,
    max_exposure_percent: Decimal | None = None,
    counsel: CounselSummary | None = None,
) -> str:
    """Render a report as HTML; `max_exposure_percent` of equity is drawn as cap where given."""
    loud = synthetic or report.head.synthetic
    drawn = Charts()
    body = _body(report, drawn, max_exposure_percent)
    return document(
        f"{'SYNTHETIC · ' if loud else ''}{title}",
        f"{_banner() if loud else ''}{_header(report, title, head_lines)}\n<main>"
        f"{_model(model_lines)}{body}{_counsel(counsel)}"
        "<footer>Past results say nothing certain about the future. "
        "This is no financial advice.</footer></main>",
        drawn,
    )


def _body(report: Report, drawn: Charts, max_exposure_percent: Decimal | None) -> str:
    currency, summary = report.head.currency, report.summary
    parts = [
        _cards(figures(report, statistics_of(report))),
        drawn.place(equity_chart(report)),
        section("Monthly returns", html_tables.monthly(report.months), note=_MONTHLY),
        drawn.place(exposure_chart(report, max_exposure_percent)),
        *map(drawn.place, price_charts(report)),
        pair(
            drawn.place(cost_chart(report)),
            section(
                "Where the result comes from",
                html_tables.reconciliation(report.costs, currency),
                note=_reconciled(report),
            ),
        ),
        pair(
            drawn.place(result_chart(report)),
            section(
                "Long and short", html_tables.groups("Direction", summary.by_direction, currency)
            ),
        ),
        section("By instrument", html_tables.groups("Instrument", summary.by_instrument, currency)),
        section("Outcomes", html_tables.groups("Outcome", summary.by_reason, currency)),
        section("Denials by rule", html_tables.denials(report), note=_gate(report)),
        pair(
            section("Made smaller by rule", html_tables.shrinks(report)),
            section("Halts and incidents", html_tables.health(report)),
        ),
        section("Plans", html_tables.plans(report.plans, currency), kind="panel wide"),
    ]
    return "\n".join(parts)


_COUNSEL: Final = "Its costs are not part of the result above."
_MONTHLY: Final = (
    "Simple returns of calendar months (UTC), costs included; the year compounds them."
)


def _reconciled(report: Report) -> str:
    if report.costs.reconciled:
        return "Fills, fees and funding in the journal explain the change of the equity."
    return "The journal does NOT explain the change of the equity: do not trust these figures."


def _gate(report: Report) -> str:
    actions = ", ".join(f"{action.count:,} {action.name}" for action in report.actions)
    return f"Commands before the gate: {actions}." if actions else "No command reached the gate."


def _banner() -> str:
    return (
        '<div class="synthetic" role="alert">SYNTHETIC DATA'
        "<span>These prices were made by a random generator. No market ever traded them, and the "
        "result means nothing.</span></div>"
    )


def _header(report: Report, title: str, head_lines: Sequence[str]) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in (span(report), *head_lines))
    warned = "".join(f'<p class="warning">{escape(said)}</p>' for said in warnings(report))
    return f'<header><h1>{escape(title)}</h1><ul class="lines">{lines}</ul>{warned}</header>'


def _model(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    said = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return section("What the model can and cannot forecast", f'<ul class="said">{said}</ul>')


def _counsel(counsel: CounselSummary | None) -> str:
    if counsel is None:
        return ""
    return section("The supervisor", counsel_figures(counsel), note=_COUNSEL) + section(
        "What it said", counsel_rows(counsel), kind="panel wide"
    )


def _cards(found: Sequence[Figure]) -> str:
    cards = "".join(
        f'<dl class="card"><dt>{escape(figure.label)}</dt>'
        f'<dd class="value {figure.tone}">{escape(figure.value)}</dd>'
        f'<dd class="hint">{escape(figure.hint)}</dd></dl>'
        for figure in found
    )
    return f'<div class="cards">{cards}</div>'

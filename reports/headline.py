"""The headline of a report: its figures in the order in which a person asks for them."""

from dataclasses import dataclass
from typing import Final

from morningstar_strategy.core.report import Report
from morningstar_strategy.core.sharpe import MIN_DAYS, SharpeEvidence
from reports import formats
from reports.performance import PERIODS_PER_YEAR, Statistics

__all__ = ["Figure", "figures", "span", "warnings"]

_SHORT_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure with its label, a hint in small print, and "good", "bad" or "" as tone."""

    label: str
    value: str
    hint: str
    tone: str = ""


def figures(report: Report, statistics: Statistics) -> tuple[Figure, ...]:
    """List the headline figures."""
    return (*_results(report, statistics), *_ratios(report, statistics), *_trades(report))


def span(report: Report) -> str:
    """Say which time and which instruments the run covers."""
    head = report.head
    return (
        f"{formats.moment(head.start_ns)} to {formats.moment(head.end_ns)} UTC "
        f"({formats.days(head.days)}) · {', '.join(head.instruments) or 'no instrument'}"
    )


def warnings(report: Report) -> tuple[str, ...]:
    """Say in whole sentences what a reader must not overlook."""
    found: list[str] = []
    if report.head.days < _SHORT_DAYS:
        found.append(
            f"The run covers {formats.days(report.head.days)}: annualised figures of less than "
            f"{_SHORT_DAYS} days say little."
        )
    if not report.costs.reconciled:
        found.append(
            f"The records do not explain {report.costs.residual:,.8f} {report.head.currency} of "
            "the change of the equity: do not trust the costs of this run."
        )
    sharpe = report.sharpe
    if sharpe is not None and sharpe.trials > 1 and sharpe.trial_variance is None:
        found.append(
            f"The Sharpe ratio is not deflated by its {sharpe.trials} trials, because the Sharpe "
            "ratios of the others are not known."
        )
    return tuple(found)


def _results(report: Report, statistics: Statistics) -> tuple[Figure, ...]:
    head, basket, costs = report.head, report.basket, report.costs
    held = None if basket is None else basket.simple_return
    share = float(costs.total / head.starting_equity)
    return (
        Figure(
            label="Total return",
            value=formats.fraction(head.simple_return, signed=True),
            hint=f"{formats.money(costs.change, signed=True)} {head.currency}",
            tone=formats.tone(head.simple_return),
        ),
        Figure(
            label="Buy and hold",
            value=formats.fraction(held, signed=True),
            hint="equal-weight basket, no costs",
            tone=formats.tone(held),
        ),
        Figure(
            label="Max drawdown",
            value=formats.fraction(-head.max_drawdown),
            hint=f"daily closes {formats.fraction(statistics.max_drawdown)}",
            tone=formats.tone(-head.max_drawdown),
        ),
        Figure(
            label="Costs",
            value=f"{formats.money(costs.total)} {head.currency}",
            hint=f"{formats.fraction(share)} of the capital, funding included",
        ),
    )


def _ratios(report: Report, statistics: Statistics) -> tuple[Figure, ...]:
    year = f"annualised, {PERIODS_PER_YEAR} days"
    return (
        Figure(
            label="CAGR",
            value=formats.fraction(statistics.cagr, signed=True),
            hint=year,
            tone=formats.tone(statistics.cagr),
        ),
        Figure(
            label="Volatility",
            value=formats.fraction(statistics.volatility),
            hint=year,
        ),
        Figure(label="Sharpe", value=formats.ratio(statistics.sharpe), hint=year),
        Figure(label="Sortino", value=formats.ratio(statistics.sortino), hint=year),
        Figure(
            label="Calmar", value=formats.ratio(statistics.calmar), hint="CAGR to daily drawdown"
        ),
        *_evidence(report.sharpe),
        Figure(
            label="Profit factor",
            value=formats.ratio(statistics.profit_factor),
            hint="won to lost, net of costs",
        ),
    )


def _evidence(sharpe: SharpeEvidence | None) -> tuple[Figure, ...]:
    if sharpe is None:
        missing = f"needs {MIN_DAYS} days that vary"
        return (
            Figure(label="Probabilistic Sharpe", value=formats.MISSING, hint=missing),
            Figure(label="Deflated Sharpe", value=formats.MISSING, hint=missing),
        )
    trials = "1 trial" if sharpe.trials == 1 else f"{sharpe.trials} trials"
    return (
        Figure(
            label="Probabilistic Sharpe",
            value=formats.fraction(sharpe.probabilistic),
            hint="chance that it is above 0",
        ),
        Figure(
            label="Deflated Sharpe",
            value=formats.fraction(sharpe.deflated),
            hint=f"chance that it is not luck, {trials}",
        ),
    )


def _trades(report: Report) -> tuple[Figure, ...]:
    summary, currency = report.summary, report.head.currency
    held = formats.duration(summary.average_holding_secs)
    none = "no plan was closed"
    wins = formats.money(summary.average_win, signed=True)
    losses = formats.money(summary.average_loss, signed=True)
    directions = ", ".join(f"{group.count} {group.name}" for group in summary.by_direction)
    return (
        Figure(
            label="Plans closed",
            value=f"{summary.closed:,}",
            hint=directions or f"of {summary.planned:,} planned",
        ),
        Figure(
            label="Win rate",
            value=formats.fraction(summary.win_rate),
            hint=f"{summary.wins:,} won, {summary.losses:,} lost" if summary.closed else none,
        ),
        Figure(
            label="Average plan",
            value=f"{formats.money(summary.average_net, signed=True)} {currency}"
            if summary.closed
            else formats.MISSING,
            hint=f"win {wins}, loss {losses}" if summary.closed else none,
            tone=formats.tone(summary.average_net),
        ),
        Figure(
            label="Time in market",
            value=formats.fraction(summary.time_in_market),
            hint=f"held {held} on average" if summary.closed else none,
        ),
        Figure(
            label="Denied",
            value=f"{sum(denial.count for denial in report.denials):,}",
            hint=f"commands; {report.approved:,} approved",
        ),
    )

"""The report of a live session, made from its run folder as a backtest's is."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import RenderableType

from live.errors import NodeError
from morningstar_strategy.core import counsel
from morningstar_strategy.core.curves import Prices
from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Kind, Record, RecordError, Value
from morningstar_strategy.core.report import Report, build_report, to_dict
from morningstar_strategy.journal import JournalError, read_manifest, read_records, write_json
from morningstar_strategy.settings.schema import Settings
from reports import performance
from reports.counsel import counsel_line
from reports.page import render
from reports.table import summary

__all__ = ["Told", "report_session"]

PAGE: Final = "report.html"
REPORT: Final = "report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a session was, as a person and as a machine read it."""

    page: Path
    table: RenderableType
    document: dict[str, Value]


def report_session(settings: Settings, folder: Path) -> Told:
    """Write the page and the figures of a session into its run folder.

    Raises NodeError for a session of which nothing can be told, such as one without equity.
    """
    try:
        records = list(read_records(folder))
        report = _build(settings, records)
        counselled = counsel.build_counsel(
            records, starting_equity=report.head.starting_equity, days=report.head.days
        )
    except (JournalError, RecordError, ValueError) as e:
        raise NodeError(f"no report can be made of {folder}: {e}") from e
    title = f"Morningstar {settings.mode} session, {len(settings.data.instruments)} instruments"
    lines = _head_lines(settings, folder, records)
    if counselled is not None:
        lines = (*lines, counsel_line(counselled, settings.supervisor.source))
    page = folder / PAGE
    page.write_text(
        render(
            report,
            title=title,
            head_lines=lines,
            synthetic=report.head.synthetic,
            max_exposure_percent=settings.risk.max_exposure_percent,
            counsel=counselled,
        ),
        encoding="utf-8",
    )
    document: dict[str, Value] = {
        **to_dict(report),
        "statistics": performance.to_dict(performance.statistics_of(report)),
        "assumptions": list(lines),
        **({} if counselled is None else {"supervisor": counsel.to_dict(counselled)}),
    }
    write_json(folder / REPORT, document)
    table = summary(
        report, title=title, head_lines=lines, model_lines=(), synthetic=report.head.synthetic
    )
    return Told(page=page, table=table, document=document)


def _build(settings: Settings, records: Sequence[Record]) -> Report:
    first = next((record for record in records if record.kind is Kind.EQUITY), None)
    if first is None:
        raise RecordError("the session ended before the equity was known")
    return build_report(
        records,
        prices=_prices(records),
        starting_equity=money(first, "equity"),
        currency=settings.currency,
        synthetic=_is_synthetic(settings),
        trials=1,
        trial_sharpes=(),
    )


def _is_synthetic(settings: Settings) -> bool:
    """Say whether prices were made up: the local exchange may play a made-up catalog."""
    from catalog import store  # the engine's catalog takes long to import

    exchange = settings.node.exchange
    return exchange is not None and store.is_synthetic(exchange.catalog)


def _prices(records: Sequence[Record]) -> list[Prices]:
    """Collect the bars that were decided on."""
    closes: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for record in records:
        if record.kind is Kind.BAR:
            close = float(money(record, "close"))
            closes[record.instrument_id].append((record.ts_event, close))
    return [
        Prices(
            instrument_id=name,
            ts_event=np.array([ts for ts, _ in rows], np.int64),
            close=np.array([close for _, close in rows], np.float64),
        )
        for name, rows in closes.items()
    ]


def _head_lines(settings: Settings, folder: Path, records: Sequence[Record]) -> tuple[str, ...]:
    versions = read_manifest(folder).get("versions")
    engine = versions.get("nautilus_trader", "") if isinstance(versions, dict) else ""
    gaps = [record for record in records if record.kind is Kind.GUARD]
    longest = max((float(str(gap.fields["secs"])) for gap in gaps), default=0.0)
    lines = [
        f"Engine NautilusTrader {engine} (a release candidate) · "
        f"predictor {settings.predictor.kind} · mode {settings.mode}",
        f"Longest time that something held had no working stop: {longest:.1f} s",
    ]
    if settings.node.speed > 1:
        lines.append(
            f"Played {settings.node.speed} times as fast: yearly figures mean nothing here"
        )
    return tuple(lines)

"""One backtest from settings to run folder."""

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from backtests.data import MarketData, day_of, load_externals, load_market_data, nanoseconds
from backtests.engine import Outcome, run_engine
from backtests.errors import BacktestError
from backtests.manifest import REPORT, count_trials, make_manifest
from backtests.progress import RunProgress
from catalog import store
from morningstar_strategy.core import counsel
from morningstar_strategy.core.curves import Prices
from morningstar_strategy.core.records import Value
from morningstar_strategy.core.report import Report, build_report, to_dict
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.journal import (
    JOURNAL,
    MANIFEST,
    SETTINGS,
    SHADOWS,
    TAPE,
    Journal,
    JournalError,
    RunFolder,
    digest_of,
    journal_digest,
    read_records,
    write_json,
)
from morningstar_strategy.model.outside import Recorded
from morningstar_strategy.settings.load import dump_settings, settings_digest
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.supervising import (
    Supervision,
    in_line,
    known_from,
    open_supervision,
)
from morningstar_strategy.settings.wiring import calibration_of
from morningstar_strategy.supervisor.tape import TapeMiss
from reports import performance
from reports.counsel import counsel_line
from reports.page import render

__all__ = ["Finished", "run_backtest"]

PAGE: Final = "report.html"
_HASH_LENGTH: Final = 8
_JITTER_SEED: Final = 7  # of the waits between retries
_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run that is on disk, and what its report says."""

    folder: Path
    title: str
    head_lines: tuple[str, ...]
    model_lines: tuple[str, ...]
    report: Report
    document: dict[str, Value]


def run_backtest(settings: Settings, *, quiet: bool = False) -> Finished:
    """Run the engine and write the run folder; raise BacktestError and leave nothing behind."""
    if settings.mode != "backtest":
        raise BacktestError(f"mode must be backtest, was {settings.mode}")
    started = datetime.now(UTC)
    name = f"{started:%Y%m%dT%H%M%S}Z-{settings_digest(settings)[:_HASH_LENGTH]}"
    with RunProgress(quiet=quiet) as progress:
        data = load_market_data(settings.data, funding=settings.venue.funding)
        try:
            with RunFolder(settings.runs, name) as folder:
                (folder / SETTINGS).write_text(dump_settings(settings), encoding="utf-8")
                outcome = _run(settings, data, folder, progress)
                progress.show("reporting", 1.0)
                manifest = make_manifest(
                    settings,
                    data,
                    model=outcome.predictor.model,
                    journal_sha256=journal_digest(folder),
                    tape_sha256=digest_of(folder / TAPE) if (folder / TAPE).exists() else None,
                    unasked=outcome.unasked,
                    started=started.isoformat(timespec="seconds"),
                )
                write_json(folder / MANIFEST, manifest)
                finished = _report(settings, data, outcome, manifest, folder)
        except (JournalError, TapeMiss) as e:
            raise BacktestError(f"{e}") from e
        except OSError as e:
            raise BacktestError(f"runs folder {settings.runs} cannot be written: {e}") from e
    return replace(finished, folder=settings.runs / name)


def _run(
    settings: Settings, data: tuple[MarketData, ...], folder: Path, progress: RunProgress
) -> Outcome:
    """Run the engine, with a second journal where models only watch, and a supervisor's tape."""
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(folder / JOURNAL))
        shadows = None
        if settings.predictor.shadows:
            shadows = stack.enter_context(Journal(folder / SHADOWS))
        timeline = load_externals(settings.data)
        try:
            supervision = stack.enter_context(_supervision(settings, data, folder / TAPE, timeline))
        except (ValueError, RuntimeError) as e:  # a tape or key at fault; a library missing
            raise BacktestError(f"supervisor: {e}") from e
        outcome = run_engine(
            settings,
            data,
            journal,
            shadow_journal=shadows,
            progress=progress,
            supervision=supervision,
            outside=Recorded(timeline=timeline, names=settings.data.externals),
        )
        return outcome if supervision is None else replace(outcome, unasked=supervision.unasked())


def _supervision(
    settings: Settings, data: tuple[MarketData, ...], tape: Path, timeline: Timeline
) -> AbstractContextManager[Supervision | None]:
    quotes = {str(m.instrument.id): m.instrument.quote_currency.code for m in data}
    return open_supervision(
        settings.supervisor,
        tape=tape,
        carry=in_line,
        environ=os.environ,
        rng=Random(_JITTER_SEED),  # noqa: S311  # spreads retries, keeps no secret
        known=known_from(timeline, quotes),
        calibration=partial(calibration_of, settings),
    )


def _report(
    settings: Settings,
    data: Sequence[MarketData],
    outcome: Outcome,
    manifest: dict[str, Value],
    folder: Path,
) -> Finished:
    trials = count_trials(
        settings.runs,
        settings_sha256=str(manifest["settings_sha256"]),
        catalog_sha256=str(manifest["catalog_sha256"]),
    )
    synthetic = store.is_synthetic(settings.data.catalog)
    report = build_report(
        read_records(folder),
        prices=[_prices(market) for market in data],
        starting_equity=settings.capital,
        currency=settings.currency,
        synthetic=synthetic,
        trials=settings.report.trials or trials.count,
        trial_sharpes=trials.sharpes,
    )
    counselled = counsel.build_counsel(
        read_records(folder), starting_equity=settings.capital, days=report.head.days
    )
    title = f"Morningstar backtest, {len(data)} instruments on {settings.data.interval.value} bars"
    lines = _head_lines(settings, data, outcome, manifest)
    if counselled is not None:
        lines = (*lines, counsel_line(counselled, settings.supervisor.source))
    statistics = performance.statistics_of(report)
    document: dict[str, Value] = {
        **to_dict(report),
        "statistics": performance.to_dict(statistics),
        "assumptions": list(lines),
        "model": list(outcome.model_lines),
        **({} if counselled is None else {"supervisor": counsel.to_dict(counselled)}),
    }
    write_json(folder / REPORT, document)
    page = render(
        report,
        title=title,
        head_lines=lines,
        model_lines=outcome.model_lines,
        synthetic=synthetic,
        max_exposure_percent=settings.risk.max_exposure_percent,
        counsel=counselled,
    )
    (folder / PAGE).write_text(page, encoding="utf-8")
    return Finished(
        folder=folder,
        title=title,
        head_lines=lines,
        model_lines=outcome.model_lines,
        report=report,
        document=document,
    )


def _prices(market: MarketData) -> Prices:
    count = len(market.bars)
    return Prices(
        instrument_id=str(market.instrument.id),
        ts_event=np.fromiter((bar.ts_event for bar in market.bars), np.int64, count),
        close=np.fromiter((bar.close.as_double() for bar in market.bars), np.float64, count),
    )


def _head_lines(
    settings: Settings,
    data: Sequence[MarketData],
    outcome: Outcome,
    manifest: dict[str, Value],
) -> tuple[str, ...]:
    venue, terms = settings.venue, outcome.terms
    libraries = manifest["libraries"]
    engine = libraries["nautilus_trader"] if isinstance(libraries, dict) else ""
    lines = [
        f"Engine NautilusTrader {engine} (a release candidate) · predictor {manifest['model']} "
        f"· code {str(manifest['code_sha256'])[:12]} · data {str(manifest['catalog_sha256'])[:12]}",
        f"Costs in percent of notional: maker {_percents(t.maker_fee for t in terms)}, "
        f"taker {_percents(t.taker_fee for t in terms)}, slippage {venue.slippage_percent} on "
        f"what takes liquidity · funding {'settled' if venue.funding else 'ignored'}",
    ]
    lines.extend(_data_warnings(settings, data))
    if venue.latency_ms:
        lines.append(
            f"Order latency {venue.latency_ms} ms: on bars an order meets the market one bar late"
        )
    if outcome.unasked:
        lines.append(
            f"{outcome.unasked:,} exchanges of the tape were never asked for: this is not the run "
            "that was recorded, or only a part of it"
        )
    if settings.decision.allow_short and not all(term.can_short for term in terms):
        lines.append("Spot instruments are traded long only")
    if settings.risk.max_drawdown_percent == Decimal(100):
        lines.append("The drawdown halt is off")
    return tuple(lines)


def _data_warnings(settings: Settings, data: Sequence[MarketData]) -> list[str]:
    """Name the instruments whose bars cover less than was asked for, or hold no trades."""
    start, end = nanoseconds(settings.data.start), nanoseconds(settings.data.end)
    lines = []
    for market in data:
        first, last = market.bars[0].ts_event, market.bars[-1].ts_event
        late = start is not None and first - start > _DAY_NS
        short = end is not None and end - last > _DAY_NS
        if late or short:
            held = f"{day_of(first)} to {day_of(last)}"
            lines.append(f"{market.instrument.id} has bars only from {held}")
        silent = sum(bar.volume.as_double() == 0.0 for bar in market.bars)
        if silent:
            count = f"{silent:,} of {len(market.bars):,} bars"
            lines.append(f"{market.instrument.id} has no volume in {count}: no decision there")
    return lines


def _percents(fractions: Iterable[Decimal]) -> str:
    """Name the different rates among instruments."""
    return " or ".join(f"{(rate * 100).normalize():f}" for rate in sorted(set(fractions)))

"""Looks at what is known outside, and at what a run shows and does with all of it."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Check, Clean, Detector, NotApplicable, Verdict
from backtests.leaks.outside import Join, known_at
from backtests.leaks.rehearsal import Rehearsed, Stage, rehearsing, world_of
from backtests.leaks.rows import BITS, batch_against_stream
from backtests.leaks.shown import Future, Shown, World, decisions, futures_of, prompt_contents
from backtests.leaks.subject import Subject
from morningstar_strategy.core.bars import BarWindow, FloatArray, IntArray
from morningstar_strategy.core.scene import External
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.alternatives import alternative_at
from morningstar_strategy.model.manifest import ALT, ALT_MASK
from morningstar_strategy.model.outside import Recorded
from morningstar_strategy.model.outside_files import read_outside
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.settings.supervising import known_from

__all__ = ["look_at_outside", "look_at_run"]

_CUTS: Final = 3
_MOMENTS: Final = 400  # bars of an instrument at which a prompt's series are asked for
_NONE_NAMED: Final = NotApplicable(reason="data.externals names no series")
_QUIET: Final = NotApplicable(reason="nothing becomes known outside within the stretch")


# ---------------------------------------------------------------- what is known outside


def look_at_outside(subject: Subject) -> Iterator[Check]:
    """Look at every way in which series from outside reach a model or a prompt."""
    names = subject.settings.data.externals
    models = {
        setting: predictor
        for setting, predictor in subject.predictors.items()
        if isinstance(predictor, BundlePredictor) and predictor.bundle.manifest.outside
    }
    if not names:
        yield Check(detector=Detector.KNOWN_AT, subject="series from outside", verdict=_NONE_NAMED)
        return
    yield _known(subject, "series as prompts show them", partial(_shown, _quotes(subject)))
    for setting, predictor in models.items():
        columns = predictor.bundle.manifest.outside
        what = f"columns of {predictor.model} ({setting})"
        yield _known(subject, what, partial(_fed, predictor, names))
        yield from _as_learnt(subject, predictor, what, [n for n in columns if n in names])


def _known(subject: Subject, what: str, join: Join) -> Check:
    told = subject.timeline.externals
    stamps = subject.windows[min(subject.windows)].ts_event[-_MOMENTS:]
    moments = sorted({each.ts_known for each in told})
    within = [ns for ns in moments[:-1] if stamps[0] <= ns < stamps[-1]]
    verdict: Verdict = _QUIET
    if within:
        cuts = [within[at] for at in subject.draw(0, len(within), _CUTS)]
        told_of = f"{len(cuts)} cuts of {len(stamps):,} moments, {len(told):,} rows, to the bit"
        verdict = known_at(join, told, stamps, cuts) or Clean(compared=told_of)
    return Check(detector=Detector.KNOWN_AT, subject=what, verdict=verdict)


def _quotes(subject: Subject) -> dict[str, str]:
    return {
        str(each.instrument.id): each.instrument.quote_currency.code for each in subject.markets
    }


def _shown(quotes: Mapping[str, str], told: Sequence[External], stamps: IntArray) -> FloatArray:
    """Turn what each instrument's prompts would be shown into one number a moment."""
    known = known_from(Timeline(told), quotes)
    return np.array(
        [
            [float(zlib.crc32(repr(known(name, ts)).encode())) for name in quotes]
            for ts in stamps.tolist()
        ]
    )


def _fed(
    predictor: BundlePredictor,
    names: tuple[str, ...],
    told: Sequence[External],
    stamps: IntArray,
) -> FloatArray:
    fed = predictor.fed_by(Recorded(timeline=Timeline(told), names=names)).fed(stamps)
    return np.column_stack((fed[ALT], fed[ALT_MASK])).astype(np.float64)


def _as_learnt(
    subject: Subject, predictor: BundlePredictor, what: str, names: Sequence[str]
) -> Iterator[Check]:
    """Hold the columns that a training joins against those that are served."""
    if not names:
        return
    from_files = read_outside(subject.settings.data.catalog, names)
    wanted = [predictor.bundle.manifest.outside.index(name) for name in names]

    def learnt(bars: BarWindow) -> FloatArray:
        told = alternative_at(from_files, names, bars.ts_event)
        values = np.where(told.known, told.values, 0.0)
        return np.column_stack((values, told.known)).astype(np.float64)

    def served(bars: BarWindow) -> FloatArray:
        fed = predictor.fed(bars.ts_event)
        return np.column_stack((fed[ALT][:, wanted], fed[ALT_MASK][:, wanted])).astype(np.float64)

    bars = subject.windows[min(subject.windows)]
    verdict = batch_against_stream(learnt, served, bars, BITS)
    yield Check(
        detector=Detector.BATCH_AGAINST_STREAM,
        subject=what,
        verdict=verdict or Clean(compared=f"{len(bars):,} bars of {', '.join(names)}, to the bit"),
    )


# ---------------------------------------------------------------- what a run shows and does


def look_at_run(subject: Subject) -> Iterator[Check]:
    """Look at a run on the engine: its prompts, and everything that it puts on record."""
    stage = Stage(rehearsing(subject.settings), subject.markets)
    world = world_of(subject.markets, subject.timeline)
    before = stage.at(world)
    cuts = _moments(subject, before.prompts or before.records)
    futures = futures_of(world, cuts)
    about = f"a run of {subject.named}"
    unproven = _unproven(stage, world, futures)
    found = None
    if (silence := _silence(subject, before) or unproven) is None:
        found = prompt_contents(lambda other: stage.at(other).prompts, world, futures)
    verdict: Verdict = silence or found or _compared(before.prompts, cuts, "prompts")
    asked = f"prompts of {about}{_in_whose_place(subject)}"
    yield Check(detector=Detector.PROMPT_CONTENTS, subject=asked, verdict=verdict)
    if unproven is None:
        found = decisions(lambda other: stage.at(other).records, world, futures)
    verdict = unproven or found or _compared(before.records, cuts, "records")
    yield Check(detector=Detector.DECISIONS, subject=f"journal of {about}", verdict=verdict)


def _unproven(stage: Stage, world: World, futures: Sequence[Future]) -> NotApplicable | None:
    """Say why nothing can be learnt from other futures; None where something can."""
    if not futures:
        return NotApplicable(reason="the run showed nothing between its first and its last bar")
    if all(stage.at(other).records == stage.at(world).records for _, other in futures):
        return NotApplicable(reason="the run is the same in every other future, to its very end")
    return None


def _silence(subject: Subject, before: Rehearsed) -> NotApplicable | None:
    if subject.settings.supervisor.source == "off":
        return NotApplicable(reason="supervisor.source is off: nobody is asked anything")
    return None if before.prompts else NotApplicable(reason="nothing was asked on these bars")


def _in_whose_place(subject: Subject) -> str:
    match subject.settings.supervisor.source:
        case "live" | "tape" as source:
            return f", a script answering in the place of source {source}"
        case _:
            return ""


def _moments(subject: Subject, shown: Sequence[Shown]) -> list[int]:
    """Draw moments at which something is shown: what peeks one bar ahead shows it there."""
    last = min(market.bars[-1].ts_event for market in subject.markets)
    first = max(market.bars[0].ts_event for market in subject.markets)
    stamps = sorted({each.ts_event for each in shown if first <= each.ts_event < last})
    return [stamps[at] for at in subject.draw(0, len(stamps), _CUTS)[:_CUTS]]


def _compared(shown: Sequence[Shown], cuts: Sequence[int], what: str) -> Clean:
    count = sum(each.ts_event <= cut for cut in cuts for each in shown)
    return Clean(compared=f"{count:,} {what} up to {len(cuts)} cuts, in two other futures each")

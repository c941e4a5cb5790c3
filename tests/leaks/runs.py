"""Leaks planted in whole runs of the engine: settings, actors and supervisor are the real ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from backtests.leaks.findings import Detector, Finding
from backtests.leaks.rehearsal import Knowing, Stage, rehearse, rehearsing, world_of
from backtests.leaks.shown import Future, World, decisions, futures_of, prompt_contents
from backtests.leaks.subject import load_subject
from morningstar_strategy.actors.consultation import Known
from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.supervising import known_from
from tests.leaks.planting import Plant
from tests.rows import HOUR_NS

__all__ = ["runs"]

_CONFIG: Final = Path(__file__).parents[2] / "config" / "supervised.yaml"
_BARS: Final = 700
_LAG_NS: Final = 6 * HOUR_NS


def _when_it_happened(timeline: Timeline, quotes: Mapping[str, str]) -> Known:
    """Show what is told outside as it happens, hours before anybody knows of it."""
    told = (replace(each, ts_known=each.ts_event) for each in timeline.externals)
    return known_from(Timeline(told), quotes)


def runs(catalog: Path) -> Iterator[Plant]:
    """Plant in runs on some five-minute bars of BTC and ETH, with an alarm that is known late."""
    subject = load_subject(_settings(catalog), bars=_BARS, seed=2)
    settings = rehearsing(subject.settings)
    world = world_of(subject.markets, Timeline())
    asked = rehearse(settings, subject.markets, world).prompts
    reviews = [each.ts_event for each in asked if each.about.startswith("review")]
    cut = reviews[len(reviews) // 2]
    world = replace(world, told=(_alarm(cut - HOUR_NS),))
    futures = futures_of(world, (cut,))
    for name, knowing in _WAYS.items():
        stage = Stage(settings, subject.markets, knowing=knowing)
        for what, (detector, look) in _LOOKS.items():
            yield Plant(
                name=f"run with news {name}, its {what}",
                detector=detector if knowing is _when_it_happened else None,
                find=partial(look, stage, world, futures),
            )


def _settings(catalog: Path) -> Settings:
    return load_settings(
        _CONFIG,
        overrides=(
            f"data.catalog={catalog}",
            "data.instruments=[BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]",
            "data.end=null",
            "decision.min_confidence=0.05",
        ),
    )


def _prompts(stage: Stage, world: World, futures: Sequence[Future]) -> Finding | None:
    return prompt_contents(lambda other: stage.at(other).prompts, world, futures)


def _journal(stage: Stage, world: World, futures: Sequence[Future]) -> Finding | None:
    return decisions(lambda other: stage.at(other).records, world, futures)


_WAYS: Final[Mapping[str, Knowing]] = {"by event time": _when_it_happened, "as known": known_from}
_LOOKS: Final = {
    "prompts": (Detector.PROMPT_CONTENTS, _prompts),
    "journal": (Detector.DECISIONS, _journal),
}


def _alarm(ts_event: int) -> External:
    return External(
        source="wire",
        symbol="",
        ts_event=ts_event,
        ts_known=ts_event + _LAG_NS,
        trust=Trust.TEXT,
        text="Exchange hacked, withdrawals halted",
    )

"""Planted leaks of prompts: they show what came after the moment they speak of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Final

import numpy as np

from backtests.leaks.findings import Detector, Finding
from backtests.leaks.shown import Shown, World, futures_of, parts_of, prompt_contents
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.scene import Advice, External, Lesson, Scene, Trust
from morningstar_strategy.core.state import Active, Pending
from morningstar_strategy.core.summary import MarketSummary, Summariser
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.supervisor.exchange import Purpose
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.prompt import render
from tests.leaks.planting import Plant
from tests.rows import HOUR_NS, walk
from tests.supervised import ACTIVE, BTC, PENDING, PREDICTION, scene

__all__ = ["PROMPTS"]

_BARS: Final = walk(9, 160)
_FIRST, _EVERY, _LASTS = 30, 3, 9  # bars: before the first prompt, between them, a trade is held
_SHARE: Final = Decimal("0.015")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one prompt is made of, each part as a function of the world and the bar's place."""

    summary: Callable[[BarWindow, int], MarketSummary]
    trade: Callable[[BarWindow, int], Pending | Active]
    lessons: Callable[[BarWindow, int], tuple[Lesson, ...]]
    equity: Callable[[BarWindow, int], Decimal]
    known: Callable[[World, int], tuple[External, ...]]
    p_long: Callable[[BarWindow, int], float]


# ---------------------------------------------------------------- honest parts


def summed_up(bars: BarWindow, at: int) -> MarketSummary:
    summariser = Summariser()
    for _, _, high, low, close, volume in bars[: at + 1].rows():
        summariser.absorb(high, low, close, volume)
    summary = summariser.summary()
    assert summary is not None
    return summary


def _filled(bars: BarWindow, placed: int) -> int:
    """Find the bar in which a limit order is filled that was placed at a bar's close."""
    limit = bars.close[placed] * 0.999
    later = np.flatnonzero(bars.low[placed + 1 :] <= limit)
    return placed + 1 + int(later[0]) if len(later) else len(bars)


def _active(bars: BarWindow, fill: int) -> Active:
    return replace(
        ACTIVE,
        entry_price=Decimal(f"{bars.close[fill]:.4f}"),
        opened_ns=int(bars.ts_event[fill]),
    )


def held(bars: BarWindow, at: int) -> Pending | Active:
    """Show an order placed six bars ago, and the trade once it is filled."""
    fill = _filled(bars, at - 6)
    return _active(bars, fill) if fill <= at else PENDING


def _lesson(bars: BarWindow, opened: int) -> Lesson:
    """Tell how a trade ended that was held for some bars."""
    ended = min(opened + _LASTS, len(bars) - 1)
    advice = Advice(
        ts_event=int(bars.ts_event[opened]), instrument_id=BTC, verdict="confirmed", reason=""
    )
    return Lesson(
        advice=advice,
        direction="LONG",
        result=float(bars.close[ended] - bars.close[opened]),
        ended_ns=int(bars.ts_event[ended]),
    )


def learnt(bars: BarWindow, at: int) -> tuple[Lesson, ...]:
    return (_lesson(bars, at - _LASTS),)


def equity_of(bars: BarWindow, at: int) -> Decimal:
    return 10_000 + _SHARE * Decimal(f"{bars.close[at] - bars.close[0]:.4f}")


def known_by_then(world: World, ts: int) -> tuple[External, ...]:
    return Timeline(world.told).as_of(ts, "BTC")


def forecast(bars: BarWindow, at: int) -> float:
    return _odds(bars.close[at] / bars.close[at - 1])


def _odds(move: float) -> float:
    return min(max(0.4 + 20.0 * (move - 1.0), 0.0), 0.8)


HONEST: Final = Told(
    summary=summed_up,
    trade=held,
    lessons=learnt,
    equity=equity_of,
    known=known_by_then,
    p_long=forecast,
)


# ---------------------------------------------------------------- parts that know too much


def summed_up_with_the_next_bar(bars: BarWindow, at: int) -> MarketSummary:
    return summed_up(bars, min(at + 1, len(bars) - 1))


def range_of_the_whole_run(bars: BarWindow, at: int) -> MarketSummary:
    summary = summed_up(bars, at)
    return replace(summary, high=float(bars.high.max()), low=float(bars.low.min()))


def filled_later(bars: BarWindow, at: int) -> Pending | Active:
    """Show an order of this moment as filled by one of the next three bars."""
    fill = _filled(bars, at)
    return _active(bars, fill) if fill <= min(at + 3, len(bars) - 1) else PENDING


def learnt_before_it_ended(bars: BarWindow, at: int) -> tuple[Lesson, ...]:
    lesson = _lesson(bars, at - 2)
    return (replace(lesson, ended_ns=int(bars.ts_event[at])),)


def equity_at_the_end(bars: BarWindow, at: int) -> Decimal:
    del at
    return equity_of(bars, len(bars) - 1)


def known_when_it_happened(world: World, ts: int) -> tuple[External, ...]:
    """Take it that everything was known as it happened."""
    told = (replace(each, ts_known=each.ts_event) for each in world.told)
    return Timeline(told).as_of(ts, "BTC")


def later_news(world: World, ts: int) -> tuple[External, ...]:
    """Show tomorrow's words with today's date on them."""
    later = Timeline(world.told).as_of(ts + 24 * HOUR_NS, "BTC")
    return tuple(
        replace(each, ts_event=min(each.ts_event, ts), ts_known=min(each.ts_known, ts))
        for each in later
    )


def next_funding_rate(world: World, ts: int) -> tuple[External, ...]:
    """Show the rate that settles next as if it were known."""
    rates = world.rates[BTC]
    moment, rate = next(((at, told) for at, told in rates if at > ts), rates[-1])
    told = External(
        source=f"funding/{BTC}",
        symbol="BTC",
        ts_event=min(moment, ts),
        ts_known=min(moment, ts),
        trust=Trust.NUMBER,
        value=float(rate),
    )
    return (*known_by_then(world, ts), told)


def forecast_of_what_came(bars: BarWindow, at: int) -> float:
    return _odds(bars.close[min(at + 1, len(bars) - 1)] / bars.close[at])


def price_of_the_next_open(bars: BarWindow, at: int) -> float:
    return _odds(bars.open[min(at + 1, len(bars) - 1)] / bars.close[at - 1])


# ---------------------------------------------------------------- prompts and worlds


def _shown(told: Told, world: World) -> tuple[Shown, ...]:
    return tuple(_prompts(told, world))


def _prompts(told: Told, world: World) -> Iterator[Shown]:
    bars = world.bars[BTC]
    for at in range(_FIRST, len(bars), _EVERY):
        ts = int(bars.ts_event[at])
        prompt = render(Purpose.REVIEW, _scene(told, world, at, ts), policy=SupervisorPolicy())
        yield Shown(ts_event=ts, about="review", parts=parts_of(prompt))


def _scene(told: Told, world: World, at: int, ts: int) -> Scene:
    bars = world.bars[BTC]
    p_long = told.p_long(bars, at)
    prediction = replace(
        PREDICTION, p_long=p_long, p_flat=0.9 - p_long, price=float(bars.close[at])
    )
    summary = told.summary(bars, at)
    return scene(
        at=ts,
        bars=at + 1,
        prediction=prediction,
        summary=summary,
        trade=told.trade(bars, at),
        lessons=told.lessons(bars, at),
        equity=told.equity(bars, at),
        externals=told.known(world, ts),
    )


def _news(at: int) -> External:
    ts_event = int(_BARS.ts_event[at])
    return External(
        source="wire",
        symbol="BTC",
        ts_event=ts_event,
        ts_known=ts_event + 5 * HOUR_NS,
        trust=Trust.TEXT,
        text=f"What was told of hour {at}",
    )


_RATES: Final = tuple(
    (int(_BARS.ts_event[at]), Decimal(at) / 100_000) for at in range(0, len(_BARS), 8)
)
_WORLD: Final = World(
    bars={BTC: _BARS}, told=tuple(_news(at) for at in range(10, 150, 7)), rates={BTC: _RATES}
)
_CUTS: Final = tuple(int(_BARS.ts_event[at]) for at in (_FIRST + 12, _FIRST + 45, _FIRST + 90))


def _found(told: Told) -> Finding | None:
    return prompt_contents(partial(_shown, told), _WORLD, futures_of(_WORLD, _CUTS))


def _plant(name: str, told: Told) -> Plant:
    return Plant(name=name, detector=Detector.PROMPT_CONTENTS, find=partial(_found, told))


PROMPTS: Final = (
    _plant("prompt shows the next bar", replace(HONEST, summary=summed_up_with_the_next_bar)),
    _plant("prompt shows the range of the run", replace(HONEST, summary=range_of_the_whole_run)),
    _plant("prompt shows a later fill", replace(HONEST, trade=filled_later)),
    _plant("prompt shows a lesson too early", replace(HONEST, lessons=learnt_before_it_ended)),
    _plant("prompt shows the equity at the end", replace(HONEST, equity=equity_at_the_end)),
    _plant("prompt shows news by event time", replace(HONEST, known=known_when_it_happened)),
    _plant("prompt shows later news", replace(HONEST, known=later_news)),
    _plant("prompt shows the next funding rate", replace(HONEST, known=next_funding_rate)),
    _plant("prompt shows a forecast that peeked", replace(HONEST, p_long=forecast_of_what_came)),
    _plant("prompt shows the next open", replace(HONEST, p_long=price_of_the_next_open)),
    Plant(name="prompts as they are", detector=None, find=partial(_found, HONEST)),
)

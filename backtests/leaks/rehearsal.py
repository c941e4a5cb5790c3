"""A run on the real engine in a world of choice: what it asked a supervisor, and what it did."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from nautilus_trader.model import Bar, BarType, FundingRateUpdate, Price, Quantity

from backtests.data import MarketData
from backtests.engine import run_engine
from backtests.errors import BacktestError
from backtests.leaks.shown import Shown, World, parts_of
from catalog import store
from morningstar_strategy.actors.consultation import Known
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.records import Record
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.journal import JOURNAL, TAPE, Journal, read_records
from morningstar_strategy.model.outside import Recorded
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.settings.supervising import in_line, known_from, open_supervision
from morningstar_strategy.settings.wiring import calibration_of
from morningstar_strategy.supervisor.exchange import Exchange
from morningstar_strategy.supervisor.tape import read_tape

__all__ = ["Knowing", "Rehearsed", "Stage", "rehearse", "rehearsing", "world_of"]

type Knowing = Callable[[Timeline, Mapping[str, str]], Known]

_SEED: Final = 7  # of waits between retries, of which a script has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a run asked, and what it put on record, in the order of time and subject."""

    prompts: tuple[Shown, ...]
    records: tuple[Shown, ...]


class Stage:
    """Runs settings that are made for rehearsing in worlds, in each of them once."""

    def __init__(
        self, settings: Settings, markets: Sequence[MarketData], *, knowing: Knowing = known_from
    ) -> None:
        self._settings = settings
        self._markets = markets
        self._knowing = knowing
        self._done: dict[int, Rehearsed] = {}
        self._worlds: list[World] = []  # kept, so that no other has the id of one

    def at(self, world: World) -> Rehearsed:
        """Give what a run in this world asked and did; raises BacktestError."""
        done = self._done.get(id(world))
        if done is None:
            self._worlds.append(world)
            done = rehearse(self._settings, self._markets, world, knowing=self._knowing)
            self._done[id(world)] = done
        return done


def world_of(markets: Sequence[MarketData], timeline: Timeline) -> World:
    """Take bars, funding and what is told outside as the world that really was."""
    return World(
        bars={str(each.instrument.id): store.window(each.bars) for each in markets},
        told=timeline.externals,
        rates={
            str(each.instrument.id): tuple((rate.ts_event, rate.rate) for rate in each.funding)
            for each in markets
        },
    )


def rehearsing(settings: Settings) -> Settings:
    """Let a script answer in the place of models and tapes, and keep every assessment on record.

    What is asked depends on what was answered before, and only a script can be asked about a
    world that never was. No forecast is taken from a cache or put into one.
    """
    source = settings.supervisor.source
    supervisor = settings.supervisor.model_copy(
        update={"source": source if source == "off" else "scripted", "tape": None}
    )
    predictor = settings.predictor.model_copy(update={"cache": None, "shadows": ()})
    return settings.model_copy(
        update={
            "mode": "backtest",
            "supervisor": supervisor,
            "predictor": predictor,
            "journal": settings.journal.model_copy(update={"assessments": "all"}),
        }
    )


def rehearse(
    settings: Settings,
    markets: Sequence[MarketData],
    world: World,
    *,
    knowing: Knowing = known_from,
) -> Rehearsed:
    """Run settings that are made for rehearsing in a world; raises BacktestError.

    `knowing` says what of the timeline a prompt is shown.
    """
    data = tuple(_in_world(market, world) for market in markets)
    timeline = Timeline(world.told)
    quotes = {str(each.instrument.id): each.instrument.quote_currency.code for each in data}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with (
            Journal(folder / JOURNAL) as journal,
            open_supervision(
                settings.supervisor,
                tape=folder / TAPE,
                carry=in_line,
                environ={},
                rng=Random(_SEED),  # noqa: S311  # keeps no secret
                known=knowing(timeline, quotes),
                calibration=partial(calibration_of, settings),
            ) as supervision,
        ):
            run_engine(
                settings,
                data,
                journal,
                supervision=supervision,
                outside=Recorded(timeline=timeline, names=settings.data.externals),
            )
        tape = folder / TAPE
        asked = [_prompt(each) for each in read_tape(tape)] if tape.exists() else []
        done = [_record(each) for each in read_records(folder)]
        return Rehearsed(prompts=_in_order(asked), records=_in_order(done))


def _in_order(shown: Sequence[Shown]) -> tuple[Shown, ...]:
    """Sort by moment and subject: a tape is in the order of answers, and a journal of a moment in
    that of the engine's handlers, which is another in each run.
    """
    return tuple(sorted(shown, key=lambda each: (each.ts_event, each.about)))


def _prompt(exchange: Exchange) -> Shown:
    question = exchange.question
    turns = "\n".join(f"{turn.reply}\n{turn.complaint}" for turn in question.turns)
    return Shown(
        ts_event=question.ts_event,
        about=f"{question.purpose.value} of {question.instrument_id}, attempt {question.attempt}",
        parts=(*parts_of(question.prompt), ("turns", turns)),
    )


def _record(record: Record) -> Shown:
    return Shown(
        ts_event=record.ts_event,
        about=f"{record.kind.value} of {record.instrument_id or 'the account'}",
        parts=tuple((name, f"{value}") for name, value in record.fields.items()),
    )


# ---------------------------------------------------------------- worlds as the engine's data


def _in_world(market: MarketData, world: World) -> MarketData:
    name = str(market.instrument.id)
    bars = _rebuilt(market, world.bars[name])
    rates = world.rates.get(name, ())
    if len(bars) != len(market.bars) or len(rates) != len(market.funding):
        raise BacktestError(f"world of {name} must have the bars and rates that the catalog has")
    funding = [_rate(was, rate) for was, (_, rate) in zip(market.funding, rates, strict=True)]
    return replace(market, bars=bars, funding=funding)


def _rebuilt(market: MarketData, bars: BarWindow) -> list[Bar]:
    """Give the engine's own bars as far as they are the world's, and others from there on."""
    prices, sizes = market.instrument.price_precision, market.instrument.size_precision
    made = []
    for was, row in zip(market.bars, bars.rows(), strict=True):
        ts_event, *values = row
        told = [getattr(was, name).as_double() for name in ("open", "high", "low", "close")]
        same = [*told, was.volume.as_double()] == values
        made.append(was if same else _bar(was.bar_type, ts_event, values, prices, sizes))
    return made


def _bar(kind: BarType, ts_event: int, values: Sequence[float], prices: int, sizes: int) -> Bar:
    tick = 10.0**-prices
    open_, high, low, close = (Price(max(value, tick), prices) for value in values[:4])
    return Bar(kind, open_, high, low, close, Quantity(values[4], sizes), ts_event, ts_event)


def _rate(was: FundingRateUpdate, rate: Decimal) -> FundingRateUpdate:
    if was.rate == rate:
        return was
    return FundingRateUpdate(
        was.instrument_id,
        rate,
        was.ts_event,
        was.ts_init,
        was.interval,
        next_funding_ns=was.next_funding_ns,
    )

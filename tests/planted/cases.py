"""The kinds of differences that must be found, and pairs in which nothing may be."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from morningstar_strategy.core import decision
from morningstar_strategy.core.divergence.bridge import UNTOLD
from morningstar_strategy.core.divergence.values import Cause, Rung
from morningstar_strategy.core.records import Record
from morningstar_strategy.journal import JOURNAL, TAPE
from morningstar_strategy.supervisor.exchange import Exchange
from morningstar_strategy.supervisor.tape import TapeWriter, read_tape
from tests.catalogs import Told
from tests.planted import editing
from tests.planted.bench import Bench, Case, Runs, change_manifest
from tests.planted.markets import ETH, STEP_NS, Market, Rate
from tests.planted.nodes import as_a_node_tells

__all__ = ["CASES", "clean"]

_SUPERVISED: Final = (
    "supervisor.source=scripted",
    "supervisor.policy.may_propose=true",
    "supervisor.scripted_latency_ms=1200",
)
_IDLE: Final = "no strong move"  # what the script says where it does nothing


# ------------------------------------------------------------ other data


def _bars(change: Callable[[list[Told], int], list[Told]]) -> Callable[[Bench], Runs]:
    """Change the bars at the place of the first on which ETH was traded."""

    def make(bench: Bench) -> Runs:
        market = bench.market
        bars = [*market.bars[ETH]]
        traded = _first(bench, "command")
        at = next(place for place, bar in enumerate(bars) if bar.ts == traded)
        return bench.pair(market=market.with_bars(ETH, change(bars, at)))

    return make


def _first(bench: Bench, kind: str) -> int:
    """Give when something first happened on ETH."""
    lines = (bench.run() / JOURNAL).read_text(encoding="utf-8").splitlines()
    return next(
        int(record["ts_event"])
        for record in map(json.loads, lines)
        if record["kind"] == kind and record["instrument_id"] == ETH
    )


def _dropped(bars: list[Told], at: int) -> list[Told]:
    return [*bars[:at], *bars[at + 1 :]]


def _gap(bars: list[Told], at: int) -> list[Told]:
    return [*bars[: at - 12], *bars[at + 12 :]]


def _repriced(bars: list[Told], at: int) -> list[Told]:
    bars[at] = replace(bars[at], close=bars[at].high)
    return bars


def _other_volume(bars: list[Told], at: int) -> list[Told]:
    bars[at] = replace(bars[at], volume=f"{Decimal(bars[at].volume) * 2:f}")
    return bars


def _shifted(bars: list[Told], _: int) -> list[Told]:
    return [replace(bar, ts=bar.ts + STEP_NS // 5) for bar in bars]


def _rates(change: Callable[[list[Rate]], list[Rate]]) -> Callable[[Bench], Runs]:
    def make(bench: Bench) -> Runs:
        at = _first(bench, "funding")
        market = bench.market
        rates = [*market.rates[ETH]]
        place = next(i for i, rate in enumerate(rates) if rate.ts == at)
        rates[place : place + 1] = change([rates[place]])
        return bench.pair(market=market.with_rates(ETH, rates))

    return make


def _dearer_instrument(bench: Bench) -> Runs:
    market: Market = bench.market
    definition = market.definitions[ETH]
    fees = replace(definition.fees, taker=definition.fees.taker * 2)
    return bench.pair(market=market.with_definition(replace(definition, fees=fees)))


# ------------------------------------------------------------ other settings, models and code


def _set(*overrides: str) -> Callable[[Bench], Runs]:
    return lambda bench: bench.pair(*overrides)


def _supervised(*overrides: str) -> Callable[[Bench], Runs]:
    def make(bench: Bench) -> Runs:
        return bench.run(*_SUPERVISED), bench.run(*_SUPERVISED, *overrides)

    return make


def _replayed(bench: Bench, edit: Callable[[str], str]) -> Runs:
    """Replay a supervised run from its tape, in which one reply was edited."""
    ours = bench.run(*_SUPERVISED)
    tape = bench.place("tape") / TAPE
    exchanges = [*read_tape(ours / TAPE)]
    middle = len(exchanges) // 2
    place = next(i for i in range(middle, len(exchanges)) if _IDLE in _text(exchanges[i]))
    with TapeWriter(tape) as writer:
        for number, each in enumerate(exchanges):
            writer.append(_reworded(each, edit) if number == place else each)
    taped = ("supervisor.source=tape", f"supervisor.tape={tape}")
    return ours, bench.run(*_SUPERVISED, *taped)


def _text(exchange: Exchange) -> str:
    return "" if exchange.reply is None else exchange.reply.text


def _reworded(exchange: Exchange, edit: Callable[[str], str]) -> Exchange:
    reply = exchange.reply
    return (
        exchange
        if reply is None
        else replace(exchange, reply=replace(reply, text=edit(reply.text)))
    )


def _edited_reply(bench: Bench) -> Runs:
    return _replayed(bench, lambda text: text.replace(_IDLE, "the tide is against it"))


def _same_reply(bench: Bench) -> Runs:
    return _replayed(bench, lambda text: text)


@contextmanager
def _stops_a_tick_lower() -> Iterator[None]:
    """Let the code be another one for a while: what is rounded to the nearest tick is one lower."""
    known: Any = decision._rounded
    decision._rounded = lambda price, market: known(price, market) - market.tick
    try:
        yield
    finally:
        decision._rounded = known


def _other_code(bench: Bench) -> Runs:
    ours = bench.run()
    with _stops_a_tick_lower():
        theirs = bench.run(again=True)
    change_manifest(theirs, lambda manifest: {**manifest, "code_sha256": "0" * 64})
    return ours, theirs


def _other_engine(bench: Bench) -> Runs:
    """Only another engine fills a backtest at other prices: the journal is edited as one would."""
    ours, theirs = bench.edited(editing.worse_price, live=False)

    def older(manifest: Any) -> Any:
        return {**manifest, "libraries": {**manifest["libraries"], "nautilus_trader": "2.0.0rc5"}}

    change_manifest(theirs, older)
    return ours, theirs


def _edit(edit: Callable[[list[Record]], list[Record]]) -> Callable[[Bench], Runs]:
    return lambda bench: bench.edited(edit)


def _live(
    name: str, edit: Callable[[list[Record]], list[Record]], rung: Rung, cause: Cause, says: str
) -> Case:
    return Case(name=name, make=_edit(edit), rung=rung, cause=cause, real=False, says=says)


def _case(
    name: str, make: Callable[[Bench], Runs], rung: Rung, cause: Cause, says: str = ""
) -> Case:
    return Case(name=name, make=make, rung=rung, cause=cause, says=says)


CASES: Final = (
    _case("a dropped bar", _bars(_dropped), Rung.DATA, Cause.DATA, "the bar of"),
    _case("two hours without bars", _bars(_gap), Rung.DATA, Cause.DATA, "the bar of"),
    _case("one changed price", _bars(_repriced), Rung.DATA, Cause.DATA, "close"),
    _case("another volume", _bars(_other_volume), Rung.DATA, Cause.DATA, "volume"),
    _case("bars by a clock a minute off", _bars(_shifted), Rung.DATA, Cause.CLOCK, "60 s later"),
    _case(
        "another funding rate",
        _rates(lambda rates: [replace(each, rate=each.rate * 3) for each in rates]),
        Rung.EQUITY,
        Cause.FUNDING,
        "rate",
    ),
    _case(
        "a funding rate that is missing", _rates(lambda _: []), Rung.EQUITY, Cause.FUNDING, "alone"
    ),
    _case("another fee of the instrument", _dearer_instrument, Rung.FILLS, Cause.FEE, "fee"),
    _case(
        "another fee in the settings",
        _set("venue.taker_fee_percent=0.07"),
        Rung.FILLS,
        Cause.CONFIGURATION,
        "venue.taker_fee_percent",
    ),
    _case(
        "another slippage",
        _set("venue.slippage_percent=0.05"),
        Rung.FILLS,
        Cause.CONFIGURATION,
        "venue.slippage_percent",
    ),
    _case(
        "orders that take half a second",
        _set("venue.latency_ms=500"),
        Rung.FILLS,
        Cause.CONFIGURATION,
        "venue.latency_ms",
    ),
    _case(
        "funding that is ignored",
        _set("venue.funding=false"),
        Rung.EQUITY,
        Cause.CONFIGURATION,
        "venue.funding",
    ),
    _case(
        "another limit of risk",
        _set("risk.max_position_percent=5"),
        Rung.RULINGS,
        Cause.CONFIGURATION,
        "risk.max_position_percent",
    ),
    _case(
        "another rest after a stop",
        _set("decision.cooldown_secs=86400"),
        Rung.RULINGS,
        Cause.CONFIGURATION,
        "decision.cooldown_secs",
    ),
    _case(
        "another stop",
        _set("decision.stop_percent=0.7"),
        Rung.COMMANDS,
        Cause.CONFIGURATION,
        "decision.stop_percent",
    ),
    _case(
        "entries with a limit",
        _set("decision.entry=limit"),
        Rung.COMMANDS,
        Cause.CONFIGURATION,
        "decision.entry",
    ),
    _case("more capital", _set("capital=20000"), Rung.EQUITY, Cause.CONFIGURATION, "capital"),
    _case(
        "one instrument less",
        _set(f"data.instruments=[{ETH}]"),
        Rung.COMMANDS,
        Cause.CONFIGURATION,
        "data.instruments",
    ),
    _case(
        "a model swapped",
        _set("predictor.baseline.momentum=momentum_96"),
        Rung.PREDICTIONS,
        Cause.MODEL,
        "model",
    ),
    _case(
        "a model with another threshold",
        _set("predictor.baseline.threshold=1.2"),
        Rung.PREDICTIONS,
        Cause.MODEL,
        "predictor.baseline.threshold",
    ),
    _case(
        "a supervisor switched on",
        _set(*_SUPERVISED),
        Rung.REVIEWS,
        Cause.CONFIGURATION,
        "supervisor.source",
    ),
    _case(
        "a supervisor that answers later",
        _supervised("supervisor.scripted_latency_ms=2500"),
        Rung.REVIEWS,
        Cause.CONFIGURATION,
        "supervisor.scripted_latency_ms",
    ),
    _case("one LLM reply edited", _edited_reply, Rung.REVIEWS, Cause.LLM, "the tide"),
    _case("another version of the code", _other_code, Rung.COMMANDS, Cause.CODE_VERSION, "code_"),
    Case(
        name="another version of the engine",
        make=_other_engine,
        rung=Rung.FILLS,
        cause=Cause.CODE_VERSION,
        real=False,
        says="libraries.nautilus_trader",
    ),
    _live("a bar told otherwise", editing.changed_bar, Rung.DATA, Cause.DATA, "close"),
    _live("a late bar", editing.late_bar, Rung.DATA, Cause.LATENCY, "after a newer one"),
    _live("a restarted node", editing.restarted, Rung.DATA, Cause.DATA, "started again"),
    _live("a clock 30 s ahead", editing.skewed_clock, Rung.COMMANDS, Cause.CLOCK, "decided"),
    _live("a halted account", editing.halted, Rung.RULINGS, Cause.RISK_STATE, "was halted"),
    _live("a stop moved by hand", editing.moved_stop, Rung.COMMANDS, Cause.RISK_STATE, "ADJUST"),
    _live("a rejected entry", editing.rejected_entry, Rung.ORDERS, Cause.VENUE_REJECTION, "margin"),
    _live("an entry denied here", editing.denied_entry, Rung.ORDERS, Cause.RISK_STATE, "rate"),
    _live(
        "a cancelled entry", editing.cancelled_entry, Rung.ORDERS, Cause.VENUE_REJECTION, "canceled"
    ),
    _live("a change refused", editing.refused_change, Rung.ORDERS, Cause.VENUE_REJECTION, "modify"),
    _live("a partial fill", editing.partial_fill, Rung.FILLS, Cause.PARTIAL_FILL, "quantity"),
    _live("a missing fill", editing.missing_fill, Rung.FILLS, Cause.MISSING_FILL, "alone"),
    _live("a fill at a worse price", editing.worse_price, Rung.FILLS, Cause.PRICE, "price"),
    _live("a stop that slipped", editing.slipped_stop, Rung.FILLS, Cause.PRICE, "stop"),
    _live("a late fill", editing.late_fill, Rung.FILLS, Cause.LATENCY, "20 s later"),
    _live("a dearer fill", editing.dearer_fill, Rung.FILLS, Cause.FEE, "fee"),
    _live("an order by hand", editing.order_by_hand, Rung.FILLS, Cause.RISK_STATE, "no plan"),
    _live("funding not paid", editing.unpaid_funding, Rung.EQUITY, Cause.FUNDING, "alone"),
    Case(
        name="money paid in",
        make=_edit(editing.deposit),
        rung=Rung.EQUITY,
        cause=Cause.RISK_STATE,
        real=False,
        says="equity",
        bridge=UNTOLD,  # no record tells of it
    ),
)


def clean(folder: Path, pairs: int) -> Iterator[Case]:
    """Give pairs in which nothing differs: runs of one seed each, made twice, and relatives."""

    def none(name: str, make: Callable[[Bench], Runs]) -> Case:
        return Case(name=name, make=make, rung=None, cause=None)

    def twice(seed: int) -> Case:
        own = Bench(folder / f"seed-{seed}", seed=seed, days=5)
        return none(f"seed {seed} twice", lambda _: (own.run(), own.run(again=True)))

    yield none("replayed from its tape", _same_reply)
    yield none("told as by a node", _edit(as_a_node_tells))
    yield none("bars on record or not", lambda bench: (bench.run(), bench.recorded()))
    yield none("one ends earlier", _set("data.end=2024-01-06"))
    yield none("a journal of what was acted on", _set("journal.assessments=acted"))
    yield from (twice(seed) for seed in range(1, max(pairs - 5, 0) + 1))

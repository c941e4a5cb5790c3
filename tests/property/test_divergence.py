"""Laws of comparing two runs, on a real journal that is mangled at random."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.comparing.run_folder import read_run
from morningstar_strategy.core.divergence.ladder import diverge
from morningstar_strategy.core.divergence.values import RUNGS, Rung, Side, Standing
from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Kind, Record, to_line
from tests.planted.bench import Bench

type Mangle = Callable[[list[Record]], list[Record]]

COSTLY = settings(max_examples=20, deadline=None)


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Side:
    return read_run(Bench(tmp_path_factory.mktemp("runs"), days=5).recorded())


@st.composite
def mangles(draw: st.DrawFn) -> Mangle:
    """Leave out, move in time, or scale one record of a kind."""
    kind = draw(st.sampled_from([*Kind]))
    nth = draw(st.integers(0, 400))
    how = draw(st.sampled_from(["leave out", "delay", "scale"]))

    def mangle(records: list[Record]) -> list[Record]:
        places = [place for place, record in enumerate(records) if record.kind is kind]
        if not places or (kind is Kind.EQUITY and how == "leave out"):
            return records
        at = places[nth % len(places)]
        record = records[at]
        match how:
            case "leave out":
                return [*records[:at], *records[at + 1 :]]
            case "delay":
                moved = replace(record, ts_event=record.ts_event + nth * 1_000_000_000)
                return [*records[:at], moved, *records[at + 1 :]]
            case _:
                return [*records[:at], _scaled(record, nth), *records[at + 1 :]]

    return mangle


def _scaled(record: Record, nth: int) -> Record:
    factor = Decimal(1) + Decimal(nth) / 1_000
    fields = {
        name: f"{Decimal(value) * factor:f}"
        if isinstance(value, str) and name in ("price", "quantity", "fee", "amount", "equity")
        else value
        for name, value in record.fields.items()
    }
    return replace(record, fields=fields)


def mangled(side: Side, how: list[Mangle]) -> Side:
    records = [*side.records]
    for mangle in how:
        records = mangle(records)
    return replace(side, name="mangled", records=tuple(records))


def result(side: Side) -> Decimal:
    marks = [record for record in side.records if record.kind is Kind.EQUITY]
    return money(marks[-1], "equity") - money(marks[0], "equity")


@COSTLY
@given(how=st.lists(mangles(), max_size=4), simulated=st.booleans())
def test_the_bridge_leads_from_one_result_to_the_other(
    side: Side, how: list[Mangle], *, simulated: bool
) -> None:
    other = replace(mangled(side, how), simulated=simulated)
    bridge = diverge(side, other).bridge
    assert (bridge.start, bridge.end) == (result(side), result(other))
    assert bridge.start + sum(part.amount for part in bridge.contributions) == bridge.end


@COSTLY
@given(how=st.lists(mangles(), max_size=4))
def test_one_rung_differs_and_none_above_it_is_judged(side: Side, how: list[Mangle]) -> None:
    divergence = diverge(side, mangled(side, how))
    standings = [rung.standing for rung in divergence.rungs]
    assert [rung.rung for rung in divergence.rungs] == list(RUNGS)
    if divergence.first is None:
        assert set(standings) == {Standing.SAME}
        assert not divergence.differences
        return
    at = RUNGS.index(divergence.first)
    assert standings.count(Standing.DIFFERS) == 1
    assert set(standings[at + 1 :]) <= {Standing.UNJUDGED}
    assert {each.rung for each in divergence.differences} == {divergence.first}


@COSTLY
@given(how=st.lists(mangles(), min_size=1, max_size=1))
def test_a_change_is_found_on_its_own_rung_or_not_at_all(side: Side, how: list[Mangle]) -> None:
    other = mangled(side, how)
    kinds = {kind for kind, _ in _told(side) ^ _told(other)}
    first = diverge(side, other).first
    if first is not None:
        assert first in {rung for kind in kinds for rung in _RUNGS[kind]}


def _told(side: Side) -> set[tuple[Kind, str]]:
    return {(record.kind, to_line(record)) for record in side.records}


_RUNGS: dict[Kind, tuple[Rung, ...]] = {
    **dict.fromkeys(Kind, ()),
    Kind.BAR: (Rung.DATA,),
    Kind.ASSESSMENT: (Rung.PREDICTIONS, Rung.REVIEWS, Rung.COMMANDS, Rung.RULINGS),
    Kind.REVIEW: (Rung.REVIEWS,),
    Kind.COMMAND: (Rung.COMMANDS,),
    Kind.RULING: (Rung.RULINGS,),
    Kind.ORDER: (Rung.ORDERS,),
    Kind.PLAN: (Rung.ORDERS, Rung.FILLS),
    Kind.FILL: (Rung.FILLS,),
    Kind.FUNDING: (Rung.EQUITY,),
    Kind.EQUITY: (Rung.EQUITY,),
}


def test_a_run_is_the_same_as_itself(side: Side) -> None:
    divergence = diverge(side, replace(side, name="again"))
    assert divergence.same
    assert divergence.bridge.contributions == ()

"""Coarse bars do not flatter: the same plans on finer bars and on trades earn no less."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.markets import Market, of_minutes, of_trades
from benchmarks.plans import Scene
from benchmarks.truth import KINDS, MONTHS_BARS, Comparison, Ending, compare, pooled, tight
from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.policy import EntryStyle

_SAME_PRICE = 1e-9


type Key = tuple[str, EntryStyle, int]


@pytest.fixture(scope="module")
def months(shared_data: Path) -> dict[Key, Comparison]:
    del shared_data  # real bars or a skip: synthetic ones prove nothing about a market
    return {
        (market.label, entry, targets): compare(market, Scene(entry=entry, targets=targets))
        for market in of_minutes(MONTHS_BARS)
        for entry, targets in KINDS
    }


@pytest.fixture(scope="module")
def minutes(shared_data: Path) -> dict[str, Market]:
    del shared_data
    return {market.label: market for market in of_trades()}


@pytest.mark.parametrize("interval", ["15m", "1h"])
@pytest.mark.parametrize(("entry", "targets"), KINDS)
def test_coarse_bars_are_not_better_than_one_minute_bars_in_either_direction(
    months: dict[Key, Comparison], interval: str, entry: EntryStyle, targets: int
) -> None:
    found = months[interval, entry, targets]
    assert found.undecided >= 20, "too few plans whose path matters to prove anything"
    for direction in Direction:
        side = found.towards(direction)
        assert side.holds, f"{side.label}: {side.surplus_bp:+.2f} bp, {side.allowed_bp:.2f} allowed"


@pytest.mark.parametrize(("entry", "targets"), KINDS)
def test_plans_end_alike_on_fifteen_minutes_and_on_one(
    months: dict[Key, Comparison], entry: EntryStyle, targets: int
) -> None:
    found = months["15m", entry, targets]
    assert found.agreement > 0.95
    outcomes = {fine.outcome for _, fine in found.pairs}
    assert {"CLOSED: stop", "CLOSED: take profit", "CLOSED: opposite signal"} <= outcomes


@pytest.mark.parametrize(("entry", "targets"), KINDS)
def test_both_runs_enter_at_the_same_price(
    months: dict[Key, Comparison], entry: EntryStyle, targets: int
) -> None:
    pairs = months["15m", entry, targets].pairs
    both = [(a, b) for a, b in pairs if a.entry_price and b.entry_price]
    assert len(both) > 100
    assert all(abs(a.entry_price - b.entry_price) <= _SAME_PRICE for a, b in both)


@pytest.mark.parametrize(("entry", "targets"), KINDS)
def test_bars_of_trades_are_not_better_than_the_trades(
    minutes: dict[str, Market], entry: EntryStyle, targets: int
) -> None:
    scenes = tight(entry, targets, quick=False)[:6]
    found = pooled([compare(minutes["trades 10s"], scene) for scene in scenes])
    for direction in Direction:
        side = found.towards(direction)
        assert side.holds, f"{side.label}: {side.surplus_bp:+.2f} bp, {side.allowed_bp:.2f} allowed"


def _made(surplus_bp: Sequence[float]) -> Comparison:
    fine = Ending(
        planned_ns=0,
        direction=Direction.LONG,
        outcome="CLOSED: stop",
        entry_price=100.0,
        exit_price=99.0,
        net_bp=-100.0,
        net_r=-1.0,
    )
    pairs = [
        (
            replace(fine, planned_ns=index, net_bp=fine.net_bp + surplus),
            replace(fine, planned_ns=index),
        )
        for index, surplus in enumerate(surplus_bp)
    ]
    return Comparison(label="made", pairs=tuple(pairs), undecided=0)


def test_the_law_refuses_coarse_bars_that_flatter_every_plan_a_little() -> None:
    assert not _made([0.6] * 50).holds
    assert _made([0.4] * 50).holds


def test_the_law_lets_chance_pass_and_counts_plans_of_one_moment_once() -> None:
    lucky = _made([8.0, -8.0, 9.0, -5.0])
    assert lucky.surplus_bp == pytest.approx(1.0)
    assert lucky.holds
    twice = replace(lucky, pairs=lucky.pairs * 2)
    assert twice.error_bp == pytest.approx(lucky.error_bp)

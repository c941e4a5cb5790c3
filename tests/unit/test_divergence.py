"""The parts of a comparison: aligning, settings, bars, and a bridge that must sum."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.divergence.aligning import align
from morningstar_strategy.core.divergence.bars import compare_bars
from morningstar_strategy.core.divergence.bridge import Bridge, Contribution
from morningstar_strategy.core.divergence.ladder import diverge
from morningstar_strategy.core.divergence.settings import changed_settings, changed_versions, flat
from morningstar_strategy.core.divergence.values import (
    Cause,
    DivergenceError,
    Ohlcv,
    Rung,
    Side,
    Standing,
    Step,
)
from morningstar_strategy.core.records import Value

SECOND = 1_000_000_000


def side(name: str = "A", *, start: int = 0, end: int = 1_000 * SECOND, **more: object) -> Side:
    return Side(name=name, records=(), start_ns=start, end_ns=end, simulated=True, **more)  # type: ignore[arg-type]  # any field


def steps(times: Sequence[int]) -> list[Step]:
    return [
        Step(key=("X",), instrument_id="X", ts_event=ts * SECOND, seq=seq, fields={})
        for seq, ts in enumerate(sorted(times))
    ]


def id_of(step: Step | None) -> int | None:
    return None if step is None else step.seq


moments = st.lists(st.integers(0, 1_000), max_size=12)


@given(moments, moments, st.one_of(st.none(), st.integers(0, 50)))
def test_every_step_is_in_one_pair(a: list[int], b: list[int], slack: int | None) -> None:
    ours, theirs = steps(a), steps(b)
    slack_ns = None if slack is None else slack * SECOND
    pairs = align(ours, theirs, sides=(side(), side("B")), slack_ns=slack_ns).pairs
    assert [x for x, _ in pairs if x is not None] == ours
    assert [y for _, y in pairs if y is not None] == theirs


@given(moments, moments, st.one_of(st.none(), st.integers(0, 50)))
def test_the_sides_of_an_alignment_may_change_places(
    a: list[int], b: list[int], slack: int | None
) -> None:
    slack_ns = None if slack is None else slack * SECOND
    there = align(steps(a), steps(b), sides=(side(), side("B")), slack_ns=slack_ns)
    back = align(steps(b), steps(a), sides=(side("B"), side()), slack_ns=slack_ns)
    assert [(id_of(x), id_of(y)) for x, y in there.pairs] == [
        (id_of(x), id_of(y)) for y, x in back.pairs
    ]


def test_what_is_alone_outside_the_others_time_is_counted() -> None:
    long, short = side(), side("B", start=400 * SECOND, end=600 * SECOND)
    aligned = align(steps([100, 500, 900]), steps([500]), sides=(long, short), slack_ns=0)
    assert len(aligned.pairs) == 1
    assert (aligned.outside_a, aligned.outside_b) == (2, 0)


def test_settings_are_named_by_their_whole_key() -> None:
    a = flat({"risk": {"max_open_plans": 5}, "venue": {"latency_ms": 0}, "runs": "x"})
    b = flat({"risk": {"max_open_plans": 4}, "venue": {"latency_ms": 0}, "runs": "y"})
    changed = changed_settings(side(settings=a), side("B", settings=b))
    assert [each.said for each in changed] == ["risk.max_open_plans: 5 → 4", "runs: x → y"]
    assert changed[0].explains(Rung.RULINGS, Cause.RISK_STATE)
    assert not changed[0].explains(Rung.FILLS, Cause.FEE)
    assert not any(changed[1].explains(rung, Cause.DATA) for rung in Rung)


@pytest.mark.parametrize(
    ("key", "rung", "natural", "explains"),
    [
        ("venue.taker_fee_percent", Rung.FILLS, Cause.FEE, True),
        ("venue.taker_fee_percent", Rung.FILLS, Cause.MISSING_FILL, False),
        ("venue.latency_ms", Rung.FILLS, Cause.LATENCY, True),
        ("venue.funding", Rung.EQUITY, Cause.FUNDING, True),
        ("decision.cooldown_secs", Rung.RULINGS, Cause.RISK_STATE, True),
        ("decision.sizing.kelly_share", Rung.COMMANDS, Cause.RISK_STATE, True),
        ("data.end", Rung.FILLS, Cause.MISSING_FILL, False),
        ("a.setting.of.a.later.version", Rung.ORDERS, Cause.VENUE_REJECTION, True),
    ],
)
def test_a_setting_explains_what_it_is_about(
    key: str, rung: Rung, natural: Cause, *, explains: bool
) -> None:
    ours: dict[str, Value] = {key: 1}
    theirs: dict[str, Value] = {key: 2}
    (changed,) = changed_settings(side(settings=ours), side("B", settings=theirs))
    assert changed.explains(rung, natural) is explains


def test_who_is_recorded_on_a_tape_is_no_other_supervisor() -> None:
    def told(source: str) -> Side:
        return side(settings={"supervisor.source": source})

    assert changed_settings(told("scripted"), told("tape")) == ()
    assert len(changed_settings(told("off"), told("tape"))) == 1
    assert len(changed_settings(told("scripted"), told("live"))) == 1


def test_only_versions_that_both_runs_tell_can_differ() -> None:
    a = side(versions={"libraries.numpy": "2.5.5", "code_sha256": "aa"})
    b = side("B", versions={"libraries.numpy": "2.5.6", "libraries.ccxt": "4"})
    assert [each.said for each in changed_versions(a, b)] == ["libraries.numpy: 2.5.5 → 2.5.6"]


def bars(closes: Sequence[int], *, shift: int = 0, every: int = 10) -> dict[int, Ohlcv]:
    return {
        (place + 1) * every * SECOND + shift * SECOND: (Decimal(close),) * 4 + (Decimal(1),)
        for place, close in enumerate(closes)
    }


def test_bars_that_are_all_shifted_are_told_as_one_clock() -> None:
    a = side(bars={"X": bars(range(100, 130))}, bars_from="a")
    b = side("B", bars={"X": bars(range(100, 130), shift=3)}, bars_from="b")
    result, found = compare_bars(a, b)
    assert result.standing is Standing.DIFFERS
    assert [each.natural for each in found] == [Cause.CLOCK]
    assert "3 s later" in found[0].says


def test_bars_of_other_lengths_are_told_as_one() -> None:
    a = side(bars={"X": bars(range(100, 190), every=10)}, bars_from="a")
    b = side("B", bars={"X": bars(range(200, 290), every=11)}, bars_from="b")
    _, found = compare_bars(a, b)
    assert len(found) == 1


def test_bars_nobody_kept_are_not_recorded_unless_digests_are_equal() -> None:
    assert compare_bars(side(), side("B"))[0].standing is Standing.UNRECORDED
    ours, theirs = side(bars_sha256="x"), side("B", bars_sha256="x")
    assert compare_bars(ours, theirs)[0].standing is Standing.SAME


def test_nothing_is_not_compared_with_nothing() -> None:
    with pytest.raises(DivergenceError, match="nothing in common"):
        diverge(side(), side("B"))


def test_a_bridge_that_does_not_sum_cannot_be_built() -> None:
    part = Contribution(label="fee", amount=Decimal("-1.00000001"))
    with pytest.raises(ValueError, match="must sum to end 9"):
        Bridge(start=Decimal(10), contributions=(part,), end=Decimal(9), currency="USDT")


def test_a_run_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(DivergenceError, match="end_ns of A"):
        side(start=2, end=1)

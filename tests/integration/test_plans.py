"""Plans entered at market, on bars made by hand: every fill's bar, quantity and price."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model import OrderType

from morningstar_strategy.core.records import Kind
from tests.harness.runs import Rig, of_kind
from tests.integration.told import (
    Ohlc,
    Told,
    as_long,
    fills,
    flat,
    last_end,
    left_over,
    mirrored,
    plans,
    policy,
    rig,
)

F = flat(1000)
ENTRY = (1, "entry", "BUY", "1.000", "1000.0")
FIFTHS = tuple(Decimal(n) for n in range(1, 6))


def play(
    side: int, told: Sequence[Ohlc], at: Mapping[int, int], **changes: Any
) -> tuple[Rig, list[Told]]:
    """Run a long, or the short that mirrors it, and tell its fills as those of the long."""
    if side > 0:
        used = rig(told, at, **changes)
        return used, fills(used.run())
    used = rig(mirrored(told), {bar: -signal for bar, signal in at.items()}, **changes)
    return used, as_long(fills(used.run()))


both_sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@both_sides
def test_a_plan_enters_at_the_close_and_stands_with_its_stop_and_targets(side: int) -> None:
    decision = policy(take_profit_percents=(Decimal(2), Decimal(4)))
    used, told = play(side, [F, F, F], {1: 1}, decision=decision)
    assert told == [ENTRY]
    working = [o for o in used.engine.cache.orders() if o.is_open]
    stops = [o for o in working if o.order_type == OrderType.STOP_MARKET]
    targets = [o for o in working if o.order_type == OrderType.LIMIT]
    assert [str(o.trigger_price) for o in stops] == ["980.0" if side > 0 else "1020.0"]
    assert [str(o.quantity) for o in stops] == ["1.000"]
    assert sorted(str(o.price) for o in targets) == (
        ["1020.0", "1040.0"] if side > 0 else ["960.0", "980.0"]
    )
    assert [str(o.quantity) for o in targets] == ["0.500", "0.500"]
    assert all(o.is_reduce_only for o in working)


@both_sides
def test_a_stop_that_is_touched_fills_at_its_trigger(side: int) -> None:
    used, told = play(side, [F, F, F, (1000, 1001, 970, 975), F], {1: 1})
    assert told == [ENTRY, (3, "stop", "SELL", "1.000", "980.0")]
    assert left_over(used) == []
    end = last_end(used.recorder.records)
    assert (end["state"], end["reason"]) == ("CLOSED", "stop")
    assert Decimal(end["gross_pnl"]) == -20


@both_sides
def test_a_stop_is_touched_by_a_bar_whose_low_is_the_trigger(side: int) -> None:
    _, told = play(side, [F, F, (1000, 1000, 980, 990), F], {1: 1})
    assert told == [ENTRY, (2, "stop", "SELL", "1.000", "980.0")]
    _, told = play(side, [F, F, (1000, 1000, 980.1, 990), F], {1: 1})
    assert told == [ENTRY]


@both_sides
def test_a_gap_through_the_stop_fills_at_the_open(side: int) -> None:
    used, told = play(side, [F, F, (960, 965, 950, 955), F], {1: 1})
    assert told == [ENTRY, (2, "stop", "SELL", "1.000", "960.0")]
    assert left_over(used) == []
    assert Decimal(last_end(used.recorder.records)["gross_pnl"]) == -40


@both_sides
def test_a_gap_through_the_target_is_no_better_than_the_target(side: int) -> None:
    used, told = play(side, [F, F, (1060, 1065, 1050, 1055), F], {1: 1})
    assert told == [ENTRY, (2, "target", "SELL", "1.000", "1040.0")]
    assert left_over(used) == []
    assert last_end(used.recorder.records)["reason"] == "take profit"


@both_sides
@pytest.mark.parametrize(
    ("count", "shares"),
    [
        (1, ["1.000"]),
        (2, ["0.500", "0.500"]),
        (3, ["0.333", "0.333", "0.334"]),
        (4, ["0.250"] * 4),
        (5, ["0.200"] * 5),
    ],
)
def test_every_target_closes_its_share_and_together_they_close_all(
    side: int, count: int, shares: Sequence[str]
) -> None:
    decision = policy(take_profit_percents=FIFTHS[:count])
    climb: list[Ohlc] = [(990 + 10 * n, 1000 + 10 * n, 990 + 10 * n, 995 + 10 * n) for n in FIFTHS]  # type: ignore[misc]  # integers
    used, told = play(side, [F, F, *climb, F], {1: 1}, decision=decision)
    assert told[1:] == [
        (2 + n, "target", "SELL", share, f"{1010 + 10 * n}.0") for n, share in enumerate(shares)
    ]
    assert sum(Decimal(share) for share in shares) == 1
    assert left_over(used) == []


@both_sides
def test_said_fractions_are_what_each_target_closes(side: int) -> None:
    decision = policy(
        take_profit_percents=FIFTHS[:3],
        take_profit_fractions=(Decimal("0.5"), Decimal("0.3333"), Decimal("0.1667")),
    )
    used, told = play(side, [F, F, (1000, 1060, 1000, 1050), F], {1: 1}, decision=decision)
    assert [quantity for _, role, _, quantity, _ in told if role == "target"] == [
        "0.500",
        "0.333",
        "0.167",
    ]
    assert left_over(used) == []


@both_sides
def test_after_a_target_the_stop_covers_what_is_left(side: int) -> None:
    decision = policy(take_profit_percents=FIFTHS[:3])
    told: list[Ohlc] = [F, F, (1000, 1011, 1000, 1005), flat(1005), (1005, 1006, 970, 975), F]
    used, filled = play(side, told, {1: 1}, decision=decision)
    assert filled == [
        ENTRY,
        (2, "target", "SELL", "0.333", "1010.0"),
        (4, "stop", "SELL", "0.667", "980.0"),
    ]
    assert left_over(used) == []
    assert Decimal(last_end(used.recorder.records)["gross_pnl"]) == Decimal("-10.01")


@both_sides
def test_the_stop_right_after_a_target_closes_no_more_than_is_left(side: int) -> None:
    decision = policy(take_profit_percents=FIFTHS[:3])
    told: list[Ohlc] = [F, F, (1000, 1011, 1000, 1005), (1005, 1006, 970, 975), F]
    used, filled = play(side, told, {1: 1}, decision=decision)
    assert filled[1:] == [
        (2, "target", "SELL", "0.333", "1010.0"),
        (3, "stop", "SELL", "0.667", "980.0"),
    ]
    assert left_over(used) == []


@both_sides
def test_several_targets_inside_one_bar_close_no_more_than_is_held(side: int) -> None:
    decision = policy(take_profit_percents=FIFTHS)
    used, told = play(side, [F, F, (1000, 1060, 1000, 1050), F, F], {1: 1}, decision=decision)
    assert told[1:] == [(2, "target", "SELL", "0.200", f"{1000 + 10 * n}.0") for n in range(1, 6)]
    assert left_over(used) == []


@both_sides
def test_stop_and_targets_inside_one_bar_never_turn_the_position(side: int) -> None:
    decision = policy(take_profit_percents=FIFTHS)
    used, told = play(side, [F, F, (1000, 1060, 970, 990), F, F], {1: 1}, decision=decision)
    sold = sum(Decimal(quantity) for _, role, _, quantity, _ in told if role != "entry")
    assert sold == 1
    assert {role for _, role, *_ in told[1:]} <= {"stop", "target"}
    assert left_over(used) == []
    assert [state for _, state in plans(used.recorder.records)] == ["PENDING", "ACTIVE", "CLOSED"]


@both_sides
def test_in_a_bar_with_both_the_nearer_extreme_comes_first(side: int) -> None:
    _, told = play(side, [F, F, (1000, 1060, 970, 990), F], {1: 1})
    assert told[1:] == [(2, "stop", "SELL", "1.000", "980.0")]
    _, told = play(side, [F, F, (1000, 1060, 930, 990), F], {1: 1})
    assert told[1:] == [(2, "target", "SELL", "1.000", "1040.0")]


@both_sides
def test_break_even_moves_the_stop_once_and_never_back(side: int) -> None:
    decision = policy(
        break_even_after_percent=Decimal(2), take_profit_percents=(Decimal(3), Decimal(9))
    )
    told: list[Ohlc] = [
        *(F, F),
        (1000, 1021, 1000, 1020),  # moves the stop to 1 000
        (1020, 1020, 1001, 1002),  # back, but not to it
        (1002, 1028, 1002, 1025),
        (1025, 1026, 990, 995),
        F,
    ]
    used, filled = play(side, told, {1: 1}, decision=decision)
    assert filled == [ENTRY, (5, "stop", "SELL", "1.000", "1000.0")]
    adjusted = [
        record.fields["command"]
        for record in of_kind(used.recorder.records, Kind.COMMAND)
        if "ADJUST_TRADE" in str(record.fields)
    ]
    assert len(adjusted) == 1


@both_sides
def test_break_even_after_a_target_keeps_covering_what_is_left(side: int) -> None:
    decision = policy(
        break_even_after_percent=Decimal(1), take_profit_percents=(Decimal(1), Decimal(9))
    )
    told: list[Ohlc] = [F, F, (1000, 1015, 1000, 1012), flat(1012), (1012, 1012, 990, 995), F]
    _, filled = play(side, told, {1: 1}, decision=decision)
    assert filled[1:] == [
        (2, "target", "SELL", "0.500", "1010.0"),
        (4, "stop", "SELL", "0.500", "1000.0"),
    ]


@both_sides
def test_the_maximum_holding_time_closes_at_the_close(side: int) -> None:
    decision = policy(max_holding_secs=600)
    used, told = play(side, [F, F, F, flat(1005), F], {1: 1}, decision=decision)
    assert told == [ENTRY, (3, "close", "SELL", "1.000", "1005.0")]
    assert last_end(used.recorder.records)["reason"] == "held for the maximum time"
    assert left_over(used) == []


@both_sides
def test_an_opposite_signal_closes_and_does_not_reverse_in_the_same_bar(side: int) -> None:
    used, told = play(side, [F, F, F, flat(1005), F, F], {1: 1, 3: -1})
    assert told == [ENTRY, (3, "close", "SELL", "1.000", "1005.0")]
    assert last_end(used.recorder.records)["reason"] == "opposite signal"
    assert left_over(used) == []


def test_the_same_signal_again_changes_nothing() -> None:
    used = rig([F] * 6, {1: 1, 2: 1, 3: 1, 4: 1})
    assert fills(used.run()) == [ENTRY]


def test_a_signal_at_the_last_bar_leaves_a_protected_position() -> None:
    used = rig([F, F], {1: 1})
    assert fills(used.run()) == [ENTRY]
    assert [str(order_or_position.quantity) for order_or_position in left_over(used)] == [
        "1.000",
        "1.000",
        "1.000",
    ]

"""Halts, cool-downs and what the account's marks say, on bars made by hand."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.sizing import SizingPolicy
from tests.harness.market import perpetual
from tests.harness.runs import Rig, of_kind
from tests.integration.told import (
    FREE,
    LOOSE,
    Ohlc,
    bars_of,
    closes_at,
    fills,
    flat,
    index_of,
    left_over,
    policy,
    rig,
    rulings,
    signals,
)

F = flat(1000)
# Half of the equity: a gap from 1 000 to 970 costs 1.5 % of it
HALF = SizingPolicy(target_volatility_percent=Decimal(100), max_size_percent=Decimal(50))
DRAWDOWN = replace(LOOSE, max_drawdown_percent=Decimal(1), warn_drawdown_percent=Decimal("0.5"))
DAILY = replace(LOOSE, max_daily_loss_percent=Decimal(1))
DAY_NS = 86_400_000_000_000


def lose(bars: int, *, at: dict[int, int], **changes: Any) -> Rig:
    """Lose 1.5 % at bar 3 with a plan that is made at bar 1."""
    told = [F, F, F, *[flat(970)] * (bars - 3)]
    return rig(told, {1: 1, **at}, **{"decision": policy(sizing=HALF), **changes})


def health(records: list[Record]) -> list[tuple[int, str, str]]:
    """List halts and releases; the levels of risk have a test of their own."""
    return [
        (index_of(r.ts_event), str(r.fields["state"]), str(r.fields["reason"]))
        for r in of_kind(records, Kind.HEALTH)
        if not str(r.fields["state"]).startswith("risk ")
    ]


def test_a_change_of_the_accounts_risk_is_told() -> None:
    records = lose(9, at={}, risk=DRAWDOWN).run()
    told = [str(record.fields["state"]) for record in of_kind(records, Kind.HEALTH)]
    assert told == ["halted", "risk danger"]


def test_risk_remembers_the_highest_equity_that_was_ever_marked() -> None:
    rises = [F, F, *(flat(1000 + bar) for bar in range(7))]
    seldom = replace(LOOSE, observe_every_secs=86_400)
    used = rig(rises, {1: 1}, decision=policy(sizing=HALF), risk=seldom)
    records = used.run()
    marked = [Decimal(str(r.fields["equity"])) for r in of_kind(records, Kind.EQUITY)]
    assert marked[-1] > marked[0]
    assert used.strategy._watch.memory.peak_equity == max(marked)


def test_a_drawdown_halt_is_told_once_and_denies_every_new_plan() -> None:
    records = lose(9, at={5: 1, 6: -1, 8: 1}, risk=DRAWDOWN).run()
    assert health(records) == [(3, "halted", "drawdown 1.50% reached the limit 1.00%")]
    # The same denial again is not told again; bar 7 says nothing, so bar 8 is told anew
    assert [r for r in rulings(records) if r[0] > 3] == [
        (5, "PLAN_TRADE", "not_halted"),
        (8, "PLAN_TRADE", "not_halted"),
    ]
    assert len(fills(records)) == 2


def test_a_drawdown_halt_outlasts_the_day() -> None:
    bars = DAY_NS // (closes_at(1) - closes_at(0)) + 5
    records = lose(bars, at={bars - 2: 1}, risk=DRAWDOWN).run()
    assert rulings(records)[-1] == (bars - 2, "PLAN_TRADE", "not_halted")
    assert [state for _, state, _ in health(records)] == ["halted"]


def test_a_daily_halt_is_released_on_the_next_utc_day() -> None:
    midnight = next(n for n in range(300) if closes_at(n) % DAY_NS == 0)
    told = {5: 1, midnight - 1: 1, midnight: 1}
    records = lose(midnight + 3, at=told, risk=DAILY).run()
    halted, released = health(records)
    assert halted == (3, "halted", "daily loss 1.50% reached the limit 1.00%")
    assert released in [(midnight, "released", ""), (midnight + 1, "released", "")]
    assert rulings(records)[1:] == [
        (5, "PLAN_TRADE", "not_halted"),
        (midnight - 1, "PLAN_TRADE", "not_halted"),
        (midnight, "PLAN_TRADE", "approved"),
    ]
    assert fills(records)[-1][:2] == (midnight, "entry")


def halted_beside_an_open_plan(*after: Ohlc) -> Rig:
    """Halt on the loss of one instrument while a plan on another is open."""
    quiet = [F] * 4
    falling = [F, F, F, *[flat(970)] * (1 + len(after))]
    return Rig(
        instruments=[perpetual("BTC"), perpetual("ETH")],
        bars=[bars_of(falling), bars_of([*quiet, *after], base="ETH")],
        foresee=signals({1: 1}),
        decision=policy(sizing=HALF),
        risk=DRAWDOWN,
        venue=FREE,
    )


def test_open_plans_keep_their_stops_in_a_halt() -> None:
    used = halted_beside_an_open_plan(F, F)
    records = used.run()
    assert health(records)[0][:2] == (3, "halted")
    names = {str(o.instrument_id): o for o in left_over(used) if hasattr(o, "trigger_price")}
    stop = names["ETHUSDT-PERP.BINANCE"]
    assert (str(stop.quantity), str(stop.trigger_price)) == ("5.000", "980.0")


def test_a_stop_works_and_a_target_works_in_a_halt() -> None:
    used = halted_beside_an_open_plan((1000, 1000, 960, 970), flat(970))
    assert fills(used.run())[-1] == (4, "stop", "SELL", "5.000", "980.0")
    assert left_over(used) == []
    used = halted_beside_an_open_plan((1000, 1050, 1000, 1045), flat(1045))
    assert fills(used.run())[-1] == (4, "target", "SELL", "5.000", "1040.0")
    assert left_over(used) == []


def test_an_opposite_signal_may_close_in_a_halt() -> None:
    used = halted_beside_an_open_plan(F, F)
    used = Rig(
        instruments=used.instruments,
        bars=used.bars,
        foresee=signals({1: 1, 5: -1}),
        decision=used.decision,
        risk=used.risk,
        venue=FREE,
    )
    records = used.run()
    assert fills(records)[-1] == (5, "close", "SELL", "5.000", "1000.0")
    assert left_over(used) == []


@pytest.mark.parametrize(
    ("secs", "bar", "said"), [(900, 5, "not_cooling"), (900, 6, "approved"), (0, 4, "approved")]
)
def test_after_a_stop_an_instrument_rests(secs: int, bar: int, said: str) -> None:
    decision = policy(sizing=HALF, cooldown_secs=secs)
    records = lose(bar + 2, at={bar: 1}, decision=decision).run()
    assert rulings(records)[-1] == (bar, "PLAN_TRADE", said)


def test_after_a_take_profit_or_a_close_nothing_rests() -> None:
    decision = policy(cooldown_secs=9_000)
    records = rig(
        [F, F, (1000, 1050, 1000, 1040), F, F, F, F],
        {1: 1, 3: 1, 4: -1, 5: -1},
        decision=decision,
    ).run()
    assert [ruled[2] for ruled in rulings(records)] == ["approved"] * 4
    assert [told[1] for told in fills(records)] == ["entry", "target", "entry", "close", "entry"]


def test_only_the_instrument_that_was_stopped_rests() -> None:
    falling = [F, F, F, *[flat(970)] * 3]
    used = Rig(
        instruments=[perpetual("BTC"), perpetual("ETH")],
        bars=[bars_of(falling), bars_of([F] * 6, base="ETH")],
        foresee=lambda bar: signals({1: 1, 4: 1} if "BTC" in str(bar.bar_type) else {4: 1})(bar),
        decision=policy(cooldown_secs=9_000),
        risk=LOOSE,
        venue=FREE,
    )
    records = [r for r in of_kind(used.run(), Kind.RULING) if index_of(r.ts_event) == 4]
    assert {r.instrument_id[:3]: r.fields.get("rule", "approved") for r in records} == {
        "BTC": "not_cooling",
        "ETH": "approved",
    }


def marks(records: list[Record]) -> dict[int, str]:
    return {index_of(r.ts_event): str(r.fields["risk"]) for r in of_kind(records, Kind.EQUITY)}


def test_the_marks_say_how_the_account_stands() -> None:
    warn = replace(LOOSE, warn_drawdown_percent=Decimal(1))
    assert set(marks(lose(40, at={}, risk=warn).run()).values()) == {"safe", "warning"}
    assert set(marks(lose(40, at={}, risk=DRAWDOWN).run()).values()) == {"safe", "danger"}


def test_a_halted_account_is_in_danger_before_the_first_instrument_has_a_price() -> None:
    late = bars_of([F] * 30)[28:]
    falling = [F, F, F, *[flat(970)] * 27]
    used = Rig(
        instruments=[perpetual("BTC"), perpetual("ETH")],
        bars=[late, bars_of(falling, base="ETH")],
        foresee=signals({1: 1}),
        decision=policy(sizing=HALF),
        risk=DRAWDOWN,
        venue=FREE,
    )
    told = marks(used.run())
    assert {risk for bar, risk in told.items() if bar > 3} == {"danger"}

"""The figures follow the records."""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.monitoring.health import HealthBoard, NodeState
from live.monitoring.metrics import Metrics
from morningstar_strategy.core.records import (
    Kind,
    Record,
    Value,
    of_bar,
    of_equity,
    of_guard,
    of_health,
)
from morningstar_strategy.core.risk import AccountRisk

BTC, ETH = "BTCUSDT-PERP.BITGET", "ETHUSDT-PERP.BITGET"
SECOND = 1_000_000_000
ROOT = Path(__file__).parents[2]


class Clock:
    def __init__(self, now_ns: int = 1_000 * SECOND) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


def record(kind: Kind, **fields: Value) -> Record:
    return Record(ts_event=5 * SECOND, kind=kind, instrument_id=BTC, fields=fields)


def equity(exposure: dict[str, Decimal], risk: AccountRisk = AccountRisk.SAFE) -> Record:
    return of_equity(
        ts_event=7 * SECOND,
        equity=Decimal("10123.45"),
        balance=Decimal(10_000),
        exposure=exposure,
        drawdown=Decimal("0.0125"),
        risk=risk,
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"morningstar_{name}", labels)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(now_ns=clock)


# ---------------------------------------------------------------- laws


@given(st.lists(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=5), max_size=6))
def test_the_time_without_a_stop_is_the_sum_and_the_longest_of_all_such_times(
    times: list[list[float]],
) -> None:
    metrics = Metrics(now_ns=Clock())
    for told in times:
        for secs in sorted(told):
            metrics.set_unprotected(BTC, secs)
            metrics.set_unprotected(BTC, secs)
        metrics.set_unprotected(BTC, 0.0)
    ends = [max(told) for told in times]
    if not ends:
        return
    assert value(metrics, "unprotected_seconds_total", instrument=BTC) == pytest.approx(sum(ends))
    assert value(metrics, "unprotected_longest_seconds", instrument=BTC) == max(ends)
    assert value(metrics, "unprotected_now_seconds", instrument=BTC) == 0


@settings(max_examples=100)
@given(st.lists(st.dictionaries(st.sampled_from([BTC, ETH, "SOL"]), st.decimals(-9, 9, places=2))))
def test_only_what_the_last_mark_holds_is_exposed(marks: list[dict[str, Decimal]]) -> None:
    metrics = Metrics(now_ns=Clock())
    for held in marks:
        metrics.take(equity(held))
    last = marks[-1] if marks else {}
    shown = {
        name: told
        for name in (BTC, ETH, "SOL")
        if (told := value(metrics, "exposure", instrument=name))
    }
    assert shown == {name: float(notional) for name, notional in last.items() if notional}
    assert value(metrics, "positions_open") == len(last)


# ---------------------------------------------------------------- examples


def test_before_the_first_mark_the_equity_is_unknown_rather_than_nothing(metrics: Metrics) -> None:
    for name in ("equity", "balance", "drawdown_ratio"):
        assert math.isnan(value(metrics, name) or 0.0)


def test_a_mark_sets_equity_exposure_drawdown_and_risk(metrics: Metrics) -> None:
    metrics.take(equity({BTC: Decimal(-500)}, AccountRisk.WARNING))
    assert value(metrics, "equity") == 10_123.45
    assert value(metrics, "balance") == 10_000
    assert value(metrics, "drawdown_ratio") == 0.0125
    assert value(metrics, "exposure", instrument=BTC) == -500
    assert value(metrics, "equity_mark_timestamp_seconds") == 7
    levels = {level: value(metrics, "account_risk", level=level) for level in AccountRisk}
    assert levels == {"safe": 0, "warning": 1, "danger": 0}
    assert metrics.standing() == "equity 10123.45, drawdown 1.25%, risk warning, 1 position"


def test_rulings_are_counted_by_what_the_gate_said(metrics: Metrics) -> None:
    for _ in range(2):
        metrics.take(record(Kind.RULING, action="PLAN_TRADE", ruling="denied", rule="within_x"))
    metrics.take(record(Kind.RULING, action="CANCEL_ORDER", ruling="approved"))
    denied = {"action": "PLAN_TRADE", "ruling": "denied", "rule": "within_x"}
    assert value(metrics, "rulings_total", **denied) == 2
    approved = {"action": "CANCEL_ORDER", "ruling": "approved", "rule": ""}
    assert value(metrics, "rulings_total", **approved) == 1


def test_fills_fees_and_funding_add_up_with_rebates(metrics: Metrics) -> None:
    for fee in ("0.5", "-0.1"):
        metrics.take(record(Kind.FILL, role="entry", fee=fee, liquidity="MAKER"))
    metrics.take(record(Kind.FUNDING, amount="-0.25"))
    assert value(metrics, "fills_total", role="entry", liquidity="MAKER") == 2
    assert value(metrics, "fees") == pytest.approx(0.4)
    assert value(metrics, "funding") == -0.25


def test_a_plan_waits_is_held_and_ends(metrics: Metrics) -> None:
    metrics.take(record(Kind.PLAN, state="PENDING"))
    assert (value(metrics, "plans_pending"), value(metrics, "positions_open")) == (1, 0)
    metrics.take(record(Kind.PLAN, state="ACTIVE"))
    assert (value(metrics, "plans_pending"), value(metrics, "positions_open")) == (0, 1)
    metrics.take(record(Kind.PLAN, state="CLOSED", gross_pnl="-3", fees="0.5"))
    assert (value(metrics, "plans_pending"), value(metrics, "positions_open")) == (0, 0)
    assert value(metrics, "plans_pnl") == -3.5
    assert value(metrics, "plans_total", state="CLOSED") == 1


def test_an_exchange_costs_tokens_and_time(metrics: Metrics) -> None:
    told: dict[str, Value] = {"model": "qwen-max", "tokens_in": 900, "tokens_out": 80}
    metrics.take(record(Kind.EXCHANGE, **told, failure="", cost="0.002", latency_ms=1500))
    metrics.take(record(Kind.EXCHANGE, **told, failure="deadline", cost="0", latency_ms=8000))
    assert value(metrics, "llm_cost_usd_total", model="qwen-max") == 0.002
    assert value(metrics, "llm_tokens_total", model="qwen-max", direction="in") == 1800
    assert value(metrics, "llm_exchanges_total", model="qwen-max", outcome="deadline") == 1
    assert value(metrics, "llm_latency_seconds_sum") == 9.5


def test_the_guard_tells_how_long_there_was_no_stop(metrics: Metrics) -> None:
    def told(state: str, secs: float) -> Record:
        return of_guard(ts_event=0, instrument_id=BTC, state=state, quantity=Decimal(1), secs=secs)

    metrics.take(told("unprotected", 1.5))
    assert value(metrics, "unprotected_now_seconds", instrument=BTC) == 1.5
    metrics.take(told("protected again", 2.25))
    assert value(metrics, "unprotected_now_seconds", instrument=BTC) == 0
    assert value(metrics, "unprotected_seconds_total", instrument=BTC) == 2.25
    metrics.take(told("protected again", 4.0))  # one whose beginning was never told
    assert value(metrics, "unprotected_seconds_total", instrument=BTC) == 6.25
    assert value(metrics, "unprotected_longest_seconds", instrument=BTC) == 4.0


def test_a_halt_is_shown_until_it_is_released(metrics: Metrics) -> None:
    for state, halted in (("halted", 1), ("stray fill", 1), ("released", 0)):
        metrics.take(of_health(ts_event=0, instrument_id="", state=state, reason="x"))
        assert value(metrics, "halted") == halted
    assert value(metrics, "notices_total", state="stray fill") == 1


def test_the_age_of_data_counts_from_the_newest_bar_to_now(metrics: Metrics, clock: Clock) -> None:
    price = (Decimal(1), Decimal(2), Decimal(1), Decimal(2), Decimal(5))
    for ts in (900, 890):  # the older one comes late
        metrics.take(of_bar(ts_event=ts * SECOND, instrument_id=BTC, ohlcv=price))
    assert value(metrics, "data_age_seconds", instrument=BTC) == 100
    clock.now_ns += 3 * SECOND
    assert value(metrics, "data_age_seconds", instrument=BTC) == 103


def test_latencies_errors_and_messages_are_counted(metrics: Metrics) -> None:
    metrics.observe_order_latency("sent", 0.004)
    metrics.count_error("throttled", "BITGET")
    metrics.count_message("telegram", "failed")
    metrics.count_own_failure("metrics")
    metrics.set_faults(2)
    assert value(metrics, "order_latency_seconds_bucket", stage="sent", le="0.005") == 1
    assert value(metrics, "order_latency_seconds_bucket", stage="sent", le="0.0025") == 0
    assert value(metrics, "api_errors_total", venue="BITGET", kind="throttled") == 1
    assert value(metrics, "alerts_total", channel="telegram", outcome="failed") == 1
    assert value(metrics, "monitoring_failures_total", part="metrics") == 1
    assert value(metrics, "faults") == 2


def test_a_hindrance_is_shown_until_it_is_gone(metrics: Metrics) -> None:
    metrics.set_hindrances({"stale data": "BTC is 90 s old", "halt": "by hand"})
    metrics.set_hindrances({"halt": "by hand"})
    assert value(metrics, "hindrance", hindrance="stale data") == 0
    assert value(metrics, "hindrance", hindrance="halt") == 1


def test_health_is_shown_as_it_is_when_somebody_looks(metrics: Metrics, clock: Clock) -> None:
    board = HealthBoard(heartbeat_secs=5, patience_secs=60, now_ns=clock, monotonic_ns=clock)
    metrics.watch(board)
    board.enter(NodeState.TRADING)
    assert (value(metrics, "healthy"), value(metrics, "takes_new_risk")) == (1, 1)
    assert value(metrics, "node_state", state="trading") == 1
    clock.now_ns += 6 * SECOND
    assert (value(metrics, "healthy"), value(metrics, "heartbeat_age_seconds")) == (0, 6)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [(Kind.EQUITY, {"equity": None}), (Kind.FILL, {}), (Kind.PLAN, {"state": "CLOSED"})],
)
def test_a_record_that_is_not_whole_is_refused(
    metrics: Metrics, kind: Kind, fields: dict[str, Any]
) -> None:
    with pytest.raises((KeyError, ValueError)):
        metrics.take(record(kind, **fields))


def test_two_of_them_share_nothing(metrics: Metrics) -> None:
    metrics.count_error("throttled", "BITGET")
    other = Metrics(now_ns=Clock())
    assert value(other, "api_errors_total", venue="BITGET", kind="throttled") is None


def declared() -> dict[str, str]:
    """Name every family with its help text."""
    return {
        family.name: family.documentation for family in Metrics(now_ns=Clock()).registry.collect()
    }


def test_every_metric_is_named_for_morningstar_and_explained() -> None:
    for name, told in declared().items():
        assert re.fullmatch(r"morningstar_[a-z]+(_[a-z]+)*", name)
        assert told
        assert not name.endswith(("_ms", "_milliseconds", "_percent"))


def test_the_page_lists_exactly_the_metrics_there_are() -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(morningstar_\w+)`", page, flags=re.MULTILINE)
    own = {name for name in declared() if not name.startswith("morningstar_process_")}
    assert sorted(name.removesuffix("_total") for name in listed) == sorted(own)

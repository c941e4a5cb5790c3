"""Monitoring on the engine: it sees everything, and trading never feels it."""

import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from live.monitoring.actor import MonitorActor
from live.monitoring.metrics import Metrics
from live.monitoring.opening import Monitoring, open_monitoring
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.faults import Faults
from morningstar_strategy.settings.monitoring import MonitoringPolicy
from morningstar_strategy.settings.wiring import make_components
from tests.harness.runs import of_kind
from tests.integration.alert_server import alert_server
from tests.integration.composed import Composed
from tests.integration.test_several_instruments import five, settings_of

ROOT = Path(__file__).parents[2]
BTC = "BTCUSDT-PERP.BITGET"


@pytest.fixture
def monitoring() -> Iterator[Monitoring]:
    policy = MonitoringPolicy(port=0)
    with open_monitoring(
        policy,
        environ={},
        now_ns=time.time_ns,
        monotonic_ns=time.monotonic_ns,
        rng=Random(1),
    ) as opened:
        yield opened


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, monitoring: Monitoring | None
) -> list[Record]:
    """Run a backtest of five instruments, watched or not, and give its journal."""

    def watched(*args: Any, **kwargs: Any) -> Any:
        components = make_components(*args, **kwargs)
        if monitoring is None:
            return components
        actor = MonitorActor(monitoring=monitoring, faults=components.faults)
        return replace(components, actors=(actor, *components.actors))

    folder.mkdir()
    composed = Composed(monkeypatch=monkeypatch, folder=folder, at={1: 1})
    with monkeypatch.context() as patch:
        patch.setattr("backtests.engine.make_components", watched)
        records = composed.run(settings_of(3), *five(is_spot=False))
    gc.collect()  # what is left of the engine may die on no thread of the server's
    return records


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"morningstar_{name}", labels)
    assert found is not None, name
    return found


def test_a_whole_run_is_seen_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, monitoring: Monitoring
) -> None:
    records = run(monkeypatch, tmp_path / "run", monitoring)
    metrics = monitoring.metrics
    fills = of_kind(records, Kind.FILL)
    orders = of_kind(records, Kind.ORDER)
    accepted = sum(record.fields["event"] == "accepted" for record in orders)
    assert accepted
    for stage in ("sent", "accepted"):
        assert value(metrics, "order_latency_seconds_count", stage=stage) == accepted
    assert len(fills) == 20
    for role in ("entry", "target", "stop"):
        told = [fill for fill in fills if fill.fields["role"] == role]
        counted = sum(
            metrics.registry.get_sample_value(
                "morningstar_fills_total", {"role": role, "liquidity": liquidity}
            )
            or 0.0
            for liquidity in ("MAKER", "TAKER")
        )
        assert counted == len(told)
    fees = sum(Decimal(str(fill.fields["fee"])) for fill in fills)
    assert value(metrics, "fees") == pytest.approx(float(fees))
    last = of_kind(records, Kind.EQUITY)[-1].fields
    assert value(metrics, "equity") == float(str(last["equity"]))
    assert value(metrics, "positions_open") == 0
    assert value(metrics, "plans_total", state="CLOSED") == 5
    rulings = of_kind(records, Kind.RULING)
    shown = sum(
        sample.value
        for family in metrics.registry.collect()
        if family.name == "morningstar_rulings"
        for sample in family.samples
        if sample.name.endswith("_total")
    )
    assert shown == len(rulings)
    samples = [s for f in metrics.registry.collect() for s in f.samples]
    assert not [s for s in samples if s.name == "morningstar_monitoring_failures_total"]


def test_a_run_is_the_same_whether_it_is_watched_unwatched_or_watched_badly(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    monitoring: Monitoring,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = run(monkeypatch, tmp_path / "plain", None)
    assert run(monkeypatch, tmp_path / "watched", monitoring) == plain

    def broken(*_args: object) -> None:
        raise RuntimeError("monitoring is broken")

    monkeypatch.setattr(monitoring.metrics, "take", broken)
    monkeypatch.setattr(monitoring.alerter, "tell", broken)
    assert run(monkeypatch, tmp_path / "broken", monitoring) == plain
    failed = value(monitoring.metrics, "monitoring_failures_total", part="metrics")
    assert failed == len(plain)
    said = [r for r in caplog.records if "Monitoring could not take something" in r.getMessage()]
    assert len(said) == len({r.getMessage() for r in said})  # once for each kind


def test_what_is_no_record_is_counted_and_said_once(
    monitoring: Monitoring, caplog: pytest.LogCaptureFixture
) -> None:
    faults = Faults()
    actor = MonitorActor(monitoring=monitoring, faults=faults)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            actor.on_record("no record")
    assert value(monitoring.metrics, "monitoring_failures_total", part="metrics") == 5
    assert value(monitoring.metrics, "monitoring_failures_total", part="alerts") == 5
    assert value(monitoring.metrics, "monitoring_failures_total", part="health") == 5
    assert value(monitoring.metrics, "monitoring_failures_total", part="latencies") == 5
    assert len(caplog.records) == 4
    assert not faults


def test_hindrances_are_shown_by_figures_and_health(monitoring: Monitoring) -> None:
    actor = MonitorActor(monitoring=monitoring, faults=Faults())
    actor.show_hindrances({"stale data": "90 s"})
    assert value(monitoring.metrics, "hindrance", hindrance="stale data") == 1
    assert monitoring.board.look().hindrances == {"stale data": "90 s"}


def test_a_live_node_is_watched_from_its_start_to_a_blocked_thread_and_back() -> None:
    with alert_server() as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.integration.monitoring_node", f"{server.url}/hook"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=200,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}"},
        )
        assert done.returncode == 0, done.stderr
        assert "unsendable" not in done.stderr  # nothing of the engine died on a thread of ours
        texts = [heard.told["text"] for heard in server.taken]
    said = json.loads(done.stdout.splitlines()[-1])
    assert min(said["silent_secs"]) < 1  # the timer beats each second
    assert said["healthy_before"]
    assert said["held_status"] == 503
    assert said["held_health"]["heartbeat_age_secs"] > 3
    assert said["healthy_after"]
    assert said["faults"] == ["KeyError('a callback that fails')"]
    metrics = said["metrics"]
    assert "morningstar_halted 1.0" in metrics
    assert "morningstar_faults 1.0" in metrics
    assert f'morningstar_unprotected_now_seconds{{instrument="{BTC}"}} 6.5' in metrics
    assert 'morningstar_monitoring_failures_total{part="metrics"} 1.0' in metrics
    assert "morningstar_healthy 0.0" in metrics
    for told in (
        "CRITICAL Halted: drawdown",
        f"CRITICAL 1 of {BTC} has had no working stop for 6.5 s",
        "CRITICAL Fault: KeyError: 'a callback that fails'. No new trade is opened, what is open "
        "is still tended.",
        "CLEARED The node is well again",
    ):
        assert told in texts
    assert any(text.startswith("CRITICAL The engine's thread has not beaten") for text in texts)

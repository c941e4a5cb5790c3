"""Every benchmark runs at a tiny size and tells what it promises; nothing here looks at times."""

import io
import json
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model import Bar, BarType, Price, Quantity
from rich.console import Console

from benchmarks import data, model
from benchmarks.bundles import QUICK_BARS, train_bundles
from benchmarks.data import BAR_TYPE, START_NS, YEAR_BARS, Prepared, prepared
from benchmarks.features import Figure
from benchmarks.plans import coarser, undecided
from benchmarks.process import timed
from benchmarks.run import BENCHMARKS, goals, run_all
from benchmarks.scripted import Script
from catalog import store
from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from tests.harness.market import MINUTE_NS, perpetual

_PROJECT = Path(__file__).parents[2]


def _run(script: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}.py", *args],
        cwd=_PROJECT,
        env={"COLUMNS": "100", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _figures(script: str, folder: Path) -> tuple[str, dict[str, Any]]:
    file = folder / "figures.json"
    said = _run(script, "--quick", "--json", f"{file}")
    return said, {figure["name"]: figure for figure in json.loads(file.read_text())}


def test_the_engine_benchmark_prints_ratio_speed_and_memory(tmp_path: Path) -> None:
    said, found = _figures("engine", tmp_path)
    assert "goal 2.5" in said
    assert found["Morningstar ÷ plain engine, CPU of the process"]["goal"] == 2.5
    for system in ("Morningstar", "plain engine", "backtesting.py"):
        assert system in said
        for what in ("CPU", "bars in the run", "peak memory"):
            assert found[f"{system}: {what}"]["value"] > 0


def test_the_growth_benchmark_compares_late_bars_with_early_ones(tmp_path: Path) -> None:
    said, found = _figures("growth", tmp_path)
    assert "last ÷ first" in said
    for system, goal in (("Morningstar", 1.15), ("plain engine", None)):
        for against in ("the same bars alone", "first bars"):
            figure = found[f"{system}: late bars ÷ {against}"]
            assert figure["value"] > 0
            assert figure["goal"] == goal


def test_the_idle_benchmark_tells_our_own_part_of_a_bar(tmp_path: Path) -> None:
    _, found = _figures("idle", tmp_path)
    own = found["a bar on which nothing is decided, our own code"]
    assert own["goal"] == 8.0
    assert own["value"] > 0
    assert found["the same bar with engine and bus"]["value"] > 0


def test_the_latency_benchmark_sets_a_node_beside_a_bare_strategy(tmp_path: Path) -> None:
    said, found = _figures("latency", tmp_path)
    assert "5 orders" in said
    goals_of = {name: figure["goal"] for name, figure in found.items() if figure["goal"]}
    assert goals_of == {
        "bar to order's bytes, p99": 10.0,
        "added by the record, p99": 1.0,
        "CPU, recorded ÷ not": 1.05,
    }
    added = {name for name in found if name.startswith("added")}
    assert all(figure["value"] > 0 for name, figure in found.items() if name not in added)
    assert len(found) == 12


def test_the_model_benchmark_forecasts_starts_and_backtests_with_a_trained_bundle(
    tmp_path: Path,
) -> None:
    said, found = _figures("model", tmp_path)
    assert {name: figure["goal"] for name, figure in found.items() if figure["goal"]} == {
        "gbm of 1: a million windows, 2 threads": 60.0,
        "gbm of 1: bar to prediction, p50": 1_000.0,
        "gbm of 1: bar to prediction, p99": 1_000.0,
        "gbm of 1: start to first forecast": 1.5,
        "gbm of 1: memory beyond no model": 150.0,
        "backtest ÷ plain engine, computed": 6.0,
        "backtest ÷ plain engine, found": 2.5,
    }
    assert all(figure["value"] > 0 for figure in found.values())
    assert "Whole backtests of 5,000 bars" in said
    assert "Morningstar, predictions in the cache" in said


def test_models_are_only_trained_on_bars_that_reach_far_enough(tmp_path: Path) -> None:
    short = Prepared(catalog=tmp_path, bars=QUICK_BARS - 1, synthetic=True)
    with pytest.raises(ValueError, match=f"bars must be at least {QUICK_BARS}, were"):
        train_bundles(short, tmp_path, network=False, quick=True, progress=lambda *_: None)


def test_a_backtest_whose_forecasts_are_made_again_or_never_is_no_figure() -> None:
    once, again = {"one": 1}, {"one": 2}
    model.check_cache("computed", {}, once)
    model.check_cache("found", once, once)
    with pytest.raises(RuntimeError, match="must be computed, the cache went from"):
        model.check_cache("computed", {}, {})
    with pytest.raises(RuntimeError, match="must be found"):
        model.check_cache("found", once, again)


def test_training_is_timed_only_where_the_recipe_finds_its_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(model, "_PROJECT", tmp_path)
    assert model.train_anew(console) == []
    told = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    assert "Not trained: data/catalog holds no BTCUSDT-PERP.BINANCE-1-HOUR-LAST-EXTERNAL" in told


def test_a_process_tells_its_own_peak_memory_whoever_started_it() -> None:
    held = np.ones(75_000_000)
    with prepared(2_000) as made:
        assert 50.0 < timed("plain", made).peak_mib < held.nbytes / 2**20


def test_the_truth_benchmark_prints_every_kind_of_plan_on_every_market(tmp_path: Path) -> None:
    said, found = _figures("truth", tmp_path)
    for market in ("15m", "1h"):
        for kind in ("market 1", "market 3", "limit 1", "limit 3"):
            assert f"{market} {kind}" in said
            for direction in Direction:
                # Without real data beside the project the names begin with SYNTH
                wanted = f"{market} {kind} {direction.value}: surplus"
                assert any(name.endswith(wanted) for name in found)
    (law,) = [figure for figure in found.values() if figure["goal"] is not None]
    assert "in which coarse bars flatter" in law["name"]


def test_all_benchmarks_run_one_by_one_and_close_with_the_goals(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    said = _run("run", "--quick", "--only", "gate", "--only", "features", "--json", f"{file}")
    assert "Goals" in said
    assert "Goals missed" in said or "All goals met" in said
    assert list(json.loads(file.read_text())) == ["gate", "features"]


def test_the_adapter_benchmark_prints_ratios_and_latencies(tmp_path: Path) -> None:
    said, found = _figures("adapter", tmp_path)
    assert "goal" in said
    for what, goal in (("trades", 100), ("book", 200)):
        assert found[f"bitget {what}: ours, CPU of one frame"]["goal"] == goal
        assert found[f"bitget {what}: ours ÷ plain ccxt.pro, CPU"]["value"] > 0
        assert found[f"bitget {what}: venue's send to engine type, p99"]["value"] > 0
    assert found["bitget order: command to bytes on the socket, p99"]["goal"] == 5


def test_the_supervisor_benchmark_tells_overhead_and_the_engines_gaps(tmp_path: Path) -> None:
    said, found = _figures("supervisor", tmp_path)
    assert {name: figure["goal"] for name, figure in found.items() if figure["goal"]} == {
        "a question, overhead, again and again": 200.0,
        "engine's thread beside replies of 0.3 s, longest gap": 5.0,
    }
    assert all(figure["value"] > 0 for figure in found.values())
    assert found["slowest reply"]["value"] >= 0.3
    assert "a bar on which nothing is asked" in said
    thinking = found["the thinking in it"]["value"]
    assert thinking < found["a question, overhead, again and again"]["value"]


def test_every_benchmark_of_the_issue_is_in_the_list() -> None:
    assert set(BENCHMARKS) == {
        *("adapter", "engine", "features", "gate", "growth", "truth", "ingest", "idle", "model"),
        *("supervisor", "latency"),
    }


def test_a_missed_goal_is_called_missed() -> None:
    console = Console(file=io.StringIO(), width=100)
    figures = [Figure("slow", 3.0, "s", 2.0), Figure("quick", 1.0, "s", 2.0)]
    console.print(goals({"made": figures}))
    told = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    lines = {name: line for line in told.splitlines() for name in ("slow", "quick") if name in line}
    assert "MISSED" in lines["slow"]
    assert "MISSED" not in lines["quick"]


def test_a_benchmark_that_fails_is_said_to_have_failed() -> None:
    console = Console(file=io.StringIO(), width=100)
    assert run_all(["no such benchmark"], quick=True, console=console) == {}
    assert "FAILED" in console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above


@pytest.mark.parametrize("script", ["engine", "growth", "idle", "supervisor"])
def test_an_impossible_number_of_rounds_is_refused(script: str) -> None:
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}.py", "--rounds", "0"],
        cwd=_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "must be a whole number above zero, was '0'" in done.stderr


# ---------------------------------------------------------------- the bars


def test_without_real_data_the_bars_are_synthetic_and_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "SHARED", tmp_path / "absent")
    with prepared(2_000) as made:
        assert made.synthetic
        assert store.is_synthetic(made.catalog)
        bars = store.load_bars(made.catalog, BAR_TYPE, start_ns=START_NS + 1)
    assert "SYNTHETIC" in capsys.readouterr().err
    assert len(bars) == 2_000
    assert bars[-1].ts_event == made.end_ns
    assert {after.ts_event - before.ts_event for before, after in pairwise(bars)} == {MINUTE_NS}


def test_real_bars_are_cut_to_the_span_and_start_with_a_day_to_warm_up(shared_data: Path) -> None:
    del shared_data
    with prepared(2_000) as made:
        (series,) = store.list_series(made.catalog)
    assert not made.synthetic
    assert (series.rows, series.end_ns) == (3_440, made.end_ns)


def test_more_bars_than_are_recorded_are_refused(shared_data: Path) -> None:
    del shared_data
    with pytest.raises(ValueError, match="asked for"), prepared(2 * YEAR_BARS):
        pass


def test_all_systems_see_the_same_crosses() -> None:
    with prepared(3_000) as made:
        entries = {
            name: timed(name, made).ran.entries for name in ("plain", "backtrader", "backtesting")
        }
    assert entries["plain"] > 30
    # backtesting.py has values of the averages from the first bar on, the others from the 26th
    assert all(0 <= count - entries["plain"] <= 1 for count in entries.values()), entries


def test_a_prepared_catalog_has_bars() -> None:
    with pytest.raises(ValueError, match="bars must be positive, was 0"):
        Prepared(catalog=Path(), bars=0, synthetic=False)


# ---------------------------------------------------------------- the plans


_COARSE = BarType.from_str("BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL")


def _bar(minute: int, low: str, high: str) -> Bar:
    kind, ts = BarType.from_str(BAR_TYPE), START_NS + minute * MINUTE_NS
    bottom, top = Price.from_str(low), Price.from_str(high)
    return Bar(kind, bottom, top, bottom, top, Quantity.from_str("1.000"), ts, ts)


def test_joined_bars_open_with_the_first_and_close_with_the_last() -> None:
    bars = [_bar(minute, f"{100 + minute}.0", f"{101 + minute}.0") for minute in range(1, 12)]
    first, second = coarser(bars, _COARSE, 5, perpetual())
    assert [f"{price}" for price in (first.open, first.high, first.low, first.close)] == [
        "101.0",
        "106.0",
        "101.0",
        "106.0",
    ]
    assert (first.volume.as_decimal(), first.ts_event) == (Decimal(5), bars[4].ts_event)
    assert second.ts_event == bars[9].ts_event


def test_bars_with_a_hole_are_not_joined() -> None:
    bars = [_bar(minute, "100.0", "101.0") for minute in (1, 2, 4)]
    with pytest.raises(ValueError, match="have holes"):
        coarser(bars, _COARSE, 3, perpetual())


def _plan(direction: Direction, entry: str | None, stop: str, *targets: str) -> PlanTrade:
    return PlanTrade(
        trade_setup=TradeSetup(
            symbol="BTCUSDT-PERP.BINANCE",
            direction=direction,
            entry_price=None if entry is None else Decimal(entry),
            stop_loss_price=Decimal(stop),
            take_profit_prices=tuple(map(Decimal, targets)),
            position_size_percent=Decimal(1),
        )
    )


_LONG = _plan(Direction.LONG, None, "99", "102")
_LONG_2 = _plan(Direction.LONG, None, "99", "102", "104")
_SHORT = _plan(Direction.SHORT, None, "102", "99")
_LIMIT = _plan(Direction.LONG, "97", "95", "99")
_BOTH = ("98.0", "103.0")


@pytest.mark.parametrize(
    ("plan", "bars", "expected"),
    [
        (_LONG, [_BOTH], True),
        (_SHORT, [_BOTH], True),
        (_LONG, [("98.0", "101.0"), _BOTH], False),  # stopped before
        (_LONG, [("100.0", "103.0"), _BOTH], False),  # target taken before
        (_LONG_2, [("100.0", "103.0"), ("98.0", "105.0")], True),
        (_LONG_2, [("100.0", "103.0"), _BOTH], False),  # the second target is not reached
        (_LIMIT, [_BOTH, _BOTH], False),  # never entered
        (_LIMIT, [("94.0", "100.0")], True),
    ],
)
def test_a_path_decides_where_one_bar_holds_stop_and_a_target_still_open(
    plan: PlanTrade, bars: list[tuple[str, str]], *, expected: bool
) -> None:
    life = [_bar(minute, low, high) for minute, (low, high) in enumerate(bars, start=1)]
    assert undecided(plan, life) is expected


def test_a_script_makes_and_ends_plans_only_at_its_moments() -> None:
    plan = _plan(Direction.LONG, None, "99", "102")
    with pytest.raises(ValueError, match="at one of its moments"):
        Script(plans={1: plan}, ends={}, moments=frozenset({2}))
    with pytest.raises(ValueError, match="both were at 1"):
        Script(plans={1: plan}, ends={1: Direction.LONG}, moments=frozenset({1}))

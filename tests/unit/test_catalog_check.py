"""The check finds each thing that can be wrong, and says nothing about a good series."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import check
from catalog.decimals import from_text
from catalog.findings import Tolerance, gaps, stale
from catalog.store import write_funding, write_quotes
from tests.catalogs import BTC, FIVE_MINUTES, JANUARY_NS, STEP_NS, Told, new, steady


def findings(root: Path, *options: str) -> dict[str, bool]:
    """Name what was found and whether it is a fault."""
    tolerance = Tolerance(allow_gaps="--allow-gaps" in options)
    reports = check.check(root, tolerance)
    return {item.check: item.fault for report in reports for item in report.findings}


def rewrite(root: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a file behind the catalog's back, as a broken writer would."""
    (path,) = (root / "data" / "bars" / FIVE_MINUTES).iterdir()
    with path.open("rb") as handle:
        table = pq.read_table(handle)
    pq.write_table(change(table), path)


@given(st.sets(st.integers(1, 198)))
def test_every_missing_bar_is_counted_once(holes: set[int]) -> None:
    ts = np.array([i * STEP_NS for i in range(200) if i not in holes], dtype=np.int64)
    found = gaps(ts, STEP_NS, Tolerance())
    runs = sum(1 for hole in holes if hole - 1 not in holes)
    assert [item.count for item in found] == ([runs] if holes else [])
    assert all(item.text.startswith(f"{len(holes)} missing") for item in found)
    assert all(item.first_ns == min(holes) * STEP_NS for item in found)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(2, 6))
def test_a_stale_run_is_one_of_at_least_so_many_still_bars(still: list[bool], least: int) -> None:
    text = "".join("x" if flag else " " for flag in still)
    runs = [run for run in text.split() if len(run) >= least]
    ts = np.arange(len(still), dtype=np.int64)
    found = stale(np.array(still), ts, Tolerance(stale_bars=least))
    assert [item.count for item in found] == ([len(runs)] if runs else [])


def test_a_good_series_has_no_finding(tmp_path: Path) -> None:
    assert findings(new(tmp_path, steady(500))) == {}
    assert check.main(["--catalog", str(tmp_path)]) == 0


def test_a_gap_is_a_fault_unless_it_is_allowed(tmp_path: Path) -> None:
    root = new(tmp_path, steady(50, skip=[20, 21]))
    assert findings(root) == {"gaps": True}
    place = ["--catalog", str(root)]
    assert check.main(place) == 1
    assert check.main([*place, "--max-gap", "1"]) == 1
    assert check.main([*place, "--max-gap", "2"]) == 0
    assert check.main([*place, "--allow-gaps"]) == 0


def test_duplicates_are_a_fault(tmp_path: Path) -> None:
    root = new(tmp_path, steady(10))
    rewrite(root, lambda table: pa.concat_tables([table, table.slice(9, 1)]))
    assert findings(root) == {"duplicates": True}


def test_rows_out_of_order_are_a_fault(tmp_path: Path) -> None:
    root = new(tmp_path, steady(10))
    rewrite(root, lambda table: table.take([0, 2, 1, *range(3, 10)]))
    assert findings(root) == {"order": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"high": "100.2"},
        {"low": "100.2"},
        {"open": "101.1"},
        {"low": "-1.0"},
        {"low": "0.0"},
        {"high": "98.0", "low": "102.0"},
    ],
)
def test_prices_that_contradict_each_other_are_a_fault(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    bars = steady(10)
    root = new(tmp_path, [*bars[:5], Told(ts=bars[5].ts, **wrong), *bars[6:]])
    assert findings(root) == {"ohlc": True}


def test_negative_volume_and_a_stamp_off_the_grid_are_faults(tmp_path: Path) -> None:
    last = Told(ts=JANUARY_NS + 11 * STEP_NS + 1, volume="-0.001")
    found = findings(new(tmp_path, [*steady(10), last]))
    assert found == {"off the grid": True, "negative volume": True}


def test_zero_volume_and_stale_runs_are_warnings(tmp_path: Path) -> None:
    still = [
        Told(
            ts=JANUARY_NS + i * STEP_NS,
            open="100.0",
            high="100.0",
            low="100.0",
            close="100.0",
            volume="0.000",
        )
        for i in range(1, 20)
    ]
    root = new(tmp_path, still)
    assert findings(root) == {"zero volume": False, "stale": False}
    assert check.main(["--catalog", str(root)]) == 0


def test_a_series_without_its_instrument_or_of_another_precision_is_a_fault(
    tmp_path: Path,
) -> None:
    root = new(tmp_path, steady(5))

    def coarser(table: pa.Table) -> pa.Table:
        return table.replace_schema_metadata({**table.schema.metadata, b"price_precision": b"0"})

    rewrite(root, coarser)
    assert findings(root) == {"precision": True}
    for path in (root / "data" / "crypto_perpetual" / BTC).iterdir():
        path.unlink()
    (root / "data" / "crypto_perpetual" / BTC).rmdir()
    assert findings(root) == {"instrument": True}


def test_crossed_quotes_and_missing_funding_are_faults(tmp_path: Path) -> None:
    root = new(tmp_path)
    one = from_text(["1"])
    prices = {"bid_price": from_text(["1.2"]), "ask_price": from_text(["1.1"])}
    write_quotes(root, BTC, np.array([5]), {**prices, "bid_size": one, "ask_size": one})
    hours = np.array([0, 8, 24], dtype=np.int64) * 3_600 * 10**9
    write_funding(root, BTC, hours, [Decimal("0.0001")] * 3, interval_minutes=480)
    assert findings(root) == {"crossed": True, "gaps": True}


def test_json_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = new(tmp_path, steady(50, skip=[20]))
    assert check.main(["--catalog", str(root), "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["series"], report["rows"], report["faulty"]) == (FIVE_MINUTES, 49, True)
    assert report["findings"][0]["check"] == "gaps"


def test_only_the_instruments_asked_are_checked(tmp_path: Path) -> None:
    root = new(tmp_path, steady(50, skip=[20]))
    assert check.main(["--catalog", str(root), "--instruments", BTC]) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "has no series to check"),
        (["--instruments", "ETHUSDT.BINANCE"], "'ETHUSDT.BINANCE' is not in catalog"),
        (["--max-gap", "-1"], "max_gap must be zero or more, was -1"),
        (["--stale-bars", "1"], "stale_bars must be two or more, was 1"),
    ],
)
def test_bad_usage_is_one_sentence_and_exits_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert check.main(["--catalog", str(tmp_path / "none"), *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "none").exists()

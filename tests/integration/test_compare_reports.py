"""Comparing other people's runs by the reports that the engine itself gives."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from nautilus_trader.model import Bar

from backtests.compare import main
from morningstar_strategy.core.divergence.values import Cause, DivergenceError, Rung, Standing
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.reported import compare_reports, read_reports
from morningstar_strategy.settings.schema import VenueSettings
from tests.harness.market import bar_type, perpetual, prediction, wild_bars
from tests.harness.runs import Rig


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    fills: Any  # DataFrames, of which pandas ships no types
    orders: Any


def reports(*, fee: str = "0.05") -> Reports:
    """Run the engine on wild bars, long and short in turn, and take its reports.

    Our strategy lets the engine forget closed orders, so that the newest alone are told.
    """
    bars = wild_bars(bar_type(), 120, np.random.default_rng(3))
    places = {bar.ts_event: place for place, bar in enumerate(bars)}

    def foresee(bar: Bar) -> Prediction:
        side = places[bar.ts_event] // 10 % 2
        long, short = (0.9, 0.0) if side else (0.0, 0.9)
        name = bar.bar_type.instrument_id.value
        return prediction(name, bar.ts_event, bar.close.as_double(), long=long, short=short)

    rig = Rig(
        instruments=[perpetual()],
        bars=[bars],
        foresee=foresee,
        venue=VenueSettings(taker_fee_percent=Decimal(fee), maker_fee_percent=Decimal(fee)),
    )
    rig.run()
    told = Reports(
        fills=rig.engine.generate_fills_report(), orders=rig.engine.generate_orders_report()
    )
    rig.engine.dispose()
    return told


@pytest.fixture(scope="module")
def plain() -> Reports:
    return reports()


def test_the_same_strategy_run_twice_is_the_same(plain: Reports) -> None:
    again = reports()
    divergence = compare_reports(
        plain.fills, again.fills, orders_a=plain.orders, orders_b=again.orders
    )
    assert divergence.same
    standings = {rung.rung: rung.standing for rung in divergence.rungs}
    assert standings[Rung.COMMANDS] is standings[Rung.DATA] is Standing.UNRECORDED
    compared = {rung.rung: rung.compared for rung in divergence.rungs}
    assert compared[Rung.FILLS] == plain.fills.index.nunique() > 3
    assert compared[Rung.ORDERS] >= len(plain.orders)


def test_another_fee_is_found_and_is_all_that_the_bridge_books(plain: Reports) -> None:
    other = reports(fee="0.08")
    divergence = compare_reports(plain.fills, other.fills)
    assert divergence.first is Rung.FILLS
    assert divergence.differences[0].cause is Cause.FEE
    assert divergence.bridge.currency == "USDT"
    assert divergence.bridge.end < divergence.bridge.start


def test_a_fill_that_one_report_lacks_is_missing(plain: Reports) -> None:
    fewer = plain.fills.drop(index=plain.fills.index[2])
    divergence = compare_reports(plain.fills, fewer)
    assert (divergence.first, divergence.differences[0].cause) == (Rung.FILLS, Cause.MISSING_FILL)
    assert len(divergence.differences) == 1


def test_the_last_fill_is_missed_as_any_other(plain: Reports) -> None:
    divergence = compare_reports(plain.fills, plain.fills.iloc[:-1])
    assert [each.cause for each in divergence.differences] == [Cause.MISSING_FILL]


def test_an_order_that_one_report_lacks_is_found_below_its_fills(plain: Reports) -> None:
    gone = plain.fills.index[2]
    divergence = compare_reports(
        plain.fills,
        plain.fills.drop(index=gone),
        orders_a=plain.orders,
        orders_b=plain.orders.drop(index=gone),
    )
    assert divergence.first is Rung.ORDERS
    assert divergence.differences[0].cause is Cause.RISK_STATE


def test_another_price_of_an_order_is_found_before_its_fill(plain: Reports) -> None:
    orders = plain.orders.copy()
    at = orders.index[orders["trigger_price"].notna()][0]
    orders.loc[at, "trigger_price"] = "1.5"
    divergence = compare_reports(plain.fills, plain.fills, orders_a=plain.orders, orders_b=orders)
    assert divergence.first is Rung.ORDERS
    assert "trigger_price" in divergence.differences[0].says


def test_parquet_files_tell_the_same_as_the_frames(plain: Reports, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        plain.fills.to_parquet(tmp_path / name / "fills.parquet")
        plain.orders.drop(columns=["info", "tags"], errors="ignore").to_parquet(
            tmp_path / name / "orders.parquet"
        )
    assert main([f"{tmp_path / 'a'}", f"{tmp_path / 'b'}"]) == 0
    alone = f"{tmp_path / 'a' / 'fills.parquet'}"
    assert main([alone, f"{tmp_path / 'b' / 'fills.parquet'}", "--json"]) == 0
    side = read_reports(tmp_path / "a")
    assert len(side.records) > len(plain.fills)


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (pa.table({"client_order_id": ["1"]}), "instrument_id"),
        (
            pa.table(
                {
                    "client_order_id": ["1"],
                    "instrument_id": ["X.Y"],
                    "order_side": ["BUY"],
                    "last_qty": ["much"],
                    "last_px": ["1"],
                    "ts_event": [1],
                }
            ),
            "last_qty",
        ),
    ],
    ids=["no column", "no number"],
)
def test_a_report_that_cannot_be_read_is_named(table: pa.Table, word: str) -> None:
    with pytest.raises(DivergenceError, match=word):
        compare_reports(table, table)


def test_a_report_without_rows_is_nothing_to_compare(plain: Reports) -> None:
    with pytest.raises(DivergenceError, match="hold no row"):
        compare_reports(plain.fills.iloc[:0], plain.fills.iloc[:0])

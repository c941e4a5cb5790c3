"""Examples of the baseline rule: by hand, refused settings, and its turnover on real bars."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.features import NAMES, FeatureStream, batch, index_of
from tests.unit.test_features import real_bars

YEAR_2024_NS = 1_704_067_200_000_000_000


def test_a_signal_computed_by_hand() -> None:
    vector = np.zeros(len(NAMES))
    vector[index_of("momentum_288")] = -1.5
    vector[index_of("efficiency_ratio_96")] = 0.15
    vector[index_of("volatility_96")] = 0.002
    vector[index_of("log_volatility_96_480")] = math.log(1.2)
    signal = BaselineRule().signal(vector)
    assert signal.p_short == pytest.approx(1.0 / (1.0 + math.exp(-1.0)))
    assert signal.p_long == 0.0
    assert signal.turbulence == pytest.approx(0.5)
    assert signal.stop_distance == pytest.approx(1.5 * 0.002 * math.sqrt(96))
    assert signal.target_distance == pytest.approx(3.0 * 0.002 * math.sqrt(96))
    assert signal.volatility == 0.002


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"momentum": "rsi_14"}, "momentum must name a momentum feature, was rsi_14"),
        ({"momentum": "momentum_7"}, "was momentum_7"),
        ({"threshold": 0.0}, "threshold must be positive and finite, was 0.0"),
        ({"slope": math.nan}, "slope must be positive and finite, was nan"),
        ({"stop_sigmas": math.inf}, "stop_sigmas must be positive and finite, was inf"),
        ({"min_efficiency": -0.1}, "min_efficiency must be in [0, 1), was -0.1"),
        ({"min_efficiency": 1.0}, "min_efficiency must be in [0, 1), was 1.0"),
        ({"horizon_bars": 0}, "horizon_bars must be at least 1, was 0"),
        ({"max_stop": 0.001}, "max_stop must be in [0.008, 1), was 0.001"),
        ({"max_target": 1.0}, "max_target must be in [0.016, 1), was 1.0"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        replace(BaselineRule(), **changes)
    assert message in str(refusal.value)


def test_rules_are_values() -> None:
    assert BaselineRule() == BaselineRule()
    assert hash(BaselineRule()) == hash(BaselineRule())
    assert replace(BaselineRule(), threshold=2.0) != BaselineRule()


def test_a_stream_that_is_not_warm_gives_no_signal() -> None:
    with pytest.raises(ValueError, match="feature momentum_288 must be finite, was nan"):
        BaselineRule().signal(FeatureStream().vector)
    with pytest.raises(ValueError, match=f"vector must hold {len(NAMES)} features, held 3"):
        BaselineRule().signal(np.zeros(3))


@pytest.mark.parametrize(
    "name",
    [
        "BTCUSDT-15m-binance-spot-202301-202504",
        "ETHUSDT-15m-binance-spot-202301-202504",
        "SOLUSDT-15m-binance-spot-202304-202504",
        "BNBUSDT-15m-binance-spot-202001-202504",
        "XRPUSDT-15m-binance-spot-202304-202409",
    ],
)
def test_on_real_bars_of_2023_it_enters_a_few_times_a_week_on_either_side(
    name: str, shared_data: Path
) -> None:
    bars = real_bars(shared_data / f"{name}.parquet")
    end = int(np.searchsorted(bars.ts_event, YEAR_2024_NS))
    bars = bars[max(0, end - 365 * 96) : end]
    rule, rows = BaselineRule(), batch(bars)
    entries, free_at = {1: 0, -1: 0}, 0
    for t in range(rule.horizon_bars, len(bars)):
        if t >= free_at and math.isfinite(rows[t, 0]):
            signal = rule.signal(rows[t])
            if signal.p_flat < 0.5:
                entries[1 if signal.p_long > 0.5 else -1] += 1
                free_at = t + rule.horizon_bars
    weeks = len(bars) / 672
    assert 0.5 < sum(entries.values()) / weeks < 4.0
    assert 0.25 < entries[1] / sum(entries.values()) < 0.75

"""Five instruments with five targets each in one account: no exit is ever refused for margin."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.model import (
    BarType,
    Currency,
    CurrencyPair,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)

from backtests.data import MarketData
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.sizing import SizingPolicy
from morningstar_strategy.settings.schema import JournalSettings, Settings, VenueSettings
from tests.harness.market import USDT, bar_type, perpetual
from tests.harness.runs import of_kind
from tests.integration.composed import Composed, market
from tests.integration.told import LOOSE, Ohlc, fills, flat, index_of, policy

F = flat(1000)
BASES = ("BTC", "ETH", "SOL", "BNB", "XRP")
FIFTHS = tuple(Decimal(n) for n in range(1, 6))
FULL = SizingPolicy(target_volatility_percent=Decimal(100), max_size_percent=Decimal(15))
# Two targets, then the stop of the rest; then a short where one is allowed
STORY: list[Ohlc] = [
    *(F, F),
    (1000, 1011, 1000, 1005),
    (1005, 1021, 1005, 1010),
    (1010, 1012, 970, 972),
    *(F, F, F),
]


def spot(base: str) -> CurrencyPair:
    return CurrencyPair(
        instrument_id=InstrumentId.from_str(f"{base}USDT.BINANCE"),
        raw_symbol=Symbol(f"{base}USDT"),
        base_currency=Currency.from_str(base),
        quote_currency=USDT,
        price_precision=1,
        size_precision=3,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.001"),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal(1),
        margin_maint=Decimal("0.5"),
    )


def five(*, is_spot: bool, told: list[Ohlc] | None = None) -> tuple[MarketData, ...]:
    told = told or STORY
    if not is_spot:
        return tuple(market(told, instrument=perpetual(b), kind=bar_type(b)) for b in BASES)
    kinds = {base: BarType.from_str(f"{base}USDT.BINANCE-5-MINUTE-LAST-EXTERNAL") for base in BASES}
    return tuple(market(told, instrument=spot(b), kind=kind) for b, kind in kinds.items())


def settings_of(leverage: int, **changes: Any) -> Settings:
    told: dict[str, Any] = {
        "decision": policy(take_profit_percents=FIFTHS, sizing=FULL),
        "risk": LOOSE,
        "venue": VenueSettings(leverage=Decimal(leverage)),
        "journal": JournalSettings(equity_every_secs=300),
    }
    return Settings(mode="backtest", **(told | changes))


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Composed:
    return Composed(monkeypatch=monkeypatch, folder=tmp_path)


def refused(records: list[Record]) -> list[object]:
    words = ("denied", "rejected", "modify rejected", "cancel rejected")
    return [r.fields for r in of_kind(records, Kind.ORDER) if r.fields["event"] in words]


@pytest.mark.parametrize("leverage", [1, 3, 125])
@pytest.mark.parametrize("is_spot", [False, True], ids=["perpetual", "spot"])
def test_no_exit_of_five_positions_is_refused_at_any_leverage(
    composed: Composed, leverage: int, *, is_spot: bool
) -> None:
    composed.at = {1: 1}
    records = composed.run(settings_of(leverage), *five(is_spot=is_spot))
    assert refused(records) == []
    told = fills(records)
    assert sum(role == "entry" for _, role, *_ in told) == 5
    assert sum(role == "target" for _, role, *_ in told) == 10
    assert sum(role == "stop" for _, role, *_ in told) == 5
    states = [r.fields for r in of_kind(records, Kind.PLAN)]
    assert [state["reason"] for state in states if state["state"] == "CLOSED"] == ["stop"] * 5
    entered = sum(Decimal(quantity) for _, role, _, quantity, _ in told if role == "entry")
    assert sum(Decimal(q) for _, role, _, q, _ in told if role != "entry") == entered


@pytest.mark.parametrize("leverage", [1, 3])
def test_five_shorts_of_perpetuals_are_closed_like_longs(composed: Composed, leverage: int) -> None:
    composed.at = {1: -1, 6: 1}
    records = composed.run(settings_of(leverage), *five(is_spot=False, told=[F] * 8))
    assert refused(records) == []
    assert [role for _, role, *_ in fills(records)] == ["entry"] * 5 + ["close"] * 5


def test_spot_is_never_sold_short(composed: Composed) -> None:
    composed.at = {1: -1, 3: -1}
    records = composed.run(settings_of(1), *five(is_spot=True))
    assert fills(records) == []
    commands = [r.fields["command"] for r in of_kind(records, Kind.COMMAND)]
    assert len(commands) == 10
    assert all("cannot be sold short" in str(command) for command in commands)


def test_the_exposure_of_all_is_capped_while_entries_of_the_same_moment_come_in(
    composed: Composed,
) -> None:
    composed.at = {1: 1}
    sizing = SizingPolicy(target_volatility_percent=Decimal(100), max_size_percent=Decimal(100))
    limits = RiskLimits(
        max_position_percent=Decimal(30),
        max_exposure_percent=Decimal(70),
        max_correlated_percent=Decimal(100),
        max_risk_percent=Decimal(100),
    )
    settings = settings_of(3, decision=policy(sizing=sizing), risk=limits)
    records = composed.run(settings, *five(is_spot=False, told=[F] * 4))
    quantities = [Decimal(quantity) for _, _, _, quantity, _ in fills(records)]
    assert [round(quantity, 1) for quantity in quantities] == [3, 3, 1]
    assert sum(quantities) * 1000 <= 7_000
    denied = [r.fields["rule"] for r in of_kind(records, Kind.RULING) if "rule" in r.fields]
    assert set(denied) <= {"within_exposure", "large_enough"}
    assert len(denied) == 2


def test_no_more_plans_are_open_than_allowed(composed: Composed) -> None:
    composed.at = {1: 1}
    limits = replace(LOOSE, max_open_plans=2)
    records = composed.run(settings_of(3, risk=limits), *five(is_spot=False, told=[F] * 4))
    assert len(fills(records)) == 2
    denied = [r.fields["rule"] for r in of_kind(records, Kind.RULING) if "rule" in r.fields]
    assert denied == ["within_open_plans"] * 3


def test_the_marks_tell_the_exposure_of_each(composed: Composed) -> None:
    composed.at = {1: 1}
    records = composed.run(settings_of(3), *five(is_spot=False, told=[F] * 5))
    (mark,) = (r for r in of_kind(records, Kind.EQUITY) if index_of(r.ts_event) == 3)
    exposure = mark.fields["exposure"]
    assert isinstance(exposure, dict)
    assert sorted(name[:3] for name in exposure) == sorted(BASES)
    assert all(1_490 < Decimal(str(value)) <= 1_500 for value in exposure.values())

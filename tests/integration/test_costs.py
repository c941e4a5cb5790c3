"""What trading costs in a composed backtest: fees, slippage, funding, latency, and the marks."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.report import build_report
from morningstar_strategy.settings.schema import JournalSettings, Settings, VenueSettings
from tests.harness.market import bar_type, perpetual
from tests.harness.runs import of_kind
from tests.integration.composed import Composed, market
from tests.integration.told import (
    LOOSE,
    Ohlc,
    equity_marks,
    fills,
    flat,
    index_of,
    limit_policy,
    policy,
)

F = flat(1000)
NOTHING: Mapping[str, Any] = {
    "maker_fee_percent": Decimal(0),
    "taker_fee_percent": Decimal(0),
    "slippage_percent": Decimal(0),
}


def settings_of(**changes: Any) -> Settings:
    venue = VenueSettings(**{**NOTHING, **changes.pop("venue", {})})
    told = {"decision": policy(), "risk": LOOSE, **changes}
    journal = JournalSettings(equity_every_secs=300)
    return Settings(mode="backtest", venue=venue, journal=journal, **told)


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Composed:
    return Composed(monkeypatch=monkeypatch, folder=tmp_path)


def costs(records: Sequence[Record]) -> list[tuple[str, str, Decimal, Decimal]]:
    """Tell every fill's role, liquidity, fee and slippage."""
    return [
        (
            str(record.fields["role"]),
            str(record.fields["liquidity"]),
            Decimal(str(record.fields["fee"])),
            Decimal(str(record.fields["slippage"])),
        )
        for record in of_kind(records, Kind.FILL)
    ]


COSTLY = {
    "maker_fee_percent": Decimal("0.02"),
    "taker_fee_percent": Decimal("0.05"),
    "slippage_percent": Decimal("0.03"),
}


def test_a_market_entry_takes_and_a_target_makes(composed: Composed) -> None:
    composed.at = {1: 1}
    told = [F, F, (1000, 1050, 1000, 1045), F]
    records = composed.run(settings_of(venue=COSTLY), market(told))
    # A worst price with slippage is what the size is counted at: 1 000 / 1 000.3 in lots
    assert [told[3:] for told in fills(records)] == [("0.999", "1000.0"), ("0.999", "1040.0")]
    assert costs(records) == [
        ("entry", "TAKER", Decimal("0.4995"), Decimal("0.2997")),
        ("target", "MAKER", Decimal("0.207792"), Decimal(0)),
    ]
    paid = Decimal("0.4995") + Decimal("0.2997") + Decimal("0.207792")
    assert equity_marks(records)[-1] == 10_000 + 40 * Decimal("0.999") - paid


def test_a_limit_entry_makes_and_a_stop_takes(composed: Composed) -> None:
    composed.at = {1: 1}
    told: list[Ohlc] = [F, F, (1000, 1000, 985, 995), (995, 995, 960, 970), F]
    records = composed.run(settings_of(venue=COSTLY, decision=limit_policy()), market(told))
    quantity, entry, stop = Decimal("1.000"), Decimal(990), Decimal("970.2")
    assert [told[3:] for told in fills(records)] == [("1.000", "990.0"), ("1.000", "970.2")]
    assert costs(records) == [
        ("entry", "MAKER", quantity * entry * Decimal("0.0002"), Decimal(0)),
        (
            "stop",
            "TAKER",
            quantity * stop * Decimal("0.0005"),
            quantity * stop * Decimal("0.0003"),
        ),
    ]


def test_a_close_takes(composed: Composed) -> None:
    composed.at = {1: -1, 3: 1}
    records = composed.run(settings_of(venue=COSTLY), market([F, F, F, F, F]))
    assert [told[:2] for told in costs(records)] == [("entry", "TAKER"), ("close", "TAKER")]


RATES = {0: "0.01", 3: "0.01", 5: "-0.02", 8: "0.01"}
CALM: list[Ohlc] = [F, F, F, (1000, 1010, 1000, 1010), F, F, (1000, 1030, 970, 1000), F, F, F]


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_funding_is_settled_at_its_times_and_as_recorded(composed: Composed, side: int) -> None:
    composed.at = {1: side}
    decision = policy(stop_percent=Decimal(50), take_profit_percents=(Decimal(50),))
    records = composed.run(settings_of(decision=decision), market(CALM, rates=RATES))
    told = [
        (index_of(r.ts_event), Decimal(str(r.fields["amount"])))
        for r in of_kind(records, Kind.FUNDING)
    ]
    # A long pays a positive rate; the position is worth 1 010 at bar 3
    assert told == [(3, Decimal("-10.1") * side), (5, Decimal(20) * side), (8, -10 * side)]
    balances = {
        index_of(r.ts_event): Decimal(str(r.fields["balance"]))
        for r in of_kind(records, Kind.EQUITY)
    }
    steps = {bar: balances[bar] - balances[bar - 1] for bar in range(1, 10)}
    assert {bar: step for bar, step in steps.items() if step} == {
        4: Decimal("-10.1") * side,
        6: Decimal(20) * side,
        9: Decimal(-10) * side,
    }


def test_a_position_closed_before_the_settlement_pays_nothing(composed: Composed) -> None:
    composed.at = {1: 1, 3: -1}
    told = market([F] * 8, rates={5: "0.01"})
    records = composed.run(settings_of(), told)
    assert of_kind(records, Kind.FUNDING) == []
    assert equity_marks(records)[-1] == 10_000


def test_two_instruments_settle_each_its_own(composed: Composed) -> None:
    composed.at = {1: 1}
    first = market([F] * 6, rates={3: "0.01"})
    second = market([F] * 6, instrument=perpetual("ETH"), kind=bar_type("ETH"), rates={3: "-0.005"})
    records = composed.run(settings_of(), first, second)
    told = {r.instrument_id[:3]: r.fields["amount"] for r in of_kind(records, Kind.FUNDING)}
    assert {name: Decimal(str(amount)) for name, amount in told.items()} == {
        "BTC": -10,
        "ETH": 5,
    }
    assert equity_marks(records)[-1] == 9_995


def test_every_cost_adds_up_to_what_the_account_lost(composed: Composed) -> None:
    composed.at = {1: 1, 4: -1, 6: -1, 9: 1}
    told = market([F] * 12, rates={2: "0.0003", 7: "0.0004"})
    records = composed.run(settings_of(venue=COSTLY), told)
    paid = sum((fee + slippage for *_, fee, slippage in costs(records)), Decimal(0))
    funded = sum(
        (Decimal(str(r.fields["amount"])) for r in of_kind(records, Kind.FUNDING)), Decimal(0)
    )
    assert len(fills(records)) == 4
    assert funded != 0
    assert equity_marks(records)[-1] == 10_000 - paid + funded
    report = build_report(
        records,
        prices=[],
        starting_equity=Decimal(10_000),
        currency="USDT",
        synthetic=True,
        trials=1,
        trial_sharpes=(),
    )
    assert report.costs.reconciled


def test_a_mark_is_the_balance_with_what_is_not_realized(composed: Composed) -> None:
    composed.at = {1: 1}
    told: list[Ohlc] = [F, F, flat(1010), flat(1025), flat(995), (995, 995, 970, 975), flat(975)]
    records = composed.run(settings_of(), market(told))
    marks = [
        (str(r.fields["equity"]), str(r.fields["balance"])) for r in of_kind(records, Kind.EQUITY)
    ]
    assert [(float(equity), float(balance)) for equity, balance in marks] == [
        (10_000, 10_000),
        (10_000, 10_000),
        (10_010, 10_000),
        (10_025, 10_000),
        (9_995, 10_000),
        (9_980, 9_980),
        (9_980, 9_980),
        (9_980, 9_980),
    ]
    (exposure,) = dict(of_kind(records, Kind.EQUITY)[3].fields["exposure"]).values()  # type: ignore[arg-type]  # a mapping
    assert Decimal(str(exposure)) == 1_025


# ---------------------------------------------------------------- latency


def test_a_late_order_meets_the_next_bars_close(composed: Composed) -> None:
    composed.at = {1: 1}
    told: list[Ohlc] = [F, F, (1001, 1003, 1000, 1002), flat(1002), (1002, 1002, 970, 975), F]
    records = composed.run(settings_of(venue={"latency_ms": 200}), market(told))
    assert fills(records) == [
        (2, "entry", "BUY", "1.000", "1002.0"),
        (4, "stop", "SELL", "1.000", "980.0"),
    ]


def test_a_late_close_meets_the_next_bars_close(composed: Composed) -> None:
    composed.at = {1: 1, 4: -1}
    told = [F, F, F, F, F, flat(1007), F, F]
    records = composed.run(settings_of(venue={"latency_ms": 1}), market(told))
    assert fills(records)[-1] == (5, "close", "SELL", "1.000", "1007.0")


# ---------------------------------------------------------------- a law


RATE = st.integers(0, 400).map(lambda units: Decimal(units).scaleb(-3))
STEPS = st.lists(st.integers(-30, 30), min_size=8, max_size=20)


@settings(max_examples=settings().max_examples // 5)
@given(RATE, RATE, RATE, STEPS, st.dictionaries(st.integers(0, 19), st.sampled_from([1, -1])))
def test_whatever_is_traded_the_account_is_what_the_records_say(
    tmp_path_factory: pytest.TempPathFactory,
    maker: Decimal,
    taker: Decimal,
    slippage: Decimal,
    steps: list[int],
    at: dict[int, int],
) -> None:
    told: list[Ohlc] = []
    last = 1000.0
    for step in steps:
        close = last + step
        told.append((last, max(last, close) + 4, min(last, close) - 4, close))
        last = close
    venue = {
        "maker_fee_percent": maker,
        "taker_fee_percent": taker,
        "slippage_percent": slippage,
    }
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("law")
        used = Composed(monkeypatch=patch, folder=folder, at=at)
        decision = policy(take_profit_percents=(Decimal(1), Decimal(2), Decimal(3)))
        rates = dict.fromkeys(range(3, len(told), 5), "0.0007")
        records = used.run(settings_of(venue=venue, decision=decision), market(told, rates=rates))
    cash = Decimal(10_000)
    held = Decimal(0)
    for record in records:
        if record.kind is Kind.FUNDING:
            cash += Decimal(str(record.fields["amount"]))
        if record.kind is Kind.FILL:
            fields = {name: str(value) for name, value in record.fields.items()}
            sign = 1 if fields["side"] == "BUY" else -1
            held += sign * Decimal(fields["quantity"])
            cash -= sign * Decimal(fields["quantity"]) * Decimal(fields["price"])
            cash -= Decimal(fields["fee"]) + Decimal(fields["slippage"])
    expected = cash + held * Decimal(str(last))
    assert abs(equity_marks(records)[-1] - expected) < Decimal("0.00001")

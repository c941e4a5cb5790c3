"""What the composed engine is told, what it refuses, and what becomes of a run that fails."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model import Bar, OrderSide, Quantity, StrategyId
from nautilus_trader.trading import Strategy, StrategyConfig

from backtests import engine as root
from backtests.data import load_market_data
from backtests.errors import BacktestError
from backtests.session import run_backtest
from catalog.writers import write_funding
from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.review import Review, ReviewRequest
from morningstar_strategy.journal import Journal, read_records
from morningstar_strategy.settings.schema import DataSettings, Settings, VenueSettings
from morningstar_strategy.settings.wiring import engine_risk, terms_of
from tests.catalogs import BTC, JANUARY_NS, STEP_NS, new, steady
from tests.harness.market import ScriptedPredictor, bar_type, perpetual
from tests.harness.runs import of_kind
from tests.integration.composed import Composed, market
from tests.integration.told import FREE, LOOSE, fills, flat, index_of, policy

F = flat(1000)
TERMS = (terms_of(perpetual(), bar_type(), FREE),)


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Composed:
    return Composed(monkeypatch=monkeypatch, folder=tmp_path)


def settings_of(**changes: Any) -> Settings:
    told = {"decision": policy(), "risk": LOOSE, "venue": FREE, **changes}
    return Settings(mode="backtest", **told)


# ---------------------------------------------------------------- the engine's own limit


@pytest.mark.parametrize(
    ("order", "limit"), [("100000", "300000"), ("0.5", "2"), ("0.1", "1"), ("9999999999999", None)]
)
def test_the_engines_limits_follow_from_ours(order: str, limit: str | None) -> None:
    limits = RiskLimits(max_order_notional=Decimal(order), max_open_plans=7)
    config = engine_risk(limits, tuple(term.bar_type for term in TERMS))
    told = config.max_notional_per_order
    assert told == {"BTCUSDT-PERP.BINANCE": limit or "29999999999997"}
    assert config.max_order_submit_rate == config.max_order_modify_rate == "140/00:00:01"


class Greedy(Strategy):
    """Asks for one order per bar, of the sizes told, past every gate of ours."""

    def __new__(cls, *_args: Any) -> "Greedy":
        config = StrategyConfig(strategy_id=StrategyId("Greedy-9"), order_id_tag="9")
        return super().__new__(cls, config)  # type: ignore[call-arg]  # hidden by the stub

    def __init__(self, sizes: list[str]) -> None:
        self._sizes = sizes
        self.said: list[str] = []

    def on_start(self) -> None:
        self.subscribe_bars(bar_type())

    def on_bar(self, bar: Bar) -> None:
        if self._sizes:
            quantity = Quantity.from_str(self._sizes.pop(0))
            instrument_id = bar.bar_type.instrument_id
            self.submit_order(self.order_factory.market(instrument_id, OrderSide.BUY, quantity))

    def on_order_filled(self, event: Any) -> None:
        self.said.append(f"filled {event.last_qty}")

    def on_order_denied(self, event: Any) -> None:
        self.said.append(f"denied {event.reason}".split(":")[0])


def test_the_engine_itself_denies_an_oversized_order() -> None:
    limits = replace(LOOSE, max_order_notional=Decimal(1000))
    settings = settings_of(risk=limits)
    made = root._engine(settings, TERMS)
    try:
        root.add_venue(made, settings, TERMS)
        root._add_data(made, (market([F] * 5),))
        greedy = Greedy(["3.001", "3.000", "0.001"])
        made.add_strategy(greedy)
        made.run()
        assert [said.split(" ")[0] for said in greedy.said] == ["denied", "filled", "filled"]
        assert "NOTIONAL" in greedy.said[0].upper()
    finally:
        made.dispose()


def test_the_exits_of_a_position_that_has_grown_are_not_denied(composed: Composed) -> None:
    composed.at = {1: 1, 4: -1}
    limits = replace(LOOSE, max_order_notional=Decimal(1000))
    decision = policy(stop_percent=Decimal(50), take_profit_percents=(Decimal(99),))
    told = [F, F, F, (1000, 1980, 1000, 1980), flat(1980), flat(1980)]
    records = composed.run(settings_of(risk=limits, decision=decision), market(told))
    assert fills(records)[-1] == (4, "close", "SELL", "1.000", "1980.0")
    assert [r for r in of_kind(records, Kind.ORDER) if "denied" in str(r.fields)] == []


def test_the_largest_order_is_what_our_gate_lets_through(composed: Composed) -> None:
    composed.at = {1: 1}
    limits = replace(LOOSE, max_order_notional=Decimal(500))
    records = composed.run(settings_of(risk=limits), market([F] * 4))
    assert fills(records) == [(1, "entry", "BUY", "0.500", "1000.0")]


# ---------------------------------------------------------------- what is refused


def test_an_account_in_another_currency_is_refused(composed: Composed) -> None:
    with pytest.raises(BacktestError, match="quoted in USDT, the account is in EUR"):
        composed.run(settings_of(currency="EUR"), market([F] * 4))


def test_fees_that_nobody_tells_are_refused(composed: Composed) -> None:
    venue = VenueSettings(maker_fee_percent=None, taker_fee_percent=Decimal(0))
    with pytest.raises(BacktestError, match=r"maker_fee of BTCUSDT-PERP.BINANCE"):
        composed.run(settings_of(venue=venue), market([F] * 4))


# ---------------------------------------------------------------- how a bar is walked


@pytest.mark.parametrize(
    ("side", "high", "low", "role"),
    [
        (1, 1060, 970, "stop"),
        (1, 1060, 930, "target"),
        (-1, 1060, 930, "stop"),
        (-1, 1060, 935, "stop"),
        (-1, 1070, 935, "target"),
    ],
)
def test_in_a_bar_with_both_the_nearer_extreme_comes_first(
    composed: Composed, side: int, high: float, low: float, role: str
) -> None:
    composed.at = {1: side}
    records = composed.run(settings_of(), market([F, F, (1000, high, low, 990), F]))
    assert [told[1] for told in fills(records)] == ["entry", role]


# ---------------------------------------------------------------- funding is an option


@pytest.mark.parametrize("funding", [True, False])
def test_rates_are_loaded_as_settlements_only_where_they_are_asked_for(
    tmp_path: Path, *, funding: bool
) -> None:
    root = new(tmp_path / "catalog", steady(WARMUP + 20))
    times = np.array([JANUARY_NS + n * STEP_NS for n in (5, WARMUP + 10)], dtype=np.int64)
    write_funding(root, BTC, times, [Decimal("0.01"), Decimal("-0.02")], interval_minutes=480)
    data = DataSettings(catalog=root, instruments=(BTC,))
    (loaded,) = load_market_data(data, funding=funding)
    told = [(rate.ts_event, rate.next_funding_ns, rate.rate) for rate in loaded.funding]
    settled = [
        (int(ns), int(ns), rate)
        for ns, rate in zip(times, (Decimal("0.01"), Decimal("-0.02")), strict=True)
    ]
    assert told == (settled if funding else [])


# ---------------------------------------------------------------- what fails


class BrokenPredictor(ScriptedPredictor):
    """Raises at one bar."""

    def __init__(self, at: int) -> None:
        super().__init__(lambda _name, ts: int(index_of(ts) == 1))
        self._at = at

    def predict(
        self, instrument_id: str, ts_event: int, price: float, window: FloatArray
    ) -> Prediction:
        if index_of(ts_event) == self._at:
            raise ArithmeticError(f"no forecast at bar {self._at}")
        return super().predict(instrument_id, ts_event, price, window)


def test_a_predictor_that_raises_ends_the_run_with_its_error(composed: Composed) -> None:
    composed.predictor = BrokenPredictor(3)
    with pytest.raises(ArithmeticError, match="no forecast at bar 3"):
        composed.run(settings_of(), market([F] * 6))
    told: list[Record] = list(read_records(composed.folder))
    assert fills(told) == [(1, "entry", "BUY", "1.000", "1000.0")]


def test_a_predictor_that_forecasts_nonsense_ends_the_run(composed: Composed) -> None:
    class Nonsense(ScriptedPredictor):
        def predict(
            self, instrument_id: str, ts_event: int, price: float, window: FloatArray
        ) -> Prediction:
            told = super().predict(instrument_id, ts_event, price, window)
            return replace(told, confidence=float(np.nan))

    composed.predictor = Nonsense(lambda _name, _ts: 0)
    with pytest.raises(ValueError, match="confidence and turbulence must be in"):
        composed.run(settings_of(), market([F] * 6))


def test_a_reviewer_that_raises_ends_the_run_with_its_error(
    composed: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: object, request: ReviewRequest) -> Review:
        raise RuntimeError(f"no opinion at bar {index_of(request.prediction.ts_event)}")

    reviewer = "morningstar_strategy.supervisor.reviewer.AbstainingReviewer.review"
    monkeypatch.setattr(reviewer, broken)
    with pytest.raises(RuntimeError, match="no opinion at bar 0"):
        composed.run(settings_of(), market([F] * 6))


@pytest.mark.parametrize("bar", [0, 1, 4])
def test_a_journal_that_cannot_be_written_ends_the_run_with_its_error(
    composed: Composed, monkeypatch: pytest.MonkeyPatch, bar: int
) -> None:
    def append(_self: Journal, record: Record) -> None:
        if index_of(record.ts_event) >= bar:
            raise OSError(28, "No space left on device")

    composed.at = {1: 1, 4: -1}
    monkeypatch.setattr(Journal, "append", append)
    with pytest.raises(OSError, match="No space left on device"):
        composed.run(settings_of(), market([F] * 6))


# ---------------------------------------------------------------- run folders


@pytest.fixture
def told_catalog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Stand a market told by hand in the catalog's place."""
    data = (market([*[F] * 4, flat(1005), flat(1010), F, F], rates={3: "0.01"}),)
    monkeypatch.setattr("backtests.session.load_market_data", lambda *_a, **_k: data)
    monkeypatch.setattr("backtests.manifest.catalog_digest", lambda *_a: "c" * 64)
    monkeypatch.setattr("backtests.session.store.is_synthetic", lambda _root: True)
    monkeypatch.setattr("backtests.manifest.store.synthetic_seed", lambda _root: 1)
    return settings_of(runs=tmp_path / "runs", data=DataSettings(catalog=tmp_path))


def test_a_run_that_fails_leaves_no_folder(
    told_catalog: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BrokenPredictor(3)
    monkeypatch.setattr("morningstar_strategy.settings.wiring.make_predictor", lambda _s: broken)
    with pytest.raises(ArithmeticError, match="no forecast at bar 3"):
        run_backtest(told_catalog, quiet=True)
    assert list(told_catalog.runs.iterdir()) == []


def test_the_same_run_without_the_fault_leaves_its_folder(
    told_catalog: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ScriptedPredictor(lambda _name, ts: int(index_of(ts) == 1))
    monkeypatch.setattr("morningstar_strategy.settings.wiring.make_predictor", lambda _s: whole)
    finished = run_backtest(told_catalog, quiet=True)
    assert [path.name for path in told_catalog.runs.iterdir()] == [finished.folder.name]
    assert len(of_kind(list(read_records(finished.folder)), Kind.FUNDING)) == 1


def test_a_report_that_fails_leaves_no_folder(
    told_catalog: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ScriptedPredictor(lambda _name, ts: int(index_of(ts) == 1))
    monkeypatch.setattr("morningstar_strategy.settings.wiring.make_predictor", lambda _s: whole)

    def broken(*_args: object, **_named: object) -> str:
        raise MemoryError("page is too large")

    monkeypatch.setattr("backtests.session.render", broken)
    with pytest.raises(MemoryError):
        run_backtest(told_catalog, quiet=True)
    assert list(told_catalog.runs.iterdir()) == []

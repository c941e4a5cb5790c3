"""A halt that was latched before a restart holds after it."""

from decimal import Decimal
from pathlib import Path

from nautilus_trader.model import Bar

from morningstar_strategy.core.limits import RiskLimits, reset
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.store import StateStore
from tests.harness.market import bar_type, make_bar, perpetual, prediction
from tests.harness.runs import Rig, of_kind

_TIGHT = RiskLimits(
    max_drawdown_percent=Decimal("0.1"),
    warn_drawdown_percent=Decimal("0.1"),
    max_daily_loss_percent=Decimal(50),
)


def _always_long(bar: Bar) -> Prediction:
    name = str(bar.bar_type.instrument_id)
    return prediction(name, bar.ts_event, bar.close.as_double(), long=0.9, short=0.0)


def _run(prices: list[float], store: StateStore) -> list[Record]:
    kind = bar_type()
    bars = [make_bar(kind, n, (price, price, price, price)) for n, price in enumerate(prices)]
    rig = Rig(
        instruments=[perpetual()],
        bars=[bars],
        foresee=_always_long,
        decision=DecisionPolicy(cooldown_secs=0),
        risk=_TIGHT,
        store=store,
    )
    return rig.run()


def _rulings(records: list[Record]) -> list[object]:
    return [record.fields.get("rule") for record in of_kind(records, Kind.RULING)]


def test_a_latched_halt_survives_a_restart_until_a_person_lifts_it(tmp_path: Path) -> None:
    with StateStore(tmp_path / "state.sqlite", account="BINANCE-001") as store:
        _run([1000, 1000, 960, 950, 950, 950], store)
        assert store.load().halted
        store.drop_plan(str(perpetual().id))  # a simulated venue starts without the old position
        assert _rulings(_run([1000, 1000, 1000], store)) == ["not_halted"]
        store.save(reset(store.load(), operator="Ada", equity=Decimal(10_000)))
        assert _rulings(_run([1000, 1000, 1000], store))[0] is None

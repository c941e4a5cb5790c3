"""Settings become the actors and the strategy that they describe."""

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from nautilus_trader.model import Currency, InstrumentId

from morningstar_strategy.actors.consultation import ConsultationActor
from morningstar_strategy.actors.journaling import JournalActor
from morningstar_strategy.actors.prediction import PredictionActor
from morningstar_strategy.actors.supervision import SupervisionActor
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.journal import Journal
from morningstar_strategy.model.bundle import read_manifest
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.settings.schema import Settings, VenueSettings
from morningstar_strategy.settings.supervising import in_line, open_supervision
from morningstar_strategy.settings.wiring import (
    Components,
    make_components,
    make_predictor,
    terms_of,
)
from morningstar_strategy.strategy import Mandate, Traded
from tests.harness.market import bar_type, perpetual
from tests.models import tiny_bundle

STYLE = VenueStyle(link_stop=True, shrinks_exits=True)
COSTS = VenueSettings(
    maker_fee_percent=Decimal("0.02"),
    taker_fee_percent=Decimal("0.05"),
    slippage_percent=Decimal("0.03"),
)


def test_terms_are_the_instruments_at_the_venues_costs() -> None:
    terms = terms_of(perpetual(), bar_type(), COSTS)
    assert terms.instrument_id == InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
    assert (terms.tick, terms.lot) == (Decimal("0.1"), Decimal("0.001"))
    assert (terms.min_quantity, terms.min_notional) == (Decimal("0.001"), Decimal(0))
    assert (terms.maker_fee, terms.taker_fee) == (Decimal("0.0002"), Decimal("0.0005"))
    assert terms.slippage == Decimal("0.0003")
    assert terms.can_short
    assert terms.quote_currency == "USDT"


def test_a_market_of_the_terms_carries_them_all() -> None:
    terms = terms_of(perpetual(), bar_type(), COSTS)
    market = terms.market(Decimal(1000), 7)
    assert (market.price, market.ts_price, market.instrument_id) == (
        Decimal(1000),
        7,
        "BTCUSDT-PERP.BINANCE",
    )
    for name in ("tick", "lot", "min_quantity", "maker_fee", "taker_fee", "slippage", "can_short"):
        assert getattr(market, name) == getattr(terms, name)


@pytest.mark.parametrize("name", ["maker_fee", "taker_fee"])
def test_a_fee_that_nobody_tells_is_refused(name: str) -> None:
    venue = COSTS.model_copy(update={f"{name}_percent": None})
    with pytest.raises(ValueError, match=f"{name} of BTCUSDT-PERP.BINANCE is neither"):
        terms_of(perpetual(), bar_type(), venue)


def test_components_are_three_actors_and_a_strategy_with_one_box_of_faults(tmp_path: Path) -> None:
    terms = (terms_of(perpetual(), bar_type(), COSTS),)
    with Journal(tmp_path / "journal.jsonl") as journal:
        made = make_components(Settings(), traded=Traded.of(terms), style=STYLE, journal=journal)
    kinds = [type(actor) for actor in made.actors]
    assert kinds == [JournalActor, SupervisionActor, PredictionActor]
    assert all(actor.faults is made.faults for actor in (*made.actors, made.strategy))
    assert made.predictor.model == make_predictor(Settings()).model


@pytest.mark.parametrize(("may_propose", "accepts"), [(True, False), (False, True)])
def test_a_supervisor_is_consulted_and_alone_says_whether_it_may_propose(
    tmp_path: Path, *, may_propose: bool, accepts: bool
) -> None:
    terms = (terms_of(perpetual(), bar_type(), COSTS),)
    settings = Settings.model_validate(
        {
            "supervisor": {"source": "scripted", "may_propose": may_propose},
            "decision": {"accept_proposals": accepts},
        }
    )
    with (
        Journal(tmp_path / "journal.jsonl") as journal,
        open_supervision(
            settings.supervisor,
            tape=tmp_path / "tape.jsonl",
            carry=in_line,
            environ={},
            rng=Random(1),
        ) as supervision,
    ):
        made = make_components(
            settings, traded=Traded.of(terms), style=STYLE, journal=journal, supervision=supervision
        )
    kinds = [type(actor) for actor in made.actors]
    assert kinds == [JournalActor, ConsultationActor, PredictionActor]
    assert made.strategy._mandate.decision.accept_proposals is may_propose


def mandate(*bases: str, every: int = 60) -> Mandate:
    return Mandate(
        traded=Traded.of(tuple(terms_of(perpetual(base), bar_type(base), COSTS) for base in bases)),
        currency=Currency.from_str("USDT"),
        decision=DecisionPolicy(),
        risk=RiskLimits(),
        style=STYLE,
        equity_every_secs=every,
    )


def test_a_mandate_is_for_some_instruments_at_a_pace() -> None:
    assert str(mandate("BTC", "ETH").venue) == "BINANCE"
    with pytest.raises(ValueError, match="at least one instrument"):
        mandate()
    with pytest.raises(ValueError, match="equity_every_secs must be positive, was 0"):
        mandate("BTC", every=0)


class Part:
    """Something with callbacks."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: list[int] = []

    @guarded
    def on_number(self, number: int) -> None:
        """Take a number; zero is a fault."""
        self.calls.append(1 // number)


def test_faults_keep_what_callbacks_raise_and_raise_the_first() -> None:
    part = Part()
    part.on_number(1)
    part.faults.raise_first()
    assert not part.faults
    with pytest.raises(ZeroDivisionError):
        part.on_number(0)
    assert part.faults
    with pytest.raises(ZeroDivisionError):
        part.on_number(0)
    part.on_number(1)
    first, second = part.faults.errors
    assert first is not second
    with pytest.raises(ZeroDivisionError) as e:
        part.faults.raise_first()
    assert e.value is first


# ---------------------------------------------------------------- models


def _wired(settings: Settings, folder: Path, *, armed_ns: int | None = None) -> Components:
    terms = (terms_of(perpetual(), bar_type(), COSTS),)
    with Journal(folder / "journal.jsonl") as journal:
        return make_components(
            settings, traded=Traded.of(terms), style=STYLE, journal=journal, armed_ns=armed_ns
        )


def _bundled(folder: Path, **changes: Any) -> Settings:  # Any: any setting of a predictor
    told = {"kind": "bundle", "bundle": str(folder), **changes}
    return Settings.model_validate({"predictor": told})


def test_a_bundle_is_served_where_the_settings_name_its_folder(tmp_path: Path) -> None:
    manifest = read_manifest(tiny_bundle(tmp_path / "bundle", interval="5m"))
    made = _wired(_bundled(tmp_path / "bundle"), tmp_path)
    assert made.predictor.model.startswith(manifest.model_id)


def test_a_bundle_of_another_interval_is_refused(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle", interval="1h")
    with pytest.raises(ValueError, match=r"forecasts 1h bars, data\.interval is 5m"):
        make_predictor(_bundled(tmp_path / "bundle"))


def test_live_takes_an_edge_or_a_word_that_there_need_be_none(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "bundle", interval="5m", direction_edge="none")
    manifest = read_manifest(folder)
    now = manifest.expires_ns - 1
    live = _bundled(tmp_path / "bundle").model_copy(update={"mode": "live"})
    with pytest.raises(ValueError, match="has direction_edge none and allow_no_edge is false"):
        _wired(live, tmp_path, armed_ns=now)
    allowed = _bundled(tmp_path / "bundle", allow_no_edge=True).model_copy(update={"mode": "live"})
    (tmp_path / "journal.jsonl").unlink()
    assert _wired(allowed, tmp_path, armed_ns=now).predictor.window == manifest.window
    (tmp_path / "journal.jsonl").unlink()
    with pytest.raises(ValueError, match=r"predictor must not trade live: .* expired on"):
        _wired(allowed, tmp_path, armed_ns=now + 2)


def test_live_is_refused_unarmed_and_with_a_rule_that_never_showed_an_edge(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode live must be armed, was not"):
        _wired(Settings(mode="live"), tmp_path)
    (tmp_path / "journal.jsonl").unlink()
    with pytest.raises(ValueError, match=r"baseline-.* has never shown an edge"):
        _wired(Settings(mode="live"), tmp_path, armed_ns=1)


def test_what_trades_does_not_watch_itself_and_a_watcher_fits_the_bars(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle", interval="5m")
    tiny_bundle(tmp_path / "slow", interval="1h")
    itself = _bundled(tmp_path / "bundle", shadows=(str(tmp_path / "bundle"),))
    with pytest.raises(ValueError, match=r"predictor\.shadows must not hold what trades"):
        _wired(itself, tmp_path)
    slow = _bundled(tmp_path / "bundle", shadows=(str(tmp_path / "slow"),))
    (tmp_path / "journal.jsonl").unlink()
    with pytest.raises(ValueError, match=r"predictor\.shadows .* forecasts 1h bars"):
        _wired(slow, tmp_path)
    twice = {"predictor": {"shadows": ["a", "a"]}}
    with pytest.raises(ValueError, match="shadows must be distinct, were a, a"):
        Settings.model_validate(twice)

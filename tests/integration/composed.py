"""Hand-made bars through the composition root of a backtest, with predictions by script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from nautilus_trader.model import Bar, BarType, FundingRateUpdate

from backtests.data import MarketData
from backtests.engine import run_engine
from catalog import store
from morningstar_strategy.core.features import WARMUP
from morningstar_strategy.core.prediction import Predictor
from morningstar_strategy.core.records import Record
from morningstar_strategy.journal import JOURNAL, Journal, read_records
from morningstar_strategy.settings.schema import Settings
from tests.harness.market import ScriptedPredictor, bar_type, make_bar, perpetual
from tests.integration.told import Ohlc, closes_at, index_of

_WIRED: Final = "morningstar_strategy.settings.wiring.make_predictor"


def made(kind: BarType, told: Sequence[Ohlc]) -> list[Bar]:
    """Make five-minute bars of any instrument."""
    return [make_bar(kind, index, ohlc) for index, ohlc in enumerate(told)]


def market(
    told: Sequence[Ohlc],
    *,
    instrument: Any = None,
    kind: BarType | None = None,
    rates: Mapping[int, str] | None = None,
) -> MarketData:
    """Tell bars after a history that warms the features up, and funding rates by bar."""
    kind = kind or bar_type()
    instrument = instrument or perpetual()
    price = told[0][0]
    history = [make_bar(kind, n - WARMUP, (price, price, price, price)) for n in range(WARMUP)]
    return MarketData(
        instrument=instrument,
        bar_type=kind,
        bars=made(kind, told),
        history=store.window(history),
        funding=[settling(instrument.id, closes_at(n), rate) for n, rate in (rates or {}).items()],
    )


def settling(instrument_id: Any, ts_event: int, rate: str) -> FundingRateUpdate:
    """Make a rate that settles at its own time, as the loader makes them."""
    return FundingRateUpdate(
        instrument_id, Decimal(rate), ts_event, ts_event, 480, next_funding_ns=ts_event
    )


@dataclass(kw_only=True)
class Composed:
    """A backtest of markets told by hand, its predictor replaced by a script."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    predictor: Predictor | None = None
    at: Mapping[int, int] = field(default_factory=dict)

    def run(self, settings: Settings, *markets: MarketData) -> list[Record]:
        """Run and give what the journal holds."""
        told = self.predictor or ScriptedPredictor(lambda _name, ts: self.at.get(index_of(ts), 0))
        self.monkeypatch.setattr(_WIRED, lambda _settings: told)
        with Journal(self.folder / JOURNAL) as journal:
            run_engine(settings, markets, journal)
        return list(read_records(self.folder))

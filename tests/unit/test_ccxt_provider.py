"""One market that cannot be had never costs the others, and is told by its name."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from nautilus_trader.model import InstrumentId, Venue

from ccxt_nt.line.client import Line, Role
from ccxt_nt.parsing import market_rows
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.settings import Settings
from ccxt_nt.symbols import Symbols
from ccxt_nt.values import MarketRow, Product
from ccxt_nt.venues import PROFILES
from tests.unit.ccxt_desk_fakes import market

ROW = PROFILES["GATE", Product.LINEAR]
GOOD = market(linear=True)
ABSURD: Mapping[str, Mapping[str, object]] = {
    "too fine": {"tick": Decimal("1e-20")},
    "too coarse": {"lot": Decimal("1e15")},
    "too large": {"contract_size": Decimal("1e14")},
    "without an id": {"native_id": ""},
}


def provider(rows: list[MarketRow], *instruments: str) -> tuple[CcxtInstrumentProvider, list[str]]:
    """Make one that has not loaded yet, and its log."""
    logged: list[str] = []
    settings = Settings(venue="GATE", instruments=instruments or None)
    line = Line(ROW, settings, role=Role.DATA, log=logged.append)
    line.symbols = Symbols(rows)
    made = CcxtInstrumentProvider(line, Venue("GATE"), settings=settings, now_ns=lambda: 1)
    return made, logged


@pytest.mark.parametrize("kind", ABSURD)
def test_a_market_that_the_engine_cannot_express_is_left_out_with_a_sentence(kind: str) -> None:
    bad = replace(market("ODD", linear=True), **ABSURD[kind])  # type: ignore[arg-type]  # by name
    made, logged = provider([bad, GOOD])
    made.fill([bad, GOOD])
    assert [str(each.id) for each in made.list_all()] == ["BTCUSDT-PERP.GATE"]
    assert len(logged) == 1
    told = "instrument ODDUSDT-PERP cannot be expressed by the engine: "
    assert logged[0].startswith(f"GATE/linear: left out: {told}")
    with pytest.raises(ValueError, match=told):
        made.market(InstrumentId.from_str("ODDUSDT-PERP.GATE"))


@pytest.mark.parametrize("kind", ABSURD)
def test_asked_for_by_name_it_is_an_error(kind: str) -> None:
    bad = replace(market("ODD", linear=True), **ABSURD[kind])  # type: ignore[arg-type]  # by name
    made, _ = provider([bad, GOOD], "BTCUSDT-PERP", "ODDUSDT-PERP")
    with pytest.raises(ValueError, match="ODDUSDT-PERP cannot be expressed by the engine"):
        made.fill([bad, GOOD])


def test_a_market_that_cannot_be_read_is_told_by_its_symbol() -> None:
    listed = {"swap": True, "linear": True, "symbol": "ODD/USDT:USDT", "precision": None}
    rows, faults = market_rows([listed], ROW)
    assert rows == ()
    assert faults == {"ODD/USDT:USDT": "precision must be a dictionary, was None"}

"""Names of instruments, there and back, and those that cannot be names."""

from dataclasses import replace

import pytest

from ccxt_nt.symbols import Symbols, instrument_name, name_of
from ccxt_nt.values import MarketRow, Product
from tests.unit.ccxt_desk_fakes import market


def test_a_perpetual_is_told_from_its_spot_pair() -> None:
    assert instrument_name(market()) == "BTCUSDT"
    assert instrument_name(market(linear=True)) == "BTCUSDT-PERP"


def test_every_name_leads_back() -> None:
    table = Symbols([market(linear=True), market("ETH", linear=True)])
    for row in table:
        assert table.symbol(table.name(row.symbol)) == row.symbol
        assert table.named(table.name(row.symbol)) is row
        assert row.symbol in table
    assert len(table) == 2


def test_an_ambiguous_name_is_refused_and_the_rest_works() -> None:
    table = Symbols([market("A", "BC"), market("AB", "C"), market("ETH", "BTC")])
    with pytest.raises(ValueError, match="'ABC' is ambiguous: A/BC and AB/C"):
        table.named("ABC")
    assert table.symbol("ETHBTC") == "ETH/BTC"
    assert "A/BC" not in table


@pytest.mark.parametrize("base", ["币安人生", "A.B", "A/B", "A B"])
def test_a_name_that_the_engine_cannot_carry_is_refused(base: str) -> None:
    table = Symbols([market(base), market("ETH")])
    with pytest.raises(ValueError, match="cannot be an engine symbol"):
        table.named(f"{base}USDT")
    assert len(table) == 1


def test_an_unknown_name_is_refused_by_name() -> None:
    table = Symbols([market()])
    with pytest.raises(ValueError, match="instrument 'DOGEUSDT' is not listed here"):
        table.named("DOGEUSDT")
    with pytest.raises(ValueError, match="symbol 'DOGE/USDT' is not listed here"):
        table.market("DOGE/USDT")


def test_markets_that_share_an_id_or_a_symbol_are_left_out_and_named_and_the_rest_works() -> None:
    shared = replace(market("ETH"), native_id="BTC_USDT")
    twice = replace(market("SOL", "USDC"), symbol="ADA/USDT")
    table = Symbols([market(), shared, twice, market("ADA"), market("XRP")])
    assert [row.symbol for row in table] == ["XRP/USDT"]
    with pytest.raises(ValueError, match=r"'BTCUSDT' is ambiguous: .* ETH/USDT \(BTC_USDT\)"):
        table.named("BTCUSDT")
    with pytest.raises(ValueError, match=r"'SOLUSDC' is ambiguous: .* ADA/USDT \(ADA_USDT\)"):
        table.named("SOLUSDC")
    assert set(table.refused) == {"BTCUSDT", "ETHUSDT", "SOLUSDC", "ADAUSDT"}


def test_one_that_could_not_be_read_says_why_when_it_is_asked_for() -> None:
    name = name_of("DOGE/USDT:USDT", Product.LINEAR)
    table = Symbols([market(linear=True)], unreadable={name: "market DOGE/USDT:USDT: no tick"})
    with pytest.raises(ValueError, match="market DOGE/USDT:USDT: no tick"):
        table.named("DOGEUSDT-PERP")


@pytest.mark.parametrize("row", [market(), market(linear=True)])
def test_a_symbol_is_named_as_its_market_would_be(row: MarketRow) -> None:
    assert name_of(row.symbol, row.product) == instrument_name(row)

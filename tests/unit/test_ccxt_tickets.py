"""What would be sent rounded is refused: the engine would know another price or quantity."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.errors import Unsupported
from ccxt_nt.execution.tickets import refuse_off_grid
from tests.unit.ccxt_desk_fakes import market

MARKET = replace(market(linear=True), tick=Decimal("0.5"))


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 10**9))
def test_whole_steps_pass(lots: int, price: int, trigger: int) -> None:
    refuse_off_grid(MARKET, lots * MARKET.lot, price * MARKET.tick, trigger * MARKET.tick)


def test_what_is_not_told_is_not_looked_at() -> None:
    refuse_off_grid(MARKET, None, None, None)


@pytest.mark.parametrize(
    ("quantity", "price", "trigger", "named"),
    [
        ("0.0015", "100", "100", "quantity 0.0015"),
        ("0.001", "100.1", "100", "price 100.1"),  # as many digits as the tick has, and between
        ("0.001", "100", "100.3", "trigger price 100.3"),
    ],
)
def test_what_is_between_two_steps_is_refused_by_name(
    quantity: str, price: str, trigger: str, named: str
) -> None:
    with pytest.raises(Unsupported, match=f"^{named} of BTC/USDT:USDT must be a multiple"):
        refuse_off_grid(MARKET, Decimal(quantity), Decimal(price), Decimal(trigger))

"""What a venue's listing makes of an instrument."""

from decimal import Decimal

import pytest

from catalog.instruments import standard_fees
from catalog.venue import definition


@pytest.mark.parametrize(
    ("told", "taken"),
    [("0", Decimal(0)), ("0.0003", Decimal("0.0003")), (None, None)],
    ids=["free", "told", "not told"],
)
def test_a_listing_keeps_its_own_fee_even_if_it_is_free(
    told: str | None, taken: Decimal | None
) -> None:
    listed = {
        "symbol": "BTC/USDT:USDT",
        "spot": False,
        "swap": True,
        "linear": True,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "contractSize": "1",
        "precision": {"price": "0.1", "amount": "0.001"},
        "limits": {"cost": {"min": "5"}, "amount": {"min": "0.001"}},
        "maker": told,
        "taker": "0.0006",
    }
    usual = standard_fees("BITGET", perpetual=True).maker
    assert definition("BITGET", listed).fees.maker == (usual if taken is None else taken)

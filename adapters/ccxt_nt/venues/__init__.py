"""Every venue and product we have tested, one row each: nothing else in the adapter names one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ccxt_nt.errors import Unsupported
from ccxt_nt.profiles import Amend, Budget, Codes, FilledRule, MarketBuy, Paging, Profile
from ccxt_nt.values import Force, OrderKind, Product
from ccxt_nt.venues.bitget import BITGET_LINEAR, BITGET_SPOT
from ccxt_nt.venues.gate import GATE_LINEAR, GATE_SPOT
from ccxt_nt.venues.kucoin import KUCOIN_FAST, KUCOIN_LINEAR, KUCOIN_SPOT

CCXT_VERSION: Final = "4.5.90"  # the rows were measured with it; client.py refuses any other

PROFILES: Final[Mapping[tuple[str, Product], Profile]] = MappingProxyType(
    {
        (row.venue, row.product): row
        for row in (
            BITGET_SPOT,
            BITGET_LINEAR,
            KUCOIN_SPOT,
            KUCOIN_FAST,
            KUCOIN_LINEAR,
            GATE_SPOT,
            GATE_LINEAR,
        )
    }
)


def profile(venue: str, product: Product, *, allow_untested: bool = False) -> Profile:
    """Find the row of a venue and product; Unsupported, with the reason, where there is none."""
    found = PROFILES.get((venue.upper(), product))
    if found is not None:
        return found
    if not allow_untested:
        known = ", ".join(row.key for row in PROFILES.values())
        raise Unsupported(
            f"venue {venue!r} has no tested profile for {product.value}: supported are {known}; "
            "set allow_untested=True to use it without stop orders, at your own risk"
        )
    return _untested(venue, product)


def _untested(venue: str, product: Product) -> Profile:
    """Assume as little as can be: no stops, no amending, fills alone count."""
    return Profile(
        venue=venue.upper(),
        ccxt_id=venue.lower(),
        product=product,
        tested=False,
        credentials=("apiKey", "secret"),
        environment=venue.upper(),
        options={"defaultType": "spot" if product is Product.SPOT else "swap"},
        codec="alnum32",
        kinds=frozenset({OrderKind.LIMIT}),
        forces=frozenset({Force.GTC}),
        post_only=False,
        reduce_only=False,
        stops=None,
        market_buy=MarketBuy.COST,
        amend=Amend.NONE,
        filled_rule=FilledRule.NEVER,
        codes=Codes(
            duplicate=frozenset(), rejected=frozenset(), closed=frozenset(), missing=frozenset()
        ),
        budget=Budget(data_per_sec=2, orders_per_sec=2, burst=1),
        paging=Paging(bars=100, trades=100, fills=100, orders=50),
        bids_asks=False,
        cancel_by_client_id=False,
        batch_cancel=False,
    )

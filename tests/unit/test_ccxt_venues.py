"""The table of venues: what is in it holds together, what is not is refused in a sentence."""

import ccxt.pro
import pytest

from ccxt_nt.errors import Unsupported
from ccxt_nt.ids import codec
from ccxt_nt.parsing.dialects import READERS
from ccxt_nt.profiles import Amend, MarketBuy, Profile
from ccxt_nt.values import Product
from ccxt_nt.venues import PROFILES, profile

_ROWS = list(PROFILES.values())
each_row = pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)


def test_the_three_venues_have_both_products() -> None:
    for venue in ("BITGET", "KUCOIN", "GATE"):
        for product in Product:
            row = profile(venue.lower(), product)
            assert row.tested
            assert (row.venue, row.product) == (venue, product)


@each_row
def test_a_row_names_things_that_exist(row: Profile) -> None:
    assert codec(row.codec)
    assert row.dialect in READERS
    exchange = getattr(ccxt.pro, row.ccxt_id)()
    methods = [row.closed_orders_method, "watch_orders", "watch_my_trades", "fetch_order"]
    if row.stops is not None and row.stops.history_method is not None:
        methods.append(row.stops.history_method)
    if row.uid_from is not None:
        methods.append(row.uid_from[0])
    if row.mark_stream is not None:
        methods.append(row.mark_stream)
    assert all(hasattr(exchange, method) for method in methods)
    assert set(row.credentials) <= set(exchange.requiredCredentials)


@each_row
def test_a_row_asks_for_every_credential_that_ccxt_wants(row: Profile) -> None:
    wanted = {k for k, v in getattr(ccxt.pro, row.ccxt_id)().requiredCredentials.items() if v}
    assert wanted == set(row.credentials)


@each_row
def test_stops_and_kinds_agree(row: Profile) -> None:
    assert row.stops is not None
    assert {kind for kind in row.kinds if kind.is_trigger} == row.stops.kinds
    assert row.stops.amend is not Amend.NONE


@each_row
def test_the_direction_of_a_trigger_is_sent_or_said_to_be_implied(row: Profile) -> None:
    stops = row.stops
    assert stops is not None
    by_params = stops.falling != stops.rising
    by_name = stops.price_key != stops.take_profit_price_key
    assert stops.direction_implied is not (by_params or by_name)


@each_row
def test_only_perpetuals_have_margin(row: Profile) -> None:
    linear = row.product is Product.LINEAR
    assert row.reduce_only is linear
    assert row.leverage is linear
    assert row.position_mode is linear
    assert linear or not row.margin_mode
    assert not (linear and row.market_buy is MarketBuy.COST)


@each_row
def test_no_code_means_two_things(row: Profile) -> None:
    codes = row.codes
    known = (codes.duplicate, codes.rejected, codes.closed, codes.missing, codes.post_only)
    sets = (*known, codes.untimely)
    assert sum(map(len, sets)) == len(frozenset().union(*sets))


@each_row
def test_ccxt_is_never_left_to_find_out_the_account_by_itself(row: Profile) -> None:
    decided = {"bitget": {"uta"}, "kucoin": {"uta", "hf"}, "gate": {"unifiedAccount"}}
    for option in decided[row.ccxt_id]:
        assert isinstance(row.options[option], bool)


@each_row
def test_ccxt_never_retries(row: Profile) -> None:
    assert "maxRetriesOnFailure" not in row.options


def test_an_unknown_venue_is_refused_with_the_way_out() -> None:
    expected = r"venue 'kraken' has no tested profile for spot: supported are BITGET/spot.*allow"
    with pytest.raises(Unsupported, match=expected):
        profile("kraken", Product.SPOT)


def test_an_untested_venue_gets_no_stops_and_no_promises() -> None:
    row = profile("kraken", Product.LINEAR, allow_untested=True)
    assert not row.tested
    assert row.stops is None
    assert not any(kind.is_trigger for kind in row.kinds)
    assert row.amend is Amend.NONE
    assert row.ccxt_id == "kraken"
    assert row.venue == "KRAKEN"


def test_a_supported_venue_stays_tested_when_untested_ones_are_allowed() -> None:
    assert profile("GATE", Product.SPOT, allow_untested=True).tested

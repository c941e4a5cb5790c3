"""A wrong setting of a client is refused at once, in one sentence with its name and value."""

import re
from typing import Any

import pytest

from ccxt_nt import clients_for
from ccxt_nt.config import CcxtDataClientConfig
from ccxt_nt.errors import Unsupported
from ccxt_nt.line.client import Line, Role
from ccxt_nt.settings import Settings
from ccxt_nt.values import Product
from ccxt_nt.venues import profile

# `Any` in this module: wrong settings are of wrong types

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"instruments": "BTCUSDT-PERP"}, "instruments must be a list of names, was 'BTCUSDT-PERP'"),
    ({"instruments": ()}, "instruments must name one or more, or be None for all, was empty"),
    ({"instruments": ("BTCUSDT-PERP.BITGET",)}, "without a venue, .* was 'BTCUSDT-PERP.BITGET'"),
    ({"instruments": ("BTC/USDT:USDT",)}, "without a venue, .* was 'BTC/USDT:USDT'"),
    ({"leverage": 10}, "leverage must be a number for each instrument, was 10"),
    ({"leverage": {"BTCUSDT-PERP": 2.5}}, "leverage of BTCUSDT-PERP must be .* whole .* was 2.5"),
    ({"leverage": {"BTCUSDT-PERP": 0}}, "leverage of BTCUSDT-PERP must be .* was 0"),
    (
        {"leverage": {"ETHUSDT-PERP": 3}, "instruments": ("BTCUSDT-PERP",)},
        "leverage names 'ETHUSDT-PERP', which is not among instruments",
    ),
    ({"product": "spot", "leverage": {"BTCUSDT": 3}}, "leverage is for perpetuals, was .* spot"),
    ({"venue_name": "BITGET.SPOT"}, "venue_name must be letters, .* was 'BITGET.SPOT'"),
    ({"venue_name": ""}, "venue_name must be letters, .* was ''"),
    ({"account_id": "BITGET"}, "account_id must be like BITGET-001, was 'BITGET'"),
    ({"account_id": "MINE-1"}, "account_id must be like BITGET-001, was 'MINE-1'"),
    (
        {"account_id": "BITGET-1", "venue_name": "SPOT"},
        "account_id must be like SPOT-001, was 'BITGET-1'",
    ),
)


@pytest.mark.parametrize(("fields", "sentence"), WRONG)
def test_a_wrong_setting_is_named_with_its_value(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        clients_for("bitget", **fields)
    assert "\n" not in str(caught.value)


def test_a_list_of_instruments_is_as_good_as_a_tuple() -> None:
    names: Any = ["BTCUSDT-PERP"]
    config = CcxtDataClientConfig(venue="bitget", instruments=names)
    assert config.settings.instruments == ("BTCUSDT-PERP",)


def test_a_product_is_read_in_any_case() -> None:
    assert clients_for("bitget", product="Spot").name == "BITGET"


def test_a_demo_that_is_not_there_is_refused_before_a_node_is_built() -> None:
    with pytest.raises(ValueError, match=re.escape("KUCOIN/linear has no demo: set demo=False")):
        clients_for("kucoin", demo=True)


def test_an_untested_venue_that_ccxt_does_not_know_is_called_unknown() -> None:
    row = profile("bitgte", Product.SPOT, allow_untested=True)
    settings = Settings(venue="BITGTE", product=Product.SPOT, allow_untested=True)
    with pytest.raises(Unsupported, match="venue 'BITGTE' is unknown to ccxt"):
        Line(row, settings, role=Role.DATA, log=lambda text: None)

"""What ccxt sends for our calls is what it sent when the profiles were measured."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import ccxt
import pytest

from ccxt_nt.profiles import MarketBuy, Profile
from ccxt_nt.values import Product
from ccxt_nt.venues import CCXT_VERSION, PROFILES, profile
from tests.contract.calls import recorded, tickets
from tests.contract.probe import Probe
from tests.contract.regenerate import path_of, spelled

# `Any` in this module: requests are foreign JSON

_ROWS = list(PROFILES.values())
# Names that ccxt should have turned into the venue's own, and the venue's own of that name
_UNIFIED = frozenset(
    {
        "clientOrderId",
        "cost",
        "hedged",
        "marginMode",
        "postOnly",
        "reduceOnly",
        "stop",
        "stopLossPrice",
        "stopPrice",
        "takeProfitPrice",
        "timeInForce",
        "trigger",
        "triggerDirection",
        "triggerPrice",
        "triggerPriceType",
        "type",
    }
)
_NATIVE = {
    "bitget": {"triggerPrice", "reduceOnly", "marginMode"},
    "kucoin": {"stop", "stopPrice", "reduceOnly", "marginMode", "type", "timeInForce", "postOnly"},
    "gate": {"trigger", "type"},
}


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_every_request_is_as_it_was_measured(row: Profile) -> None:
    assert json.loads(spelled(row)) == json.loads(path_of(row).read_text(encoding="utf-8")), (
        "read the difference, then run: python -m tests.contract.regenerate"
    )


def test_ccxt_is_the_version_that_was_measured() -> None:
    assert ccxt.__version__ == CCXT_VERSION


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_no_unified_name_is_left_in_a_stop_order(row: Profile) -> None:
    for name, request in _placed(row):
        names = {key for part in _dictionaries(request) for key in part}
        assert names & _UNIFIED <= _NATIVE[row.ccxt_id], name


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_a_stop_never_goes_out_as_an_order_for_now(row: Profile) -> None:
    plain = {
        r["url"] for name, r in _placed(row) if name.startswith(("place limit", "place market"))
    }
    stops = [
        request
        for name, request in _placed(row)
        if name.startswith(("place stop", "place take_profit"))
    ]
    assert stops
    for request in stops:
        written = json.dumps(request)
        assert "48000.5" in written or "52000.5" in written
        at_its_own_door = request["url"] not in plain
        assert at_its_own_door or "stopPrice" in request["body"]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_every_order_carries_our_id(row: Profile) -> None:
    symbol = Probe(row).symbol
    sent = dict(tickets(row, symbol))
    for name, request in _placed(row):
        ticket = sent[name.removeprefix("place ")]
        assert ticket.client_order_id in json.dumps(request), name


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_a_kind_that_the_profile_names_can_be_sent(row: Profile) -> None:
    sent = {name for name, _ in _placed(row)}
    for kind in row.kinds:
        by_cost = row.market_buy is MarketBuy.COST and not kind.is_limit
        sides = {"sell"} if by_cost else {"buy", "sell"}
        assert {f"place {kind.value} {side}" for side in sides} <= sent
    assert ("place market buy by cost" in sent) is (row.market_buy is MarketBuy.COST)


def test_a_stop_fires_on_the_side_that_its_kind_says() -> None:
    """A stop buys above and sells below the market, a take profit the other way round."""
    rising = {"stop_market buy": True, "stop_market sell": False}
    rising |= {"take_profit_market buy": False, "take_profit_market sell": True}
    swap, linear = profile("KUCOIN", Product.LINEAR), profile("GATE", Product.LINEAR)
    for name, up in rising.items():
        kucoin = dict(_placed(swap))[f"place {name}"]["body"]
        assert kucoin["stop"] == ("up" if up else "down")
        gate = dict(_placed(linear))[f"place {name}"]["body"]
        assert gate["trigger"]["rule"] == (1 if up else 2)
        spot = dict(_placed(profile("KUCOIN", Product.SPOT)))[f"place {name}"]["body"]
        assert spot["stop"] == ("entry" if up else "loss")


def test_a_cancel_names_exactly_one_order() -> None:
    """Gate cancels everything where the id is missing from the path."""
    for row in _ROWS:
        for name in ("cancel by id", "cancel by client id", "cancel a waiting stop"):
            (request,) = _snapshot(row)[name]
            written = json.dumps(request)
            assert '"123"' in written or "/123" in written or "zq" in written or "O-2026" in written
            assert not request["url"].endswith("/")


def test_the_two_classes_of_kucoin_send_the_same_for_swaps() -> None:
    row = profile("KUCOIN", Product.LINEAR)
    other = replace(row, ccxt_id="kucoinfutures")
    assert asyncio.run(recorded(other)) == asyncio.run(recorded(row))


def _snapshot(row: Profile) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path_of(row).read_text(encoding="utf-8"))
    return told


def _placed(row: Profile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the requests that place orders, by name; what is refused before sending is left out."""
    for name, requests in _snapshot(row).items():
        if name.startswith("place ") and not isinstance(requests, str):
            *looks, request = requests
            assert all(look["method"] == "GET" for look in looks), name
            yield name, request


def _dictionaries(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _dictionaries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _dictionaries(inner)

"""Questions about an account: every page is asked for, and no other order's answer is taken."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.errors import Missing, Unknown
from ccxt_nt.line.paging import counted, whole, windows
from ccxt_nt.orders.inquiry import Inquiry, OrderKey
from ccxt_nt.parsing import Unreadable, placed_id
from ccxt_nt.values import OrderStatus, Product
from ccxt_nt.venues import profile
from tests.unit.ccxt_desk_fakes import SYMBOL, ScriptedLine

# `Any` in this module: rows as ccxt gives them

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000
ASKED_FOR = {"GATE": ("limit", "offset"), "KUCOIN": ("pageSize", "currentPage")}


def rows(count: int) -> list[dict[str, Any]]:
    """Make rows that cannot be read as orders: it is their number that counts."""
    return [{"id": str(n), "timestamp": NOW_MS + n, "clientOrderId": f"c{n}"} for n in range(count)]


@given(st.integers(0, 60), st.integers(1, 9))
def test_every_counted_page_is_had_once(count: int, limit: int) -> None:
    there = rows(count)

    async def page(number: int) -> list[Any]:
        return there[(number - 1) * limit : number * limit]

    assert asyncio.run(counted(page, limit=limit)) == (there, True)


def test_a_venue_that_does_not_count_pages_has_not_told_all() -> None:
    there = rows(5)

    async def page(number: int) -> list[Any]:
        return there

    assert asyncio.run(counted(page, limit=5)) == (there, False)


def test_a_venue_that_heeds_no_times_has_not_told_all() -> None:
    there = rows(5)

    async def page(since: int | None, until: int | None) -> list[Any]:
        return there

    assert asyncio.run(whole(page, limit=5)) == (there, False)


@given(st.integers(0, 90 * DAY_MS), st.integers(1, 30))
def test_windows_leave_no_gap_and_none_is_too_long(age_ms: int, days: int) -> None:
    found = windows(NOW_MS - age_ms, now_ms=NOW_MS, days=days)
    assert found[0][0] == NOW_MS - age_ms
    assert found[-1][1] is None
    for (start, end), (following, _) in pairwise(found):
        assert start is not None
        assert end is not None
        assert end == following
        assert end - start <= days * DAY_MS
    last = found[-1][0]
    assert last is not None
    assert NOW_MS - last <= days * DAY_MS


@pytest.mark.parametrize("venue", ["GATE", "KUCOIN"])
@pytest.mark.parametrize("product", list(Product))
def test_open_orders_beyond_the_first_page_are_asked_for(venue: str, product: Product) -> None:
    row = profile(venue, product)
    limit = row.paging.orders
    pages = [rows(limit), [{**each, "id": f"x{each['id']}"} for each in rows(7)], []]
    line = ScriptedLine({"fetch_open_orders": pages})
    listing = asyncio.run(Inquiry(row, line, now_ms=lambda: NOW_MS).open_orders(SYMBOL))
    assert listing.whole
    assert len(listing.unread) == limit + 7
    size_key, next_key = ASKED_FOR[venue]
    sent = [_params(asked.args) for asked in line.sent("fetch_open_orders")]
    assert [params[size_key] for params in sent] == [limit] * 3
    assert next_key not in sent[0]
    assert sent[1][next_key] == (limit if next_key == "offset" else 2)
    # ccxt's own limit would cut off what a page holds of other symbols
    assert all(asked.args[2] is None for asked in line.sent("fetch_open_orders"))


def test_fills_of_three_weeks_are_asked_for_week_by_week() -> None:
    row = profile("BITGET", Product.LINEAR)
    line = ScriptedLine({"fetch_my_trades": [[], [], [], []]})
    inquiry = Inquiry(row, line, now_ms=lambda: NOW_MS)
    asyncio.run(inquiry.fills(SYMBOL, since_ms=NOW_MS - 21 * DAY_MS))
    asked = [
        (each.args[1], _params(each.args).get("until")) for each in line.sent("fetch_my_trades")
    ]
    assert len(asked) == 4
    assert asked[0][0] == NOW_MS - 21 * DAY_MS
    assert all(before[1] == after[0] for before, after in pairwise(asked))
    assert asked[-1][1] is None


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id="v1"), {"id": "v2"}),
        (OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id=None), {"clientOid": "c2"}),
        (OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id=None), {"clientOid": ""}),
        (OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id="v1"), {"symbol": "ETH/USDT:USDT"}),
    ],
)
def test_another_orders_answer_is_no_answer(wanted: OrderKey, told: dict[str, str]) -> None:
    line = ScriptedLine({"fetch_order": [bitget_order(**told)]})
    inquiry = Inquiry(profile("BITGET", Product.LINEAR), line, now_ms=lambda: NOW_MS)
    with pytest.raises(Unknown):
        asyncio.run(inquiry.find(wanted))


def test_the_order_that_was_asked_for_is_found() -> None:
    inquiry = Inquiry(
        profile("BITGET", Product.LINEAR),
        ScriptedLine({"fetch_order": [bitget_order(), bitget_order()]}),
        now_ms=lambda: NOW_MS,
    )
    for venue_order_id in ("v1", None):
        key = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id=venue_order_id)
        assert asyncio.run(inquiry.find(key)).venue_order_id == "v1"


def test_what_a_stop_became_is_asked_for_by_the_stops_id_where_it_is_named_by_that() -> None:
    fired = bitget_order(id="v2", clientOid="v1")
    executed = bitget_order()
    executed["triggerPrice"] = "48000"
    executed["info"] |= {"planType": "normal_plan", "planStatus": "executed", "state": "executed"}
    line = ScriptedLine(
        {
            "fetch_open_orders": [[], []],
            "fetch_canceled_and_closed_orders": [[executed], [executed]],
            "fetch_order": [fired, Missing("no such order")],
        }
    )
    inquiry = Inquiry(profile("BITGET", Product.SPOT), line, now_ms=lambda: NOW_MS)
    key = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id="v1", waiting=True)
    found = asyncio.run(inquiry.find(key))
    assert (found.venue_order_id, found.fired_from) == ("v2", "v1")
    assert line.sent("fetch_order")[0].args[2] == {"clientOrderId": "v1"}
    unknown = asyncio.run(inquiry.find(key))
    assert (unknown.venue_order_id, unknown.status) == ("v1", OrderStatus.TRIGGERED)


@pytest.mark.parametrize("told", ["null", "None", "0", "undefined", "a b", ""])
def test_an_answer_that_names_no_order_is_no_answer(told: str) -> None:
    with pytest.raises(Unreadable):
        placed_id({"id": told})


def bitget_order(**changed: str) -> dict[str, Any]:
    """Make an open order as ccxt reads it."""
    told = {"id": "v1", "clientOid": "c1", "symbol": SYMBOL, **changed}
    info = {"clientOid": told["clientOid"], "orderType": "limit", "state": "live", "size": "0.3"}
    return {
        "id": told["id"],
        "symbol": told["symbol"],
        "side": "buy",
        "timestamp": NOW_MS,
        "info": {**info, "price": "49000", "baseVolume": "0", "uTime": str(NOW_MS)},
    }


def _params(args: tuple[object, ...]) -> Mapping[str, Any]:
    params = args[-1]
    assert isinstance(params, dict)
    return params

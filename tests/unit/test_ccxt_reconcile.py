"""A look at the whole account, page by page, and what its gaps mean."""

import asyncio
from collections.abc import Collection
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.errors import Missing, Unknown
from ccxt_nt.line.paging import whole
from ccxt_nt.orders.generations import generation_of, original, replacement
from ccxt_nt.orders.inquiry import Inquiry, Listing, OrderKey
from ccxt_nt.orders.reconcile import Known, look
from ccxt_nt.values import BalanceRow, FillRow, OrderRow, PositionRow, Product
from ccxt_nt.venues import profile
from tests.unit.ccxt_desk_fakes import SYMBOL, ScriptedLine, fill, order

# `Any` in this module: rows as ccxt gives them


class Account:
    """Answers from what it is given and remembers the order of the questions."""

    def __init__(self, *listed: OrderRow, found: tuple[OrderRow, ...] = ()) -> None:
        self.listed = listed
        self.found = {row.venue_order_id: row for row in found}
        self.asked: list[str] = []

    async def find(self, key: OrderKey) -> OrderRow:
        self.asked.append(f"find {key.venue_order_id}")
        if key.venue_order_id not in self.found:
            raise Missing("no such order")
        return self.found[key.venue_order_id]

    async def all_open_orders(self, symbols: Collection[str]) -> Listing:
        self.asked.append(f"open {sorted(symbols)}")
        return Listing(rows=self.listed)

    async def fills(self, symbol: str, *, since_ms: int) -> tuple[FillRow, ...]:
        self.asked.append(f"fills {symbol} since {since_ms}")
        return (fill(),)

    async def balances(self) -> tuple[BalanceRow, ...]:
        self.asked.append("balances")
        return (BalanceRow(currency="USDT", total=Decimal(1), free=Decimal(1)),)

    async def positions(self) -> tuple[PositionRow, ...]:
        self.asked.append("positions")
        return ()


def key(venue_order_id: str) -> OrderKey:
    return OrderKey(symbol=SYMBOL, client_id=f"c-{venue_order_id}", venue_order_id=venue_order_id)


def test_orders_that_are_not_listed_are_asked_for_and_fills_come_after_orders() -> None:
    account = Account(order(), found=(order(venue_order_id="v2"),))
    known = Known(open=(key("v1"), key("v2"), key("v3")), fills_since_ms={SYMBOL: 5})
    picture = asyncio.run(look(account, known, product=Product.LINEAR))
    assert [row.venue_order_id for row in picture.asked] == ["v2"]
    assert picture.gone == (key("v3"),)
    assert account.asked == [
        f"open ['{SYMBOL}']",
        "find v2",
        "find v3",
        f"fills {SYMBOL} since 5",
        "positions",
        "balances",
    ]


def test_a_spot_account_has_no_positions_to_ask_for() -> None:
    account = Account()
    asyncio.run(look(account, Known(open=(), fills_since_ms={}), product=Product.SPOT))
    assert "positions" not in account.asked


@given(
    st.lists(st.integers(0, 400), max_size=120),
    st.integers(2, 9),
    st.booleans(),
    st.integers(0, 200),
)
def test_every_row_of_a_window_is_had_once_from_whichever_end_pages_begin(
    times: list[int], limit: int, newest_first: bool, since: int
) -> None:
    rows: list[dict[str, Any]] = [{"id": str(i), "timestamp": at} for i, at in enumerate(times)]

    async def page(start: int | None, end: int | None) -> list[Any]:
        inside = [
            row
            for row in rows
            if (start is None or row["timestamp"] >= start)
            and (end is None or row["timestamp"] <= end)
        ]
        inside.sort(key=lambda row: row["timestamp"], reverse=newest_first)
        return inside[:limit]

    found, is_whole = asyncio.run(whole(page, limit=limit, since_ms=since))
    ids = [row["id"] for row in found]
    assert len(ids) == len(set(ids))
    wanted = {row["id"] for row in rows if row["timestamp"] >= since}
    assert set(ids) <= wanted
    crowded = any(times.count(at) >= limit for at in times)
    assert crowded or (is_whole and set(ids) == wanted)
    assert not is_whole or set(ids) == wanted


def test_fills_that_cannot_all_be_had_are_not_had_at_all() -> None:
    row = profile("BITGET", Product.LINEAR)
    crowd = [{"id": str(n), "timestamp": 7} for n in range(row.paging.fills)]
    line = ScriptedLine({"fetch_my_trades": [crowd, crowd, crowd]})
    inquiry = Inquiry(row, line, now_ms=lambda: 0)
    with pytest.raises(Unknown, match="one instant"):
        asyncio.run(inquiry.fills(SYMBOL, since_ms=0))


def test_an_open_order_that_cannot_be_read_leaves_its_absence_without_meaning() -> None:
    row = profile("BITGET", Product.LINEAR)
    unreadable = {"id": "1", "clientOrderId": "c9", "symbol": SYMBOL}
    line = ScriptedLine({"fetch_open_orders": [[unreadable], []]})
    listing = asyncio.run(Inquiry(row, line, now_ms=lambda: 0).open_orders(SYMBOL))
    assert listing.may_hide("c9")
    assert not listing.may_hide("c1")
    assert listing.complaints


@given(
    st.integers(1, 10**9), st.integers(1, 900_000), st.sampled_from(("O-20260101-000000-001-000-",))
)
def test_the_id_of_a_replacement_leads_back_to_the_order(
    count: int, generation: int, head: str
) -> None:
    name = f"{head}{count}"
    replaced = replacement(name, generation)
    assert original(replaced) == name
    assert generation_of(replaced) == generation
    assert original(name) == name
    assert generation_of(name) == 0


@given(st.text("abcXYZ-", min_size=1, max_size=12), st.integers(1, 99))
def test_other_ids_lead_back_too(name: str, generation: int) -> None:
    assert original(replacement(name, generation)) == name
    assert generation_of(replacement(name, generation)) == generation


def test_a_generation_is_never_below_one() -> None:
    with pytest.raises(ValueError, match="generation must be 1 or more, was 0"):
        replacement("a", Random(1).randrange(1))

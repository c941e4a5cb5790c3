"""Whatever the journals tell otherwise than the venue is found, and nothing else is."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.core.records import Kind, Record, Value
from tests.chaos.comparing import Books, Venue, differences

# `Any` in this module: a venue's truth is JSON of every shape

NAME = "BTCUSDT-PERP.BITGET"
ENTRY, CLOSE = "O-20260101-000000-001-001-1", "O-20260101-000000-001-001-2"
BEGAN = Decimal(10_000)


def order(name: str, side: str, price: str, number: int) -> dict[str, Any]:
    fill = {"trade_id": f"{number}", "price": price, "quantity": "20", "fee": "0.5"}
    return {
        "order_id": f"{number}",
        "client_id": name,
        "instrument": "BTCUSDT-PERP",
        "side": side,
        "fired_from": None,
        "fills": [{**fill, "fee_coin": "USDT"}],
    }


def truth() -> dict[str, Any]:
    return {
        "positions": {"BTCUSDT-PERP": {"quantity": "0"}},
        "open_orders": [],
        "orders": [order(ENTRY, "buy", "100", 1), order(CLOSE, "sell", "104", 2)],
        "accepted": {ENTRY: 1, CLOSE: 1},
        "funding": {},
        "balances": {"linear": {"USDT": {"total": "9999.8"}}},
    }


def record(kind: Kind, **fields: Value) -> Record:
    name = "" if kind is Kind.EQUITY else NAME
    return Record(ts_event=1, kind=kind, instrument_id=name, fields=fields)


def fill(name: str, side: str, price: str) -> Record:
    return record(
        Kind.FILL,
        order_id=name,
        plan_id=ENTRY,
        side=side,
        quantity="0.20",
        price=price,
        fee="0.5",
    )


def journal() -> list[Record]:
    return [
        record(Kind.PLAN, order_id=ENTRY, state="PENDING"),
        fill(ENTRY, "BUY", "100"),
        fill(CLOSE, "SELL", "104"),
        record(Kind.PLAN, order_id=ENTRY, state="CLOSED", gross_pnl="0.8", fees="1.0"),
        record(Kind.EQUITY, equity="9999.8", balance="9999.8"),
    ]


def books(*journals: list[Record]) -> Books:
    memory = RiskMemory(peak_equity=BEGAN, day=1, day_equity=BEGAN)
    return Books(journals=journals or (journal(),), plans={}, memory=memory)


def venue(told: Mapping[str, Any]) -> Venue:
    sizes = {"BTCUSDT-PERP": Decimal("0.01")}
    return Venue(truth=told, sizes=sizes, decode=lambda text: text, began=BEGAN)


def test_books_that_are_the_venues_differ_in_nothing() -> None:
    assert differences(books(), venue(truth())) == []


def test_sessions_may_share_a_plan() -> None:
    whole = journal()
    assert differences(books(whole[:2], whole[2:]), venue(truth())) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t["positions"]["BTCUSDT-PERP"].update(quantity="3"), "is left at the venue"),
        (lambda t: t["open_orders"].append(t["orders"][0]), "is left open"),
        (lambda t: t["accepted"].update({ENTRY: 2}), "was taken 2 times"),
        (lambda t: t["orders"].append(order("O-9", "buy", "1", 9)), "order O-9 is in no journal"),
        (lambda t: t["orders"][0]["fills"].append(t["orders"][0]["fills"][0]), "in no journal"),
        (lambda t: t["orders"][1]["fills"].clear(), "are not at the venue"),
        (lambda t: t["balances"]["linear"]["USDT"].update(total="9999.7"), "own balance"),
    ],
)
def test_what_is_otherwise_at_the_venue_is_found(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    told = deepcopy(truth())
    change(told)
    assert any(said in each for each in differences(books(), venue(told)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda j: j.insert(2, j[1]), "twice in the journals"),
        (lambda j: j.pop(2), "in no journal"),
        (lambda j: j.pop(3), "ended 0 times"),
        (lambda j: j.insert(3, j[3]), "ended 2 times"),
        (lambda j: j.pop(0), "began 0 times"),
        (lambda j: j.pop(), "no mark of the equity"),
    ],
)
def test_what_a_journal_lost_or_tells_twice_is_found(
    change: Callable[[list[Record]], object], said: str
) -> None:
    told = journal()
    change(told)
    assert any(said in each for each in differences(books(told), venue(truth())))


def test_a_risk_memory_that_forgot_is_found() -> None:
    forgot = replace(books(), memory=RiskMemory(peak_equity=Decimal(9_000)))
    assert any("peak" in each for each in differences(forgot, venue(truth())))
    halted = replace(books(), memory=RiskMemory(peak_equity=BEGAN, halted="drawdown"))
    assert any("halted by 'drawdown'" in each for each in differences(halted, venue(truth())))

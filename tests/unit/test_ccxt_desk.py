"""What the order counter sends, what it refuses to send, and what it makes of answers."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from ccxt_nt.errors import Rejected, Unknown, Unsupported
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.desk import Change, Desk, Terms, is_protective
from ccxt_nt.orders.inquiry import OrderKey
from ccxt_nt.profiles import Profile
from ccxt_nt.values import Force, OrderKind, Product, Side
from ccxt_nt.venues import PROFILES, profile
from tests.unit.ccxt_desk_fakes import SYMBOL, ScriptedLine, ticket

BITGET = profile("BITGET", Product.LINEAR)
STOP = ticket(kind=OrderKind.STOP_MARKET, side=Side.SELL, price=None, trigger_price=Decimal(48_000))


def desk(line: ScriptedLine, row: Profile = BITGET, terms: Terms | None = None) -> Desk:
    return Desk(row, line, terms=terms)


def placed(line: ScriptedLine) -> dict[str, object]:
    """Read the parameters of the one order that was sent."""
    (asked,) = line.sent("create_order")
    params = asked.args[-1]
    assert isinstance(params, dict)
    return params


def test_an_order_is_sent_once_with_its_client_id_and_answered_with_the_venues() -> None:
    line = ScriptedLine({"create_order": [{"id": "77"}]})
    assert asyncio.run(desk(line).place(ticket())) == "77"
    (asked,) = line.asked
    assert asked.args[:3] == (SYMBOL, "limit", "buy")
    assert [Decimal(str(each)) for each in asked.args[3:5]] == [Decimal("0.3"), Decimal(49_000)]
    assert asked.wrote
    assert placed(line)["clientOrderId"] == "c1"


@pytest.mark.parametrize("answer", [{"id": None}, {}, {"id": ""}, None, "<html>", []])
def test_an_answer_without_an_id_is_no_answer(answer: object) -> None:
    line = ScriptedLine({"create_order": [answer]})
    with pytest.raises(Unknown):
        asyncio.run(desk(line).place(ticket()))
    assert len(line.asked) == 1


@pytest.mark.parametrize("error", [Unknown("reset"), Rejected("no money")])
def test_what_goes_wrong_is_raised_and_nothing_is_sent_again(error: Exception) -> None:
    line = ScriptedLine({"create_order": [error]})
    with pytest.raises(type(error)):
        asyncio.run(desk(line).place(ticket()))
    assert len(line.asked) == 1


@pytest.mark.parametrize(
    ("changed", "key", "value"),
    [
        ({"force": Force.IOC}, "timeInForce", "IOC"),
        ({"post_only": True}, "postOnly", True),
        ({"reduce_only": True}, "reduceOnly", True),
    ],
)
def test_flags_are_spelled_only_where_they_are_set(
    changed: dict[str, object], key: str, value: object
) -> None:
    plain, flagged = ScriptedLine(), ScriptedLine()
    for line, order in ((plain, ticket()), (flagged, ticket(**changed))):
        line.answers["create_order"] = [{"id": "1"}]
        asyncio.run(desk(line).place(order))
    assert key not in placed(plain)
    assert placed(flagged)[key] == value


@pytest.mark.parametrize("row", PROFILES.values(), ids=lambda row: row.key)
def test_every_trigger_order_carries_its_price_and_its_direction(row: Profile) -> None:
    assert row.stops is not None
    for kind in sorted(row.stops.kinds, key=lambda each: each.value):
        for side in Side:
            order = ticket(
                kind=kind,
                side=side,
                price=Decimal(47_000) if kind.is_limit else None,
                trigger_price=Decimal(48_000),
                quantity_in_quote=not kind.is_limit
                and side is Side.BUY
                and row.market_buy.value == "cost",
            )
            line = ScriptedLine({"create_order": [{"id": "1"}]})
            asyncio.run(desk(line, row).place(order))
            sent = placed(line)
            takes_profit = kind.value.startswith("take_profit")
            key = row.stops.take_profit_price_key if takes_profit else row.stops.price_key
            assert sent[key] == "48000"
            rising = (side is Side.BUY) is not takes_profit
            wanted = row.stops.rising if rising else row.stops.falling
            assert {name: sent[name] for name in wanted} == dict(wanted)


def test_an_untested_venue_takes_no_stop_and_nothing_is_sent() -> None:
    line = ScriptedLine()
    row = profile("KRAKEN", Product.SPOT, allow_untested=True)
    with pytest.raises(Unsupported, match="no tested way to send stop_market"):
        asyncio.run(desk(line, row).place(STOP))
    assert line.asked == []


@pytest.mark.parametrize(
    ("row", "changed", "words"),
    [
        (profile("BITGET", Product.SPOT), {"reduce_only": True}, "reduce-only"),
        (
            profile("BITGET", Product.SPOT),
            {"kind": OrderKind.MARKET, "price": None},
            "quote_quantity=True",
        ),
        (BITGET, {"quantity_in_quote": True}, "quote_quantity=False"),
        (replace(BITGET, forces=frozenset({Force.GTC})), {"force": Force.FOK}, "FOK"),
        (replace(BITGET, post_only=False), {"post_only": True}, "post-only"),
    ],
)
def test_what_a_venue_does_not_have_is_refused_in_words(
    row: Profile, changed: dict[str, object], words: str
) -> None:
    line = ScriptedLine()
    with pytest.raises(Unsupported, match=words):
        desk(line, row).check(ticket(**changed))
    assert line.asked == []


def test_what_lowers_risk_goes_first() -> None:
    made = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    line = ScriptedLine({"create_order": made, "cancel_order": [{}]})
    counter = desk(line)
    key = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id="1")
    asyncio.run(counter.place(ticket()))
    close = ticket(kind=OrderKind.MARKET, price=None, reduce_only=True, client_order_id="c2")
    asyncio.run(counter.place(close))
    asyncio.run(counter.place(ticket(reduce_only=True, client_order_id="c3")))
    asyncio.run(counter.cancel(key))
    assert [asked.urgency for asked in line.asked] == [
        Urgency.NORMAL,
        Urgency.PROTECTIVE,
        Urgency.REDUCING,  # a take profit rests, and must not keep a stop waiting
        Urgency.CANCEL,
    ]
    assert is_protective(ticket(side=Side.SELL), profile("BITGET", Product.SPOT))
    assert not is_protective(ticket(side=Side.SELL), BITGET)


def test_margin_and_leverage_travel_where_the_venue_wants_them() -> None:
    line = ScriptedLine({"create_order": [{"id": "1"}]})
    row = profile("KUCOIN", Product.LINEAR)
    terms = Terms(margin_modes={SYMBOL: "cross"}, leverage={SYMBOL: 7})
    asyncio.run(desk(line, row, terms).place(ticket()))
    assert placed(line)["leverage"] == 7
    assert placed(line)["marginMode"] == "cross"


def test_an_amended_stop_is_named_by_its_id_and_keeps_its_direction() -> None:
    line = ScriptedLine({"edit_order": [{"id": "9"}]})
    key = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id="8", waiting=True)
    change = Change(quantity=Decimal("0.2"), price=None, trigger_price=Decimal(48_500))
    assert asyncio.run(desk(line).amend(key, STOP, change)) == "9"
    looked, asked = line.asked
    assert looked.method == "fetch_ticker"
    assert asked.args[0] == "8"
    params = asked.args[-1]
    assert isinstance(params, dict)
    assert params["triggerPrice"] == "48500"
    assert asked.urgency is Urgency.PROTECTIVE


def test_an_order_that_the_venue_has_not_named_is_cancelled_by_its_client_id() -> None:
    key = OrderKey(symbol=SYMBOL, client_id="c1", venue_order_id=None)
    line = ScriptedLine({"cancel_order": [{}]})
    asyncio.run(desk(line).cancel(key))
    assert line.asked[0].args == ("", SYMBOL, {"clientOrderId": "c1"})
    line = ScriptedLine({"cancel_order": [{}]})
    asyncio.run(desk(line, profile("GATE", Product.LINEAR)).cancel(key))
    assert line.asked[0].args == ("c1", SYMBOL, {})

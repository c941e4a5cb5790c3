"""What only Gate does, on a clock of the test's own."""

import json
import re

import pytest

from tests.integration.gate_bench import (
    BTC,
    FUTURES_LIMIT,
    KEYS,
    LIMIT,
    NOW_SECS,
    PERP,
    STOP,
    USER,
    Bench,
)
from tests.venue.model import Side


@pytest.fixture
def bench() -> Bench:
    """Give a dialect where everything has a price."""
    return Bench()


def test_a_closed_order_is_found_by_its_text_for_a_while_only(bench: Bench) -> None:
    bench.do("POST", "/spot/orders", body=LIMIT)
    bench.do("DELETE", "/spot/orders/t-1", "currency_pair=BTC_USDT")
    bench.wall_secs += 3599
    assert bench.read("/spot/orders/t-1", "currency_pair=BTC_USDT")["status"] == "cancelled"
    bench.wall_secs += 2
    gone = bench.ask("GET", "/spot/orders/t-1", "currency_pair=BTC_USDT")
    assert (gone.status, gone.content["label"]) == (404, "CLIENT_ID_NOT_FOUND")


def test_a_spot_price_order_expires(bench: Bench) -> None:
    placed = bench.do("POST", "/spot/price_orders", body=STOP)
    bench.clock.turn(86_400_000)
    assert bench.read(f"/spot/price_orders/{placed['id']}")["status"] == "expired"
    bench.tick(BTC, "48900", "1", Side.SELL)
    assert bench.read(f"/spot/price_orders/{placed['id']}")["fired_order_id"] == 0


def test_a_book_stream_can_be_subscribed_once_only(bench: Bench) -> None:
    spot = bench.dial("spot")
    bench.subscribe(spot, "spot.obu", ["ob.BTC_USDT.50"])
    again = bench.subscribe(spot, "spot.obu", ["ob.BTC_USDT.50"])
    assert again["error"] == {"code": 2, "message": "Alert sub ob.BTC_USDT.50"}
    bench.subscribe(spot, "spot.obu", ["ob.BTC_USDT.50"], event="unsubscribe")
    assert bench.subscribe(spot, "spot.obu", ["ob.BTC_USDT.50"])["result"]["status"] == "success"


def test_a_spot_price_order_is_pushed_as_one_object_without_a_text(bench: Bench) -> None:
    spot = bench.dial("spot")
    bench.subscribe(spot, "spot.priceorders", ["!all"])
    bench.do("POST", "/spot/price_orders", body=STOP)
    pushed = spot.last("spot.priceorders")["result"]
    assert isinstance(pushed, dict)
    assert (pushed["trigger_price"], pushed["trigger_rule"], pushed["fired_order_id"]) == (
        "49000",
        "<=",
        0,
    )
    assert pushed["trigger_expiration"] == 86400
    bench.tick(BTC, "48900", "1", Side.SELL)
    assert spot.last("spot.priceorders")["result"]["fired_order_id"] > 0


def test_contracts_are_text_only_for_clients_that_ask_for_decimals(bench: Bench) -> None:
    perp, old = bench.dial("swap"), bench.dial("swap", decimals=False)
    for socket in (perp, old):
        bench.subscribe(socket, "futures.trades", ["BTC_USDT"])
    bench.tick(PERP, "50000", "7", Side.SELL)
    assert perp.last("futures.trades")["result"][0]["size"] == "-7"
    assert old.last("futures.trades")["result"][0]["size"] == -7
    placed = bench.do("POST", "/futures/usdt/orders", body=FUTURES_LIMIT)
    assert bench.read("/futures/usdt/orders/t-1")["size"] == 10 == placed["size"]
    assert bench.read("/futures/usdt/orders/t-1", decimals=True)["size"] == "10"


def test_nonsense_on_a_websocket_is_answered_and_does_not_close_it(bench: Bench) -> None:
    spot = bench.dial("spot")
    for text in ("{", "[]", "null", '{"channel":"spot.nope","event":"subscribe","payload":[1]}'):
        bench.dialect.heard(spot, text)
    codes = [one["error"]["code"] for one in spot.frames]
    assert codes == [1, 1, 1, 2]
    bench.dialect.heard(spot, '{"time":1,"channel":"spot.ping"}')
    assert spot.frames[-1]["channel"] == "spot.pong"


def test_a_subscription_with_a_wrong_signature_or_user_is_refused(bench: Bench) -> None:
    perp = bench.dial("swap")
    assert bench.subscribe(perp, "futures.orders", ["7", "!all"])["error"]["code"] == 2
    frame = {"id": 1, "time": NOW_SECS, "channel": "futures.orders", "event": "subscribe"}
    auth = {"method": "api_key", "KEY": KEYS.key, "SIGN": "00"}
    bench.dialect.heard(perp, json.dumps(frame | {"payload": [USER, "!all"], "auth": auth}))
    refused = perp.last("futures.orders", "subscribe")
    assert refused["error"]["code"] == 4
    assert re.search("INVALID_KEY", refused["error"]["message"])
    assert not perp.state.get("private")

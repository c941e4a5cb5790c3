"""Lost updates of a book, seen in raw frames of two shapes."""

from functools import partial
from typing import Any

import pytest

from ccxt_nt.market.sequences import SequenceWatch, is_about
from ccxt_nt.profiles import BookSequence
from ccxt_nt.values import Product
from ccxt_nt.venues import profile

# `Any` in this module: frames are JSON


def rule(venue: str) -> BookSequence:
    found = profile(venue, Product.SPOT).book_sequence
    assert found is not None
    return found


def kucoin(first: int, last: int, market: str = "BTC-USDT") -> dict[str, Any]:
    return {
        "topic": f"/market/level2:{market}",
        "type": "message",
        "data": {"sequenceStart": first, "sequenceEnd": last},
    }


def gate(first: int | None, last: int, *, full: bool = False) -> dict[str, Any]:
    result: dict[str, Any] = {"s": "ob.BTC_USDT.50", "u": last}
    result |= {"full": True} if full else {"U": first}
    return {"channel": "spot.obu", "event": "update", "result": result}


def test_updates_in_a_row_are_well() -> None:
    watch = SequenceWatch(rule("KUCOIN"))
    assert [watch.hear(kucoin(n, n + 1)) for n in (5, 7, 9)] == [None] * 3


def test_a_lost_update_names_its_market_once() -> None:
    watch = SequenceWatch(rule("KUCOIN"))
    watch.hear(kucoin(5, 6))
    watch.hear(kucoin(1, 2, "ETH-USDT"))
    assert watch.hear(kucoin(8, 9)) == "/market/level2:BTC-USDT"
    assert watch.hear(kucoin(10, 11)) is None
    assert watch.hear(kucoin(3, 4, "ETH-USDT")) is None


def test_whoever_attends_to_the_market_is_told_and_nobody_else() -> None:
    watch, told = SequenceWatch(rule("KUCOIN")), list[str]()
    for native_id in ("BTC-USDT", "ETH-USDT"):
        watch.attend(native_id, partial(told.append, native_id))
    for first, last in ((5, 6), (9, 10)):
        watch.watch(kucoin(first, last))
    assert told == ["BTC-USDT"]
    watch.leave("BTC-USDT")
    for first, last in ((12, 13), (20, 21)):
        watch.watch(kucoin(first, last))
    assert told == ["BTC-USDT"]


def test_an_update_told_twice_or_late_is_no_loss() -> None:
    watch = SequenceWatch(rule("KUCOIN"))
    for first, last in ((5, 6), (5, 6), (3, 4), (7, 8)):
        assert watch.hear(kucoin(first, last)) is None


def test_a_whole_book_begins_the_count_anew() -> None:
    watch = SequenceWatch(rule("GATE"))
    assert watch.hear(gate(None, 100, full=True)) is None
    assert watch.hear(gate(101, 103)) is None
    assert watch.hear(gate(None, 900, full=True)) is None
    assert watch.hear(gate(901, 901)) is None
    assert watch.hear(gate(903, 904)) == "ob.BTC_USDT.50"


def test_a_new_subscription_begins_the_count_anew() -> None:
    watch = SequenceWatch(rule("KUCOIN"))
    watch.hear(kucoin(5, 6))
    watch.forget("BTC-USDT")
    assert watch.hear(kucoin(50, 51)) is None


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "pong",
        [],
        {},
        {"topic": 7},
        {"topic": "/market/match:BTC-USDT", "data": {"sequenceStart": 1, "sequenceEnd": 2}},
        {"topic": "/market/level2:BTC-USDT"},
        {"topic": "/market/level2:BTC-USDT", "data": []},
        {"topic": "/market/level2:BTC-USDT", "data": {"sequenceStart": "x", "sequenceEnd": None}},
    ],
)
def test_frames_about_something_else_say_nothing(frame: Any) -> None:
    watch = SequenceWatch(rule("KUCOIN"))
    watch.hear(kucoin(5, 6))
    assert watch.hear(frame) is None
    assert watch.hear(kucoin(7, 8)) is None


def test_a_market_is_not_taken_for_another_whose_name_it_begins_with() -> None:
    assert is_about("/market/level2:BTC-USDT", "BTC-USDT")
    assert is_about("ob.BTC_USDT.50", "BTC_USDT")
    assert not is_about("/market/level2:BTC-USDT", "BTC-USD")

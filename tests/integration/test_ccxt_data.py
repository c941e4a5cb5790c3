"""A real node, both products of a venue in it, from the first instrument to the last bar."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from ccxt_nt.values import Product
from tests.harness.processes import NodeProcess
from tests.harness.telling import Fact
from tests.integration.ccxt_feeds import DIALECTS, LOT, SYMBOL
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import Book, Side

# `Any` in this module: facts are JSON

ALONE = {"data_only": True, "log_level": "WARN"}  # what is refused is only logged


@dataclass
class Market:
    """One product of the venue, as the node and as the exchange know it."""

    venue: LocalVenue
    node: NodeProcess
    product: Product

    @property
    def where(self) -> str:
        spot = "_SPOT" if self.product is Product.SPOT else ""
        return f"{self.venue.dialect.name.upper()}{spot}"

    @property
    def id(self) -> str:
        suffix = "" if self.product is Product.SPOT else "-PERP"
        return f"BTCUSDT{suffix}.{self.where}"

    @property
    def bar_type(self) -> str:
        return f"{self.id}-1-MINUTE-LAST-EXTERNAL"

    def tick(self, price: int) -> None:
        symbol, lot = SYMBOL[self.product], LOT[self.product]
        self.venue.call(lambda e: e.tick(symbol, Decimal(price), lot, Side.BUY))

    def book(self) -> Book:
        return self.venue.call(lambda exchange: exchange.book(SYMBOL[self.product]))

    def subscribe(self, *what: str) -> None:
        for each in what:
            self.node.do("subscribe", what=each, of=self.id)

    def wait_for_trades(self, count: int) -> None:
        self.node.until(lambda: len(self.trades()) >= count)

    def trades(self) -> list[Fact]:
        return [fact for fact in self.node.of("trade") if fact["instrument"] == self.id]


@pytest.fixture(scope="module", params=DIALECTS)
def markets(request: pytest.FixtureRequest) -> Iterator[tuple[Market, Market]]:
    """Give spot and perpetual of one venue, in one node."""
    spot = {"product": "spot", "venue_name": f"{request.param.upper()}_SPOT"}
    setup = {"product": "linear", "options": {"instruments": ["BTCUSDT-PERP"]}, "beside": [spot]}
    with LocalVenue(request.param) as venue, NodeProcess(venue, {**setup, **ALONE}) as node:
        yield Market(venue, node, Product.SPOT), Market(venue, node, Product.LINEAR)


def test_both_products_live_in_one_node(markets: tuple[Market, Market]) -> None:
    spot, perp = markets
    (started,) = spot.node.of("started")
    assert sorted(started["instruments"]) == sorted(
        [f"BTCUSDT.{spot.where}", f"ETHUSDT.{spot.where}", f"BTCUSDT-PERP.{perp.where}"]
    )


def test_trades_quotes_and_books_reach_the_strategy_and_survive_lost_connections(
    markets: tuple[Market, Market],
) -> None:
    for number, market in enumerate(markets):
        market.subscribe("trades", "quotes", "book_deltas", "book_depth")
        market.node.wait("done", count=4 * (number + 1))
        market.node.wait("depth", of(market))
    for market in markets:
        for step in range(5):
            market.tick(50000 + step)
        market.wait_for_trades(5)
    spot, _ = markets
    spot.venue.drop()
    for market in markets:
        for step in range(5, 8):  # nobody is connected
            market.tick(70000 + step)
    for market in markets:
        market.wait_for_trades(8)
        told = [Decimal(fact["price"]) for fact in market.trades()]
        assert told == [Decimal(50000 + n) for n in range(5)] + [
            Decimal(70000 + n) for n in range(5, 8)
        ]
        market.node.until(partial(book_is_true, market))
        quote = market.node.wait("quote", of(market))[-1]
        assert Decimal(quote["bid"]) < Decimal(quote["ask"])


def of(market: Market) -> Any:
    return lambda fact: fact["instrument"] == market.id


def book_is_true(market: Market) -> bool:
    market.tick(71000)
    return any(has_true_book(market) for _ in range(20))  # what is told comes after a while


def has_true_book(market: Market) -> bool:
    mark = market.node.mark
    market.node.do("book", of=market.id)
    book = market.node.wait("book", after=mark)[-1]
    truth = market.book()
    return all(
        [[Decimal(price), Decimal(size)] for price, size in book[side]]
        == [[level.price, level.quantity] for level in levels]
        for side, levels in (("bids", truth.bids), ("asks", truth.asks))
    )


def test_marks_and_funding_of_the_perpetual_reach_the_strategy(
    markets: tuple[Market, Market],
) -> None:
    _, perp = markets
    perp.subscribe("mark_prices", "index_prices", "funding_rates")
    perp.node.wait("funding", of(perp))

    true: set[Decimal] = set()  # each trade moves it, and what is told comes later

    def told() -> bool:
        perp.tick(50500)
        true.add(perp.venue.call(lambda e: e.mark(SYMBOL[perp.product])))
        return bool(true & {Decimal(fact["value"]) for fact in perp.node.of("mark")})

    perp.node.until(told)
    perp.node.wait("index", of(perp))


def test_what_was_requested_is_answered(markets: tuple[Market, Market]) -> None:
    for market in markets:
        node, mark = market.node, market.node.mark
        for step in range(3):
            market.tick(52000 + step)
        node.do("request", what="trades", of=market.id, limit=3)
        trades = node.wait("trades", after=mark)[-1]["trades"]
        assert [Decimal(each["price"]) for each in trades] == [52000, 52001, 52002]
        node.do("request", what="book_snapshot", of=market.id, depth=5)
        answer = node.wait("book_answer", after=mark)[-1]
        truth = market.book()
        assert [Decimal(price) for price, _ in answer["bids"]] == [
            level.price for level in truth.bids[:5]
        ]


def test_what_the_venue_does_not_have_is_refused_aloud_and_harms_nothing(
    markets: tuple[Market, Market],
) -> None:
    spot, _ = markets
    spot.subscribe("trades", "instrument_status", "mark_prices")
    spot.node.do("request", what="quotes", of=spot.id)
    spot.node.do("subscribe", what="bars", of=f"{spot.id}-2-MINUTE-LAST-EXTERNAL")
    for says in (
        "has no stream of instrument status here",
        "has no mark price of a spot instrument",
        "keeps no history of quotes",
        "the venue has no timeframe 2m",
    ):
        spot.node.until(partial(spot.node.logged, says))
    before = len(spot.trades())

    def is_told_of_more() -> bool:
        spot.tick(53000)
        return len(spot.trades()) > before

    spot.node.until(is_told_of_more)


def test_after_unsubscribing_nothing_comes_and_subscribing_again_works(
    markets: tuple[Market, Market],
) -> None:
    for market in markets:
        node = market.node
        node.do("unsubscribe", what="trades", of=market.id)
        node.wait("done", lambda fact: fact["what"] == "unsubscribe trades")
        node.until(partial(is_silent, market))
        round_trip(market)
        count = len(market.trades())
        market.tick(54000)
        round_trip(market)
        assert len(market.trades()) == count
        mark = node.mark
        market.subscribe("trades")
        node.wait("done", after=mark)

        def again(market: Market = market, count: int = count) -> bool:
            market.tick(54001)
            return len(market.trades()) > count

        node.until(again)


def round_trip(market: Market) -> None:
    """Wait for an answer of the node: whatever was under way has come before."""
    mark = market.node.mark
    market.node.do("book", of=market.id)
    market.node.wait("book", after=mark)


def is_silent(market: Market) -> bool:
    """Say whether the venue tells nobody of the trades of a market any more."""
    before = market.venue.frames["trades"]
    market.tick(53999)
    return market.venue.frames["trades"] == before


def test_the_health_of_a_venue_is_told_to_strategies(markets: tuple[Market, Market]) -> None:
    spot, _ = markets
    mark = spot.node.mark
    spot.node.do("subscribe", what="health", of=spot.where)
    spot.node.wait("health", lambda fact: fact["health"] == "healthy", after=mark)
    spot.venue.faults.add(Fault(kind=FaultKind.DROP_REQUEST, where="connect", count=3))
    spot.venue.drop()
    (worse, *_) = spot.node.wait("health", lambda fact: fact["health"] == "degraded", after=mark)
    assert worse["reasons"]
    spot.node.wait("health", lambda fact: fact["health"] == "healthy", after=mark + 1)


def test_a_venue_that_is_down_for_a_moment_does_not_keep_a_node_from_starting() -> None:
    with LocalVenue("bitget") as venue:
        venue.faults.add(Fault(kind=FaultKind.STATUS_502_BEFORE, where="public", count=2))
        with NodeProcess(venue, {"product": "spot", **ALONE}) as node:
            assert node.of("started")[0]["instruments"]
            assert node.logged("BITGET/spot: connecting failed, trying again")

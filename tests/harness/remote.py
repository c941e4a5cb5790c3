"""A node in a process of its own that trades one instrument, beside the truth of its venue."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from tests.harness.processes import PATIENCE_SECS, NodeProcess
from tests.harness.telling import Fact
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Product, Side

# `Any` in this module: the terms of commands are JSON

SYMBOLS: Final = {"spot": "BTC/USDT", "linear": "BTC/USDT:USDT"}
NAMES: Final = {"spot": "BTCUSDT", "linear": "BTCUSDT-PERP"}
# An unknown outcome is settled sooner than a user would want it, so that tests do not wait
_HASTE: Final = {"reconcile_secs": 2.0, "settle_secs": 1.5, "deadline_secs": 1.0}
_PAUSE_SECS: Final = 0.1  # between two looks at the node's state


class Remote(NodeProcess):
    """A node that trades bitcoin at a local venue; `claims` makes orders of before its own."""

    def __init__(
        self,
        venue: LocalVenue,
        dialect: str,
        product: str,
        *,
        claims: bool = False,
        lookback_mins: int | None = None,
        **settings: Any,
    ) -> None:
        self.venue = venue
        self.product = product
        self.symbol = SYMBOLS[product]
        name = dialect.upper()
        self.instrument_id = f"{NAMES[product]}.{name}"
        super().__init__(
            venue,
            {
                "product": product,
                "options": {"instruments": [NAMES[product]], **_HASTE, **settings},
                "claims": [self.instrument_id] if claims else [],
                "lookback_mins": lookback_mins,
                "bypass_risk": False,
            },
            first=(
                {"do": "subscribe", "what": "health", "of": name},
                {"do": "subscribe", "what": "quotes", "of": self.instrument_id},
            ),
        )

    # ---- commands ----

    def submit(self, name: str, kind: str, side: str, **terms: Any) -> None:
        """Submit an order under a name."""
        self.do("submit", name=name, of=self.instrument_id, kind=kind, side=side, **terms)

    def state(self) -> Fact:
        """Ask what the engine knows."""
        self.do("state")
        return self.expect(lambda fact: fact["kind"] == "state")

    # ---- the market ----

    def lots(self, base: str) -> Decimal:
        """Turn base coins into the venue's units."""
        return Decimal(base) / self.venue.exchange.listings[self.symbol].contract_size

    def tick(self, price: int, base: str = "0.001", side: Side = Side.SELL) -> None:
        """Let somebody trade at the venue."""
        quantity = self.lots(base)
        self.venue.call(lambda x: x.tick(self.symbol, Decimal(price), quantity, side))

    def truth[T](self, read: Callable[[Exchange], T]) -> T:
        """Read what really happened."""
        return self.venue.call(read)

    # ---- what it says ----

    def event(self, name: str, order: str, *, secs: float = PATIENCE_SECS) -> Fact:
        """Wait for an event of an order."""
        return self.expect(
            lambda fact: fact.get("event") == name and fact.get("order") == order, secs=secs
        )

    def events(self, order: str) -> list[str]:
        """List the events of an order that were heard so far."""
        return [fact["event"] for fact in self.heard if fact.get("order") == order]

    def fees(self) -> dict[str, Decimal]:
        """Sum the commissions that were heard, by currency."""
        sums: dict[str, Decimal] = {}
        for fact in self.heard:
            if "commission" in fact:
                amount, currency = fact["commission"].split()
                sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)
        return sums

    def one_of(self, events: tuple[str, ...], order: str) -> None:
        """Wait for any of some events of an order, unless one was heard already."""
        if not set(self.events(order)) & set(events):
            self.expect(lambda fact: fact.get("order") == order and fact.get("event") in events)

    def silent(self, events: tuple[str, ...], order: str, *, secs: float) -> None:
        """Hold that none of some events of an order was heard, nor comes for a while."""
        self.hear_all(secs=secs)
        told = set(self.events(order)) & set(events)
        assert not told, f"{told} came of {order}"

    def recovered(self) -> None:
        """Wait until whatever told of its health has told last that it is healthy."""

        def is_well() -> bool:
            told = {fact["source"]: fact["health"] for fact in self.of("health")}
            return "execution" in told and set(told.values()) == {"healthy"}

        self.until(is_well)

    def reaches[T](self, read: Callable[[], T], wanted: T) -> None:
        """Wait until something outside of the node is so."""
        self.until(lambda: read() == wanted)

    def settle(self, agree: Callable[[Fact], bool]) -> Fact:
        """Ask for the state until it agrees."""
        deadline = time.monotonic() + PATIENCE_SECS
        while True:
            state = self.state()
            if agree(state) or time.monotonic() > deadline:
                return state
            self.hear_all(secs=_PAUSE_SECS)


def balances_of(exchange: Exchange, product: str) -> dict[str, Decimal]:
    """Read every wallet of a product."""
    kind = Product.SPOT if product == "spot" else Product.PERP
    return {coin: balance.total for coin, balance in exchange.balances(kind).items()}

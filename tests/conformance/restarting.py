"""A node that starts on an account with a past: what an earlier session left at the exchange."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final

from ccxt_nt.ids import codec
from ccxt_nt.profiles import Profile
from ccxt_nt.values import OrderKind, Product
from tests.conformance.bench import Bench
from tests.conformance.checks import check_fee, must
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Ask, Kind, Order, Side, Trigger

# `Any` in this module: the engine's stubs have no common type of orders and positions

CASES: Final = ("TC-E84", "TC-E85", "TC-E86", "TC-E87")
LOOKBACK_MINS: Final = 120
_STOP_KINDS: Final = {"STOP_MARKET", "STOP_LIMIT"}


@dataclass(slots=True)
class Past:
    """Orders and positions of before, placed under the names that the adapter gives its own."""

    venue: LocalVenue
    row: Profile
    rested: dict[str, Order] = field(default_factory=dict)  # by the engine's client order id
    filled: dict[str, Order] = field(default_factory=dict)
    _count: int = 0

    @property
    def is_spot(self) -> bool:
        return self.row.product is Product.SPOT

    def symbol(self, base: str) -> str:
        return f"{base}/USDT" if self.is_spot else f"{base}/USDT:USDT"

    # ---- before the node starts ----

    def live(self) -> None:
        """Trade as an earlier session of ours would have, on the terms it would have set."""
        if not self.is_spot:
            for base in ("BTC", "ETH"):
                self.venue.call(partial(_share_margin, symbol=self.symbol(base)))
        self.filled |= self._placed("BTC", Side.BUY, Kind.LIMIT, "60100")
        self.filled |= self._placed("ETH", Side.SELL, Kind.LIMIT, "2990")
        self.rested |= self._placed("BTC", Side.BUY, Kind.LIMIT, "59000")
        self.rested |= self._placed("ETH", Side.SELL, Kind.LIMIT, "3100")
        if OrderKind.STOP_MARKET in self.row.kinds:
            self.rested |= self._placed("BTC", Side.SELL, Kind.MARKET, None, trigger="57000")
        else:
            self.rested |= self._placed("BTC", Side.SELL, Kind.LIMIT, "56900", trigger="57000")

    def _placed(
        self, base: str, side: Side, kind: Kind, price: str | None, *, trigger: str | None = None
    ) -> Mapping[str, Order]:
        self._count += 1
        ours = f"O-20261120-101500-001-001-{self._count}"
        stops = self.row.stops
        named = trigger is None or (stops is not None and stops.carries_client_id)
        ask = Ask(
            symbol=self.symbol(base),
            side=side,
            kind=kind,
            quantity=self._quantity(base),
            price=None if price is None else Decimal(price),
            trigger=None if trigger is None else Trigger(price=Decimal(trigger), rising=False),
            client_id=codec(self.row.codec).encode(ours) if named else None,
        )
        order = self.venue.call(lambda e: e.place(ask))
        return {ours if named else order.order_id: order}

    def _quantity(self, base: str) -> Decimal:
        listing = self.venue.exchange.listings[self.symbol(base)]
        coins = Decimal(600) / (60_000 if base == "BTC" else 3_000) / listing.contract_size
        return coins - coins % listing.lot

    # ---- once the node runs ----

    async def check(self, bench: Bench) -> list[tuple[str, str | None]]:
        """Compare what the engine has with what the exchange has, case by case."""
        checks = {"TC-E84": self._open, "TC-E85": self._filled}
        if not self.is_spot:
            checks |= {"TC-E86": self._long, "TC-E87": self._short}
        outcomes: list[tuple[str, str | None]] = []
        for case_id, check in checks.items():
            try:
                check(bench)
                if case_id == "TC-E84":
                    await self._manageable(bench)
            except (AssertionError, TimeoutError) as e:
                outcomes.append((case_id, str(e)))
            else:
                outcomes.append((case_id, None))
        return outcomes

    def _orders(self, bench: Bench) -> Iterator[tuple[Any, Order]]:
        for ours, there in self.rested.items():
            found = [
                order
                for order in bench.cache.orders_open()
                if order.venue_order_id.value == there.order_id
            ]
            must(len(found) == 1, f"{ours} is known {len(found)} times")
            must(found[0].client_order_id.value == ours, f"it is called {found[0].client_order_id}")
            yield found[0], there

    def _open(self, bench: Bench) -> None:
        found = list(self._orders(bench))
        count = len(bench.cache.orders_open())
        must(count == len(self.rested), f"{count} orders are open, must be {len(self.rested)}")
        for order, there in found:
            must(order.status.name == "ACCEPTED", f"status is {order.status.name}")
            must(order.side.name.lower() == there.ask.side.value, f"side is {order.side}")
            must(order.quantity.as_decimal() == there.quantity, f"quantity is {order.quantity}")
            price = order.price.as_decimal() if order.has_price else None
            must(price == there.price, f"price is {price}, must be {there.price}")
            kind = order.order_type.name
            if there.trigger is None:
                must(kind == "LIMIT", f"type is {kind}")
                continue
            must(kind in _STOP_KINDS, f"type of a stop is {kind}")
            trigger = order.trigger_price.as_decimal()
            must(trigger == there.trigger.price, f"trigger price is {trigger}")

    def _filled(self, bench: Bench) -> None:
        closed = {order.venue_order_id.value: order for order in bench.cache.orders_closed()}
        for ours, there in self.filled.items():
            must(there.order_id in closed, f"{ours} is not known")
            order = closed[there.order_id]
            must(order.client_order_id.value == ours, f"it is called {order.client_order_id}")
            must(order.status.name == "FILLED", f"status is {order.status.name}")
            must(order.filled_qty.as_decimal() == there.filled, f"filled is {order.filled_qty}")
            self._check_fills(bench, order, there)

    def _check_fills(self, bench: Bench, order: Any, there: Order) -> None:
        fills = bench.ask(lambda e: {f.trade_id: f for f in e.fills(order_id=there.order_id)})
        ours = [event for event in order.events() if type(event).__name__ == "OrderFilled"]
        told = {event.trade_id.value for event in ours}
        must(told == set(fills), f"trade ids are {sorted(told)}, must be {sorted(fills)}")
        for event in ours:
            fill = fills[event.trade_id.value]
            must(event.last_px.as_decimal() == fill.price, f"price is {event.last_px}")
            must(event.last_qty.as_decimal() == fill.quantity, f"quantity is {event.last_qty}")
            check_fee(event.commission, fill.fee, fill.fee_coin)

    def _long(self, bench: Bench) -> None:
        self._position(bench, "BTC", "LONG")

    def _short(self, bench: Bench) -> None:
        self._position(bench, "ETH", "SHORT")

    def _position(self, bench: Bench, base: str, side: str) -> None:
        of = copy(bench)
        of.base = base
        found = bench.cache.positions_open(instrument_id=of.instrument_id)
        must(len(found) == 1, f"{len(found)} positions of {base} are known")
        there = bench.ask(lambda e: e.position(of.symbol))
        held = Decimal(str(found[0].signed_qty))
        must(found[0].side.name == side, f"it is {found[0].side.name}")
        must(held == there.quantity, f"it is {held}, must be {there.quantity}")
        entry = Decimal(str(found[0].avg_px_open))
        must(
            abs(entry - there.entry_price) < Decimal("0.000001") * entry,
            f"its entry price is {entry}, must be {there.entry_price}",
        )

    async def _manageable(self, bench: Bench) -> None:
        """Hold that the strategy can go on with what it claimed."""
        for order, there in list(self._orders(bench)):
            bench.desk.strategy.cancel_order(order.client_order_id)
            await bench.status(order, "CANCELED")
            order_id = there.order_id

            def closed(exchange: Exchange, order_id: str = order_id) -> bool:
                return exchange.truth.placed[order_id].status.is_closed

            must(bench.ask(closed), f"{order.client_order_id} is still open at the venue")


def _share_margin(exchange: Exchange, symbol: str) -> None:
    exchange.set_cross(symbol, True)

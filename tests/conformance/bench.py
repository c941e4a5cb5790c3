"""What a case works with: a node's strategy, the exchange behind it, and the rows of the venue."""

import asyncio
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from nautilus_trader.model import InstrumentId, OrderSide, TimeInForce

from ccxt_nt.profiles import MarketBuy, Profile
from ccxt_nt.values import Product
from tests.harness.nodes import Desk
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Ask, Fill, Kind, Listing, Order, Side
from tests.venue.model import Product as Traded

# `Any` in this module: the engine's stubs have no common type of orders and instruments

PRICE: Final = Decimal(60_000)  # of BTC when a case begins
NOTIONAL: Final = Decimal(600)  # of an order, in quote coins
FAR: Final = Decimal("0.01")  # of the price, where nothing meets an order
SECS: Final = 30.0  # a case waits so long for one thing


@dataclass(slots=True)
class Bench:
    """One node at one venue; cases run on it one after another."""

    desk: Desk
    venue: LocalVenue
    row: Profile
    listeners: Any = None  # other actors on the node
    base: str = "BTC"
    lost: set[Any] = field(default_factory=set)  # orders of failed cases that the engine keeps open

    # ---- what is traded ----

    @property
    def is_spot(self) -> bool:
        return self.row.product is Product.SPOT

    @property
    def symbol(self) -> str:
        return f"{self.base}/USDT" if self.is_spot else f"{self.base}/USDT:USDT"

    @property
    def instrument_id(self) -> InstrumentId:
        name = f"{self.base}USDT" if self.is_spot else f"{self.base}USDT-PERP"
        return InstrumentId.from_str(f"{name}.{self.row.venue}")

    @property
    def instrument(self) -> Any:
        return self.cache.instrument(self.instrument_id)

    @property
    def cache(self) -> Any:
        return self.desk.strategy.cache

    @property
    def listing(self) -> Listing:
        return self.venue.exchange.listings[self.symbol]

    def quantity(self, times: int = 1) -> Any:
        """Make a quantity worth so many times NOTIONAL."""
        coins = NOTIONAL * times / PRICE / self.listing.contract_size
        lots = (coins / self.listing.lot).to_integral_value(ROUND_UP)
        return self.instrument.make_qty(lots * self.listing.lot)

    def price(self, of_market: Decimal | str) -> Any:
        """Make a price from a fraction of the price at which cases begin."""
        exact = PRICE * Decimal(of_market)
        return self.instrument.make_price(exact - exact % self.listing.tick)

    def below(self, times: int = 1) -> Any:
        return self.price(1 - FAR * times)

    def above(self, times: int = 1) -> Any:
        return self.price(1 + FAR * times)

    # ---- the market ----

    def ask[T](self, act: Callable[[Exchange], T]) -> T:
        """Ask the exchange itself."""
        return self.venue.call(act)

    def tick(self, price: Decimal | Any = PRICE, *, side: Side = Side.BUY, lots: int = 1) -> None:
        """Let somebody trade at a price."""
        exact = price if isinstance(price, Decimal) else price.as_decimal()
        self.ask(lambda e: e.tick(self.symbol, exact, self.listing.lot * lots, side))

    async def until(self, test: Callable[[], Any], what: str, secs: float = SECS) -> Any:
        return await self.desk.until(test, what, secs)

    async def stirred(self, test: Callable[[], Any], what: str, secs: float = SECS) -> Any:
        """Wait until something is so while somebody trades now and then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + secs
        while loop.time() < deadline:
            self.tick(PRICE)
            try:
                return await self.until(test, what, 0.15)
            except TimeoutError:
                continue
        raise TimeoutError(f"{what}: not within {secs} s though the market moved")

    # ---- orders ----

    def market(self, side: OrderSide, times: int = 1, **more: Any) -> Any:
        """Make a market order as the venue takes it: by cost where it wants that."""
        if self.row.market_buy is MarketBuy.COST and side == OrderSide.BUY:
            cost = self.instrument.make_qty(NOTIONAL * times)
            return self.desk.orders.market(
                self.instrument_id, side, cost, quote_quantity=True, **more
            )
        return self.desk.orders.market(self.instrument_id, side, self.quantity(times), **more)

    def limit(self, side: OrderSide, price: Any = None, times: int = 1, **more: Any) -> Any:
        """Make a limit order, far from the market unless a price is given."""
        if price is None:
            price = self.below() if side == OrderSide.BUY else self.above()
        return self.desk.orders.limit(self.instrument_id, side, self.quantity(times), price, **more)

    async def placed(self, order: Any) -> Any:
        """Send an order and wait until it rests."""
        self.desk.submit(order)
        return await self.status(order, "ACCEPTED")

    async def filled(self, order: Any) -> Any:
        """Send an order and wait until it is filled."""
        self.desk.submit(order)
        return await self.status(order, "FILLED")

    async def status(self, order: Any, wanted: str, *others: str, secs: float = SECS) -> Any:
        """Wait until an order is as wanted; fail at once where it ended otherwise."""
        names = (wanted, *others)

        def ended() -> Any:
            known = self.desk.order(order)
            if known is None:
                return None
            if known.status.name in names:
                return known
            if known.is_closed:
                raise AssertionError(f"it ended {self.names(order)}: {self.events(order)[-1]}")
            return None

        try:
            return await self.until(ended, "", secs)
        except TimeoutError:
            told = self.names(order)
            raise TimeoutError(f"{' or '.join(names)} not within {secs} s: {told}") from None

    # ---- the exchange's own truth ----

    def found(self, order: Any) -> Order | None:
        """Show an order as the exchange has it, by the venue's id that the engine was told."""
        known = self.desk.order(order)
        if known is None or known.venue_order_id is None:
            return None
        order_id = known.venue_order_id.value
        return self.ask(lambda e: copy(e.truth.placed.get(order_id)))

    def truth(self, order: Any) -> Order:
        """Show an order as the exchange has it; fail where it has none."""
        there = self.found(order)
        if there is None:
            raise AssertionError(f"the exchange has no order {order.client_order_id}")
        return there

    def times_placed(self, client_id: str | None) -> int:
        """Count how often the exchange was asked to place an order of a client id."""
        return self.ask(lambda e: 0 if client_id is None else e.truth.requests[client_id])

    def open_at_venue(self) -> list[Order]:
        return self.ask(lambda e: [copy(order) for order in e.orders(open_only=True)])

    def fills_at_venue(self, order: Any) -> list[Fill]:
        order_id = self.desk.order(order).venue_order_id.value
        return self.ask(lambda e: e.fills(order_id=order_id))

    def held_at_venue(self) -> Decimal:
        """Tell the position of a perpetual, or the coins of a wallet."""
        if self.is_spot:
            return self.ask(lambda e: e.balances(Traded.SPOT)[self.base].total)
        return self.ask(lambda e: e.position(self.symbol).quantity)

    def placements(self) -> int:
        """Count what the exchange was asked to place, refused or not."""
        return self.ask(lambda e: sum(e.truth.requests.values()))

    # ---- the engine's side ----

    def held(self) -> Decimal:
        """Tell the engine's net position."""
        positions = self.cache.positions_open(instrument_id=self.instrument_id)
        return sum((Decimal(str(each.signed_qty)) for each in positions), Decimal(0))

    def events(self, order: Any) -> list[Any]:
        """List an order's own events, oldest first."""
        return list(self.desk.order(order).events())

    def names(self, order: Any) -> list[str]:
        """Name an order's own events, fills in a row as one."""
        found: list[str] = []
        for event in self.events(order):
            name = type(event).__name__
            if not (found and found[-1] == name == "OrderFilled"):
                found.append(name)
        return found

    # ---- between cases ----

    async def tidy(self) -> str | None:
        """Leave nothing behind; a sentence where the engine alone could not."""
        self.venue.faults.clear()
        self.tick(PRICE)
        try:
            await self._tidy_by_engine()
        except TimeoutError as e:
            left = self._tidy_by_hand()
            return f"was not left tidy: {e}; {left}"
        return None

    async def _tidy_by_engine(self) -> None:
        strategy = self.desk.strategy
        if self.open_at_venue():
            strategy.cancel_all_orders(self.instrument_id)
            await self.until(lambda: not self.open_at_venue(), "no order left at the venue", 3)
        await self.until(lambda: not self.open_in_engine(), "no order left in the engine", 3)
        if self.is_spot:
            return
        if self.held_at_venue():
            strategy.close_all_positions(self.instrument_id)
            await self.until(lambda: not self.held_at_venue(), "flat at the venue", 3)
        await self.until(lambda: not self.held(), "flat in the engine", 3)

    def open_in_engine(self) -> set[Any]:
        """Name the orders that are not over for the engine, without those lost before."""
        found = [*self.cache.orders_open(), *self.cache.orders_inflight()]
        return {order.client_order_id for order in found} - self.lost

    def _tidy_by_hand(self) -> str:
        """Cancel and close at the exchange itself, and remember what the engine still has."""

        def clean(exchange: Exchange) -> str:
            orders = exchange.orders(open_only=True)
            for order in orders:
                exchange.cancel(order.order_id)
            if not self.is_spot and (held := exchange.position(self.symbol).quantity):
                side = Side.SELL if held > 0 else Side.BUY
                exchange.place(
                    Ask(symbol=self.symbol, side=side, kind=Kind.MARKET, quantity=abs(held))
                )
            return f"{len(orders)} orders cancelled by hand"

        told = self.ask(clean)
        self.lost |= self.open_in_engine()
        return told


IOC: Final = TimeInForce.IOC
FOK: Final = TimeInForce.FOK
BUY: Final = OrderSide.BUY
SELL: Final = OrderSide.SELL

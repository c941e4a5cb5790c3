"""Carries out a schedule: orders through the engine, trades and hands at the exchange."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from nautilus_trader.model import OrderSide, Quantity, TimeInForce

from tests.faults.plans import Act, Schedule, Step
from tests.harness.nodes import Desk
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.model import Ask, Kind, Listing, Order, Product, Refused, Side, Trigger

# `Any` in this module: the engine's stubs have no common type of orders

_WORTH: Final = Decimal(60)  # quote coins in one unit of size
_STEP: Final = 10  # ticks in one of a schedule's
_FAR: Final = 200
_TOO_LARGE: Final = 100_000
_MOST_UNDER_WAY: Final = 12  # more orders are not sent while so many wait for their outcome
_UNDER_WAY: Final = ("SUBMITTED", "PENDING_UPDATE", "PENDING_CANCEL")
_CANCELLABLE: Final = ("ACCEPTED", "TRIGGERED", "PARTIALLY_FILLED")
_BLIND_WAIT_SECS: Final = 20.0  # hurried ones; then it goes on blind
_GO_ON_BLIND: Final = 0.15
_LIMITS: Final[Mapping[Act, Mapping[str, Any]]] = {
    Act.LIMIT: {},
    Act.FAR_LIMIT: {},
    Act.TOO_LARGE: {},
    Act.TAKING_LIMIT: {},
    Act.POST_ONLY: {"post_only": True},
    Act.TAKING_POST_ONLY: {"post_only": True},
    Act.IOC: {"time_in_force": TimeInForce.IOC},
    Act.FOK: {"time_in_force": TimeInForce.FOK},
    Act.REDUCE_LIMIT: {"reduce_only": True},
}
_TAKING: Final = (Act.TAKING_LIMIT, Act.TAKING_POST_ONLY, Act.IOC, Act.FOK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """Where a schedule is carried out."""

    desk: Desk
    venue: LocalVenue
    instruments: Sequence[Any]  # the engine's
    listings: Sequence[Listing]  # the exchange's, in the same order
    cost_buys: bool  # market buys are counted in quote coins
    is_blind: Callable[[], bool]
    is_now: Callable[[Any], bool]  # whether an order belongs to this schedule
    speed: float  # hurried seconds in a real one


class Driver:
    """One schedule under way."""

    def __init__(self, arena: Arena, schedule: Schedule) -> None:
        self._arena = arena
        self._schedule = schedule
        self._hands: list[str] = []  # ids of orders placed by hand
        self._prices: dict[int, Decimal] = {}
        self._strategy = arena.desk.strategy

    async def run(self) -> None:
        """Carry out every step."""
        for index, step in enumerate(self._schedule.steps):
            self._arena.venue.faults.add(*step.faults)
            self._market(index, step)
            await self._room(step)
            self._do(step)
            await asyncio.sleep(0)
            await self._pause(step.pause_secs)

    async def _pause(self, secs: float) -> None:
        if secs:
            await asyncio.sleep(secs * self._arena.speed)

    async def _room(self, step: Step) -> None:
        """Wait while too much is under way, and mostly while the adapter is blind."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _BLIND_WAIT_SECS
        goes_on = step.pick < _GO_ON_BLIND
        while loop.time() < until:
            crowded = len(self._ours(*_UNDER_WAY)) >= _MOST_UNDER_WAY
            if not crowded and (goes_on or not self._arena.is_blind()):
                return
            await asyncio.sleep(0.1)

    # ---- the exchange's side ----

    def _market(self, index: int, step: Step) -> None:
        def act(exchange: Exchange) -> Decimal | None:
            for each in step.prints:
                self._print(exchange, listing, each.ticks, each.lots)
            self._hand(exchange, listing, index, step)
            return exchange.last(listing.symbol)

        listing = self._arena.listings[step.symbol]
        last = self._arena.venue.call(act)
        assert last is not None
        self._prices[step.symbol] = last

    def _print(self, exchange: Exchange, listing: Listing, ticks: int, lots: int) -> None:
        last = exchange.last(listing.symbol)
        assert last is not None
        price = max(last + ticks * _STEP * listing.tick, listing.tick)
        quantity = lots_of(listing, last, Decimal(lots) / 40)
        side = Side.BUY if ticks >= 0 else Side.SELL
        exchange.tick(listing.symbol, price, quantity, side)

    def _hand(self, exchange: Exchange, listing: Listing, index: int, step: Step) -> None:
        match step.act:
            case Act.HAND_LIMIT | Act.HAND_MARKET | Act.HAND_STOP:
                ask = self._hand_ask(exchange, listing, index, step)
                self._place(exchange, ask)
            case Act.HAND_CANCEL if self._hands:
                self._cancel(exchange, self._hands[int(step.pick * len(self._hands))])
            case Act.HAND_CANCEL_OURS:
                ours = [o for o in exchange.orders(open_only=True) if not self._by_hand(o)]
                if ours:
                    self._cancel(exchange, ours[int(step.pick * len(ours))].order_id)
            case _:
                pass

    def _by_hand(self, order: Order) -> bool:
        return order.order_id in self._hands or order.fired_from in self._hands

    def _hand_ask(self, exchange: Exchange, listing: Listing, index: int, step: Step) -> Ask:
        last = exchange.last(listing.symbol)
        assert last is not None
        side = Side.BUY if step.buy else Side.SELL
        away = step.ticks * _STEP * listing.tick
        is_stop = step.act is Act.HAND_STOP
        limit = last - side.sign * away if step.act is Act.HAND_LIMIT else None
        stop = Trigger(price=last + side.sign * away, rising=step.buy) if is_stop else None
        return Ask(
            symbol=listing.symbol,
            side=side,
            kind=Kind.MARKET if limit is None else Kind.LIMIT,
            quantity=lots_of(listing, last, Decimal(step.size)),
            price=limit,
            trigger=stop,
            client_id=f"hand-{self._schedule.seed}-{index}" if step.pick < 0.5 else None,
        )

    def _place(self, exchange: Exchange, ask: Ask) -> None:
        try:
            self._hands.append(exchange.place(ask).order_id)
        except Refused:
            return  # a hand may err

    def _cancel(self, exchange: Exchange, order_id: str) -> None:
        try:
            exchange.cancel(order_id)
        except Refused:
            return  # it is over already

    # ---- the engine's side ----

    def _do(self, step: Step) -> None:
        match step.act:
            case Act.MODIFY:
                self._modify(step)
            case Act.CANCEL:
                self._cancel_one(step)
            case Act.CANCEL_SEVERAL:
                self._cancel_several(step)
            case Act.CANCEL_ALL:
                self._strategy.cancel_all_orders(self._arena.instruments[step.symbol].id)
            case Act.DROP_PRIVATE | Act.DROP_ALL | Act.RESTART:
                self._break(step)
            case _:
                order = self._order(step)
                if order is not None:
                    self._arena.desk.submit(order)

    def _break(self, step: Step) -> None:
        if step.act is Act.RESTART:
            self._arena.venue.restart(step.pick)
        else:
            self._arena.venue.drop("private" if step.act is Act.DROP_PRIVATE else None)

    def _cancel_one(self, step: Step) -> None:
        found = self._ours("SUBMITTED", *_CANCELLABLE)
        if found:
            picked = found[int(step.pick * len(found))]
            self._strategy.cancel_order(picked.client_order_id)

    def _cancel_several(self, step: Step) -> None:
        instrument_id = self._arena.instruments[step.symbol].id
        found = [o for o in self._ours(*_CANCELLABLE) if o.instrument_id == instrument_id][:5]
        if found:
            self._strategy.cancel_orders([order.client_order_id for order in found])

    def _ours(self, *statuses: str) -> list[Any]:
        cache = self._strategy.cache
        orders = [*cache.orders_open(strategy_id=self._strategy.strategy_id)]
        orders += cache.orders_inflight(strategy_id=self._strategy.strategy_id)
        unique = {each.client_order_id.value: each for each in orders}
        return [
            each
            for _, each in sorted(unique.items())
            if each.status.name in statuses and self._arena.is_now(each)
        ]

    def _modify(self, step: Step) -> None:
        found = [
            order
            for order in self._ours(*_CANCELLABLE)
            if getattr(order, "price", None) is not None
            or getattr(order, "trigger_price", None) is not None
        ]
        if not found:
            return
        order = found[int(step.pick * len(found))]
        instrument, listing = self._of(order)
        away = (step.ticks - 15 or 1) * _STEP * listing.tick
        price, trigger = getattr(order, "price", None), getattr(order, "trigger_price", None)
        more = lots_of(listing, self._last(listing), Decimal(step.size))
        quantity = order.quantity.as_decimal() + more if step.buy else None
        self._strategy.modify_order(
            order.client_order_id,
            quantity=None if quantity is None else instrument.make_qty(quantity),
            price=None if price is None else _moved(instrument, price, away),
            trigger_price=None if trigger is None else _moved(instrument, trigger, away),
        )

    def _of(self, order: Any) -> tuple[Any, Listing]:
        pairs = zip(self._arena.instruments, self._arena.listings, strict=True)
        return next(pair for pair in pairs if pair[0].id == order.instrument_id)

    def _last(self, listing: Listing) -> Decimal:
        index = list(self._arena.listings).index(listing)
        return self._prices.get(index) or self._arena.venue.call(
            lambda exchange: exchange.last(listing.symbol) or Decimal(1)
        )

    # ---- one order ----

    def _order(self, step: Step) -> Any:
        instrument = self._arena.instruments[step.symbol]
        listing = self._arena.listings[step.symbol]
        last = self._prices[step.symbol]
        size = Decimal(step.size * (_TOO_LARGE if step.act is Act.TOO_LARGE else 1))
        quantity = instrument.make_qty(lots_of(listing, last, size))
        make = Making(self._arena, instrument, listing, last, step, quantity)
        return make.order()


class Making:
    """Makes the order of one step."""

    def __init__(
        self,
        arena: Arena,
        instrument: Any,
        listing: Listing,
        last: Decimal,
        step: Step,
        quantity: Any,
    ) -> None:
        self._orders = arena.desk.orders
        self._arena = arena
        self._instrument = instrument
        self._step = step
        self._last = last
        self._quantity = quantity
        self._unit = _STEP * listing.tick
        self._is_buy = self._side(listing)

    def _side(self, listing: Listing) -> bool:
        if self._step.act not in (Act.REDUCE_MARKET, Act.REDUCE_LIMIT):
            return self._step.buy
        cache = self._arena.desk.strategy.cache
        held = sum(
            each.signed_qty for each in cache.positions_open(instrument_id=self._instrument.id)
        )
        return held < 0 if held else self._step.buy

    def order(self) -> Any:
        """Make it; None where the step asks for none."""
        base = (self._instrument.id, OrderSide.BUY if self._is_buy else OrderSide.SELL)
        full = (*base, self._quantity)
        match self._step.act:
            case Act.MARKET:
                return self._market(base)
            case Act.REDUCE_MARKET:
                return self._orders.market(*full, reduce_only=True)
            case act if act in _LIMITS:
                ticks = self._step.ticks + _FAR * (act in (Act.FAR_LIMIT, Act.TOO_LARGE))
                price = self._price(ticks if act in _TAKING else -ticks)
                return self._orders.limit(*full, price, **_LIMITS[act])
            case _:
                return self._trigger(full)

    def _trigger(self, full: tuple[Any, Any, Any]) -> Any:
        orders, ticks = self._orders, self._step.ticks
        match self._step.act:
            case Act.STOP_MARKET:
                return orders.stop_market(*full, self._price(ticks))
            case Act.STOP_LIMIT:
                return orders.stop_limit(*full, self._price(ticks + 5), self._price(ticks))
            case Act.TARGET_MARKET:
                return orders.market_if_touched(*full, self._price(-ticks))
            case Act.TARGET_LIMIT:
                return orders.limit_if_touched(*full, self._price(5 - ticks), self._price(-ticks))
            case _:
                return None

    def _market(self, base: tuple[Any, Any]) -> Any:
        if not (self._arena.cost_buys and self._is_buy):
            return self._orders.market(*base, self._quantity)
        cost = (_WORTH * self._step.size).quantize(Decimal("0.01"))
        quantity = Quantity.from_str(str(cost))
        return self._orders.market(*base, quantity, quote_quantity=True)

    def _price(self, ticks: int) -> Any:
        sign = 1 if self._is_buy else -1
        return self._instrument.make_price(self._last + sign * ticks * self._unit)


def lots_of(listing: Listing, price: Decimal, size: Decimal) -> Decimal:
    """Count what so many units of size are, in lots of the venue and at least its smallest."""
    wanted = size * _WORTH / (price * listing.contract_size)
    least = max(listing.min_quantity, listing.lot)
    lots = (max(wanted, least) / listing.lot).to_integral_value(ROUND_UP)
    return lots * listing.lot


def tidy(exchange: Exchange, product: Product, targets: dict[str, Decimal]) -> None:
    """Cancel what is left and trade back to where the day began, by hand."""
    for order in exchange.orders(open_only=True):
        exchange.cancel(order.order_id)
    for symbol, listing in exchange.listings.items():
        if listing.product is not product:
            continue
        if product is Product.PERP:
            surplus = exchange.position(symbol).quantity
        else:
            surplus = exchange.balances(product)[listing.base].total - targets[listing.base]
        lots = abs(surplus) // listing.lot * listing.lot
        side = Side.SELL if surplus > 0 else Side.BUY
        try:
            if lots:
                exchange.place(Ask(symbol=symbol, side=side, kind=Kind.MARKET, quantity=lots))
        except Refused:
            continue  # too little to trade


def _moved(instrument: Any, price: Any, away: Decimal) -> Any:
    return instrument.make_price(max(price.as_decimal() + away, Decimal(1)))

"""Builds the engine's orders for a plan: entry, entry with linked stop, stop, target, close."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from nautilus_trader.common import OrderFactory
from nautilus_trader.core import UUID4
from nautilus_trader.model import (
    ClientOrderId,
    ContingencyType,
    LimitOrder,
    MarketOrder,
    OrderSide,
    OrderStatus,
    OrderType,
    Price,
    Quantity,
    StopMarketOrder,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.trading import Strategy

from morningstar_strategy.core.bracket import WorkingExit
from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.ledger import OrderRef
from morningstar_strategy.core.state import Plan
from morningstar_strategy.snapshot import Terms

type Order = Any  # the engine's stubs leave orders untyped

SETTLED: Final = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
WORKING: Final = (*SETTLED, OrderStatus.TRIGGERED, OrderStatus.PENDING_UPDATE)
_STOPS: Final = (OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP_MARKET)
_UNANSWERED: Final = (OrderStatus.INITIALIZED, OrderStatus.SUBMITTED)
_NEAR: Final = Decimal("0.02")  # of a price: venues refuse limits that are far off
_UNHEARD_NS: Final = 1_000_000_000
_UNHEARD_AGAIN_NS: Final = 400_000_000  # what loses one order loses several
INTENDED: Final = "intended="  # tag of a take profit: the quantity it was meant to close


class Tickets:
    """Writes order tickets in the name of one strategy."""

    def __init__(self, *, strategy: Strategy, factory: OrderFactory) -> None:
        self._strategy = strategy
        self._factory = factory

    def entry(self, plan: Plan, terms: Terms, entry_id: ClientOrderId) -> Order:
        """Enter at market, or at the plan's limit."""
        side, quantity = _entry_side(plan.direction), quantity_of(plan.quantity, terms)
        if plan.setup.entry_price is None:
            return self._factory.market(
                terms.instrument_id, side, quantity, client_order_id=entry_id
            )
        price = price_of(plan.setup.entry_price, terms)
        return self._factory.limit(
            terms.instrument_id, side, quantity, price, client_order_id=entry_id
        )

    def linked_pair(
        self, plan: Plan, terms: Terms, entry_id: ClientOrderId, stop_id: ClientOrderId
    ) -> list[Order]:
        """Enter with the stop as a one-triggers-other child of the entry.

        The orders are built by constructor: the factory offers such a pair only together with
        one take profit, whose fill would cancel the stop.
        """
        trader_id, strategy_id = self._ids()
        list_id, now_ns = self._factory.generate_order_list_id(), self._now_ns()
        stop = StopMarketOrder(
            trader_id,
            strategy_id,
            terms.instrument_id,
            stop_id,
            exit_side(plan.direction),
            quantity_of(plan.quantity, terms),
            price_of(plan.setup.stop_loss_price, terms),
            TriggerType.DEFAULT,
            TimeInForce.GTC,
            reduce_only=True,
            quote_quantity=False,
            init_id=UUID4(),
            ts_init=now_ns,
            contingency_type=ContingencyType.NO_CONTINGENCY,
            order_list_id=list_id,
            parent_order_id=entry_id,
        )
        links: dict[str, Any] = {
            "contingency_type": ContingencyType.OTO,
            "order_list_id": list_id,
            "linked_order_ids": [stop_id],
        }
        return [self._linked_entry(plan, terms, entry_id, links), stop]

    def stop(self, direction: Direction, quantity: Decimal, price: Decimal, terms: Terms) -> Order:
        """Close at market when the price is passed."""
        return self._factory.stop_market(
            terms.instrument_id,
            exit_side(direction),
            quantity_of(quantity, terms),
            price_of(price, terms),
            reduce_only=True,
        )

    def target(
        self, direction: Direction, quantity: Decimal, price: Decimal, terms: Terms
    ) -> Order:
        """Take profit at a limit; the tag keeps the contracts it is meant to close."""
        return self._factory.limit(
            terms.instrument_id,
            exit_side(direction),
            quantity_of(quantity, terms),
            price_of(price, terms),
            reduce_only=True,
            tags=[f"{INTENDED}{quantity / terms.contract:f}"],
        )

    def close(self, direction: Direction, quantity: Decimal, terms: Terms) -> Order:
        """Close at market now."""
        return self._factory.market(
            terms.instrument_id,
            exit_side(direction),
            quantity_of(quantity, terms),
            reduce_only=True,
        )

    def close_near(
        self, direction: Direction, quantity: Decimal, price: Decimal, terms: Terms
    ) -> Order:
        """Close now, at a limit a little beyond a price that was paid.

        The engine denies a market order on an instrument that it has no price of.
        """
        ticks = price * (1 - direction.sign * _NEAR) / terms.tick
        return self._factory.limit(
            terms.instrument_id,
            exit_side(direction),
            quantity_of(quantity, terms),
            price_of(ticks.to_integral_value(ROUND_HALF_EVEN) * terms.tick, terms),
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
        )

    def _linked_entry(
        self, plan: Plan, terms: Terms, entry_id: ClientOrderId, links: dict[str, Any]
    ) -> Order:
        side, quantity = _entry_side(plan.direction), quantity_of(plan.quantity, terms)
        head = (*self._ids(), terms.instrument_id, entry_id, side, quantity)
        init_id, now_ns = UUID4(), self._now_ns()
        if plan.setup.entry_price is None:
            return MarketOrder(*head, init_id, now_ns, TimeInForce.GTC, False, False, **links)
        price = price_of(plan.setup.entry_price, terms)
        return LimitOrder(
            *head, price, TimeInForce.GTC, False, False, False, init_id, now_ns, **links
        )

    def _now_ns(self) -> int:
        return self._strategy.clock.timestamp_ns()

    def _ids(self) -> tuple[Any, Any]:
        """Give trader and strategy id, which a running strategy has."""
        return self._strategy.trader_id, self._strategy.strategy_id


def exit_side(direction: Direction) -> OrderSide:
    """Give the order side that closes a trade."""
    return OrderSide.SELL if direction is Direction.LONG else OrderSide.BUY


def quantity_of(value: Decimal, terms: Terms) -> Quantity:
    """Write a quantity in base coins as the venue's contracts, at the instrument's precision."""
    return Quantity.from_str(f"{value / terms.contract:.{terms.size_precision}f}")


def price_of(value: Decimal, terms: Terms) -> Price:
    """Write a price at the instrument's precision."""
    return Price.from_str(f"{value:.{terms.price_precision}f}")


def _entry_side(direction: Direction) -> OrderSide:
    return exit_side(direction.opposite)


def working_stop(order: Order, terms: Terms) -> WorkingExit:
    """Read a stop that is not done."""
    return WorkingExit(
        order_id=order.client_order_id.value,
        price=order.trigger_price.as_decimal(),
        quantity=terms.base_of(order.leaves_qty),
        settled=order.status in SETTLED,
    )


def working_target(order: Order, ref: OrderRef, terms: Terms) -> WorkingExit:
    """Take the quantity we meant: a simulated venue grows reduce-only orders."""
    return WorkingExit(
        order_id=ref.order_id,
        price=order.price.as_decimal(),
        quantity=ref.quantity - terms.base_of(order.filled_qty),
        settled=order.status in SETTLED,
    )


def is_unheard(order: Order, beside: Iterable[Order], *, now_ns: int) -> bool:
    """Say whether nobody has answered for an exit for so long that the venue may never have it.

    It only reduces, so that another one beside it does no harm; beside one that was waited for in
    vain the next is not waited for as long.
    """

    def is_waited_for(other: Order, least_ns: int) -> bool:
        return other.status in _UNANSWERED and now_ns - other.ts_init > least_ns

    if not is_waited_for(order, _UNHEARD_AGAIN_NS):
        return False
    return any(is_waited_for(each, _UNHEARD_NS) for each in (order, *beside))


def stop_cover(orders: Iterable[Order], direction: Direction, terms: Terms) -> Decimal:
    """Give how much of a trade the working stops among these orders would close."""
    covers = (
        terms.base_of(order.leaves_qty)
        for order in orders
        if order.side == exit_side(direction)
        and order.order_type in _STOPS
        and order.status in WORKING
    )
    return sum(covers, Decimal(0))

"""The parts of the engine that a strategy holds: its own, or as they are seen through a border."""

from dataclasses import dataclass
from typing import Any, Self, cast

from nautilus_trader.common import Cache, Clock, OrderFactory
from nautilus_trader.model import ClientOrderId, InstrumentId, OrderFilled, StrategyId, TraderId
from nautilus_trader.portfolio import Portfolio
from nautilus_trader.trading import Strategy

from morningstar_strategy.border.crossing import Border, Plain
from morningstar_strategy.border.seen import (
    SeenCache,
    SeenClock,
    SeenFactory,
    SeenPortfolio,
    told_fills,
)

__all__ = ["Engine", "fills_of"]

# `Any` in this module: the engine's orders have no common type


class Hands:
    """What a strategy does outside."""

    def __init__(self, strategy: Strategy, border: Border) -> None:
        self._strategy = strategy
        self._border = border
        self.clock = SeenClock(strategy.clock, border)

    @property
    def strategy_id(self) -> StrategyId:
        """Name the strategy."""
        return self._strategy.strategy_id

    @property
    def trader_id(self) -> TraderId | None:
        """Name the trader."""
        return self._strategy.trader_id

    def submit_order(self, order: Any) -> None:
        """Send an order."""
        self._border.act(["submit", _told(order)], lambda: self._strategy.submit_order(order))

    def submit_order_list(self, orders: list[Any]) -> None:
        """Send linked orders."""
        told = ["submit", *(_told(order) for order in orders)]
        self._border.act(told, lambda: self._strategy.submit_order_list(orders))

    def modify_order(self, order_id: ClientOrderId, **terms: Any) -> None:
        """Change an order."""
        told = ["modify", order_id.value, {name: str(value) for name, value in terms.items()}]
        self._border.act(told, lambda: self._strategy.modify_order(order_id, **terms))

    def cancel_order(self, order_id: ClientOrderId) -> None:
        """Take an order back."""
        self._border.act(["cancel", order_id.value], lambda: self._strategy.cancel_order(order_id))

    def close_all_positions(self, instrument_id: InstrumentId, *, reduce_only: bool) -> None:
        """Close whatever is held."""

        def close() -> None:
            self._strategy.close_all_positions(instrument_id, reduce_only=reduce_only)

        self._border.act(["close all", instrument_id.value], close)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Cache, portfolio, clock, factory of orders, and hands to send them."""

    cache: Cache
    portfolio: Portfolio
    clock: Clock
    factory: OrderFactory
    hands: Strategy

    @classmethod
    def of(cls, strategy: Strategy, border: Border | None) -> Self:
        """Take hold of a running strategy's parts."""
        if border is None:
            return cls(
                cache=strategy.cache,
                portfolio=strategy.portfolio,
                clock=strategy.clock,
                factory=strategy.order_factory,
                hands=strategy,
            )
        # They have of the engine's own what a strategy uses
        return cls(
            cache=cast(Cache, SeenCache(strategy.cache, border)),
            portfolio=cast(Portfolio, SeenPortfolio(strategy.portfolio, border)),
            clock=cast(Clock, SeenClock(strategy.clock, border)),
            factory=cast(OrderFactory, SeenFactory(strategy.order_factory, border)),
            hands=cast(Strategy, Hands(strategy, border)),
        )


def fills_of(cache: Cache, order_id: str) -> list[OrderFilled]:
    """Give the fills that the engine knows of an order."""
    name, seen = ClientOrderId(order_id), cast(Any, cache)
    return seen.fills(name) if isinstance(seen, SeenCache) else told_fills(cache, name)


def _told(order: Any) -> Plain:
    price, trigger = getattr(order, "price", None), getattr(order, "trigger_price", None)
    return {
        "order_id": order.client_order_id.value,
        "instrument_id": order.instrument_id.value,
        "type": order.order_type.name,
        "side": order.side.name,
        "quantity": str(order.quantity),
        "price": None if price is None else str(price),
        "trigger_price": None if trigger is None else str(trigger),
        "reduce_only": order.is_reduce_only,
    }

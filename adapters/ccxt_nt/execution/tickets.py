"""The engine's orders as tickets for the desk, or a sentence why not."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import ContingencyType, OrderSide, OrderType, TimeInForce, TriggerType

from ccxt_nt.errors import Unsupported
from ccxt_nt.execution.reports import FORCES, KINDS
from ccxt_nt.orders.story import Told
from ccxt_nt.values import Force, MarketRow, OrderKind, Side, Ticket

# `Any` in this module: the engine's stubs have no common type of orders

_KINDS: Final[Mapping[OrderType, OrderKind]] = {told: ours for ours, told in KINDS.items()}
_FORCES: Final[Mapping[TimeInForce, Force]] = {told: ours for ours, told in FORCES.items()}
# Stops are compared with the last price at every venue of ours; another price is not promised
_TRIGGERS: Final = (None, TriggerType.DEFAULT, TriggerType.LAST_PRICE, TriggerType.NO_TRIGGER)


def ticket(order: Any, *, symbol: str, client_id: str) -> Ticket:
    """Read an order; Unsupported names what the venue cannot be asked for."""
    complaint = _complaint(order)
    if complaint:
        raise Unsupported(complaint)
    return Ticket(
        symbol=symbol,
        client_order_id=client_id,
        side=Side.BUY if order.side == OrderSide.BUY else Side.SELL,
        kind=_KINDS[order.order_type],
        quantity=order.quantity.as_decimal(),
        price=decimal(getattr(order, "price", None)),
        trigger_price=decimal(getattr(order, "trigger_price", None)),
        force=_FORCES[order.time_in_force],
        post_only=bool(getattr(order, "is_post_only", False)),
        reduce_only=bool(order.is_reduce_only),
        quantity_in_quote=bool(order.is_quote_quantity),
    )


def told(sent: Ticket) -> Told:
    """Begin to remember what the engine was told of an order."""
    return Told(
        quantity=sent.quantity,
        price=sent.price,
        trigger_price=sent.trigger_price,
        in_quote=sent.quantity_in_quote,
    )


def decimal(value: Any) -> Decimal | None:
    """Read a price or a quantity of the engine exactly."""
    return None if value is None else value.as_decimal()


def refuse_off_grid(
    market: MarketRow, quantity: Decimal | None, price: Decimal | None, trigger: Decimal | None
) -> None:
    """Raise Unsupported for what would be sent rounded: another price than the engine knows."""
    steps = (("quantity", quantity, market.lot), ("price", price, market.tick))
    for name, value, step in (*steps, ("trigger price", trigger, market.tick)):
        if value is not None and value % step:
            raise Unsupported(f"{name} {value} of {market.symbol} must be a multiple of {step}")


def _complaint(order: Any) -> str | None:
    if order.order_type not in _KINDS:
        return f"order type {order.order_type.name} has no tested way to these venues"
    if order.time_in_force not in _FORCES:
        return f"time in force {order.time_in_force.name} is not kept by the venue: use GTC"
    if getattr(order, "trigger_type", None) not in _TRIGGERS:
        return f"trigger type {order.trigger_type.name} is not offered: use LAST_PRICE"
    if getattr(order, "display_qty", None) is not None:
        return f"display quantity {order.display_qty} is not offered: leave it out"
    if order.contingency_type not in (None, ContingencyType.NO_CONTINGENCY):
        return (
            f"contingency {order.contingency_type.name} is not kept by the venue: send the stop"
            " and the targets when the entry has filled"
        )
    return None

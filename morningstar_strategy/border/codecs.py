"""What is seen of the engine, of the store and of the rules, as JSON values and back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import (
    AccountId,
    BarType,
    ClientOrderId,
    InstrumentId,
    Money,
    OrderFilled,
    OrderListId,
    OrderSide,
    OrderStatus,
    OrderType,
    Price,
    Quantity,
)
from pydantic import TypeAdapter

from morningstar_strategy.border.crossing import Codec, Plain
from morningstar_strategy.core.kept import memory_fields, memory_of
from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.scene import External
from morningstar_strategy.snapshot import Terms

__all__ = [
    "ACCOUNT_ID",
    "BAR",
    "DECIMAL",
    "EXTERNALS",
    "FILLS",
    "IS_THERE",
    "LEDGERS",
    "LIST_ID",
    "MEMORY",
    "MONEY",
    "MONIES",
    "ORDER",
    "ORDERS",
    "ORDER_ID",
    "PLAIN",
    "POSITIONS",
    "STRAYS",
    "TERMS",
    "SeenBar",
    "SeenOrder",
    "SeenPosition",
]

# `Any` in this module: the engine's orders and positions have no common types


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOrder:
    """An order as it was at a moment, with the names of the engine's own."""

    client_order_id: ClientOrderId
    instrument_id: InstrumentId
    order_type: OrderType
    side: OrderSide
    status: OrderStatus
    quantity: Quantity
    filled_qty: Quantity
    leaves_qty: Quantity
    price: Price | None
    trigger_price: Price | None
    ts_init: int
    is_reduce_only: bool
    is_closed: bool
    is_pending_cancel: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPosition:
    """A position as it was at a moment, with the names of the engine's own."""

    quantity: Quantity
    signed_qty: float
    avg_px_open: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBar:
    """Of a bar what a price is made of, with the names of the engine's own."""

    close: Price
    volume: Quantity
    ts_event: int


def _order(order: Any) -> Plain:
    """Write an order, also one that goes out and has no status yet."""
    price, trigger = getattr(order, "price", None), getattr(order, "trigger_price", None)
    return [
        order.client_order_id.value,
        order.instrument_id.value,
        order.order_type.name,
        order.side.name,
        order.status.name,
        str(order.quantity),
        str(order.filled_qty),
        str(order.leaves_qty),
        None if price is None else str(price),
        None if trigger is None else str(trigger),
        order.ts_init,
        order.is_reduce_only,
        order.is_closed,
        order.is_pending_cancel,
    ]


def _order_of(told: Plain) -> SeenOrder:
    name, instrument, kind, side, status, quantity, filled, left, price, trigger, *rest = told
    ts_init, is_reduce_only, is_closed, is_pending_cancel = rest
    return SeenOrder(
        client_order_id=ClientOrderId(name),
        instrument_id=InstrumentId.from_str(instrument),
        order_type=OrderType.from_str(kind),
        side=getattr(OrderSide, side),
        status=OrderStatus.from_str(status),
        quantity=Quantity.from_str(quantity),
        filled_qty=Quantity.from_str(filled),
        leaves_qty=Quantity.from_str(left),
        price=None if price is None else Price.from_str(price),
        trigger_price=None if trigger is None else Price.from_str(trigger),
        ts_init=ts_init,
        is_reduce_only=is_reduce_only,
        is_closed=is_closed,
        is_pending_cancel=is_pending_cancel,
    )


def _position_of(told: Plain) -> SeenPosition:
    quantity, signed, paid = told
    return SeenPosition(quantity=Quantity.from_str(quantity), signed_qty=signed, avg_px_open=paid)


def _bar_of(told: Plain) -> SeenBar:
    close, volume, ts_event = told
    return SeenBar(close=Price.from_str(close), volume=Quantity.from_str(volume), ts_event=ts_event)


def _terms(terms: Terms) -> Plain:
    return {each.name: _field(getattr(terms, each.name)) for each in fields(Terms)}


def _field(value: Any) -> Plain:
    return value if isinstance(value, int | str) else str(value)


def _terms_of(told: Mapping[str, Plain]) -> Terms:
    money = {each.name: Decimal(told[each.name]) for each in fields(Terms) if each.type is Decimal}
    known = {
        "instrument_id": InstrumentId.from_str(told["instrument_id"]),
        "bar_type": BarType.from_str(told["bar_type"]),
    }
    return Terms(**{**told, **money, **known})


def _optional[T](codec: Codec[T]) -> Codec[T | None]:
    return Codec(
        lambda value: None if value is None else codec.encode(value),
        lambda told: None if told is None else codec.decode(told),
    )


def _several[T](codec: Codec[T]) -> Codec[list[T]]:
    return Codec(
        lambda values: [codec.encode(each) for each in values],
        lambda told: [codec.decode(each) for each in told],
    )


PLAIN: Final[Codec[Any]] = Codec(lambda value: value, lambda told: told)
IS_THERE: Final[Codec[Any]] = Codec(lambda value: value is not None, lambda told: told or None)
DECIMAL: Final[Codec[Decimal]] = Codec(str, Decimal)
_MONEY: Final[Codec[Money]] = Codec(str, Money.from_str)
MONEY: Final[Codec[Money | None]] = _optional(_MONEY)
MONIES: Final[Codec[list[Money]]] = _several(_MONEY)
ORDER_ID: Final = Codec[ClientOrderId](lambda value: value.value, ClientOrderId)
LIST_ID: Final = Codec[OrderListId](lambda value: value.value, OrderListId)
ACCOUNT_ID: Final[Codec[AccountId | None]] = _optional(Codec(lambda value: value.value, AccountId))
_ORDER: Final = Codec[Any](_order, _order_of)
ORDER: Final[Codec[Any]] = _optional(_ORDER)
ORDERS: Final[Codec[list[Any]]] = _several(_ORDER)
POSITIONS: Final[Codec[list[Any]]] = _several(
    Codec[Any](lambda each: [str(each.quantity), each.signed_qty, each.avg_px_open], _position_of)
)
BAR: Final[Codec[Any]] = _optional(
    Codec[Any](lambda bar: [str(bar.close), str(bar.volume), bar.ts_event], _bar_of)
)
FILLS: Final[Codec[list[OrderFilled]]] = _several(
    Codec(lambda event: event.to_dict(), OrderFilled.from_dict)
)
TERMS: Final[Codec[tuple[Terms, ...]]] = Codec(
    lambda value: [_terms(each) for each in value],
    lambda told: tuple(_terms_of(each) for each in told),
)
MEMORY: Final = Codec(memory_fields, memory_of)
_LEDGERS: Final = TypeAdapter(dict[str, Ledger])
LEDGERS: Final[Codec[Mapping[str, Ledger]]] = Codec(
    lambda value: _LEDGERS.dump_python(dict(value), mode="json"), _LEDGERS.validate_python
)
_STRAYS: Final = TypeAdapter(dict[str, Decimal])
STRAYS: Final[Codec[Mapping[str, Decimal]]] = Codec(
    lambda value: _STRAYS.dump_python(dict(value), mode="json"), _STRAYS.validate_python
)
_EXTERNALS: Final = TypeAdapter(tuple[External, ...])
EXTERNALS: Final[Codec[tuple[External, ...]]] = Codec(
    lambda value: _EXTERNALS.dump_python(value, mode="json"), _EXTERNALS.validate_python
)

"""Both sides as plain values: the engine's cache, and the exchange's ledger."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.model import AccountId, InstrumentId, OrderFilled, OrderType

from ccxt_nt.conversion import money
from tests.faults.comparing import EngineFill, EngineOrder, EngineState, VenueState
from tests.venue.exchange import Exchange
from tests.venue.model import Fill, Order, Product
from tests.venue.register import copied

# `Any` in this module: the engine's stubs have no common type of orders

_TRIGGER_LIMITS = (OrderType.STOP_LIMIT, OrderType.LIMIT_IF_TOUCHED)


def engine_state(
    cache: Any,
    *,
    orders: Iterable[Any],
    instruments: Mapping[str, InstrumentId],
    account_id: AccountId,
) -> EngineState:
    """Read what the engine holds; `instruments` by symbol."""
    account = cache.account(account_id)
    balances = account.balances() if account is not None else {}
    return EngineState(
        orders=tuple(engine_order(order) for order in orders),
        positions={symbol: _position(cache, iid) for symbol, iid in instruments.items()},
        balances={
            currency.code: (each.total.as_decimal(), each.locked.as_decimal())
            for currency, each in balances.items()
        },
    )


def engine_order(order: Any) -> EngineOrder:
    """Read one order."""
    return EngineOrder(
        client_order_id=order.client_order_id.value,
        ours=order.strategy_id.value != "EXTERNAL",
        status=order.status.name,
        side=order.side.name,
        quantity=order.quantity.as_decimal(),
        filled=order.filled_qty.as_decimal(),
        price=_decimal(getattr(order, "price", None)),
        trigger_price=_decimal(getattr(order, "trigger_price", None)),
        reduce_only=bool(order.is_reduce_only),
        is_limit_trigger=order.order_type in _TRIGGER_LIMITS,
        venue_order_ids=_venue_ids(order),
        fills=tuple(_fill(event) for event in order.events() if isinstance(event, OrderFilled)),
    )


def _venue_ids(order: Any) -> tuple[str, ...]:
    ids = [
        each.value
        for event in order.events()
        if (each := getattr(event, "venue_order_id", None)) is not None
    ]
    now = order.venue_order_id
    if now is not None:
        ids.append(now.value)
    return tuple(dict.fromkeys(reversed(ids)))[::-1]


def _fill(event: Any) -> EngineFill:
    return EngineFill(
        trade_id=event.trade_id.value,
        price=event.last_px.as_decimal(),
        quantity=event.last_qty.as_decimal(),
        fee=event.commission.as_decimal(),
        fee_coin=event.commission.currency.code,
    )


def _position(cache: Any, instrument_id: InstrumentId) -> Decimal:
    total = Decimal(0)
    for position in cache.positions_open(instrument_id=instrument_id):
        size = position.quantity.as_decimal()
        total += -size if position.signed_qty < 0 else size
    return total


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else value.as_decimal()


def rounded(value: Decimal, coin: str) -> Decimal:
    """Round as the engine's money does."""
    return money(value, coin).as_decimal()


def _loss(exchange: Exchange) -> Decimal:
    """Sum what all positions would cost now, as a positive number; 0 where they gain."""
    profit = Decimal(0)
    for held in exchange.positions():
        size = held.quantity * exchange.listings[held.symbol].contract_size
        profit += size * (exchange.mark(held.symbol) - held.entry_price)
    return max(-profit, Decimal(0))


class Ledger:
    """Reads what is new at the exchange since the last schedule."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._orders = 0
        self._fills = 0

    def turn(self, exchange: Exchange) -> None:
        """Leave everything that happened so far behind."""
        self._orders = len(exchange.truth.placed)
        self._fills = len(exchange.truth.fills)

    def state(self, exchange: Exchange) -> VenueState:
        """Copy the truth; call it on the exchange's own thread."""
        truth = exchange.truth
        is_perp = self._product is Product.PERP
        return VenueState(
            orders=tuple(self._new_orders(exchange)),
            fills=tuple(self._new_fills(exchange)),
            positions={each.symbol: each.quantity for each in exchange.positions()}
            if is_perp
            else {},
            balances=exchange.balances(self._product),
            accepted=dict(truth.accepted),
            loss=_loss(exchange) if is_perp else Decimal(0),
        )

    def _new_orders(self, exchange: Exchange) -> list[Order]:
        return [copied(order) for order in list(exchange.truth.placed.values())[self._orders :]]

    def _new_fills(self, exchange: Exchange) -> list[Fill]:
        return exchange.truth.fills[self._fills :]

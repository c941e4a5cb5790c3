"""Rows into the engine's reports: for its start, and for orders that somebody else placed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from nautilus_trader.model import (
    AccountId,
    ClientOrderId,
    FillReport,
    LiquiditySide,
    Money,
    OrderSide,
    OrderStatus,
    OrderStatusReport,
    OrderType,
    PositionSide,
    PositionStatusReport,
    TimeInForce,
    TradeId,
    TriggerType,
    VenueOrderId,
)

from ccxt_nt import values
from ccxt_nt.conversion import Instrument, money, price, quantity
from ccxt_nt.values import FillRow, Force, OrderKind, OrderRow, PositionRow, Side

SIDES: Final[Mapping[Side, OrderSide]] = {Side.BUY: OrderSide.BUY, Side.SELL: OrderSide.SELL}
KINDS: Final[Mapping[OrderKind, OrderType]] = {
    OrderKind.LIMIT: OrderType.LIMIT,
    OrderKind.MARKET: OrderType.MARKET,
    OrderKind.STOP_MARKET: OrderType.STOP_MARKET,
    OrderKind.STOP_LIMIT: OrderType.STOP_LIMIT,
    OrderKind.TAKE_PROFIT_MARKET: OrderType.MARKET_IF_TOUCHED,
    OrderKind.TAKE_PROFIT_LIMIT: OrderType.LIMIT_IF_TOUCHED,
}
FORCES: Final[Mapping[Force, TimeInForce]] = {
    Force.GTC: TimeInForce.GTC,
    Force.IOC: TimeInForce.IOC,
    Force.FOK: TimeInForce.FOK,
}
_STATUSES: Final[Mapping[values.OrderStatus, OrderStatus]] = {
    values.OrderStatus.OPEN: OrderStatus.ACCEPTED,
    values.OrderStatus.TRIGGERED: OrderStatus.ACCEPTED,
    values.OrderStatus.FILLED: OrderStatus.FILLED,
    values.OrderStatus.CANCELED: OrderStatus.CANCELED,
    values.OrderStatus.EXPIRED: OrderStatus.EXPIRED,
    values.OrderStatus.REJECTED: OrderStatus.REJECTED,
}


def order_report(
    row: OrderRow,
    of: Instrument,
    *,
    account_id: AccountId,
    client_order_id: str | None,
    fills: tuple[FillRow, ...],
    ts_init: int,
) -> OrderStatusReport:
    """Report an order with exactly the fills that are reported beside it.

    A total above them would make the engine invent a fill without fee.
    """
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    paid = sum((fill.quantity * fill.price for fill in fills), Decimal(0))
    total = row.quantity if row.quantity is not None else filled
    digits = of.price_precision
    return OrderStatusReport(
        account_id,
        of.id,
        VenueOrderId(row.venue_order_id),
        SIDES[row.side],
        KINDS[row.kind],
        FORCES[row.force],
        _status(row, filled=filled, total=total),
        quantity(total, of.size_precision),
        quantity(filled, of.size_precision),
        row.created_ns,
        row.updated_ns,
        ts_init,
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
        price=None if row.price is None or not row.kind.is_limit else price(row.price, digits),
        trigger_price=price(row.trigger_price, digits) if row.trigger_price else None,
        trigger_type=TriggerType.DEFAULT if row.kind.is_trigger else None,
        avg_px=paid / filled if filled else None,
        post_only=row.post_only,
        reduce_only=row.reduce_only,
    )


def _status(row: OrderRow, *, filled: Decimal, total: Decimal) -> OrderStatus:
    """Name a status that the reported fills bear out."""
    status = _STATUSES[row.status]
    if status is OrderStatus.ACCEPTED or (status is OrderStatus.FILLED and filled < total):
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACCEPTED
    return status


def fill_report(
    fill: FillRow,
    of: Instrument,
    *,
    account_id: AccountId,
    client_order_id: str | None,
    ts_init: int,
) -> FillReport:
    """Report one fill with its fee."""
    return FillReport(
        account_id,
        of.id,
        VenueOrderId(fill.venue_order_id),
        TradeId(fill.trade_id),
        SIDES[fill.side],
        quantity(fill.quantity, of.size_precision),
        price(fill.price, of.price_precision),
        commission(fill, of),
        liquidity(fill),
        fill.ts_event,
        ts_init,
        client_order_id=None if client_order_id is None else ClientOrderId(client_order_id),
    )


def position_report(
    row: PositionRow, of: Instrument, *, account_id: AccountId, ts_init: int
) -> PositionStatusReport:
    """Report the net position of an instrument."""
    side = PositionSide.FLAT
    if row.quantity:
        side = PositionSide.LONG if row.quantity > 0 else PositionSide.SHORT
    return PositionStatusReport(
        account_id,
        of.id,
        side,
        quantity(abs(row.quantity), of.size_precision),
        row.ts_event,
        ts_init,
        avg_px_open=row.entry_price,
    )


def liquidity(fill: FillRow) -> LiquiditySide:
    """Tell who made the market."""
    if fill.is_maker is None:
        return LiquiditySide.NO_LIQUIDITY_SIDE
    return LiquiditySide.MAKER if fill.is_maker else LiquiditySide.TAKER


def commission(fill: FillRow, of: Instrument) -> Money:
    """Give the fee the venue told, or the one its rates make where it told none."""
    if fill.fee is not None and fill.fee_currency is not None:
        return money(fill.fee, fill.fee_currency)
    info = of.info or {}
    rate = Decimal(str(info.get("maker_fee" if fill.is_maker else "taker_fee", "0")))
    size = Decimal(str(info.get("contract_size", "1")))
    return money(fill.price * fill.quantity * size * rate, of.quote_currency.code)

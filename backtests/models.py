"""How the simulated venue fills and what it charges."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.execution import FeeModel, FillModel
from nautilus_trader.model import (
    BookOrder,
    BookType,
    LiquiditySide,
    Money,
    OrderBook,
    OrderSide,
    OrderType,
    Price,
    Quantity,
)

from morningstar_strategy.snapshot import Terms
from morningstar_strategy.tickets import INTENDED

__all__ = ["CostModel", "OwnPriceFillModel"]


class OwnPriceFillModel(FillModel):
    """Fills a limit order at its own price and a take profit for no more than it was meant to be.

    On bars the engine judges an exit that is sent after a limit entry only at the bar's close, and
    would fill a limit that the close has passed at the better close. It also grows resting
    reduce-only orders to the position, so that an early take profit would close a later one's
    share. Everything else (market and stop orders) is left to the engine.
    """

    def is_limit_filled(self) -> bool:
        """Fill a limit that was touched."""
        return True

    def is_slipped(self) -> bool:
        """Leave slippage to the cost model."""
        return False

    def fill_limit_inside_spread(self) -> bool:
        """Keep to touched prices."""
        return False

    def get_orderbook_for_fill_simulation(
        self,
        instrument: Any,
        order: Any,
        best_bid: Price | None = None,
        best_ask: Price | None = None,
    ) -> OrderBook | None:
        """Offer a limit order its own price, for the quantity it was meant to have."""
        del best_bid, best_ask
        if order.order_type != OrderType.LIMIT:
            return None
        left = _intended(order) - order.filled_qty.as_decimal()
        book = OrderBook(instrument.id, BookType.L2_MBP)
        if left > 0:
            side = OrderSide.SELL if order.is_buy else OrderSide.BUY
            quantity = Quantity.from_str(f"{left:.{instrument.size_precision}f}")
            book.add(BookOrder(side, order.price, quantity, 1), flags=0, sequence=0, ts_event=0)
        return book


def _intended(order: Any) -> Decimal:
    for tag in order.tags or ():
        if tag.startswith(INTENDED):
            return Decimal(tag.removeprefix(INTENDED))
    quantity: Decimal = order.quantity.as_decimal()
    return quantity


class CostModel(FeeModel):
    """Charges each instrument's maker or taker fee, and slippage on what takes liquidity.

    Slippage is charged as part of the commission because a stop's or market order's fill price on
    bars is the engine's to choose.
    """

    def __init__(self, terms: Sequence[Terms]) -> None:
        self._maker = {term.instrument_id: term.maker_fee for term in terms}
        self._taking = {term.instrument_id: term.taker_fee + term.slippage for term in terms}

    def __new__(cls, *_args: Any) -> "CostModel":
        """Let the engine's base class take no arguments."""
        return super().__new__(cls)

    def get_commission(
        self, order: Any, fill_quantity: Quantity, fill_px: Price, instrument: Any
    ) -> Money:
        """Give the cost of one fill in the quote currency."""
        maker = order.liquidity_side == LiquiditySide.MAKER
        rate = (self._maker if maker else self._taking)[instrument.id]
        quantity = fill_quantity.as_decimal() * instrument.multiplier.as_decimal()
        cost = quantity * fill_px.as_decimal() * rate
        return Money.from_decimal(cost, instrument.quote_currency)

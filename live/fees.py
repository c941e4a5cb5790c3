"""What paper trading charges: the fees of the venue, on fills that are simulated."""

from decimal import Decimal
from typing import Any

from nautilus_trader.execution import FeeModel
from nautilus_trader.model import LiquiditySide, Money, Price, Quantity

from morningstar_strategy.settings.schema import VenueSettings
from morningstar_strategy.settings.wiring import fee_of

__all__ = ["PaperFeeModel"]

_HUNDRED = Decimal(100)


class PaperFeeModel(FeeModel):
    """Charges the maker or taker fee of the settings, else the instrument's, and slippage.

    Slippage is charged on what takes liquidity, as in a backtest.
    """

    def __init__(self, venue: VenueSettings) -> None:
        self._venue = venue

    def __new__(cls, *_args: Any) -> "PaperFeeModel":
        """Let the engine's base class take no arguments."""
        return super().__new__(cls)

    def get_commission(
        self, order: Any, fill_quantity: Quantity, fill_px: Price, instrument: Any
    ) -> Money:
        """Give what one fill, its quantity in contracts, costs in the quote currency."""
        venue = self._venue
        if order.liquidity_side == LiquiditySide.MAKER:
            rate = fee_of(venue.maker_fee_percent, instrument, "maker_fee")
        else:
            rate = fee_of(venue.taker_fee_percent, instrument, "taker_fee")
            rate += venue.slippage_percent / _HUNDRED
        quantity = fill_quantity.as_decimal() * instrument.multiplier.as_decimal()
        cost = quantity * fill_px.as_decimal() * rate
        return Money.from_decimal(cost, instrument.quote_currency)

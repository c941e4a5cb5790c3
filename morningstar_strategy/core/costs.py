"""What a run earned and paid by kind, reconciled with the change of its equity."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.curves import exposures
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.records import Kind, Record, RecordError

__all__ = ["Costs", "Position", "reconcile"]

_ZERO: Final = Decimal(0)
_TOLERANCE: Final = Decimal("1e-6")
_VENUE_ROUNDING: Final = Decimal("1e-8")  # money of each fill and payment is kept to 8 places


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A net position at its average cost, booked fill by fill."""

    quantity: Decimal = _ZERO  # signed
    cost: Decimal = _ZERO  # signed notional at which it was entered
    realized: Decimal = _ZERO  # before fees

    def filled(self, quantity: Decimal, price: Decimal) -> "Position":
        """Book a fill of signed quantity: what closes earns, what is left over opens."""
        if self.quantity * quantity >= 0:
            cost = self.cost + quantity * price
            return Position(quantity=self.quantity + quantity, cost=cost, realized=self.realized)
        if abs(quantity) >= abs(self.quantity):
            left = self.quantity + quantity
            realized = self.realized + self.quantity * price - self.cost
            return Position(quantity=left, cost=left * price, realized=realized)
        released = self.cost * (-quantity / self.quantity)
        return Position(
            quantity=self.quantity + quantity,
            cost=self.cost - released,
            realized=self.realized - quantity * price - released,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The change of the equity taken apart; fees and slippage are costs, funding is signed.

    change = gross + unrealized - maker_fees - taker_fees - slippage + funding + residual, where
    the residual is what the records do not explain.
    """

    change: Decimal
    gross: Decimal
    unrealized: Decimal
    maker_fees: Decimal
    taker_fees: Decimal
    slippage: Decimal
    funding: Decimal
    residual: Decimal
    fills: int
    fundings: int
    turnover: Decimal

    @property
    def total(self) -> Decimal:
        """Give all costs, funding received taken off."""
        return self.maker_fees + self.taker_fees + self.slippage - self.funding

    @property
    def reconciled(self) -> bool:
        """Say whether the records explain the equity up to 1e-6 and the venue's rounding."""
        return abs(self.residual) <= _TOLERANCE + _VENUE_ROUNDING * (self.fills + self.fundings)


def reconcile(
    fills: Sequence[Record],
    fundings: Sequence[Record],
    last_equity: Record,
    starting_equity: Decimal,
) -> Costs:
    """Add up fills and funding and compare them with the last mark of the equity."""
    positions: dict[str, Position] = {}
    maker = taker = slippage = turnover = _ZERO
    for fill in fills:
        held = positions.get(fill.instrument_id, Position())
        quantity, price, fee = signed_quantity(fill), money(fill, "price"), money(fill, "fee")
        positions[fill.instrument_id] = held.filled(quantity, price)
        made = text(fill, "liquidity") == "MAKER"
        maker, taker = (maker + fee, taker) if made else (maker, taker + fee)
        slippage += money(fill, "slippage")
        turnover += abs(quantity) * price
    funding = sum([money(record, "amount") for record in fundings], _ZERO)
    gross = sum([position.realized for position in positions.values()], _ZERO)
    cost = sum([position.cost for position in positions.values()], _ZERO)
    unrealized = sum(exposures(last_equity).values(), _ZERO) - cost
    change = money(last_equity, "equity") - starting_equity
    return Costs(
        change=change,
        gross=gross,
        unrealized=unrealized,
        maker_fees=maker,
        taker_fees=taker,
        slippage=slippage,
        funding=funding,
        residual=change - (gross + unrealized - maker - taker - slippage + funding),
        fills=len(fills),
        fundings=len(fundings),
        turnover=turnover,
    )


def signed_quantity(fill: Record) -> Decimal:
    """Give the quantity of a fill record, negative for a sale."""
    quantity = money(fill, "quantity")
    if quantity < 0:
        raise RecordError(
            f"quantity of the {Kind.FILL.value} record at {fill.ts_event} must not be negative, "
            f"was {quantity:f}"
        )
    match text(fill, "side"):
        case "BUY":
            return quantity
        case "SELL":
            return -quantity
        case side:
            raise RecordError(
                f"side of the {Kind.FILL.value} record at {fill.ts_event} must be BUY or SELL, "
                f"was {side!r:.80}"
            )

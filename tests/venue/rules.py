"""How one venue differs from the next, and what every venue asks of an order."""

from dataclasses import dataclass
from decimal import Decimal

from tests.venue.model import Ask, Force, Kind, Listing, Product, Refusal, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The choices a venue makes; a dialect knows its venue's."""

    fires_in_place: bool = False  # a fired trigger order keeps its id, else it becomes another one
    fired_keeps_client_id: bool = True
    fee_in_received: bool = False  # a spot buy pays its fee in the coin bought, else in quote
    unique_client_ids: bool = True  # ever, else only among open orders
    post_only_cancels: bool = False  # a taking post-only order is accepted, then cancelled
    fok_cancels: bool = False  # an unfillable fill-or-kill order is accepted, then cancelled


def check_shape(ask: Ask, listing: Listing) -> None:
    """Raise Refused where an order makes no sense, whatever the market does."""
    if (ask.quantity is None) == (ask.cost is None):
        raise Refused(Refusal.BAD_REQUEST, "an order has either a quantity or a cost")
    if ask.cost is not None:
        _check_cost(ask, ask.cost, listing)
    if ask.kind is Kind.LIMIT and ask.price is None:
        raise Refused(Refusal.BAD_PRICE, "a limit order needs a price")
    if ask.kind is Kind.MARKET and ask.force is Force.POST_ONLY:
        raise Refused(Refusal.BAD_REQUEST, "a market order cannot be post-only")
    if ask.reduce_only and listing.product is Product.SPOT:
        raise Refused(Refusal.BAD_REQUEST, "reduce-only needs a perpetual")
    check_values(
        listing,
        quantity=ask.quantity,
        price=ask.price if ask.kind is Kind.LIMIT else None,
        trigger_price=ask.trigger.price if ask.trigger else None,
    )


def check_values(
    listing: Listing,
    *,
    quantity: Decimal | None,
    price: Decimal | None,
    trigger_price: Decimal | None,
) -> None:
    """Raise Refused where a number is off the listing's grid or below its minimum."""
    for what, value in (("price", price), ("trigger price", trigger_price)):
        if value is None:
            continue
        if not value.is_finite() or value <= 0:
            raise Refused(Refusal.BAD_PRICE, f"{what} must be above 0, was {value}")
        if value % listing.tick:
            raise Refused(
                Refusal.BAD_PRECISION, f"{what} must be a multiple of {listing.tick}, was {value}"
            )
    if quantity is None:
        return
    if not quantity.is_finite() or quantity <= 0 or quantity < listing.min_quantity:
        raise Refused(
            Refusal.BELOW_MINIMUM,
            f"quantity must be above 0 and at least {listing.min_quantity}, was {quantity}",
        )
    if quantity % listing.lot:
        raise Refused(
            Refusal.BAD_PRECISION, f"quantity must be a multiple of {listing.lot}, was {quantity}"
        )


def check_notional(ask: Ask, listing: Listing, notional: Decimal) -> None:
    """Raise Refused where an order is worth too little; one that only reduces may be."""
    if notional < listing.min_notional and not ask.reduce_only:
        raise Refused(
            Refusal.BELOW_MINIMUM,
            f"an order must be worth at least {listing.min_notional} {listing.quote}, "
            f"was {notional}",
        )


def _check_cost(ask: Ask, cost: Decimal, listing: Listing) -> None:
    if not (listing.product is Product.SPOT and ask.kind is Kind.MARKET and ask.side.sign > 0):
        raise Refused(Refusal.BAD_REQUEST, "only a spot market buy can be given a cost")
    if not cost.is_finite() or cost <= 0:
        raise Refused(Refusal.BELOW_MINIMUM, f"cost must be above 0, was {cost}")

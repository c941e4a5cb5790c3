"""Reads the engine's fills and fundings: what was filled, and what it cost."""

from dataclasses import replace
from decimal import Decimal

from nautilus_trader.model import Currency, FundingRateUpdate, LiquiditySide, OrderFilled

from morningstar_strategy.core.ledger import Fill, Role
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.snapshot import Terms

__all__ = ["foreign_fee", "of_fill", "of_funding", "part_of", "read_fill"]


def foreign_fee(event: OrderFilled, currency: Currency) -> str:
    """Name a fee that is not in the account's currency, "" where there is none."""
    commission = event.commission
    if commission is None or commission.currency == currency or commission.as_decimal() == 0:
        return ""
    return f"{commission}"


def read_fill(
    event: OrderFilled, currency: Currency, *, terms: Terms, slippage_charged: Decimal
) -> Fill:
    """Read a fill; `slippage_charged` is the share of notional in a taker's commission.

    A simulated venue charges slippage as part of the commission, a real one nothing of it. A fee
    in another currency than the account's counts as nothing here: see `foreign_fee`.
    """
    commission = event.commission
    known = commission is not None and commission.currency == currency
    paid = commission.as_decimal() if commission is not None and known else Decimal(0)
    quantity, price = terms.base_of(event.last_qty), event.last_px.as_decimal()
    taker = event.liquidity_side == LiquiditySide.TAKER
    slippage = min(paid, quantity * price * slippage_charged) if taker else Decimal(0)
    return Fill(
        order_id=event.client_order_id.value,
        quantity=quantity,
        price=price,
        fee=paid - slippage,
        slippage=slippage,
        ts_event=event.ts_event,
    )


def part_of(fill: Fill, quantity: Decimal) -> Fill:
    """Give the part of a fill that is so large, with its share of the costs."""
    if quantity == fill.quantity:
        return fill
    share = quantity / fill.quantity
    return replace(fill, quantity=quantity, fee=fill.fee * share, slippage=fill.slippage * share)


def of_fill(fill: Fill, event: OrderFilled, *, role: Role, plan_id: str) -> Record:
    """Record a fill of one of a plan's orders."""
    return Record(
        ts_event=fill.ts_event,
        kind=Kind.FILL,
        instrument_id=event.instrument_id.value,
        fields={
            "order_id": fill.order_id,
            "plan_id": plan_id,
            "role": role.value,
            "side": event.order_side.name,
            "quantity": f"{fill.quantity:f}",
            "price": f"{fill.price:f}",
            "fee": f"{fill.fee:f}",
            "slippage": f"{fill.slippage:f}",
            "liquidity": event.liquidity_side.name,
        },
    )


def of_funding(rate: FundingRateUpdate, *, quantity: Decimal, price: Decimal) -> Record:
    """Record what a position of a signed quantity, in base units, pays (negative) or receives.

    The amount is in the currency of `price`, which counts as the account's.
    """
    amount = -quantity * price * rate.rate
    return Record(
        ts_event=rate.ts_event,
        kind=Kind.FUNDING,
        instrument_id=rate.instrument_id.value,
        fields={
            "rate": f"{rate.rate:f}",
            "price": f"{price:f}",
            "quantity": f"{quantity:f}",
            "amount": f"{amount:f}",
        },
    )

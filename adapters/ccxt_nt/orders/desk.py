"""The order counter of a venue: each method is one act, sent once and never again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ccxt_nt.errors import Unknown, Unsupported
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.crossing import is_rising, refuse_passed, was_overtaken
from ccxt_nt.orders.inquiry import Asks, OrderKey, instead_of_id, waiting_style
from ccxt_nt.parsing import Unreadable, placed_id
from ccxt_nt.profiles import Amend, MarketBuy, Profile, StopStyle
from ccxt_nt.values import OrderKind, Product, Side, Ticket

# `Any` in this module: ccxt's answers have no types


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an order shall become; quantity is the new total."""

    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How positions are margined, sent along where the venue wants it with each order."""

    margin_modes: Mapping[str, str] = field(default_factory=dict)  # by symbol, as they get known
    leverage: Mapping[str, int] = field(default_factory=dict)  # by symbol


class Desk:
    """The order counter of one venue and product; it never sends anything twice."""

    def __init__(self, profile: Profile, orders: Asks, *, terms: Terms | None = None) -> None:
        self.profile = profile
        self._orders = orders
        self.terms = terms or Terms()

    # ---- acts ----

    def check(self, ticket: Ticket) -> None:
        """Refuse what the venue has no tested way for; Unsupported says what and why."""
        complaint = _complaint(ticket, self.profile)
        if complaint:
            raise Unsupported(f"{self.profile.key} {complaint}")

    async def place(self, ticket: Ticket) -> str:
        """Send an order once; the answer is the venue's id.

        Raises Rejected on definite evidence, Unknown or Exists when the venue must be asked.
        """
        self.check(ticket)
        await refuse_passed(self._orders, self.profile, ticket, ticket.trigger_price)
        answer = await self._orders.ask(
            "create_order",
            ticket.symbol,
            _type(ticket.kind),
            ticket.side.value,
            self._amount(ticket.quantity),
            plain(self._price(ticket)),
            self._place_params(ticket),
            urgency=_urgency(ticket, self.profile),
            wrote=True,
        )
        return _id_of(answer, "create_order")

    async def was_overtaken(self, ticket: Ticket) -> bool:
        """Say whether a trigger that was just placed may wait for the wrong side."""
        return await was_overtaken(self._orders, self.profile, ticket)

    async def cancel(self, key: OrderKey) -> None:
        """Ask for one order's end; that it was heard is not yet that it happened."""
        params: dict[str, object] = {}
        stops = waiting_style(key, self.profile)
        if stops is not None:
            params |= stops.cancel_params
        order_id = key.venue_order_id or instead_of_id(key, params, self.profile)
        await self._orders.ask(
            "cancel_order", order_id, key.symbol, params, urgency=Urgency.CANCEL, wrote=True
        )

    async def cancel_many(self, symbol: str, order_ids: list[str]) -> None:
        """Ask for the end of several plain orders of one symbol at once."""
        if not self.profile.batch_cancel:
            raise Unsupported(f"{self.profile.key} cancels one order at a time")
        await self._orders.ask(
            "cancel_orders", order_ids, symbol, {}, urgency=Urgency.CANCEL, wrote=True
        )

    def amends(self, *, waiting: bool) -> Amend:
        """Tell how the venue changes an order."""
        if not waiting:
            return self.profile.amend
        return Amend.NONE if self.profile.stops is None else self.profile.stops.amend

    async def amend(self, key: OrderKey, ticket: Ticket, change: Change) -> str:
        """Change an order in one step; the answer is its id, new where the venue gives one."""
        if key.venue_order_id is None:
            raise Unsupported(f"order {key.client_id} cannot be changed before the venue has it")
        params: dict[str, object] = {}
        stops = waiting_style(key, self.profile)
        if stops is not None:
            params |= stops.amend_params
            params |= _trigger_params(ticket, stops, change.trigger_price)
            await refuse_passed(self._orders, self.profile, ticket, change.trigger_price)
        answer = await self._orders.ask(
            "edit_order",
            key.venue_order_id,
            key.symbol,
            _type(ticket.kind),
            ticket.side.value,
            change.quantity,
            change.price,
            params,
            urgency=Urgency.PROTECTIVE if stops is not None else Urgency.NORMAL,
            wrote=True,
        )
        return _id_of(answer, "edit_order")

    # ---- how it is spelled ----

    def _amount(self, quantity: Decimal) -> str | int | None:
        is_whole = quantity == quantity.to_integral_value()
        return int(quantity) if self.profile.whole_amounts and is_whole else plain(quantity)

    def _price(self, ticket: Ticket) -> Decimal | None:
        stops = self.profile.stops
        if stops is None or not stops.market_needs_price or not ticket.kind.is_trigger:
            return ticket.price
        return ticket.price if ticket.kind.is_limit else ticket.trigger_price

    def _place_params(self, ticket: Ticket) -> dict[str, object]:
        profile = self.profile
        params: dict[str, object] = {**profile.place_params}
        params["clientOrderId"] = ticket.client_order_id
        if ticket.force.value != "GTC":
            params["timeInForce"] = ticket.force.value
        if ticket.post_only:
            params["postOnly"] = True
        if ticket.reduce_only:
            params["reduceOnly"] = True
        if ticket.quantity_in_quote:
            params["cost"] = plain(ticket.quantity)
        if ticket.kind.is_trigger and profile.stops is not None:
            params |= {
                **profile.stops.params,
                **_trigger_params(ticket, profile.stops, ticket.trigger_price),
            }
        mode = self.terms.margin_modes.get(ticket.symbol)
        if profile.margin_mode_in_order and mode is not None:
            params["marginMode"] = mode
        if profile.leverage_in_order:
            params["leverage"] = self.terms.leverage.get(ticket.symbol, 1)
        return params


def plain(number: Decimal | None) -> str | None:
    """Spell a number without an exponent, exactly."""
    return None if number is None else format(number, "f")


def _type(kind: OrderKind) -> str:
    return "limit" if kind.is_limit else "market"


def is_protective(ticket: Ticket, profile: Profile) -> bool:
    """Say whether an order can only lower risk: reduce-only, and on spot whatever sells."""
    return ticket.is_protective or (profile.product is Product.SPOT and ticket.side is Side.SELL)


def _urgency(ticket: Ticket, profile: Profile) -> Urgency:
    if not is_protective(ticket, profile):
        return Urgency.NORMAL
    rests = ticket.kind is OrderKind.LIMIT or ticket.kind.takes_profit
    return Urgency.REDUCING if rests else Urgency.PROTECTIVE


def _trigger_params(
    ticket: Ticket, stops: StopStyle, trigger_price: Decimal | None
) -> dict[str, object]:
    key = stops.take_profit_price_key if ticket.kind.takes_profit else stops.price_key
    params: dict[str, object] = {key: plain(trigger_price)}
    return {**params, **(stops.rising if is_rising(ticket) else stops.falling)}


def _complaint(ticket: Ticket, profile: Profile) -> str | None:
    if ticket.kind not in profile.kinds:
        return f"has no tested way to send {ticket.kind.value} orders"
    if ticket.kind.is_trigger and (profile.stops is None or ticket.kind not in profile.stops.kinds):
        return f"has no tested way to send {ticket.kind.value} orders"
    if ticket.force not in profile.forces:
        return f"does not take time in force {ticket.force.value}"
    if ticket.post_only and not profile.post_only:
        return "does not take post-only orders"
    if ticket.reduce_only and not profile.reduce_only:
        return "does not take reduce-only orders: set reduce_only=False, also of close_position"
    return _quote_complaint(ticket, profile)


def _quote_complaint(ticket: Ticket, profile: Profile) -> str | None:
    by_cost = (
        profile.market_buy is MarketBuy.COST
        and ticket.side is Side.BUY
        and not ticket.kind.is_limit
    )
    if by_cost and not ticket.quantity_in_quote:
        return "takes market buys in quote currency only: set quote_quantity=True"
    if ticket.quantity_in_quote and not by_cost:
        return "takes this order in units of the instrument only: set quote_quantity=False"
    return None


def _id_of(answer: Any, method: str) -> str:
    """Read the id; an answer without one is no answer."""
    try:
        return placed_id(answer)
    except Unreadable as e:
        raise Unknown(f"{method} was answered without an order id: {e}") from e

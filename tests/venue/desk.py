"""The order desk: what the client does to orders, and what the market does to them."""

from collections import deque
from dataclasses import replace
from decimal import Decimal

from tests.venue.floor import Floor
from tests.venue.matching import Matcher
from tests.venue.model import Ask, Kind, Order, PublicTrade, Refusal, Refused, Status
from tests.venue.pit import Pit
from tests.venue.register import Register, copied
from tests.venue.rules import Rules, check_shape, check_values
from tests.venue.truth import Deed


class Desk:
    """Every public method leaves the exchange consistent; the caller delivers the events."""

    def __init__(self, floor: Floor, matcher: Matcher, register: Register, rules: Rules) -> None:
        self._floor = floor
        self._matcher = matcher
        self._register = register
        self._rules = rules
        self._due: deque[Order] = deque()  # trigger orders taken out of their pits, to be fired

    def place(self, ask: Ask) -> Order:
        """Accept an order and match it; raise Refused, with nothing changed."""
        truth = self._register.truth
        if ask.client_id is not None:
            truth.requests[ask.client_id] += 1
        try:
            order = self._accept(ask)
        except Refused as e:
            self._register.refused(ask, e)
            raise
        if ask.client_id is not None:
            truth.accepted[ask.client_id] += 1
        self._fire_due(self._floor.pits[ask.symbol])
        return order

    def cancel(self, order_id: str) -> Order:
        """Cancel an order; raise Refused where there is none or it is closed."""
        order = self._register.needed_open(order_id)
        self._matcher.close(self._floor.pits[order.ask.symbol], order, "client")
        return order

    def amend(
        self,
        order_id: str,
        *,
        quantity: Decimal | None,
        price: Decimal | None,
        trigger_price: Decimal | None,
    ) -> Order:
        """Change an order that is not closed and queue it anew; raise Refused."""
        order = self._register.needed_open(order_id)
        pit = self._floor.pits[order.ask.symbol]
        check_values(pit.listing, quantity=quantity, price=price, trigger_price=trigger_price)
        trial = _amended(order, quantity, price, trigger_price)
        admission = None
        if order.status is Status.WAITING:
            self._check_trigger(pit, trial)
        else:
            admission = self._matcher.admit(pit, trial)
        pit.remove(order)
        order.quantity, order.price, order.trigger = trial.quantity, trial.price, trial.trigger
        if admission is None:
            pit.wait(order)
            self._register.changed(order, Deed.AMENDED)
        else:
            self._register.recorded(order, Deed.AMENDED)
            self._matcher.enter(pit, order, admission)
            self._fire_due(pit)
        return order

    def absorb(self, pit: Pit, trade: PublicTrade) -> None:
        """Fill the resting orders that a public trade reaches, then fire triggers."""
        lot = pit.listing.lot
        left = trade.quantity // lot * lot
        for order, through in pit.touched(trade.price):
            if order.status is not Status.OPEN or order.price is None:
                continue  # an earlier fill of this very trade closed it
            quantity = order.left if through else min(order.left, left)
            if not through:
                left -= quantity
            if quantity:
                self._matcher.fill(pit, order, order.price, quantity)
        self._fire_due(pit)

    # ---- inside ----

    def _accept(self, ask: Ask) -> Order:
        pit = self._floor.pits.get(ask.symbol)
        if pit is None:
            raise Refused(Refusal.UNKNOWN_SYMBOL, ask.symbol)
        check_shape(ask, pit.listing)
        self._check_client_id(ask)
        if ask.kind is Kind.MARKET and ask.price is not None:
            ask = replace(ask, price=None)
        order = self._register.drafted(ask)
        if order.trigger is None:
            admission = self._matcher.admit(pit, order)
            self._register.enlist(order)
            self._matcher.enter(pit, order, admission)
        else:
            self._check_trigger(pit, order)
            self._register.enlist(order)
            pit.wait(order)
            self._register.changed(order)
        return order

    def _check_client_id(self, ask: Ask) -> None:
        if ask.client_id is None:
            return
        others = self._register.of_client(ask.client_id)
        if self._rules.unique_client_ids:
            taken = bool(others)
        else:
            taken = any(not order.status.is_closed for order in others)
        if taken:
            raise Refused(Refusal.DUPLICATE_CLIENT_ID, ask.client_id)

    def _check_trigger(self, pit: Pit, order: Order) -> None:
        trigger, last = order.trigger, pit.last_price
        if trigger is None or last is None:
            return
        if last >= trigger.price if trigger.rising else last <= trigger.price:
            raise Refused(Refusal.BAD_TRIGGER, f"{trigger.price}, last price {last}")

    def _fire_due(self, pit: Pit) -> None:
        """Fire what the trades printed so far reach, and what those orders' own trades reach."""
        while True:
            self._due.extend(pit.take_due())
            if not self._due:
                return
            self._fire(pit, self._due.popleft())

    def _fire(self, pit: Pit, order: Order) -> None:
        """Turn a trigger order into the order it stands for, or fail it."""
        in_place = self._rules.fires_in_place
        fired = self._successor(order)
        try:
            admission = self._matcher.admit(pit, fired)
        except Refused as e:
            order.status = Status.FAILED
            order.cancel_reason = e.refusal.value
            self._register.changed(order, Deed.FAILED, str(e))
            return
        if in_place:
            order.status, order.trigger = Status.OPEN, None
            self._register.recorded(order, Deed.FIRED)
            fired = order
        else:
            order.status, order.fired_as = Status.FIRED, fired.order_id
            self._register.changed(order, Deed.FIRED, fired.order_id)
            self._register.enlist(fired)
        self._matcher.enter(pit, fired, admission)

    def _successor(self, order: Order) -> Order:
        """Draft the order that a trigger order stands for, as amended since it was placed."""
        keeps = self._rules.fires_in_place or self._rules.fired_keeps_client_id
        ask = replace(
            order.ask,
            quantity=order.quantity,
            price=order.price,
            trigger=None,
            client_id=order.ask.client_id if keeps else None,
        )
        return self._register.drafted(ask, fired_from=order.order_id)


def _amended(
    order: Order,
    quantity: Decimal | None,
    price: Decimal | None,
    trigger_price: Decimal | None,
) -> Order:
    """Copy an order with the changes; raise Refused where it has not what is to change."""
    trial = copied(order)
    if quantity is not None:
        if trial.quantity is None or quantity <= trial.filled:
            raise Refused(
                Refusal.BAD_REQUEST, f"quantity must be above {trial.filled} filled, was {quantity}"
            )
        trial.quantity = quantity
    if price is not None:
        if trial.price is None:
            raise Refused(Refusal.BAD_REQUEST, "a market order has no price to change")
        trial.price = price
    if trigger_price is not None:
        if trial.trigger is None:
            raise Refused(Refusal.BAD_REQUEST, "the order has no trigger to change")
        trial.trigger = replace(trial.trigger, price=trigger_price)
    return trial

"""What of an order's life KuCoin tells: which frames one change of it makes."""

from enum import Enum

from tests.venue.dialects.kucoin_house import House
from tests.venue.model import Force, Kind, Order, OrderChanged, Status


class Step(Enum):
    """One frame's `type`."""

    OPEN = "open"
    MATCH = "match"
    FILLED = "filled"
    CANCELED = "canceled"
    UPDATE = "update"

    @property
    def status(self) -> str:
        """Name the frame's `status`."""
        if self in (Step.FILLED, Step.CANCELED):
            return "done"
        return "match" if self is Step.MATCH else "open"


class Steps:
    """Remembers what was told of each order: `open` comes only once it rests in the book."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._told: dict[str, Order] = {}  # those that were told to be open, as told last

    def of(self, change: OrderChanged) -> list[Step]:
        """List the frames of one change, in the venue's order."""
        order = change.order
        steps = [Step.MATCH] if change.fill is not None else []
        if order.status is Status.FILLED:
            steps.append(Step.FILLED)
        elif order.status is Status.CANCELED:
            steps.append(Step.CANCELED)
        elif order.order_id in self._told:
            steps += self._updated(order, matched=change.fill is not None)
        elif self._rests(order):
            self._told[order.order_id] = order
            steps.append(Step.OPEN)
        if order.status.is_closed:
            self._told.pop(order.order_id, None)
        return steps

    def _updated(self, order: Order, *, matched: bool) -> list[Step]:
        before = self._told[order.order_id]
        self._told[order.order_id] = order
        changed = (before.quantity, before.price) != (order.quantity, order.price)
        return [Step.UPDATE] if changed and not matched else []

    def _rests(self, order: Order) -> bool:
        """Say whether it stays in the book, now that all of its taking is told."""
        if order.ask.kind is Kind.MARKET or order.ask.force in (Force.IOC, Force.FOK):
            return False
        now = self._house.exchange.order(order_id=order.order_id)
        return now is not None and now.status is Status.OPEN and now.filled == order.filled

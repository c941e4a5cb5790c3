"""The register of the client's orders: ids, client ids, what is live, and the record of it all."""

from collections.abc import Callable
from dataclasses import replace

from tests.venue.announcing import Announcer
from tests.venue.model import Ask, Fill, Order, OrderChanged, Refusal, Refused, Status
from tests.venue.truth import Deed, Truth


def copied(order: Order) -> Order:
    """Copy an order so that later changes do not show."""
    return replace(order, fees=dict(order.fees))


class Register:
    """Every change of an order passes through here once: recorded, then announced."""

    def __init__(
        self, truth: Truth, announcer: Announcer, now: Callable[[], int], *, first_id: int
    ) -> None:
        self.truth = truth
        self._first_id = first_id
        self._announcer = announcer
        self._now = now
        self._by_client: dict[str, list[Order]] = {}
        self._live: dict[str, Order] = {}

    # ---- questions ----

    def find(self, order_id: str) -> Order | None:
        """Find an order by the exchange's id."""
        return self.truth.placed.get(order_id)

    def of_client(self, client_id: str) -> list[Order]:
        """List all orders of a client id, oldest first."""
        return self._by_client.get(client_id, [])

    def live(self) -> list[Order]:
        """List orders that are not closed, oldest first."""
        return list(self._live.values())

    def needed_open(self, order_id: str) -> Order:
        """Find an order that something may still happen to; raise Refused."""
        order = self.find(order_id)
        if order is None:
            raise Refused(Refusal.UNKNOWN_ORDER, order_id)
        if order.status.is_closed:
            raise Refused(Refusal.ORDER_CLOSED, f"{order_id} is {order.status.value}")
        return order

    # ---- changes ----

    def drafted(self, ask: Ask, *, fired_from: str | None = None) -> Order:
        """Make an order with the next id; nobody knows it yet."""
        now = self._now()
        return Order(
            order_id=str(self._first_id + len(self.truth.placed)),
            ask=ask,
            quantity=ask.quantity,
            price=ask.price,
            trigger=ask.trigger,
            status=Status.OPEN if ask.trigger is None else Status.WAITING,
            created_ms=now,
            updated_ms=now,
            fired_from=fired_from,
        )

    def enlist(self, order: Order) -> None:
        """Make a draft a real order."""
        self.truth.placed[order.order_id] = order
        self._live[order.order_id] = order
        if order.ask.client_id is not None:
            self._by_client.setdefault(order.ask.client_id, []).append(order)
        if order.fired_from is None:
            self._note(order, Deed.PLACED)

    def changed(self, order: Order, deed: Deed | None = None, detail: str = "") -> None:
        """Record and announce that an order is not what it was."""
        order.updated_ms = self._now()
        if order.status.is_closed:
            self._live.pop(order.order_id, None)
        if deed is not None:
            self._note(order, deed, detail)
        self._announcer.say(OrderChanged(order=copied(order)))

    def recorded(self, order: Order, deed: Deed) -> None:
        """Record a change that is announced together with what follows from it."""
        self._note(order, deed)

    def filled(self, order: Order, fill: Fill) -> None:
        """Record and announce a fill."""
        order.updated_ms = fill.ts_ms
        if order.status.is_closed:
            self._live.pop(order.order_id, None)
        self.truth.fills.append(fill)
        self._note(order, Deed.FILLED, fill.trade_id)
        self._announcer.say(OrderChanged(order=copied(order), fill=fill))

    def refused(self, ask: Ask, e: Refused) -> None:
        """Record a placement that was refused."""
        self.truth.note(self._now(), Deed.REFUSED, None, ask.client_id, str(e))

    def _note(self, order: Order, deed: Deed, detail: str = "") -> None:
        self.truth.note(self._now(), deed, order.order_id, order.ask.client_id, detail)

"""The matching engine: admits an order, lets it take what it meets, rests or cancels the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tests.venue.accounts import Accounts
from tests.venue.floor import Floor
from tests.venue.model import (
    Fill,
    Force,
    Kind,
    Order,
    Product,
    Refusal,
    Refused,
    Side,
    Status,
)
from tests.venue.pit import Pit
from tests.venue.register import Register
from tests.venue.rules import Rules, check_notional
from tests.venue.truth import Deed

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a taker meets at one price: the ladder, or an order of the client's own."""

    ticks: int
    quantity: Decimal
    own: Order | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How an order will enter the market."""

    quantity: Decimal | None  # its total, smaller than asked where reduce-only caps it
    hits: tuple[Hit, ...]
    cancel_reason: str = ""  # accepted, then cancelled at once


class Matcher:
    """Fills move money, positions and orders together; nothing else does."""

    def __init__(self, floor: Floor, accounts: Accounts, register: Register, rules: Rules) -> None:
        self._floor = floor
        self._accounts = accounts
        self._register = register
        self._rules = rules

    def admit(self, pit: Pit, order: Order) -> Admission:
        """Say how an order would enter; raise Refused, and change nothing."""
        if order.ask.kind is Kind.MARKET and pit.ladder.is_empty:
            raise Refused(Refusal.BAD_REQUEST, f"{order.ask.symbol} has no price yet")
        quantity = self._capped(order)
        left = None if quantity is None else quantity - order.filled
        hits = tuple(self._hits(pit, order, left))
        if order.ask.cost is not None and not hits:
            raise Refused(Refusal.BELOW_MINIMUM, f"cost {order.ask.cost} buys less than one lot")
        reason = self._checked_force(order, left, hits)
        if not reason:
            self._check_worth(pit, order, left, hits)
        return Admission(quantity=quantity, hits=() if reason else hits, cancel_reason=reason)

    def enter(self, pit: Pit, order: Order, admission: Admission) -> None:
        """Let an admitted order take, then rest or cancel what is left of it."""
        order.quantity = admission.quantity
        self._register.changed(order)
        if admission.cancel_reason:
            self.close(pit, order, admission.cancel_reason)
            return
        self._accounts.hold(pit.listing, order)
        self._accounts.tell(pit.listing)
        self._take(pit, order, admission.hits)
        if order.status is not Status.OPEN:
            return
        rests = order.ask.kind is Kind.LIMIT and order.ask.force in (Force.GTC, Force.POST_ONLY)
        if rests:
            pit.rest(order)
            pit.is_book_dirty = True
        else:
            self.close(pit, order, "ioc")

    def fill(self, pit: Pit, order: Order, price: Decimal, quantity: Decimal) -> None:
        """Fill a resting order by a public trade at its own price."""
        self._fill(pit, order, price, quantity, self._floor.next_trade_id(), maker=True)

    def close(self, pit: Pit, order: Order, reason: str) -> None:
        """Cancel what is left of an order."""
        pit.remove(order)
        pit.is_book_dirty = True
        order.status = Status.CANCELED
        order.cancel_reason = reason
        self._accounts.hold(pit.listing, order)
        self._register.changed(order, Deed.CANCELED, reason)
        self._accounts.tell(pit.listing)

    # ---- admission ----

    def _capped(self, order: Order) -> Decimal | None:
        """Cap a reduce-only order to the position; return its new total."""
        if not order.ask.reduce_only or order.quantity is None:
            return order.quantity
        most = self._accounts.reducible(order.ask.symbol, order.ask.side)
        if not most:
            raise Refused(Refusal.REDUCE_ONLY, f"no position to {order.ask.side.value} against")
        return order.filled + min(order.left, most)

    def _hits(self, pit: Pit, order: Order, left: Decimal | None) -> Iterator[Hit]:
        """Walk the book, best price first, as far as limit, quantity or cost reach."""
        listing, sign = pit.listing, order.ask.side.sign
        limit = pit.ticks(order.price) if order.price is not None else None
        cost = order.ask.cost if left is None else None
        for ticks, lots, own in pit.opposite(order.ask.side):
            if limit is not None and (ticks - limit) * sign > 0:
                return
            there = lots * listing.lot
            if cost is not None:
                unit = ticks * listing.tick * listing.contract_size
                quantity = min(there, cost / unit // listing.lot * listing.lot)
                cost -= quantity * unit
            else:
                assert left is not None
                quantity = min(there, left)
                left -= quantity
            if not quantity:
                return
            yield Hit(ticks=ticks, quantity=quantity, own=own)

    def _checked_force(self, order: Order, left: Decimal | None, hits: tuple[Hit, ...]) -> str:
        """Tell why an order is cancelled at once; raise Refused where the venue refuses it."""
        if order.ask.force is Force.POST_ONLY and hits:
            if self._rules.post_only_cancels:
                return "post_only"
            raise Refused(Refusal.WOULD_TAKE, f"at {order.price}")
        reached = sum((hit.quantity for hit in hits), ZERO)
        if order.ask.force is Force.FOK and left is not None and reached < left:
            if self._rules.fok_cancels:
                return "fok"
            raise Refused(Refusal.NOT_FILLABLE, f"{reached} of {left} can be filled")
        return ""

    def _check_worth(
        self, pit: Pit, order: Order, left: Decimal | None, hits: tuple[Hit, ...]
    ) -> None:
        """Raise Refused where an order is worth too little, or more than the account can carry."""
        listing = pit.listing
        unit = listing.tick * listing.contract_size
        taken = sum((hit.quantity for hit in hits), ZERO)
        cost = sum((hit.quantity * hit.ticks * unit for hit in hits), ZERO)
        quantity = taken
        if order.price is not None and left is not None:
            limit = order.price * listing.contract_size
            cost = max(cost + (left - taken) * limit, left * limit)
            quantity = left
        check_notional(order.ask, listing, cost)
        self._accounts.check(listing, order, quantity=quantity, cost=cost, marks=self._prices())

    def _prices(self) -> dict[str, Decimal]:
        return {symbol: marks.mark for symbol, marks in self._floor.marks.items() if marks.index}

    # ---- fills ----

    def _take(self, pit: Pit, order: Order, hits: tuple[Hit, ...]) -> None:
        for index, hit in enumerate(hits):
            price = hit.ticks * pit.listing.tick
            quantity = hit.quantity if hit.own is None else min(hit.quantity, hit.own.left)
            if hit.own is not None and (hit.own.status is not Status.OPEN or not quantity):
                continue  # an earlier hit took the position that it was to reduce
            trade_id = self._floor.next_trade_id()
            self._floor.print(pit, price, quantity, order.ask.side, trade_id)
            if hit.own is not None:
                self._fill(pit, hit.own, price, quantity, self._floor.next_trade_id(), maker=True)
            else:
                pit.ladder.eat(order.ask.side.opposite, hit.ticks, int(quantity / pit.listing.lot))
            is_last = index == len(hits) - 1
            self._fill(pit, order, price, quantity, trade_id, maker=False, is_last=is_last)

    def _fill(
        self,
        pit: Pit,
        order: Order,
        price: Decimal,
        quantity: Decimal,
        trade_id: str,
        *,
        maker: bool,
        is_last: bool = False,
    ) -> None:
        listing, side, now = pit.listing, order.ask.side, self._floor.now()
        fee, coin = self._accounts.settle(listing, side, quantity, price, maker=maker, ts_ms=now)
        order.filled += quantity
        order.cost += quantity * listing.contract_size * price
        order.fees[coin] = order.fees.get(coin, ZERO) + fee
        if order.left == 0 and (order.quantity is not None or is_last):
            order.status = Status.FILLED
            if maker:
                pit.remove(order)
        pit.is_book_dirty = True
        self._accounts.hold(listing, order)
        self._register.filled(
            order,
            Fill(
                trade_id=trade_id,
                order_id=order.order_id,
                client_id=order.ask.client_id,
                symbol=listing.symbol,
                side=side,
                price=price,
                quantity=quantity,
                maker=maker,
                fee=fee,
                fee_coin=coin,
                ts_ms=now,
            ),
        )
        self._tell_account(pit)

    def _tell_account(self, pit: Pit) -> None:
        """Announce what a fill made of position and wallets."""
        if pit.listing.product is Product.PERP:
            self._accounts.tell_position(pit.listing.symbol)
            self._enforce_reduce_only(pit)
        self._accounts.tell(pit.listing)

    def _enforce_reduce_only(self, pit: Pit) -> None:
        """Shrink resting reduce-only orders to the position, or cancel them where it is gone."""
        for side in Side:
            most = self._accounts.reducible(pit.listing.symbol, side)
            for order in pit.resting(side):
                if not order.ask.reduce_only or order.left <= most:
                    continue
                if not most:
                    self.close(pit, order, "reduce_only")
                    continue
                order.quantity = order.filled + most
                pit.is_book_dirty = True
                self._register.changed(order)

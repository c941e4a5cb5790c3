"""A venue in a dictionary that loses, delays and half-does what it is asked, by seed.

It speaks ccxt's unified dictionaries through the line's own protocol, and remembers the truth.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from ccxt_nt.errors import Closed, Exists, Missing, Rejected, Throttled, Unknown
from ccxt_nt.line.lanes import Urgency

# `Any` in this module: ccxt's answers have no types

SYMBOL = "BTC/USDT:USDT"
LAST = Decimal(50_000)  # price that never moves
CEILING = Decimal(60_000)  # a price above is refused
START_MS = 1_700_000_000_000
_WORDS = {"open": "live", "canceled": "canceled", "filled": "filled", "fired": "executed"}


@dataclass(kw_only=True)
class Truth:
    """One order as it really is."""

    order_id: str
    client_id: str
    side: str
    quantity: Decimal
    price: Decimal | None
    trigger: Decimal | None
    created_ms: int
    updated_ms: int
    status: str = "open"
    fired_from: str | None = None  # the trigger order that it was
    fired_id: str | None = None  # what this trigger order became
    fills: list[tuple[str, Decimal, Decimal, int]] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((quantity for _, quantity, _, _ in self.fills), Decimal(0))

    def told(self) -> dict[str, Any]:
        return {
            "id": self.order_id,
            "clientOrderId": self.client_id,
            "symbol": SYMBOL,
            "side": self.side,
            "type": "market" if self.price is None else "limit",
            "amount": str(self.quantity),
            "filled": str(self.filled),
            "price": None if self.price is None else str(self.price),
            "triggerPrice": None if self.trigger is None else str(self.trigger),
            "status": "closed" if self.status == "filled" else self.status,
            "timestamp": self.created_ms,
            "lastUpdateTimestamp": self.updated_ms,
            "info": self._info(),
        }

    def _info(self) -> dict[str, Any]:
        """Tell it in Bitget's words, which name what a trigger order became."""
        info: dict[str, Any] = {
            "clientOid": self.client_id,
            "side": self.side,
            "orderType": "market" if self.price is None else "limit",
            "size": str(self.quantity),
            "price": None if self.price is None else str(self.price),
            "uTime": str(self.updated_ms),
            "baseVolume": str(self.filled),
            "status": _WORDS.get(self.status, self.status),
        }
        if self.trigger is not None:
            info |= {"planType": "normal_plan", "executePrice": info["price"]}
        if self.fired_id is not None:
            info["executeOrderId"] = self.fired_id
        return info

    def trades(self) -> list[dict[str, Any]]:
        return [
            {
                "id": trade_id,
                "order": self.order_id,
                "clientOrderId": self.client_id,
                "symbol": SYMBOL,
                "side": self.side,
                "price": str(price),
                "amount": str(quantity),
                "takerOrMaker": "maker",
                "fee": {"cost": str(quantity), "currency": "USDT"},
                "timestamp": at_ms,
                "info": {},
            }
            for trade_id, quantity, price, at_ms in self.fills
        ]


class ToyVenue:
    """Orders of one symbol; time is turned by whoever sleeps."""

    def __init__(self, rng: Random, *, fault_rate: float, keeps_names: bool = False) -> None:
        self.keeps_names = keeps_names  # a fired order has its trigger order's client id
        self.rng = rng
        self.fault_rate = fault_rate
        self.now_ms = START_MS
        self.orders: dict[str, Truth] = {}
        self.placements: Counter[str] = Counter()
        self.hidden: dict[str, int] = {}  # order id -> until when no question finds it
        self.on_order: Callable[[dict[str, Any]], None] = lambda row: None
        self.on_fill: Callable[[dict[str, Any]], None] = lambda row: None
        self._late: list[tuple[int, Callable[[], object]]] = []
        self._count = 0

    # ---- the line's protocol ----

    async def ask(
        self,
        method: str,
        *args: Any,
        urgency: Urgency = Urgency.NORMAL,
        wrote: bool = False,
        deadline_secs: float | None = None,
    ) -> Any:
        await asyncio.sleep(0)
        act = getattr(self, f"_{method}")
        if self.rng.random() >= self.fault_rate:
            return act(*args)
        match self.rng.choice(("before", "after", "late", "throttled") if wrote else ("before",)):
            case "after":
                with suppress(Rejected, Missing, Closed, Exists):  # a no that is not heard
                    act(*args)
                raise Unknown("handled and not answered")
            case "late":
                self._late.append((self.now_ms + self.rng.randrange(4_000), lambda: act(*args)))
                raise Unknown("handled later and not answered")
            case "throttled":
                raise Throttled("too many requests")
            case _:
                raise Unknown("never arrived")

    def turn(self, secs: float) -> None:
        """Let time pass, and what was under way arrive."""
        self.now_ms += int(secs * 1000)
        due = [act for at_ms, act in self._late if at_ms <= self.now_ms]
        self._late = [(at_ms, act) for at_ms, act in self._late if at_ms > self.now_ms]
        for act in due:
            with suppress(Rejected, Missing, Closed, Exists):  # nobody waits for the no
                act()

    # ---- the market ----

    def trade(self, order_id: str, quantity: Decimal) -> None:
        """Let somebody trade with an order."""
        order = self.orders[order_id]
        quantity = min(quantity, order.quantity - order.filled)
        if order.status != "open" or quantity <= 0 or order.trigger is not None:
            return
        self._count += 1
        fill = (f"t{self._count}", quantity, order.price or Decimal(50_000), self.now_ms)
        order.fills.append(fill)
        if order.filled == order.quantity:
            order.status = "filled"
        self._tell(order)
        self.on_fill(order.trades()[-1])

    def fire(self, order_id: str) -> None:
        """Let the price reach a trigger: a plain order goes out under another id."""
        order = self.orders[order_id]
        if order.status != "open" or order.trigger is None:
            return
        self._count += 1
        fired = Truth(
            order_id=f"v{self._count}",
            client_id=order.client_id if self.keeps_names else order_id,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
            trigger=None,
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
            fired_from=order_id,
        )
        self.orders[fired.order_id] = fired
        order.status = "fired"
        order.fired_id = None if self.keeps_names else fired.order_id
        self._tell(order)
        self._tell(fired)

    def place_by_hand(self, *, is_stop: bool) -> None:
        """Let somebody else place an order on the same account."""
        self._count += 1
        order = Truth(
            order_id=f"v{self._count}",
            client_id=f"hand-{self._count}",
            side="buy",
            quantity=Decimal("0.7"),
            price=None if is_stop else Decimal(48_500),
            trigger=Decimal(51_500) if is_stop else None,
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )
        self.orders[order.order_id] = order
        self._tell(order)

    def hide(self, order_id: str, secs: int) -> None:
        """Let a part of the venue lag behind, which does not know an order yet."""
        self.hidden[order_id] = self.now_ms + secs * 1000

    def root(self, order: Truth) -> Truth:
        """Find the trigger order that an order was, or itself."""
        return order if order.fired_from is None else self.root(self.orders[order.fired_from])

    # ---- calls ----

    def _fetch_ticker(self, symbol: str) -> dict[str, Any]:
        return {"symbol": symbol, "last": str(LAST)}

    def _create_order(
        self, symbol: str, kind: str, side: str, amount: str, price: str | None, params: Any
    ) -> dict[str, Any]:
        client_id = params["clientOrderId"]
        self.placements[client_id] += 1
        if any(order.client_id == client_id for order in self.orders.values()):
            raise Exists("duplicate client order id")
        if price is not None and Decimal(price) > CEILING:
            raise Rejected("price too high")
        self._count += 1
        trigger = params.get("triggerPrice")
        order = Truth(
            order_id=f"v{self._count}",
            client_id=client_id,
            side=side,
            quantity=Decimal(amount),
            price=None if price is None else Decimal(price),
            trigger=None if trigger is None else Decimal(trigger),
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
        )
        self.orders[order.order_id] = order
        self._tell(order)
        return {"id": order.order_id}

    def _cancel_order(self, order_id: str, symbol: str, params: Any) -> dict[str, Any]:
        order = self._order(order_id, params)
        if order.status != "open":
            raise Closed("not open any more")
        order.status = "canceled"
        self._tell(order)
        return {"id": order.order_id}

    def _cancel_orders(self, ids: list[str], symbol: str, params: Any) -> list[Any]:
        return [self._cancel_order(i, symbol, {}) for i in ids if self.orders[i].status == "open"]

    def _edit_order(
        self,
        order_id: str,
        symbol: str,
        kind: str,
        side: str,
        amount: str,
        price: str | None,
        params: Any,
    ) -> dict[str, Any]:
        order = self._order(order_id, params)
        if order.status != "open":
            raise Closed("not open any more")
        if Decimal(amount) <= order.filled:
            raise Rejected("not more than what filled")
        order.quantity = Decimal(amount)
        order.price = order.price if price is None else Decimal(price)
        self._tell(order)
        return {"id": order.order_id}

    def _fetch_order(self, order_id: str, symbol: str, params: Any) -> dict[str, Any]:
        return self._order(order_id, params).told()

    def _fetch_open_orders(self, symbol: Any, since: Any, limit: Any, params: Any) -> list[Any]:
        waiting = bool(params.get("trigger"))
        return [
            order.told()
            for order in self.orders.values()
            if order.status == "open" and (order.trigger is not None) is waiting
            if not self._is_hidden(order)
        ]

    def _fetch_my_trades(self, symbol: str, since: int, limit: int, params: Any) -> list[Any]:
        rows = [row for order in self.orders.values() for row in order.trades()]
        until = params.get("until", self.now_ms)
        inside = [row for row in rows if since <= row["timestamp"] <= until]
        return sorted(inside, key=lambda row: row["timestamp"])[-limit:]

    def _fetch_balance(self, params: Any) -> dict[str, Any]:
        return {"USDT": {"total": "1000", "free": "1000"}}

    def _fetch_positions(self, symbols: Any, params: Any) -> list[Any]:
        return []

    def _order(self, order_id: str, params: Any) -> Truth:
        client_id = params.get("clientOrderId")
        for order in self._known():
            if order.order_id == order_id or order.client_id == client_id:
                return order
        raise Missing("no such order")

    def _known(self) -> list[Truth]:
        """List what can be asked for: where a name is kept, a fired trigger order cannot."""
        forgotten = "fired" if self.keeps_names else ""
        return [
            order
            for order in self.orders.values()
            if order.status != forgotten and not self._is_hidden(order)
        ]

    def _is_hidden(self, order: Truth) -> bool:
        return self.hidden.get(order.order_id, 0) > self.now_ms

    def _tell(self, order: Truth) -> None:
        self.now_ms += 1
        order.updated_ms = self.now_ms
        self.on_order(order.told())

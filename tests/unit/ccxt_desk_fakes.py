"""A line that is a script, and a venue that is a dictionary: both speak the line's protocol."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ccxt_nt.errors import Unknown
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.values import (
    FillRow,
    Force,
    MarketRow,
    OrderKind,
    OrderRow,
    OrderStatus,
    Product,
    Side,
    Ticket,
)

# `Any` in this module: ccxt's answers have no types

SYMBOL = "BTC/USDT:USDT"


@dataclass
class Asked:
    """One call that came through."""

    method: str
    args: tuple[object, ...]
    urgency: Urgency
    wrote: bool


@dataclass
class ScriptedLine:
    """Answers each method from its own list; an exception in the list is raised."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        *args: object,
        urgency: Urgency = Urgency.NORMAL,
        wrote: bool = False,
        deadline_secs: float | None = None,
    ) -> Any:
        self.asked.append(Asked(method, args, urgency, wrote))
        await asyncio.sleep(0)
        if method == "fetch_ticker" and method not in self.answers:
            raise Unknown("this venue tells no price")
        answer = self.answers[method].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sent(self, method: str) -> list[Asked]:
        return [each for each in self.asked if each.method == method]


class TurnedClock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def secs(self) -> float:
        return self.now

    async def sleep(self, secs: float) -> None:
        self.slept.append(secs)
        self.now += secs
        await asyncio.sleep(0)


def ticket(**changed: object) -> Ticket:
    fields: dict[str, Any] = {
        "symbol": SYMBOL,
        "client_order_id": "c1",
        "side": Side.BUY,
        "kind": OrderKind.LIMIT,
        "quantity": Decimal("0.3"),
        "price": Decimal(49_000),
    }
    return Ticket(**(fields | changed))


def order(**changed: object) -> OrderRow:
    fields: dict[str, Any] = {
        "symbol": SYMBOL,
        "venue_order_id": "v1",
        "client_order_id": "c1",
        "side": Side.BUY,
        "kind": OrderKind.LIMIT,
        "force": Force.GTC,
        "post_only": False,
        "reduce_only": False,
        "status": OrderStatus.OPEN,
        "quantity": Decimal("0.3"),
        "filled": Decimal(0),
        "average": None,
        "price": Decimal(49_000),
        "trigger_price": None,
        "fired_id": None,
        "created_ns": 1_000_000_000,
        "updated_ns": 1_000_000_000,
    }
    return OrderRow(**(fields | changed))


def fill(trade_id: str = "t1", **changed: object) -> FillRow:
    fields: dict[str, Any] = {
        "symbol": SYMBOL,
        "trade_id": trade_id,
        "venue_order_id": "v1",
        "client_order_id": "c1",
        "side": Side.BUY,
        "price": Decimal(49_000),
        "quantity": Decimal("0.1"),
        "is_maker": True,
        "fee": Decimal("0.98"),
        "fee_currency": "USDT",
        "ts_event": 2_000_000_000,
    }
    return FillRow(**(fields | changed))


def market(base: str = "BTC", quote: str = "USDT", *, linear: bool = False) -> MarketRow:
    spot = f"{base}/{quote}"
    return MarketRow(
        symbol=f"{spot}:{quote}" if linear else spot,
        native_id=f"{base}_{quote}",
        base=base,
        quote=quote,
        settle=quote if linear else None,
        product=Product.LINEAR if linear else Product.SPOT,
        contract_size=Decimal(1),
        tick=Decimal("0.1"),
        lot=Decimal("0.001"),
        min_quantity=None,
        max_quantity=None,
        min_notional=None,
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        active=True,
    )

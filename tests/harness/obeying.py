"""The node's end of `tests.harness.processes`: a script that does what lines of JSON say.

It reads commands from standard input, and writes what happens as facts, one a line.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from nautilus_trader.model import (
    BarType,
    BookType,
    ClientId,
    ClientOrderId,
    InstrumentId,
    OrderSide,
    Quantity,
    TimeInForce,
)

from ccxt_nt.conversion import health_type
from tests.harness.nodes import Desk, Setup, run_script
from tests.harness.telling import fact_of, levels_of, state_of, tell

# `Any` in this module: commands are JSON, and the engine's stubs have no common type of orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A venue in another process."""

    url: str
    environment: dict[str, str]


class Hands:
    """Does what a line says."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._strategy = desk.strategy
        self._names: dict[str, str] = {}  # client order id -> the test's name
        self._orders: dict[str, ClientOrderId] = {}
        desk.strategy.listen = self._hear

    def do(self, command: dict[str, Any]) -> None:
        """Do one thing; the test hears of what cannot be done."""
        told = dict(command)
        try:
            getattr(self, f"_do_{command.pop('do')}")(**command)
        except Exception as e:
            tell({"kind": "fault", "error": f"{type(e).__name__}: {e}", "command": told})

    def start(self) -> None:
        """Tell what was there before the first command."""
        tell({"kind": "started", **state_of(self._strategy.cache, self._names)})

    def _hear(self, item: Any) -> None:
        fact = fact_of(item, self._names)
        if fact is not None:
            tell(fact)

    # ---- orders ----

    def _do_submit(
        self,
        name: str,
        of: str,
        kind: str,
        side: str,
        base: str | None = None,
        cost: str | None = None,
        force: str = "GTC",
        **terms: Any,
    ) -> None:
        instrument = self._desk.instrument(of)
        if cost is not None:
            quantity, terms["quote_quantity"] = Quantity.from_str(cost), True
        else:
            quantity = _quantity(instrument, str(base))
        prices = [
            instrument.make_price(Decimal(terms.pop(key)))
            for key in ("price", "trigger_price")
            if key in terms
        ]
        order = getattr(self._strategy.order_factory, kind)(
            instrument.id,
            OrderSide.BUY if side == "buy" else OrderSide.SELL,
            quantity,
            *prices,
            time_in_force=getattr(TimeInForce, force),
            **terms,
        )
        self._names[order.client_order_id.value] = name
        self._orders[name] = order.client_order_id
        self._strategy.submit_order(order)

    def _do_modify(self, name: str, base: str | None = None, **prices: str) -> None:
        order_id = self._id(name)
        instrument = self._desk.instrument(self._desk.order(order_id).instrument_id.value)
        changed: dict[str, Any] = {
            key: instrument.make_price(Decimal(value)) for key, value in prices.items()
        }
        if base is not None:
            changed["quantity"] = _quantity(instrument, base)
        self._strategy.modify_order(order_id, **changed)

    def _do_cancel(self, name: str) -> None:
        self._strategy.cancel_order(self._id(name))

    def _do_cancel_all(self) -> None:
        for instrument in self._strategy.cache.instruments():
            self._strategy.cancel_all_orders(instrument.id)

    def _do_state(self) -> None:
        tell({"kind": "state", **state_of(self._strategy.cache, self._names)})

    def _id(self, name: str) -> ClientOrderId:
        """Find an order by the test's name of it, or by the name an earlier node gave it."""
        return self._orders.get(name) or ClientOrderId(name)

    # ---- data ----

    def _do_subscribe(self, what: str, of: str) -> None:
        if what == "bars":
            self._strategy.subscribe_bars(BarType.from_str(of))
        elif what == "health":
            self._strategy.subscribe_data(health_type(of), client_id=ClientId(of))
        elif what.startswith("book"):
            managed = {"managed": True} if what == "book_deltas" else {}
            subscribe = getattr(self._strategy, f"subscribe_{what}")
            subscribe(InstrumentId.from_str(of), BookType.L2_MBP, **managed)
        else:
            getattr(self._strategy, f"subscribe_{what}")(InstrumentId.from_str(of))
        tell({"kind": "done", "what": f"subscribe {what}"})

    def _do_unsubscribe(self, what: str, of: str) -> None:
        getattr(self._strategy, f"unsubscribe_{what}")(InstrumentId.from_str(of))
        tell({"kind": "done", "what": f"unsubscribe {what}"})

    def _do_request(self, what: str, of: str, **window: Any) -> None:
        for name in {"start", "end"} & window.keys():
            window[name] = datetime.fromtimestamp(window[name] / 1000, tz=UTC)
        getattr(self._strategy, f"request_{what}")(InstrumentId.from_str(of), **window)

    def _do_book(self, of: str) -> None:
        book = self._strategy.cache.order_book(InstrumentId.from_str(of))
        tell({"kind": "book", **levels_of(book)})


def _quantity(instrument: Any, base: str) -> Any:
    return instrument.make_qty(Decimal(base) / instrument.multiplier.as_decimal())


async def obey(desk: Desk, first: list[dict[str, Any]]) -> None:
    """Do some things before the test hears that the node has started, then what the lines say."""
    hands = Hands(desk)
    for command in first:
        hands.do(command)
    hands.start()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        hands.do(json.loads(line))


def main(plan: dict[str, Any]) -> None:
    """Run until the input ends."""
    venue = Address(url=plan["url"], environment=plan["environment"])

    async def script(desk: Desk) -> None:
        await obey(desk, plan["first"])

    run_script(venue, plan["dialect"], script, Setup(**plan["setup"]))

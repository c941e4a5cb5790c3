"""A trading node in a process of its own whose strategy does what it is told, line by line.

Run as `python -m tests.integration.ccxt_remote '{"venue": ..., "product": ..., "endpoint": ...}'`.
It reads commands as JSON lines from standard input and writes what happens as JSON lines.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.live import LiveNode, LiveNodeHandle
from nautilus_trader.model import (
    AccountId,
    InstrumentId,
    OrderSide,
    Quantity,
    StrategyId,
    TimeInForce,
    TraderId,
)
from nautilus_trader.trading import Strategy, StrategyConfig

from ccxt_nt.config import CcxtDataClientConfig, CcxtExecutionClientConfig
from ccxt_nt.conversion import health_type
from ccxt_nt.factories import (
    CcxtDataClientFactory,
    CcxtExecutionClientFactory,
    execution_engine_config,
)

# `Any` in this module: commands are JSON, and the engine's stubs have no common type of orders


def tell(kind: str, **what: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"kind": kind, **what}, default=str) + "\n")
    sys.stdout.flush()


class Obedient(Strategy):
    """Does what a line says, and says what the engine says."""

    def __init__(self, config: StrategyConfig) -> None:
        super().__init__(config)
        self.stop_node: Callable[[], None] = lambda: None
        self.plan: dict[str, Any] = {}
        self._names: dict[str, str] = {}  # client order id -> the test's name
        self._orders: dict[str, Any] = {}

    def on_start(self) -> None:
        self._iid = InstrumentId.from_str(self.plan["instrument"])
        self._cache = self.cache  # the property cannot be had inside of some events
        venue = self._iid.venue.value
        self.subscribe_data(health_type(venue))
        self.subscribe_quotes(self._iid)
        for order in self._cache.orders():
            self._names[order.client_order_id.value] = order.client_order_id.value
            self._orders[order.client_order_id.value] = order
        self._task = asyncio.get_running_loop().create_task(self._obey())
        tell("started", **self._state())

    def on_data(self, data: Any) -> None:
        seen = getattr(data, "data", data)
        tell("health", source=seen.source, health=seen.health.value, reasons=list(seen.reasons))

    def on_order_event(self, event: Any) -> None:
        found = event.client_order_id.value
        what = {
            key: str(getattr(event, key))
            for key in ("reason", "last_qty", "last_px", "commission", "venue_order_id", "trade_id")
            if getattr(event, key, None) is not None
        }
        name = self._names.get(found, found)
        tell("event", event=type(event).__name__, order=name, client_order_id=found, **what)

    async def _obey(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            command = json.loads(line)
            try:
                self._do(command)
            except Exception as e:  # the test must hear of it
                tell("fault", error=f"{type(e).__name__}: {e}", command=command)
        self.stop_node()

    def _do(self, command: dict[str, Any]) -> None:
        match command.pop("do"):
            case "submit":
                self._submit(**command)
            case "cancel":
                self.cancel_order(self._orders[command["name"]].client_order_id)
            case "cancel_several":
                ids = [self._orders[name].client_order_id for name in command["names"]]
                self.cancel_orders(ids)
            case "cancel_all":
                self.cancel_all_orders(self._iid)
            case "modify":
                self._modify(**command)
            case "state":
                tell("state", **self._state())
            case "stop":
                self.stop_node()
            case other:
                raise ValueError(f"unknown command {other!r}")

    def _submit(
        self,
        name: str,
        kind: str,
        side: str,
        base: str | None = None,
        cost: str | None = None,
        force: str = "GTC",
        **terms: Any,
    ) -> None:
        of = self._instrument()
        quantity = (
            Quantity.from_str(str(cost))
            if base is None
            else of.make_qty(Decimal(base) / of.multiplier.as_decimal())
        )
        prices = {
            key: of.make_price(Decimal(terms.pop(key)))
            for key in ("price", "trigger_price")
            if key in terms
        }
        make = getattr(self.order_factory, kind)
        order = make(
            self._iid,
            OrderSide.BUY if side == "buy" else OrderSide.SELL,
            quantity,
            *([prices["price"]] if "price" in prices else []),
            *([prices["trigger_price"]] if "trigger_price" in prices else []),
            time_in_force=getattr(TimeInForce, force),
            **({"quote_quantity": True} if cost is not None else {}),
            **terms,
        )
        self._names[order.client_order_id.value] = name
        self._orders[name] = order
        self.submit_order(order)

    def _modify(self, name: str, **terms: str) -> None:
        of = self._instrument()
        changed: dict[str, Any] = {
            key: of.make_price(Decimal(value)) for key, value in terms.items() if key != "base"
        }
        if "base" in terms:
            changed["quantity"] = of.make_qty(Decimal(terms["base"]) / of.multiplier.as_decimal())
        self.modify_order(self._orders[name].client_order_id, **changed)

    def _instrument(self) -> Any:
        return self._cache.instrument(self._iid)

    def _state(self) -> dict[str, Any]:
        account = self._cache.account(AccountId(self.plan["account"]))
        totals = {} if account is None else account.balances_total()
        return {
            "orders": {
                self._names.get(o.client_order_id.value, o.client_order_id.value): {
                    "status": o.status.name,
                    "filled": str(o.filled_qty.as_decimal()),
                    "quantity": str(o.quantity.as_decimal()),
                    "venue_order_id": o.venue_order_id.value if o.venue_order_id else None,
                    "trades": [t.value for t in o.trade_ids],
                    "strategy": o.strategy_id.value,
                    "trigger_price": str(getattr(o, "trigger_price", None)),
                }
                for o in self._cache.orders()
            },
            "position": str(
                sum(
                    (
                        p.quantity.as_decimal() * (1 if p.signed_qty > 0 else -1)
                        for p in self._cache.positions_open(instrument_id=self._iid)
                    ),
                    Decimal(0),
                )
            ),
            "balances": {c.code: str(money.as_decimal()) for c, money in totals.items()},
        }


def main(plan: dict[str, Any]) -> None:
    """Run until the input ends."""
    for name, value in plan.pop("environment").items():
        os.environ[name] = value
    settings = {key: value for key, value in plan.items() if key != "claims"}
    instrument = InstrumentId.from_str(f"{settings['instruments'][0]}.{settings['venue']}")
    settings["instruments"] = tuple(settings["instruments"])
    venue = settings["venue"]
    logging = LoggerConfig(stdout_level=LogLevel.OFF)
    builder = (
        LiveNode.builder("REMOTE", TraderId("TESTER-001"), Environment.LIVE)
        .with_logging(logging)
        .with_exec_engine_config(execution_engine_config())
        .with_delay_post_stop_secs(0)
        .with_timeout_connection(30)
        .add_data_client(venue, CcxtDataClientFactory(), CcxtDataClientConfig(**settings))
        .add_exec_client(venue, CcxtExecutionClientFactory(), CcxtExecutionClientConfig(**settings))
    )
    node = builder.build()
    claims = [instrument] if plan.get("claims") else None
    config = StrategyConfig(
        strategy_id=StrategyId("OBEDIENT-001"), external_order_instrument_ids=claims
    )
    strategy = Obedient(config)
    strategy.plan = {"instrument": instrument.value, "account": f"{venue}-001"}
    node.add_strategy(strategy)
    handle: LiveNodeHandle = node.handle()
    strategy.stop_node = handle.stop
    node.run()
    tell("ended")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

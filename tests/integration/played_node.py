"""A node that aggregates trades to bars itself and prints them, for `tests.harness.forks.Fork`."""

import time
from typing import Any

from nautilus_trader.model import Bar, BarType, InstrumentId, TradeTick

from tests.harness.nodes import Desk, Setup, run_script
from tests.harness.obeying import Address
from tests.harness.telling import Fact, tell

# `Any` in this module: a plan is JSON


def main(plan: dict[str, Any]) -> None:
    """Print bars of every instrument and how late trades came, until so many bars of each.

    It ends once a trade came from after the last of them: what came too late for its bar is told.
    """
    venue = Address(url=plan["url"], environment=plan["environment"])
    ids = [f"{name}.{plan['dialect'].upper()}" for name in plan["instruments"]]
    left = dict.fromkeys(ids, plan["bars"])
    ends_ns, traded_ns = dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)

    def hear(item: Any) -> None:
        fact = _fact(item)
        if fact is None:
            return
        tell(fact)
        if fact["kind"] == "bar":
            left[fact["instrument"]] -= 1
            ends_ns[fact["instrument"]] = fact["ts_event"]
        else:
            traded_ns[fact["instrument"]] = fact["ts_event"]

    def is_whole() -> bool:
        return max(left.values()) <= 0 and all(traded_ns[each] >= ends_ns[each] for each in ids)

    async def script(desk: Desk) -> None:
        desk.strategy.listen = hear
        for each in ids:
            desk.strategy.subscribe_bars(BarType.from_str(f"{each}-{plan['spec']}-LAST-INTERNAL"))
            desk.strategy.subscribe_trades(InstrumentId.from_str(each))
        tell({"kind": "started", "ms": time.time_ns() // 1_000_000})
        await desk.until(is_whole, "bars", plan["secs"])

    run_script(
        venue,
        plan["dialect"],
        script,
        Setup(product=plan["product"], options={"instruments": plan["instruments"]}),
    )


def _fact(item: Any) -> Fact | None:
    lag_ms = (time.time_ns() - item.ts_event) / 1e6 if hasattr(item, "ts_event") else 0.0
    match item:
        case Bar():
            return {
                "kind": "bar",
                "instrument": str(item.bar_type.instrument_id),
                "prices": [str(each) for each in (item.open, item.high, item.low, item.close)],
                "volume": str(item.volume),
                "ts_event": item.ts_event,
                "lag_ms": lag_ms,
            }
        case TradeTick():
            return {
                "kind": "trade",
                "instrument": str(item.instrument_id),
                "ts_event": item.ts_event,
                "lag_ms": lag_ms,
            }
        case _:
            return None

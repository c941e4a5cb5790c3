"""Group 3 of the execution specification: orders that wait for a price, and fire."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import OrderSide, TriggerType

from ccxt_nt.profiles import MarketBuy
from tests.conformance.bench import BUY, NOTIONAL, SELL, Bench
from tests.conformance.checks import check_account, check_denied, check_events, must
from tests.conformance.scenario import Scenario
from tests.venue.model import Fill, Order, Side, Status

# `Any` in this module: the engine's stubs have no common type of orders

_STOPS: Final = ("stop_market", "stop_limit")


def make_stop(bench: Bench, kind: str, side: OrderSide, of_market: Any = None, **more: Any) -> Any:
    """Make a waiting order one percent from the market; `of_market` moves its trigger."""
    rising = (side == BUY) is (kind in _STOPS)
    trigger = bench.price(of_market or Decimal("1.01" if rising else "0.99"))
    if kind.startswith("limit") or kind.endswith("limit"):
        slack = Decimal("1.002") if side == BUY else Decimal("0.998")
        exact = trigger.as_decimal() * slack
        more["price"] = bench.instrument.make_price(exact - exact % bench.listing.tick)
    elif bench.row.market_buy is MarketBuy.COST and side == BUY:
        more["quote_quantity"] = True
    return getattr(bench.desk.orders, kind)(
        bench.instrument_id,
        side,
        bench.instrument.make_qty(NOTIONAL) if "quote_quantity" in more else bench.quantity(),
        trigger_price=trigger,
        trigger_type=TriggerType.LAST_PRICE,
        **more,
    )


def check_waiting(bench: Bench, order: Any) -> Order:
    """Compare a waiting order with the exchange's."""
    known, there = bench.desk.order(order), bench.truth(order)
    if there.trigger is None:
        raise AssertionError(f"{known.venue_order_id} does not wait at the venue")
    must(there.status is Status.WAITING, f"the venue has it {there.status}")
    price = known.trigger_price.as_decimal()
    must(there.trigger.price == price, f"it fires at {there.trigger.price}, must be {price}")
    rising = price > bench.ask(lambda e: e.last(bench.symbol))
    must(there.trigger.rising is rising, f"it fires rising={there.trigger.rising}, must {rising}")
    side = Side.BUY if known.side == BUY else Side.SELL
    must(there.ask.side is side, f"side at the venue is {there.ask.side}")
    wanted = None if known.is_quote_quantity else known.quantity.as_decimal()
    must(there.quantity == wanted, f"the venue has {there.quantity}, must be {wanted}")
    if known.is_quote_quantity:
        must(there.ask.cost == known.quantity.as_decimal(), f"the venue has {there.ask.cost}")
    limit = known.price.as_decimal() if known.has_price else None
    must(there.price == limit, f"its limit price is {there.price}, must be {limit}")
    return there


async def _waits_and_fires(bench: Bench, kind: str, side: OrderSide) -> None:
    order = await bench.placed(make_stop(bench, kind, side))
    check_events(bench, order, "Submitted", "Accepted")
    waiting = check_waiting(bench, order)
    must(len(bench.open_at_venue()) == 1, f"{len(bench.open_at_venue())} orders at the venue")
    trigger = order.trigger_price.as_decimal()
    bench.tick(trigger)
    await bench.status(order, "FILLED")
    fills = _fired_fills(bench, waiting.order_id)
    _check_fired(bench, order, fills)
    await check_account(bench)


def _fired_fills(bench: Bench, order_id: str) -> list[Fill]:
    """List the fills of a waiting order and of the order that it became."""

    def look(exchange: Any) -> list[Fill]:
        waited = exchange.truth.placed[order_id]
        ids = {order_id, waited.fired_as}
        return [fill for fill in exchange.truth.fills if fill.order_id in ids]

    return bench.ask(look)


def _check_fired(bench: Bench, order: Any, fills: list[Fill]) -> None:
    known = bench.desk.order(order)
    total = sum((fill.quantity for fill in fills), Decimal(0))
    must(known.filled_qty.as_decimal() == total, f"filled {known.filled_qty}, must be {total}")
    ours = {e.trade_id.value for e in bench.events(order) if type(e).__name__ == "OrderFilled"}
    there = {fill.trade_id for fill in fills}
    must(ours == there, f"trade ids were {sorted(ours)}, must be {sorted(there)}")
    names = [n for n in bench.names(order) if n not in ("OrderTriggered", "OrderUpdated")]
    wanted = ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]
    must(names == wanted, f"events were {bench.names(order)}")


async def _stop_denied(bench: Bench, kind: str, side: OrderSide) -> None:
    count = bench.placements()
    order = make_stop(bench, kind, side)
    bench.desk.submit(order)
    await bench.status(order, "DENIED")
    check_denied(bench, order, count)


_KINDS: Final[Mapping[str, tuple[str, OrderSide]]] = {
    "TC-E20": ("stop_market", BUY),
    "TC-E21": ("stop_market", SELL),
    "TC-E22": ("stop_limit", BUY),
    "TC-E23": ("stop_limit", SELL),
    "TC-E24": ("market_if_touched", BUY),
    "TC-E25": ("market_if_touched", SELL),
    "TC-E26": ("limit_if_touched", BUY),
    "TC-E27": ("limit_if_touched", SELL),
}

CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {name: partial(_waits_and_fires, kind=k, side=s) for name, (k, s) in _KINDS.items()}
)

REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        name: partial(_stop_denied, kind=k, side=s)
        for name, (k, s) in _KINDS.items()
        if "market" in k  # every venue here takes limit orders behind a trigger
    }
)

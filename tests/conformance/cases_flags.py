"""Groups 6 and 7 of the execution specification: brackets and flags."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from nautilus_trader.model import OrderSide, OrderType

from tests.conformance.bench import BUY, SELL, Bench
from tests.conformance.checks import (
    check_account,
    check_denied,
    check_events,
    check_fills,
    check_resting,
    must,
)
from tests.conformance.scenario import Scenario
from tests.venue.model import Force

# `Any` in this module: the engine's stubs have no common type of orders


async def _bracket_denied(bench: Bench, side: OrderSide, *, post_only: bool = False) -> None:
    """Hold that no part of a bracket reaches the venue, where a part alone would be a risk."""
    count = bench.placements()
    low, high = bench.below(2), bench.above(2)
    stop, target = (low, high) if side == BUY else (high, low)
    bracket = bench.desk.orders.bracket(
        bench.instrument_id,
        side,
        bench.quantity(),
        entry_order_type=OrderType.LIMIT,
        entry_price=bench.below() if side == BUY else bench.above(),
        entry_post_only=post_only,
        sl_trigger_price=stop,
        tp_price=target,
        tp_post_only=post_only,
    )
    bench.desk.strategy.submit_order_list(bracket)
    orders = bracket.orders if hasattr(bracket, "orders") else bracket
    for order in orders:
        await bench.status(order, "DENIED")
        check_denied(bench, order, count)


async def _post_only_rests(bench: Bench) -> None:
    order = await bench.placed(bench.limit(BUY, post_only=True))
    check_events(bench, order, "Submitted", "Accepted")
    there = check_resting(bench, order)
    must(there.ask.force is Force.POST_ONLY, f"the venue took it as {there.ask.force}")


async def _closed_reduce_only(bench: Bench) -> None:
    await bench.filled(bench.market(BUY))
    await bench.until(bench.held, "the position is open in the engine")
    before = {order.client_order_id for order in bench.cache.orders()}
    position = bench.cache.positions_open(instrument_id=bench.instrument_id)[0]
    bench.desk.strategy.close_position(position, reduce_only=True)
    await bench.until(lambda: not bench.held(), "flat in the engine")
    closing = [o for o in bench.cache.orders() if o.client_order_id not in before]
    must(len(closing) == 1, f"{len(closing)} orders closed it")
    check_events(bench, closing[0], "Submitted", "Accepted", "Filled")
    check_fills(bench, closing[0])
    must(bench.truth(closing[0]).ask.reduce_only, "the venue took it without reduce-only")
    must(not bench.held_at_venue(), f"the venue still holds {bench.held_at_venue()}")
    await check_account(bench)


async def _reduce_only_denied(bench: Bench) -> None:
    count = bench.placements()
    order = bench.limit(SELL, reduce_only=True)
    bench.desk.submit(order)
    await bench.status(order, "DENIED")
    check_denied(bench, order, count)


async def _iceberg_denied(bench: Bench) -> None:
    count = bench.placements()
    order = bench.limit(BUY, times=4, display_qty=bench.quantity())
    bench.desk.submit(order)
    await bench.status(order, "DENIED")
    check_denied(bench, order, count)


async def _parameters_do_nothing(bench: Bench) -> None:
    """Hold that a parameter from outside never reaches the venue's order."""
    order = bench.limit(BUY)
    bench.desk.strategy.submit_order(order, params={"stopLossPrice": "1", "clientOrderId": "x"})
    order = await bench.status(order, "ACCEPTED")
    there = check_resting(bench, order)
    must(there.trigger is None and there.ask.client_id != "x", "a parameter reached the venue")


CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {"TC-E60": _post_only_rests, "TC-E61": _closed_reduce_only}
)

REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-E50": partial(_bracket_denied, side=BUY),
        "TC-E51": partial(_bracket_denied, side=SELL),
        "TC-E52": partial(_bracket_denied, side=BUY),
        "TC-E53": partial(_bracket_denied, side=BUY, post_only=True),
        "TC-E61": _reduce_only_denied,
        "TC-E62": _iceberg_denied,
        "TC-E63": _parameters_do_nothing,
        "TC-E71": _reduce_only_denied,
    }
)

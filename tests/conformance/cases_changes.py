"""Groups 4 and 5 of the execution specification: orders changed and cancelled."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import OrderSide

from ccxt_nt.profiles import Amend
from ccxt_nt.values import OrderKind
from tests.conformance.bench import BUY, SELL, Bench
from tests.conformance.cases_stops import check_waiting, make_stop
from tests.conformance.checks import check_events, check_resting, must
from tests.conformance.scenario import Scenario
from tests.venue.model import Status
from tests.venue.truth import Deed

# `Any` in this module: the engine's stubs have no common type of orders

_REPLACED: Final = "by a new order at the venue"


# ---- group 4 ----


async def _change_price(bench: Bench, side: OrderSide) -> str | None:
    order = await bench.placed(bench.limit(side))
    before = order.venue_order_id.value
    price = bench.below(2) if side == BUY else bench.above(2)
    bench.desk.strategy.modify_order(order.client_order_id, price=price)
    order = await _updated(bench, order)
    check_events(bench, order, "Submitted", "Accepted", "PendingUpdate", "Updated")
    must(order.price == price, f"the engine has price {order.price}, must be {price}")
    await bench.until(lambda: len(bench.open_at_venue()) == 1, "one order at the venue")
    check_resting(bench, order)
    return None if order.venue_order_id.value == before else _REPLACED


async def _updated(bench: Bench, order: Any) -> Any:
    """Wait until a change was told, and the order is open again."""
    await bench.until(
        lambda: {"OrderUpdated", "OrderModifyRejected"} & set(bench.names(order)), "it is changed"
    )
    return await bench.status(order, "ACCEPTED")


async def _cancel(bench: Bench, order: Any) -> Any:
    bench.desk.strategy.cancel_order(order.client_order_id)
    return await bench.status(order, "CANCELED")


async def _cancel_replace(bench: Bench, side: OrderSide) -> None:
    first = await _cancel(bench, await bench.placed(bench.limit(side)))
    check_events(bench, first, "Submitted", "Accepted", "PendingCancel", "Canceled")
    price = bench.below(2) if side == BUY else bench.above(2)
    second = await bench.placed(bench.limit(side, price))
    check_events(bench, second, "Submitted", "Accepted")
    check_resting(bench, second)
    must(bench.truth(first).status is Status.CANCELED, "the first one is not cancelled")
    must(len(bench.open_at_venue()) == 1, "there is not exactly one order")


def _stop_kind(bench: Bench) -> str:
    return "stop_market" if OrderKind.STOP_MARKET in bench.row.kinds else "stop_limit"


async def _change_trigger(bench: Bench) -> str | None:
    order = await bench.placed(make_stop(bench, _stop_kind(bench), SELL))
    before = order.venue_order_id.value
    mark = bench.ask(lambda e: len(e.truth.entries))
    trigger = bench.price("0.985")
    price = bench.price("0.983") if order.has_price else None
    bench.desk.strategy.modify_order(order.client_order_id, price=price, trigger_price=trigger)
    order = await _updated(bench, order)
    check_events(bench, order, "Submitted", "Accepted", "PendingUpdate", "Updated")
    must(order.trigger_price == trigger, f"the engine has {order.trigger_price}")
    await bench.until(lambda: len(bench.open_at_venue()) == 1, "one stop at the venue")
    check_waiting(bench, order)
    deeds = bench.ask(lambda e: [entry.deed for entry in e.truth.entries[mark:]])
    if order.venue_order_id.value == before:
        must(deeds == [Deed.AMENDED], f"the venue did {deeds}")
        return None
    must(deeds == [Deed.PLACED, Deed.CANCELED], f"a stop was missing: the venue did {deeds}")
    return f"{_REPLACED}, placed before the old one is cancelled"


async def _cancel_replace_stop(bench: Bench) -> None:
    kind = _stop_kind(bench)
    first = await _cancel(bench, await bench.placed(make_stop(bench, kind, SELL)))
    check_events(bench, first, "Submitted", "Accepted", "PendingCancel", "Canceled")
    second = await bench.placed(make_stop(bench, kind, SELL, "0.985"))
    check_waiting(bench, second)
    must(bench.truth(first).status is Status.CANCELED, "the first one is not cancelled")
    must(len(bench.open_at_venue()) == 1, "there is not exactly one stop")


async def _every_order_can_be_changed(bench: Bench) -> None:
    """Hold that no row says otherwise, or the case would apply."""
    must(bench.row.amend is not Amend.NONE, "plain orders cannot be changed")
    stops = bench.row.stops
    must(stops is not None and stops.amend is not Amend.NONE, "stops cannot be changed")


# ---- group 5 ----


async def _cancel_one(bench: Bench) -> None:
    order = await bench.placed(bench.limit(BUY))
    venue_order_id = order.venue_order_id
    await _cancel(bench, order)
    check_events(bench, order, "Submitted", "Accepted", "PendingCancel", "Canceled")
    told = bench.events(order)[-1].venue_order_id
    must(told == venue_order_id, f"the cancellation names {told}, must be {venue_order_id}")
    must(bench.truth(order).status is Status.CANCELED, "the venue did not cancel it")
    must(not bench.open_at_venue(), "orders are left at the venue")


async def _several(bench: Bench) -> list[Any]:
    orders = [bench.limit(BUY), bench.limit(SELL), bench.limit(BUY, bench.below(2))]
    for order in orders:
        bench.desk.submit(order)
    return [await bench.status(order, "ACCEPTED") for order in orders]


async def _all_canceled(bench: Bench, orders: list[Any]) -> None:
    for order in orders:
        await bench.status(order, "CANCELED")
        check_events(bench, order, "Submitted", "Accepted", "PendingCancel", "Canceled")
        must(bench.truth(order).status is Status.CANCELED, "the venue did not cancel it")
    must(not bench.open_at_venue(), "orders are left at the venue")


async def _cancel_all(bench: Bench) -> None:
    orders = await _several(bench)
    bench.desk.strategy.cancel_all_orders(bench.instrument_id)
    await _all_canceled(bench, orders)


async def _cancel_each(bench: Bench) -> None:
    orders = await _several(bench)
    for order in orders:
        bench.desk.strategy.cancel_order(order.client_order_id)
    await _all_canceled(bench, orders)


def _cancel_requests(bench: Bench) -> int:
    return sum(seen.purpose == "cancel" for seen in bench.venue.requests)


async def _cancel_batch(bench: Bench) -> None:
    orders = await _several(bench)
    before = _cancel_requests(bench)
    bench.desk.strategy.cancel_orders([order.client_order_id for order in orders])
    await _all_canceled(bench, orders)
    sent = _cancel_requests(bench) - before
    must(sent == 1, f"{sent} requests cancelled the batch")


async def _cancel_batch_singly(bench: Bench) -> None:
    orders = await _several(bench)
    bench.desk.strategy.cancel_orders([order.client_order_id for order in orders])
    await _all_canceled(bench, orders)


async def _cancel_twice(bench: Bench) -> str | None:
    order = await _cancel(bench, await bench.placed(bench.limit(BUY)))
    before = bench.names(order)
    bench.desk.strategy.cancel_order(order.client_order_id)
    marker = await bench.placed(bench.limit(BUY))  # whatever the second one brings is here before
    await _cancel(bench, marker)
    added = bench.names(order)[len(before) :]
    must(added in ([], ["OrderCancelRejected"]), f"the second cancellation brought {added}")
    must(bench.desk.order(order).status.name == "CANCELED", "it is not cancelled any more")
    return None if added else "the engine itself keeps the second one back"


CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-E30": partial(_change_price, side=BUY),
        "TC-E31": partial(_change_price, side=SELL),
        "TC-E32": partial(_cancel_replace, side=BUY),
        "TC-E33": partial(_cancel_replace, side=SELL),
        "TC-E34": _change_trigger,
        "TC-E35": _cancel_replace_stop,
        "TC-E40": _cancel_one,
        "TC-E41": _cancel_all,
        "TC-E42": _cancel_each,
        "TC-E43": _cancel_batch,
        "TC-E44": _cancel_twice,
    }
)

REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {"TC-E36": _every_order_can_be_changed, "TC-E43": _cancel_batch_singly}
)

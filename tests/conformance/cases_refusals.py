"""Group 8 of the execution specification: refusals, and outcomes that nobody knows yet."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import TimeInForce, TrailingOffsetType

from tests.conformance.bench import BUY, FAR, SELL, Bench
from tests.conformance.cases_stops import check_waiting, make_stop
from tests.conformance.checks import check_denied, check_events, check_resting, must
from tests.conformance.scenario import Scenario
from tests.venue.faults import Fault, FaultKind
from tests.venue.model import Status

# `Any` in this module: the engine's stubs have no common type of orders

# The venue did it, and the client is not told; the last one is for requests that never arrive
_UNTOLD: Final = (
    FaultKind.RESET_AFTER,
    FaultKind.STATUS_502_AFTER,
    FaultKind.HTML_200_AFTER,
    FaultKind.EMPTY_JSON_AFTER,
    FaultKind.TIMEOUT_AFTER,
)
_NEVER_CAME: Final = (FaultKind.RESET_BEFORE, FaultKind.STATUS_502_BEFORE, FaultKind.DROP_REQUEST)


def _spoil(bench: Bench, kind: FaultKind, where: str) -> None:
    bench.venue.faults.clear()
    bench.venue.faults.add(Fault(kind=kind, where=where))


def _check_spoiled(bench: Bench, kind: FaultKind) -> None:
    must(
        any(injected.kind is kind for injected in bench.venue.faults.log),
        f"{kind.value} never struck",
    )


# ---- refused ----


async def _would_take(bench: Bench) -> str | None:
    order = bench.limit(BUY, bench.price(1 + FAR / 2), post_only=True)
    bench.desk.submit(order)
    await bench.status(order, "REJECTED", "CANCELED")
    must(not bench.desk.order(order).filled_qty.as_decimal(), "a part of it filled")
    last = bench.events(order)[-1]
    if type(last).__name__ == "OrderRejected":
        check_events(bench, order, "Submitted", "Rejected")
        must(last.due_post_only, "the rejection does not say that it is due to post-only")
        return None
    check_events(bench, order, "Submitted", "Accepted", "Canceled")
    there = bench.truth(order)
    must(there.cancel_reason == "post_only", f"the venue cancelled it for {there.cancel_reason!r}")
    return "the venue accepts it and cancels it at once"


async def _nothing_to_reduce(bench: Bench) -> str | None:
    order = bench.desk.orders.market(bench.instrument_id, SELL, bench.quantity(), reduce_only=True)
    bench.desk.submit(order)
    await bench.status(order, "REJECTED", "CANCELED")
    last = bench.events(order)[-1]
    must(not bench.held_at_venue(), "it opened a position")
    if type(last).__name__ == "OrderRejected":
        check_events(bench, order, "Submitted", "Rejected")
        must(last.reason, "it was rejected without a reason")
        return None
    return "the venue accepts it and cancels it at once"


async def _unsupported_kind(bench: Bench) -> None:
    count = bench.placements()
    orders = [
        bench.desk.orders.trailing_stop_market(
            bench.instrument_id,
            SELL,
            bench.quantity(),
            trailing_offset=Decimal(100),
            trailing_offset_type=TrailingOffsetType.PRICE,
            trigger_price=bench.below(),
        ),
        bench.desk.orders.market_to_limit(bench.instrument_id, BUY, bench.quantity()),
    ]
    for order in orders:
        bench.desk.submit(order)
        await bench.status(order, "DENIED")
        check_denied(bench, order, count)


async def _unsupported_force(bench: Bench) -> None:
    count = bench.placements()
    soon = bench.desk.strategy.clock.timestamp_ns() + 3_600_000_000_000
    orders = [
        bench.limit(BUY, time_in_force=TimeInForce.DAY),
        bench.limit(BUY, time_in_force=TimeInForce.GTD, expire_time=soon),
        bench.limit(BUY, time_in_force=TimeInForce.AT_THE_OPEN),
    ]
    for order in orders:
        bench.desk.submit(order)
        await bench.status(order, "DENIED")
        check_denied(bench, order, count)


# ---- unknown ----


async def _placement_unknown(bench: Bench) -> None:
    for kind in _UNTOLD:
        _spoil(bench, kind, "order")
        order = await bench.placed(bench.limit(BUY))
        _check_spoiled(bench, kind)
        check_events(bench, order, "Submitted", "Accepted")
        there = check_resting(bench, order)
        asked = bench.times_placed(there.ask.client_id)
        must(asked <= 1, f"after {kind.value} it was sent {asked} times")
        must(len(bench.open_at_venue()) == 1, f"after {kind.value} there is not exactly one")
        await _cancel(bench, order)
    for kind in _NEVER_CAME:
        _spoil(bench, kind, "order")
        count = bench.placements()
        order = bench.limit(BUY)
        bench.desk.submit(order)
        await bench.status(order, "REJECTED", secs=20)
        _check_spoiled(bench, kind)
        must(bench.placements() == count, f"after {kind.value} it was sent again")
        must("never had it" in bench.events(order)[-1].reason, "rejected without evidence")


async def _cancel(bench: Bench, order: Any) -> None:
    bench.desk.strategy.cancel_order(order.client_order_id)
    await bench.status(order, "CANCELED")


async def _cancellation_unknown(bench: Bench) -> None:
    for kind in (*_UNTOLD, *_NEVER_CAME):
        order = await bench.placed(bench.limit(BUY))
        _spoil(bench, kind, "cancel")
        await _cancel(bench, order)
        _check_spoiled(bench, kind)
        check_events(bench, order, "Submitted", "Accepted", "PendingCancel", "Canceled")
        must(bench.truth(order).status is Status.CANCELED, f"after {kind.value} it is not")


async def _priced(bench: Bench, order: Any, price: Any) -> Any:
    await bench.until(lambda: bench.desk.order(order).price == price, "the engine has the price")
    return await bench.status(order, "ACCEPTED")


async def _change_unknown(bench: Bench) -> None:
    where = "amend" if bench.row.amend.value == "atomic" else "order"
    for kind in _UNTOLD[:3]:
        order = await bench.placed(bench.limit(BUY))
        _spoil(bench, kind, where)
        price = bench.below(2)
        bench.desk.strategy.modify_order(order.client_order_id, price=price)
        order = await _priced(bench, order, price)
        _check_spoiled(bench, kind)
        names = set(bench.names(order))
        must("OrderModifyRejected" not in names, f"a rejection was made up: {names}")
        check_resting(bench, order)
        must(len(bench.open_at_venue()) == 1, f"after {kind.value} there is not exactly one")
        await _cancel(bench, order)


async def _stop_survives(bench: Bench) -> None:
    """Hold that a stop whose outcome is unknown is there in the end."""
    _spoil(bench, FaultKind.RESET_AFTER, "order")
    kind = "stop_market" if "stop_market" in {k.value for k in bench.row.kinds} else "stop_limit"
    order = await bench.placed(make_stop(bench, kind, SELL))
    check_waiting(bench, order)
    must(len(bench.open_at_venue()) == 1, "there is not exactly one stop")


async def _placements_unknown(bench: Bench) -> None:
    await _placement_unknown(bench)
    await _stop_survives(bench)


async def _resting_pair(bench: Bench) -> list[Any]:
    return [await bench.placed(bench.limit(BUY)), await bench.placed(bench.limit(SELL))]


async def _batch_unknown(bench: Bench, *, kinds: tuple[FaultKind, ...] = _UNTOLD[:3]) -> None:
    for kind in (*kinds, FaultKind.RESET_BEFORE):
        pair = await _resting_pair(bench)
        _spoil(bench, kind, "cancel")
        bench.desk.strategy.cancel_orders([order.client_order_id for order in pair])
        for order in pair:
            await bench.status(order, "CANCELED")
            check_events(bench, order, "Submitted", "Accepted", "PendingCancel", "Canceled")
            must(bench.truth(order).status is Status.CANCELED, f"after {kind.value} it is not")
        _check_spoiled(bench, kind)


async def _batch_in_part(bench: Bench) -> None:
    """Hold that one order of a batch that filled a moment before does not spoil the rest."""
    first, second = await _resting_pair(bench)
    bench.venue.faults.clear()
    price = first.price.as_decimal()
    # Fills reach the node only after the batch was sent: the venue alone knows of it
    bench.desk.strategy.cancel_orders([first.client_order_id, second.client_order_id])
    bench.tick(price, lots=1_000_000)
    await bench.status(first, "FILLED", "CANCELED")
    await bench.status(second, "CANCELED")
    for order in (first, second):
        there = bench.truth(order)
        ended = bench.desk.order(order).status.name
        must(there.status.name == ended, f"the engine has it {ended}, the venue {there.status}")
        names = bench.names(order)
        must("OrderRejected" not in names, f"a rejection was made up: {names}")
        must(bench.desk.order(order).filled_qty.as_decimal() == there.filled, "fills differ")


CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-E70": _would_take,
        "TC-E71": _nothing_to_reduce,
        "TC-E72": _unsupported_kind,
        "TC-E73": _unsupported_force,
        "TC-E74": _placements_unknown,
        "TC-E75": _cancellation_unknown,
        "TC-E76": _change_unknown,
        "TC-E77": _batch_unknown,
        "TC-E78": _batch_in_part,
    }
)

REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType({"TC-E77": partial(_batch_unknown)})

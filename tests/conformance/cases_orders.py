"""Groups 1 and 2 of the execution specification: market and limit orders."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import OrderSide, TimeInForce

from tests.conformance.bench import BUY, FAR, FOK, IOC, NOTIONAL, SELL, Bench
from tests.conformance.checks import (
    check_account,
    check_denied,
    check_events,
    check_fills,
    check_resting,
    must,
)
from tests.conformance.scenario import Scenario
from tests.venue.model import Status

# `Any` in this module: the engine's stubs have no common type of orders


# ---- group 1 ----


async def _market(
    bench: Bench, side: OrderSide, force: TimeInForce = TimeInForce.GTC
) -> str | None:
    book = bench.ask(lambda e: e.book(bench.symbol))
    before = bench.held_at_venue()
    order = bench.market(side, time_in_force=force)
    await bench.filled(order)
    check_events(bench, order, "Submitted", "Accepted", "Filled")
    check_fills(bench, order)
    known = bench.desk.order(order)
    average = Decimal(str(known.avg_px))
    must(book.bids[-1].price <= average <= book.asks[-1].price, f"price {average} not in the book")
    must(known.time_in_force == force, f"time in force was {known.time_in_force}")
    moved = bench.held_at_venue() - before
    must(moved > 0 if side == BUY else moved < 0, f"the venue's holding moved by {moved}")
    await check_account(bench)
    if bench.is_spot and side == SELL:
        return "sells what the wallet holds"
    return "counted in quote coins" if known.is_quote_quantity or _by_cost(bench, side) else None


def _by_cost(bench: Bench, side: OrderSide) -> bool:
    return bool(bench.market(side).is_quote_quantity)


async def _by_quote(bench: Bench) -> None:
    before = bench.held_at_venue()
    order = bench.market(BUY)
    must(order.is_quote_quantity, "the order does not count in quote coins")
    await bench.filled(order)
    check_events(bench, order, "Submitted", "Accepted", "Filled")
    check_fills(bench, order)
    fills = bench.fills_at_venue(order)
    cost = sum((f.price * f.quantity * bench.listing.contract_size for f in fills), Decimal(0))
    must(NOTIONAL * Decimal("0.99") <= cost <= NOTIONAL, f"the venue spent {cost} of {NOTIONAL}")
    must(bench.held_at_venue() > before, "no coins came")
    must(bench.desk.order(order).filled_qty.as_decimal() < 1, "filled is not in base coins")
    await check_account(bench)


async def _quote_refused(bench: Bench) -> None:
    count = bench.placements()
    order = bench.desk.orders.market(
        bench.instrument_id, BUY, bench.instrument.make_qty(NOTIONAL), quote_quantity=True
    )
    bench.desk.submit(order)
    await bench.status(order, "DENIED")
    check_denied(bench, order, count)


async def _closed_by_market(bench: Bench) -> None:
    await bench.filled(bench.market(BUY))
    await bench.until(bench.held, "the position is open in the engine")
    position = bench.cache.positions_open(instrument_id=bench.instrument_id)[0]
    before = {order.client_order_id for order in bench.cache.orders()}
    bench.desk.strategy.close_position(position, reduce_only=False)
    await bench.until(lambda: not bench.held(), "flat in the engine")
    if not bench.is_spot:
        must(bench.held_at_venue() == 0, f"the venue still holds {bench.held_at_venue()}")
    closing = [o for o in bench.cache.orders() if o.client_order_id not in before]
    must(len(closing) == 1, f"{len(closing)} orders closed it")
    must(closing[0].side == SELL, "the closing order is on the wrong side")
    check_events(bench, closing[0], "Submitted", "Accepted", "Filled")
    check_fills(bench, closing[0])
    await check_account(bench)


# ---- group 2 ----


async def _rests(bench: Bench, side: OrderSide) -> None:
    order = await bench.placed(bench.limit(side))
    check_events(bench, order, "Submitted", "Accepted")
    check_resting(bench, order)
    must(len(bench.open_at_venue()) == 1, f"{len(bench.open_at_venue())} orders rest at the venue")


async def _pair_rests(bench: Bench) -> None:
    pair = [bench.limit(BUY), bench.limit(SELL)]
    for order in pair:
        bench.desk.submit(order)
    for order in pair:
        await bench.status(order, "ACCEPTED")
        check_events(bench, order, "Submitted", "Accepted")
        check_resting(bench, order)
    must(len(bench.open_at_venue()) == 2, f"{len(bench.open_at_venue())} orders rest at the venue")


async def _taken_at_once(bench: Bench, force: TimeInForce) -> None:
    order = await bench.filled(bench.limit(BUY, bench.price(1 + FAR / 2), time_in_force=force))
    check_events(bench, order, "Submitted", "Accepted", "Filled")
    check_fills(bench, order)
    if force == FOK:
        # The exchange has one trade id a level, so one fill means one level was enough
        must(len(bench.fills_at_venue(order)) == 1, "it took more than one fill")
    await check_account(bench)


async def _not_taken(bench: Bench, force: TimeInForce) -> str | None:
    order = bench.limit(BUY, time_in_force=force)
    bench.desk.submit(order)
    await bench.status(order, "CANCELED", "REJECTED")
    there = bench.found(order)
    if there is None:
        check_events(bench, order, "Submitted", "Rejected")
        return "the venue refuses it instead of cancelling it"
    check_events(bench, order, "Submitted", "Accepted", "Canceled")
    must(there.status is Status.CANCELED, f"the venue has it {there.status}")
    must(not there.filled, f"{there.filled} filled")
    return None


async def _limit_denied(bench: Bench, **more: Any) -> None:
    count = bench.placements()
    order = bench.limit(BUY, **more)
    bench.desk.submit(order)
    await bench.status(order, "DENIED")
    check_denied(bench, order, count)


async def _till_date_denied(bench: Bench) -> None:
    soon = bench.desk.strategy.clock.timestamp_ns() + 3_600_000_000_000
    await _limit_denied(bench, time_in_force=TimeInForce.GTD, expire_time=soon)


CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-E01": partial(_market, side=BUY),
        "TC-E02": partial(_market, side=SELL),
        "TC-E03": partial(_market, side=BUY, force=IOC),
        "TC-E04": partial(_market, side=BUY, force=FOK),
        "TC-E05": _by_quote,
        "TC-E06": _closed_by_market,
        "TC-E10": partial(_rests, side=BUY),
        "TC-E11": partial(_rests, side=SELL),
        "TC-E12": _pair_rests,
        "TC-E13": partial(_taken_at_once, force=IOC),
        "TC-E14": partial(_not_taken, force=IOC),
        "TC-E15": partial(_taken_at_once, force=FOK),
        "TC-E16": partial(_not_taken, force=FOK),
    }
)

# Where a case does not apply, the refusal itself is put to the test
REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-E05": _quote_refused,
        "TC-E17": _till_date_denied,
        "TC-E18": _till_date_denied,
        "TC-E19": partial(_limit_denied, time_in_force=TimeInForce.DAY),
    }
)

"""What must hold of an order, told by the exchange and not by the engine alone."""

from decimal import Decimal
from typing import Any

from nautilus_trader.model import Currency, Venue

from tests.conformance.bench import Bench
from tests.venue.model import Force, Kind, Order, Product, Side, Status

# `Any` in this module: the engine's stubs have no common type of orders

_MAY_ADD = "OrderUpdated"  # a quantity that was sent in quote coins becomes known as base coins


def must(holds: object, what: str) -> None:
    """Fail a case with a sentence."""
    if not holds:
        raise AssertionError(what)


def check_events(bench: Bench, order: Any, *wanted: str) -> None:
    """Compare an order's events with the sequence of the specification."""
    found = bench.names(order)
    if order.is_quote_quantity:
        found = [name for name in found if name != _MAY_ADD]
    names = [f"Order{name}" for name in ("Initialized", *wanted)]
    must(found == names, f"events were {found}, must be {names}")


def check_resting(bench: Bench, order: Any) -> Order:
    """Compare an open order with the exchange's."""
    there = bench.truth(order)
    must(there.status is Status.OPEN, f"status at the venue is {there.status}, must be open")
    check_terms(bench, order, there)
    return there


def check_terms(bench: Bench, order: Any, there: Order) -> None:
    """Compare side, quantity, prices, kind and force."""
    known = bench.desk.order(order)
    side = Side.BUY if known.side.name == "BUY" else Side.SELL
    must(there.ask.side is side, f"side at the venue is {there.ask.side}, must be {side}")
    must(there.ask.symbol == bench.symbol, f"symbol at the venue is {there.ask.symbol}")
    wanted = known.quantity.as_decimal()
    must(there.quantity == wanted, f"quantity at the venue is {there.quantity}, must be {wanted}")
    price = known.price.as_decimal() if known.has_price else None
    must(there.price == price, f"price at the venue is {there.price}, must be {price}")
    kind = Kind.MARKET if price is None else Kind.LIMIT
    must(there.ask.kind is kind, f"kind at the venue is {there.ask.kind}, must be {kind}")
    force = Force.POST_ONLY if known.is_post_only else Force[known.time_in_force.name]
    if price is not None:
        must(there.ask.force is force, f"force at the venue is {there.ask.force}, must be {force}")
    reduce = known.is_reduce_only
    must(there.ask.reduce_only == reduce, f"reduce-only at the venue is {there.ask.reduce_only}")


def check_fills(bench: Bench, order: Any) -> None:
    """Compare fills one by one: trade id, price, quantity, fee, and their sum."""
    known = bench.desk.order(order)
    there = {fill.trade_id: fill for fill in bench.fills_at_venue(order)}
    ours = [event for event in bench.events(order) if type(event).__name__ == "OrderFilled"]
    must(there, "the exchange knows no fill of it")
    found = {event.trade_id.value for event in ours}
    must(found == set(there), f"trade ids were {sorted(found)}, must be {sorted(there)}")
    must(len(ours) == len(there), f"{len(ours)} fills were told of {len(there)}")
    for event in ours:
        fill = there[event.trade_id.value]
        must(event.last_px.as_decimal() == fill.price, f"price {event.last_px}, not {fill.price}")
        must(event.last_qty.as_decimal() == fill.quantity, f"quantity {event.last_qty}")
        check_fee(event.commission, fill.fee, fill.fee_coin)
    total = sum((fill.quantity for fill in there.values()), Decimal(0))
    must(known.filled_qty.as_decimal() == total, f"filled {known.filled_qty}, must be {total}")


def check_fee(ours: Any, fee: Decimal, coin: str) -> None:
    """Compare a fee, to the last digit that the engine's money has."""
    must(ours is not None, f"no commission was told, must be {fee} {coin}")
    must(ours.currency.code == coin, f"commission is in {ours.currency.code}, must be in {coin}")
    digit = Decimal(1).scaleb(-ours.currency.precision)
    must(abs(ours.as_decimal() - fee) <= digit, f"commission is {ours}, must be {fee} {coin}")


async def check_account(bench: Bench) -> None:
    """Wait until positions and balances are those of the exchange."""
    if not bench.is_spot:
        await bench.until(
            lambda: bench.held() == bench.held_at_venue(),
            f"position {bench.held()} becomes the venue's {bench.held_at_venue()}",
        )
    try:
        await bench.until(lambda: not money_apart(bench), "")
    except TimeoutError:
        apart = ", ".join(money_apart(bench))
        raise AssertionError(f"balances are not the venue's: {apart}") from None


def money_apart(bench: Bench) -> list[str]:
    """List the coins whose total differs between the engine's account and the exchange."""
    account = bench.cache.account_for_venue(Venue(bench.row.venue))
    there = bench.ask(lambda e: e.balances(Product.SPOT if bench.is_spot else Product.PERP))
    apart = []
    for coin, wallet in there.items():
        ours = account.balance_total(Currency.from_str(coin))
        exact = Decimal(0) if ours is None else ours.as_decimal()
        if abs(exact - wallet.total) > Decimal("0.00000001"):
            apart.append(f"{coin} {exact} not {wallet.total}")
    return apart


def check_denied(bench: Bench, order: Any, placements: int) -> None:
    """Hold that an order was denied with a reason and never reached the venue."""
    last = bench.events(order)[-1]
    must(type(last).__name__ == "OrderDenied", f"it ended {bench.names(order)}, must be denied")
    must(last.reason, "it was denied without a reason")
    must(bench.placements() == placements, "it reached the venue")

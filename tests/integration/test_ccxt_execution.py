"""Orders through a real node at each local venue: lives, outages, restarts, compared with truth."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.harness.remote import NAMES, SYMBOLS, Remote, balances_of
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.model import Ask, Kind, Side, Status
from tests.venue.truth import Deed

# `Any` in this module: states are JSON

# The cases of tests/conformance run at all venues and products; here is what they have in one story
LIVES = [("bitget", "linear"), ("kucoin", "spot"), ("gate", "spot")]


def at(dialect: str, product: str) -> LocalVenue:
    """Open a venue whose bitcoin trades at 50,000."""
    return LocalVenue(dialect, prices={SYMBOLS[product]: Decimal(50_000)})


def differences(remote: Remote, state: dict[str, Any]) -> list[str]:
    """Compare what the engine knows with what really happened."""
    return [
        f"{name}: told {told}, true {true}"
        for name, told, true in (
            ("fills", *_fills(remote, state)),
            ("fees", *_fees(remote)),
            ("open orders", *_open(remote, state)),
            ("position", *_position(remote, state)),
            ("wallet", *_wallet(remote, state)),
            ("placed twice", [], _placed_twice(remote)),
        )
        if told != true
    ]


def _fills(remote: Remote, state: dict[str, Any]) -> tuple[list[str], list[str]]:
    told = sorted(trade for order in state["orders"].values() for trade in order["trades"])
    return told, remote.truth(lambda x: sorted(fill.trade_id for fill in x.truth.fills))


def _fees(remote: Remote) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    true: dict[str, Decimal] = {}
    for fill in remote.truth(lambda x: list(x.truth.fills)):
        true[fill.fee_coin] = true.get(fill.fee_coin, Decimal(0)) + fill.fee
    return _rounded(remote.fees()), _rounded(true)


def _open(remote: Remote, state: dict[str, Any]) -> tuple[set[str], set[str]]:
    over = ("FILLED", "CANCELED", "EXPIRED", "REJECTED", "DENIED")
    told = {o["venue_order_id"] for o in state["orders"].values() if o["status"] not in over}
    return told, remote.truth(lambda x: {order.order_id for order in x.orders(open_only=True)})


def _position(remote: Remote, state: dict[str, Any]) -> tuple[Decimal, Decimal]:
    if remote.product == "spot":
        return Decimal(0), Decimal(0)
    return Decimal(state["position"]), remote.truth(lambda x: x.position(remote.symbol).quantity)


def _wallet(remote: Remote, state: dict[str, Any]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    true = remote.truth(lambda x: balances_of(x, remote.product))
    told = {coin: Decimal(state["balances"].get(coin, "0")) for coin in true}
    return _rounded(told), _rounded(true)


def _placed_twice(remote: Remote) -> list[str]:
    return remote.truth(lambda x: [name for name, n in x.truth.accepted.items() if n > 1])


def _rounded(amounts: dict[str, Decimal]) -> dict[str, Decimal]:
    """Leave out what the engine's eight decimals cannot hold."""
    step = Decimal("1e-6")
    return {coin: amount.quantize(step) for coin, amount in amounts.items() if amount}


def agree(remote: Remote) -> dict[str, Any]:
    """Wait until engine and venue agree in everything."""
    state = remote.settle(lambda state: not differences(remote, state))
    assert differences(remote, state) == []
    return state


def waiting_stops(exchange: Exchange) -> Iterator[int]:
    """Count the stops that wait, after each deed since the first was placed."""
    waiting: set[str] = set()
    for entry in exchange.truth.entries:
        order = exchange.truth.placed.get(entry.order_id or "")
        if order is None or order.trigger is None or order.fired_from is not None:
            continue
        if entry.deed is Deed.PLACED:
            waiting.add(order.order_id)
        elif entry.deed in (Deed.CANCELED, Deed.FIRED):
            waiting.discard(order.order_id)
        yield len(waiting)
        if entry.deed is Deed.FIRED:
            return


@pytest.mark.parametrize(("dialect", "product"), LIVES)
def test_orders_live_and_end_at_the_venue_as_in_the_engine(dialect: str, product: str) -> None:
    with at(dialect, product) as venue, Remote(venue, dialect, product) as remote:
        remote.tick(50_000)
        _a_limit_order_is_changed_filled_in_part_and_cancelled(remote)
        _orders_that_may_not_rest_do_not(remote)
        _a_market_order_fills(remote, by_cost=product == "spot" and dialect != "kucoin")
        _a_stop_is_moved_and_fires(remote, limited=(dialect, product) == ("gate", "spot"))
        _somebody_elses_order_is_reported_and_left_alone(remote)
        agree(remote)


def _a_limit_order_is_changed_filled_in_part_and_cancelled(remote: Remote) -> None:
    remote.submit("limit", "limit", "buy", base="0.02", price="49000")
    remote.event("OrderAccepted", "limit")
    remote.do("modify", name="limit", price="49100")
    remote.event("OrderUpdated", "limit")
    remote.tick(49_100, "0.01")
    assert Decimal(remote.event("OrderFilled", "limit")["last_px"]) == 49_100
    remote.do("cancel", name="limit")
    remote.event("OrderCanceled", "limit")
    assert remote.events("limit") == [
        "OrderInitialized",
        "OrderSubmitted",
        "OrderAccepted",
        "OrderPendingUpdate",
        "OrderUpdated",
        "OrderFilled",
        "OrderPendingCancel",
        "OrderCanceled",
    ]


def _orders_that_may_not_rest_do_not(remote: Remote) -> None:
    remote.tick(50_000, side=Side.BUY)
    remote.submit("ioc", "limit", "buy", base="0.01", price="45000", force="IOC")
    remote.submit("taking", "limit", "buy", base="0.01", price="55000", post_only=True)
    ended = ("OrderCanceled", "OrderRejected", "OrderExpired")
    for name in ("ioc", "taking"):
        remote.one_of(ended, name)


def _a_market_order_fills(remote: Remote, *, by_cost: bool) -> None:
    size = {"cost": "2500"} if by_cost else {"base": "0.05"}
    remote.submit("market", "market", "buy", **size)
    remote.event("OrderFilled", "market")
    remote.settle(lambda state: state["orders"]["market"]["status"] == "FILLED")


def _a_stop_is_moved_and_fires(remote: Remote, *, limited: bool) -> None:
    only = {"reduce_only": True} if remote.product == "linear" else {}
    if limited:
        remote.submit(
            "stop", "stop_limit", "sell", base="0.03", price="47000", trigger_price="48000"
        )
    else:
        remote.submit("stop", "stop_market", "sell", base="0.03", trigger_price="48000", **only)
    remote.event("OrderAccepted", "stop")
    for trigger in ("48300", "48500"):
        remote.do("modify", name="stop", trigger_price=trigger)
        remote.event("OrderUpdated", "stop")
    one = remote.settle(lambda state: remote.truth(_count_waiting) == 1)
    assert one["orders"]["stop"]["trigger_price"].startswith("48500")
    remote.tick(48_400)
    remote.event("OrderFilled", "stop")
    assert min(remote.truth(lambda x: list(waiting_stops(x)))[:-1]) >= 1


def _count_waiting(exchange: Exchange) -> int:
    return sum(order.status is Status.WAITING for order in exchange.orders(open_only=True))


def _somebody_elses_order_is_reported_and_left_alone(remote: Remote) -> None:
    ask = Ask(
        symbol=remote.symbol,
        side=Side.BUY,
        kind=Kind.LIMIT,
        quantity=remote.lots("0.01"),
        price=Decimal(40_000),
    )
    theirs = remote.truth(lambda x: x.place(ask)).order_id
    state = remote.settle(
        lambda state: any(o["venue_order_id"] == theirs for o in state["orders"].values())
    )
    assert [o["strategy"] for o in state["orders"].values() if o["venue_order_id"] == theirs] == [
        "EXTERNAL"
    ]
    remote.do("cancel_all")
    agree(remote)
    assert theirs in remote.truth(lambda x: {o.order_id for o in x.orders(open_only=True)})


def test_what_the_network_does_to_an_order_never_doubles_loses_or_invents_one() -> None:
    with at("bitget", "linear") as venue, Remote(venue, "bitget", "linear") as remote:
        remote.tick(50_000)
        after = (FaultKind.RESET_AFTER, FaultKind.STATUS_502_AFTER, FaultKind.HTML_200_AFTER)
        before = (FaultKind.RESET_BEFORE, FaultKind.HTML_200_BEFORE)
        kinds = (*after, *before, FaultKind.TIMEOUT_AFTER, FaultKind.EMPTY_JSON_AFTER)
        for count, kind in enumerate(kinds, start=1):
            venue.faults.add(Fault(kind=kind, where="order"))
            remote.submit(kind.value, "limit", "buy", base="0.01", price="49000")
            remote.reaches(lambda: len(venue.faults.log), count)
        for kind in kinds:
            remote.one_of(("OrderRejected",) if kind in before else ("OrderAccepted",), kind.value)
        reasons = [line["reason"] for line in remote.heard if line.get("event") == "OrderRejected"]
        assert len(reasons) == len(before)
        assert all("never had it" in reason for reason in reasons)
        agree(remote)


def test_an_outage_makes_up_nothing_and_what_happened_meanwhile_is_told_once() -> None:
    with at("bitget", "linear") as venue, Remote(venue, "bitget", "linear") as remote:
        remote.tick(50_000)
        remote.submit("resting", "limit", "buy", base="0.02", price="49000")
        remote.event("OrderAccepted", "resting")
        venue.restart(8.0)
        blind = remote.expect(lambda line: line.get("health") == "blind")
        assert blind["source"] == "execution"
        remote.submit("risk", "limit", "buy", base="0.01", price="48000")
        assert "cannot be seen" in remote.event("OrderDenied", "risk")["reason"]
        remote.do("cancel", name="resting")  # cannot be heard by the venue yet
        remote.tick(49_000, "0.005")
        # The outage is under way: nothing may be made up from silence
        remote.silent(("OrderFilled", "OrderCanceled", "OrderRejected"), "resting", secs=1.0)
        remote.event("OrderCanceled", "resting")
        assert remote.events("resting").count("OrderFilled") == 1
        remote.recovered()
        agree(remote)


def test_an_order_cannot_grow_while_the_account_is_not_seen() -> None:
    with at("gate", "linear") as venue, Remote(venue, "gate", "linear") as remote:
        remote.tick(50_000)
        remote.submit("resting", "limit", "buy", base="0.02", price="45000")
        remote.event("OrderAccepted", "resting")
        venue.faults.add(Fault(kind=FaultKind.STATUS_502_BEFORE, where="connect", count=None))
        venue.drop("private")  # orders could be sent all the same
        remote.expect(lambda line: line.get("health") == "blind")
        remote.do("modify", name="resting", price="49000")
        assert "cannot be seen" in remote.event("OrderModifyRejected", "resting")["reason"]
        venue.faults.clear()
        remote.expect(lambda line: line.get("health") == "healthy")
        remote.do("modify", name="resting", price="44000")
        remote.event("OrderUpdated", "resting")
        agree(remote)


def test_a_new_process_takes_over_orders_fills_and_position_of_the_one_before() -> None:
    with at("kucoin", "linear") as venue:
        with Remote(venue, "kucoin", "linear") as first:
            first.tick(50_000)
            first.submit("entry", "limit", "buy", base="0.05", price="50500")
            first.event("OrderFilled", "entry")
            first.submit(
                "stop", "stop_market", "sell", base="0.05", trigger_price="48000", reduce_only=True
            )
            first.event("OrderAccepted", "stop")
            first.do("modify", name="stop", trigger_price="48500")
            first.event("OrderUpdated", "stop")
            first.submit("target", "limit", "sell", base="0.02", price="50500", reduce_only=True)
            own_id = first.event("OrderAccepted", "target")["client_order_id"]
            stop_id = next(x["client_order_id"] for x in first.heard if x.get("order") == "stop")
        venue.call(
            lambda x: x.tick(SYMBOLS["linear"], Decimal(50_500), first.lots("0.01"), Side.BUY)
        )
        with Remote(venue, "kucoin", "linear", claims=True) as second:
            started = second.heard[-1]
            assert Decimal(started["position"]) == first.lots("0.04")
            assert set(started["orders"]) >= {own_id, stop_id}
            assert started["orders"][own_id]["status"] == "PARTIALLY_FILLED"
            assert started["orders"][own_id]["strategy"] == "SCRIPT-001"
            second.do("modify", name=stop_id, trigger_price="48800")
            second.event("OrderUpdated", stop_id)
            second.do("cancel", name=own_id)
            second.event("OrderCanceled", own_id)
            second.tick(48_700)
            second.event("OrderFilled", stop_id)
            state = second.settle(lambda state: Decimal(state["position"]) == 0)
            assert Decimal(state["position"]) == 0
            assert second.truth(lambda x: x.position(SYMBOLS["linear"]).quantity) == 0


@pytest.mark.parametrize("dialect", ["bitget", "kucoin", "gate"])
def test_a_stop_that_fired_while_nobody_ran_is_told_also_where_a_person_traded_after_it(
    dialect: str,
) -> None:
    with at(dialect, "linear") as venue:
        with Remote(venue, dialect, "linear") as first:
            first.tick(50_000)
            first.submit("entry", "limit", "buy", base="0.05", price="50500")
            first.event("OrderFilled", "entry")
            first.submit(
                "stop", "stop_market", "sell", base="0.05", trigger_price="48000", reduce_only=True
            )
            first.event("OrderAccepted", "stop")
            stop_id = next(x["client_order_id"] for x in first.heard if x.get("order") == "stop")
            theirs = Ask(
                symbol=first.symbol,
                side=Side.BUY,
                kind=Kind.MARKET,
                quantity=first.lots("0.02"),
                price=None,
            )
        venue.call(lambda x: x.tick(SYMBOLS["linear"], Decimal(47_900), first.lots("1"), Side.SELL))
        assert venue.call(lambda x: x.position(SYMBOLS["linear"]).quantity) == 0
        venue.call(lambda x: x.place(theirs))
        with Remote(venue, dialect, "linear", claims=True, lookback_mins=60) as second:
            started = second.heard[-1]
            for told, true in (_fills(second, started), _position(second, started)):
                assert told == true
            assert started["orders"][stop_id]["status"] == "FILLED"


@pytest.mark.parametrize(("dialect", "product"), LIVES)
def test_a_venue_that_plays_the_past_ten_times_as_fast_can_be_traded(
    dialect: str, product: str
) -> None:
    clock = VenueClock(start_ms=1_735_689_600_000, speed=10)
    prices = {SYMBOLS[product]: Decimal(50_000)}
    with (
        LocalVenue(dialect, prices=prices, clock=clock) as venue,
        Remote(venue, dialect, product) as remote,
    ):
        remote.tick(50_000)
        remote.submit("resting", "limit", "buy", base="0.02", price="49000")
        remote.event("OrderAccepted", "resting")
        venue.drop("private")
        remote.tick(49_000, "0.005")  # nobody is told: it is found by the fills of the last minute
        remote.event("OrderFilled", "resting")
        remote.recovered()
        remote.do("cancel", name="resting")
        remote.event("OrderCanceled", "resting")
        remote.submit("taking", "limit", "buy", base="0.01", price="50500")
        remote.event("OrderFilled", "taking")
        agree(remote)


@pytest.mark.parametrize("dialect", ["bitget", "kucoin", "gate"])
@pytest.mark.parametrize("cross", [True, False])
def test_the_margin_mode_in_force_is_kept_and_orders_are_sent_in_it(
    dialect: str, cross: bool
) -> None:
    symbol = SYMBOLS["linear"]
    with at(dialect, "linear") as venue:
        venue.call(lambda x: x.set_cross(symbol, cross))
        with Remote(venue, dialect, "linear", leverage={NAMES["linear"]: 7}) as remote:
            remote.tick(50_000)
            remote.submit("entry", "limit", "buy", base="0.05", price="50500")
            remote.event("OrderFilled", "entry")
            remote.submit(
                "stop", "stop_market", "sell", base="0.05", trigger_price="48000", reduce_only=True
            )
            remote.event("OrderAccepted", "stop")
            held = remote.truth(lambda x: x.position(symbol))
            assert (held.cross, held.leverage) == (cross, 7)
            agree(remote)
        # What is held keeps the venue from switching: a new start wants nothing switched
        with Remote(venue, dialect, "linear") as again:
            assert Decimal(again.heard[-1]["position"]) == again.lots("0.05")

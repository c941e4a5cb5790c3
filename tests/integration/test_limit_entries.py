"""Plans entered at a limit, on bars made by hand: fills, expiry, cancels and parts."""

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model import Bar, BarType, BookOrder, OrderBook, OrderSide, OrderType, Quantity

from backtests.models import OwnPriceFillModel
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.orders import VenueStyle
from tests.harness.market import bar_type
from tests.harness.runs import Rig
from tests.integration.told import (
    Ohlc,
    fills,
    flat,
    index_of,
    last_end,
    left_over,
    limit_policy,
    plans,
    rig,
)

F = flat(1000)
AT_LIMIT = (2, "entry", "BUY", "1.000", "990.0")
LINKED = VenueStyle(link_stop=True, shrinks_exits=True)
UNLINKED = VenueStyle(link_stop=False, shrinks_exits=True)


def test_a_long_limit_fills_at_its_price_and_is_closed_at_its_target() -> None:
    told: list[Ohlc] = [F, F, (1000, 1000, 985, 995), (995, 1040, 990, 1030), F]
    used = rig(told, {1: 1}, decision=limit_policy())
    assert fills(used.run()) == [AT_LIMIT, (3, "target", "SELL", "1.000", "1029.6")]
    assert left_over(used) == []


def test_a_short_limit_fills_at_its_price_and_is_closed_at_its_target() -> None:
    told: list[Ohlc] = [F, F, (1000, 1015, 1000, 1005), (1005, 1010, 960, 970), F]
    used = rig(told, {1: -1}, decision=limit_policy())
    assert fills(used.run()) == [
        (2, "entry", "SELL", "0.990", "1010.0"),
        (3, "target", "BUY", "0.990", "969.6"),
    ]
    assert left_over(used) == []


def test_a_limit_that_is_gapped_over_fills_at_its_own_price_not_better() -> None:
    used = rig([F, F, (980, 985, 975, 980), F], {1: 1}, decision=limit_policy())
    assert fills(used.run()) == [AT_LIMIT]


@pytest.mark.parametrize(("low", "close"), [(970.2, 985), (960, 965), (960, 1020)])
def test_a_stop_inside_the_entry_bar_fills_at_the_stop_not_the_close(
    low: float, close: float
) -> None:
    told: list[Ohlc] = [F, F, (1000, max(1000, close), low, close), F]
    used = rig(told, {1: 1}, decision=limit_policy())
    assert fills(used.run()) == [AT_LIMIT, (2, "stop", "SELL", "1.000", "970.2")]
    assert left_over(used) == []
    assert last_end(used.recorder.records)["reason"] == "stop"


def test_a_short_is_stopped_inside_its_entry_bar_at_the_stop() -> None:
    used = rig([F, F, (1000, 1040, 1000, 1005), F], {1: -1}, decision=limit_policy())
    assert fills(used.run()) == [
        (2, "entry", "SELL", "0.990", "1010.0"),
        (2, "stop", "BUY", "0.990", "1030.2"),
    ]
    assert left_over(used) == []


def test_a_gap_through_entry_and_stop_is_stopped_at_the_open() -> None:
    used = rig([F, F, (950, 955, 945, 950), F], {1: 1}, decision=limit_policy())
    assert fills(used.run()) == [AT_LIMIT, (2, "stop", "SELL", "1.000", "950.0")]
    assert left_over(used) == []


def test_a_target_that_the_entry_bar_closed_beyond_fills_at_the_target_not_better() -> None:
    used = rig([F, F, (1000, 1050, 985, 1040), F], {1: 1}, decision=limit_policy())
    assert fills(used.run()) == [AT_LIMIT, (2, "target", "SELL", "1.000", "1029.6")]
    assert left_over(used) == []


def test_an_entry_that_is_not_touched_expires_and_leaves_nothing() -> None:
    decision = limit_policy(entry_expiry_secs=600)
    used = rig([F, F, F, F, (1000, 1000, 900, 1000), F], {1: 1}, decision=decision)
    records = used.run()
    assert fills(records) == []
    assert plans(records) == [(1, "PENDING"), (3, "EXPIRED")]
    assert last_end(records)["reason"] == "entry expired"
    assert left_over(used) == []


def test_an_opposite_signal_calls_a_waiting_entry_off() -> None:
    used = rig([F, F, F, F, (1000, 1000, 900, 1000), F], {1: 1, 3: -1}, decision=limit_policy())
    records = used.run()
    assert fills(records) == []
    assert plans(records) == [(1, "PENDING"), (3, "CANCELLED")]
    assert last_end(records)["reason"] == "opposite signal"
    assert left_over(used) == []


def test_a_weak_opposite_signal_or_one_that_policy_ignores_leaves_the_entry() -> None:
    decision = limit_policy(close_on_opposite=False)
    used = rig([F] * 6, {1: 1, 3: -1}, decision=decision)
    assert plans(used.run()) == [(1, "PENDING")]


class PartFillModel(OwnPriceFillModel):
    """Offers an entry this much at each touch, then nothing more; exits as the real model."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__()
        self._parts = parts

    def __new__(cls, *_args: Any) -> "PartFillModel":
        return super().__new__(cls)

    def get_orderbook_for_fill_simulation(
        self, instrument: Any, order: Any, best_bid: Any = None, best_ask: Any = None
    ) -> OrderBook | None:
        book = super().get_orderbook_for_fill_simulation(instrument, order, best_bid, best_ask)
        if order.order_type != OrderType.LIMIT or order.is_reduce_only:
            return book
        offered = OrderBook(instrument.id, book.book_type)  # type: ignore[union-attr]  # a limit's
        if self._parts:
            side = OrderSide.SELL if order.is_buy else OrderSide.BUY
            quantity = Quantity.from_str(self._parts.pop(0))
            offered.add(BookOrder(side, order.price, quantity, 1), flags=0, sequence=0, ts_event=0)
        return offered


class Canceller(Actor):
    """Cancels our entry as a venue might, at one bar."""

    def __init__(self, *, used: Rig, at: int, kind: BarType) -> None:
        self._used = used
        self._at = at
        self._kind = kind

    def on_start(self) -> None:
        self.subscribe_bars(self._kind)

    def on_bar(self, bar: Bar) -> None:
        if index_of(bar.ts_event) != self._at:
            return
        for order in self.cache.orders():
            if not (order.is_closed or order.is_reduce_only):
                self._used.strategy.cancel_order(order.client_order_id)


@pytest.mark.parametrize("style", [LINKED, UNLINKED], ids=["linked", "unlinked"])
def test_a_cancel_after_a_part_keeps_a_stop_and_a_target_for_that_part(style: VenueStyle) -> None:
    told: list[Ohlc] = [F, F, (1000, 1000, 985, 995), flat(995), flat(995), flat(995)]
    model = PartFillModel(["0.400"])
    used = rig(told, {1: 1}, decision=limit_policy(), style=style, options={"fill_model": model})
    used.engine.add_actor(Canceller(used=used, at=3, kind=bar_type()))
    assert fills(used.run()) == [(2, "entry", "BUY", "0.400", "990.0")]
    working = {
        str(order.order_type): order for order in used.engine.cache.orders() if order.is_open
    }
    assert sorted(working) == ["LIMIT", "STOP_MARKET"]
    assert {str(order.leaves_qty) for order in working.values()} == {"0.400"}
    assert str(working["STOP_MARKET"].trigger_price) == "970.2"


@pytest.mark.parametrize("style", [LINKED, UNLINKED], ids=["linked", "unlinked"])
def test_after_a_cancelled_rest_the_stop_closes_just_the_part(style: VenueStyle) -> None:
    told: list[Ohlc] = [F, F, (1000, 1000, 985, 995), flat(995), (995, 995, 960, 970), F]
    model = PartFillModel(["0.400"])
    used = rig(told, {1: 1}, decision=limit_policy(), style=style, options={"fill_model": model})
    used.engine.add_actor(Canceller(used=used, at=3, kind=bar_type()))
    records = used.run()
    assert fills(records) == [
        (2, "entry", "BUY", "0.400", "990.0"),
        (4, "stop", "SELL", "0.400", "970.2"),
    ]
    assert left_over(used) == []
    assert (last_end(records)["state"], last_end(records)["quantity"]) == ("CLOSED", "0.400")


@pytest.mark.parametrize("style", [LINKED, UNLINKED], ids=["linked", "unlinked"])
def test_the_stop_and_the_targets_grow_with_every_part(style: VenueStyle) -> None:
    touch: Ohlc = (995, 995, 985, 995)
    told: list[Ohlc] = [F, F, touch, touch, flat(995), (995, 1040, 995, 1030), F]
    model = PartFillModel(["0.300", "0.300"])
    decision = limit_policy(take_profit_percents=(Decimal(2), Decimal(4)))
    used = rig(told, {1: 1}, decision=decision, style=style, options={"fill_model": model})
    records = used.run()
    assert [told[1:4] for told in fills(records)] == [
        ("entry", "BUY", "0.300"),
        ("entry", "BUY", "0.300"),
        ("target", "SELL", "0.300"),
        ("target", "SELL", "0.300"),
    ]
    assert left_over(used) == []


def test_an_exit_takes_back_what_of_the_entry_still_waits() -> None:
    touch: Ohlc = (995, 995, 985, 995)
    told: list[Ohlc] = [F, F, touch, (995, 995, 960, 970), touch, touch, F]
    model = PartFillModel(["0.300"])
    used = rig(told, {1: 1}, decision=limit_policy(), options={"fill_model": model})
    records = used.run()
    assert fills(records)[-1] == (3, "stop", "SELL", "0.300", "970.2")
    assert left_over(used) == []


def test_what_of_a_partly_filled_entry_still_waits_expires() -> None:
    touch: Ohlc = (995, 995, 985, 995)
    told: list[Ohlc] = [F, F, touch, flat(995), flat(995), flat(995), touch, flat(995)]
    model = PartFillModel(["0.300", "0.300"])
    decision = limit_policy(entry_expiry_secs=600)
    model_used = rig(told, {1: 1}, decision=decision, options={"fill_model": model})
    assert fills(model_used.run()) == [(2, "entry", "BUY", "0.300", "990.0")]


@pytest.mark.parametrize("shrinks", [True, False], ids=["shrinks", "stays"])
def test_what_fills_after_a_refused_stop_was_closed_is_closed_in_the_same_moment(
    *, shrinks: bool
) -> None:
    model = PartFillModel(["0.200", "0.300", "0.500"])
    used = rig(
        [F, F, (1000, 1000, 960, 965), flat(965), F],
        {1: 1},
        decision=limit_policy(),
        style=VenueStyle(link_stop=False, shrinks_exits=shrinks),
        options={"fill_model": model, "reject_stop_orders": True},
    )
    told = fills(used.run())
    assert {bar for bar, *_ in told} == {2}
    signed = [Decimal(q) * (1 if side == "BUY" else -1) for _, _, side, q, _ in told]
    assert sum(signed) == 0
    assert len(signed) > 2
    assert left_over(used) == []

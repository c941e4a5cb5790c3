"""What is refused, what is not ours, and what breaks, on bars made by hand."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from nautilus_trader.model import (
    Bar,
    OrderSide,
    Quantity,
    StrategyId,
)
from nautilus_trader.trading import Strategy, StrategyConfig

from morningstar_strategy.core.records import Kind
from morningstar_strategy.core.review import Review, ReviewRequest
from morningstar_strategy.orders import VenueStyle
from morningstar_strategy.supervisor.reviewer import AbstainingReviewer
from tests.harness.market import bar_type
from tests.harness.runs import of_kind
from tests.integration.told import (
    fills,
    flat,
    index_of,
    last_end,
    left_over,
    limit_policy,
    rig,
    signals,
)

F = flat(1000)
ENTRY = (1, "entry", "BUY", "1.000", "1000.0")
NAME: Final = "BTCUSDT-PERP.BINANCE"
PLAN_ID: Final = "O-20231114-222500-001-001-1"  # of a plan made at bar 1


# ---------------------------------------------------------------- what is refused, or not ours


@pytest.mark.parametrize("link_stop", [True, False], ids=["linked", "unlinked"])
@pytest.mark.parametrize("shrinks", [True, False], ids=["shrinks", "stays"])
def test_a_refused_stop_closes_at_market_in_the_same_moment(
    *, link_stop: bool, shrinks: bool
) -> None:
    used = rig(
        [F, F, (1000, 1000, 960, 965), F],
        {1: 1},
        decision=limit_policy(),
        style=VenueStyle(link_stop=link_stop, shrinks_exits=shrinks),
        options={"reject_stop_orders": True},
    )
    records = used.run()
    assert fills(records) == [
        (2, "entry", "BUY", "1.000", "990.0"),
        (2, "close", "SELL", "1.000", "965.0"),
    ]
    assert last_end(records)["reason"] == "stop refused"
    assert left_over(used) == []


class Stranger(Strategy):
    """Another strategy that buys the same instrument at bar 2."""

    def __new__(cls) -> "Stranger":
        config = StrategyConfig(strategy_id=StrategyId("Stranger-777"), order_id_tag="777")
        return super().__new__(cls, config)  # type: ignore[call-arg]  # hidden by the stub

    def on_start(self) -> None:
        self.subscribe_bars(bar_type())

    def on_bar(self, bar: Bar) -> None:
        if index_of(bar.ts_event) == 2:
            half = Quantity.from_str("0.500")
            order = self.order_factory.market(bar.bar_type.instrument_id, OrderSide.BUY, half)
            self.submit_order(order)


def test_another_strategys_fills_are_none_of_ours() -> None:
    used = rig([*[F] * 5, (1000, 1000, 970, 970), F], {1: 1})
    used.engine.add_strategy(Stranger())
    records = used.run()
    assert fills(records) == [ENTRY, (5, "stop", "SELL", "1.000", "980.0")]
    assert of_kind(records, Kind.HEALTH) == []
    (left,) = left_over(used)
    assert (str(left.strategy_id), str(left.quantity)) == ("Stranger-777", "0.500")


@pytest.mark.parametrize("at", [{}, {1: 1}], ids=["flat", "active"])
@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL], ids=["buys", "sells"])
def test_a_fill_of_no_plan_is_closed_and_told(at: Mapping[int, int], side: OrderSide) -> None:
    foresee: Callable[[Bar], Any] = signals(at)

    def stray(bar: Bar) -> Any:
        if index_of(bar.ts_event) == 3:
            half = Quantity.from_str("0.500")
            factory = used.strategy.order_factory
            used.strategy.submit_order(factory.market(bar.bar_type.instrument_id, side, half))
        return foresee(bar)

    used = rig([F] * 6, at, foresee=stray)
    told = of_kind(used.run(), Kind.HEALTH)
    assert "stray fill" in {record.fields["state"] for record in told}
    # What was bought beside the plan is sold again; what was sold of it, the plan gives up
    planned = {(True, OrderSide.BUY): "1.000", (True, OrderSide.SELL): "0.500"}
    kept = planned.get((bool(at), side))
    positions = used.engine.cache.positions_open()
    assert [str(each.quantity) for each in positions] == ([kept] if kept else [])
    stops = [
        o for o in used.engine.cache.orders() if not o.is_closed and "STOP" in str(o.order_type)
    ]
    assert [str(stop.leaves_qty) for stop in stops] == ([kept] if kept else [])


# ---------------------------------------------------------------- what breaks


class BrokenReviewer:
    """Raises where it should abstain."""

    def review(self, request: ReviewRequest) -> Review:
        raise RuntimeError(f"no opinion on {request.prediction.instrument_id}")


def test_a_reviewer_that_raises_ends_the_run_with_its_error() -> None:
    with pytest.raises(RuntimeError, match="no opinion on BTCUSDT"):
        rig([F] * 4, {1: 1}, reviewer=BrokenReviewer()).run()


def test_after_a_fault_nothing_new_is_opened_and_what_is_open_keeps_its_stop() -> None:
    class Breaks(AbstainingReviewer):
        def review(self, request: ReviewRequest) -> Review:
            if index_of(request.prediction.ts_event) == 3:
                raise RuntimeError("broken")
            return super().review(request)

    used = rig([*[F] * 6, F], {1: 1}, reviewer=Breaks("off"))
    with pytest.raises(RuntimeError, match="broken"):
        used.run()
    assert len([o for o in used.engine.cache.orders() if o.is_open]) == 2

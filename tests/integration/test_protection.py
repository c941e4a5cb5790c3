"""A law over the engine itself: what is filled has a stop, what is flat has no orders."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.execution import FillModel, StaticLatencyModel
from nautilus_trader.model import (
    Bar,
    BookOrder,
    BookType,
    OrderBook,
    OrderSide,
    OrderType,
    Price,
    Quantity,
)

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy, EntryStyle
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind
from morningstar_strategy.orders import VenueStyle
from tests.harness.market import MINUTE_NS, START_NS, bar_type, perpetual, prediction, wild_bars
from tests.harness.runs import Rig, of_kind

_LOOSE = RiskLimits(
    max_daily_loss_percent=Decimal(100),
    max_drawdown_percent=Decimal(100),
    warn_drawdown_percent=Decimal(100),
    max_loss_ratio_percent=Decimal(100),
)


class StingyFillModel(FillModel):
    """Offers a random part of what an entry or a target wants, at the engine's price."""

    def __init__(self, *, rng: np.random.Generator) -> None:
        self._rng = rng

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "StingyFillModel":
        return super().__new__(cls)

    def is_limit_filled(self) -> bool:
        return True

    def is_slipped(self) -> bool:
        return False

    def fill_limit_inside_spread(self) -> bool:
        return False

    def get_orderbook_for_fill_simulation(
        self,
        instrument: Any,
        order: Any,
        best_bid: Price | None = None,
        best_ask: Price | None = None,
    ) -> OrderBook | None:
        market = best_ask if order.is_buy else best_bid
        exits_at_market = order.is_reduce_only and order.order_type != OrderType.LIMIT
        if exits_at_market or market is None:
            return None
        share = self._rng.choice([0.2, 0.5, 1.0])
        lots = max(int(float(order.leaves_qty.as_double()) * share * 1000), 1)
        side = OrderSide.SELL if order.is_buy else OrderSide.BUY
        price = order.price if order.order_type == OrderType.LIMIT else market
        book = OrderBook(instrument.id, BookType.L2_MBP)
        quantity = Quantity.from_str(f"{lots / 1000:.3f}")
        book.add(BookOrder(side, price, quantity, 1), flags=0, sequence=0, ts_event=0)
        return book


class Auditor(Actor):
    """Between any two bars, looks whether the last one left something unprotected or lost."""

    def __init__(self, *, delayed: bool) -> None:
        self._delayed = delayed
        self.faults: list[str] = []
        self.protected_bars = 0

    def on_start(self) -> None:
        first = START_NS + 5 * MINUTE_NS + MINUTE_NS
        self.clock.set_timer_ns("audit", 5 * MINUTE_NS, start_time_ns=first, callback=self.on_audit)

    def on_audit(self, event: Any) -> None:
        for instrument in self.cache.instruments():
            cached = self.cache.orders(instrument_id=instrument.id)
            orders = [order for order in cached if not order.is_closed]
            positions = self.cache.positions_open(instrument_id=instrument.id)
            signed = sum(position.signed_qty for position in positions)
            self._audit(float(signed), orders, event.ts_event)

    def _audit(self, signed: float, orders: list[Any], ts_event: int) -> None:
        exits = [o for o in orders if o.is_reduce_only]
        if signed == 0:
            waiting = any(not o.is_reduce_only for o in orders)
            late = self._delayed and all(o.is_inflight or o.is_pending_cancel for o in exits)
            if exits and not waiting and not late:
                self.faults.append(f"{ts_event}: flat with {exits}")
            return
        side = OrderSide.SELL if signed > 0 else OrderSide.BUY
        stops = [o for o in exits if o.order_type == OrderType.STOP_MARKET and o.side == side]
        working = [o for o in stops if o.is_open]
        covered = sum(o.leaves_qty.as_double() for o in working)
        if covered >= abs(signed) - 1e-9:
            self.protected_bars += 1
            return
        coming = [o for o in exits if o.is_inflight or o.order_type == OrderType.MARKET]
        if self._delayed and coming:
            return
        self.faults.append(f"{ts_event}: {signed} covered {covered} by {orders}")


@dataclass(frozen=True, kw_only=True)
class Scene:
    seed: int
    entry: EntryStyle
    targets: int
    partial: bool
    reject_stops: bool
    link_stop: bool
    latency_ms: int


scenes = st.builds(
    Scene,
    seed=st.integers(0, 2**32 - 1),
    entry=st.sampled_from(EntryStyle),
    targets=st.integers(1, 5),
    partial=st.booleans(),
    reject_stops=st.booleans(),
    link_stop=st.booleans(),
    latency_ms=st.sampled_from([0, 0, 0, 250]),
)


def play(scene: Scene, *, bars: int = 150) -> tuple[Rig, Auditor]:
    rng = np.random.default_rng(scene.seed)
    names = ("BTC", "ETH")
    whims = np.random.default_rng(scene.seed + 1)

    def foresee(bar: Bar) -> Prediction:
        long, short = [(0.9, 0.0), (0.0, 0.9), (0.0, 0.0)][int(whims.integers(0, 3))]
        name = str(bar.bar_type.instrument_id)
        return prediction(name, bar.ts_event, bar.close.as_double(), long=long, short=short)

    rig = Rig(
        instruments=[perpetual(name) for name in names],
        bars=[wild_bars(bar_type(name), bars, rng) for name in names],
        foresee=foresee,
        decision=DecisionPolicy(
            entry=scene.entry,
            limit_offset_percent=Decimal("0.8"),
            entry_expiry_secs=900,
            stop_percent=Decimal("1.5"),
            take_profit_percents=tuple(Decimal(n) for n in range(1, scene.targets + 1)),
            break_even_after_percent=Decimal("1.2"),
            cooldown_secs=0,
        ),
        risk=_LOOSE,
        style=VenueStyle(link_stop=scene.link_stop, shrinks_exits=scene.seed % 2 == 0),
        options={"reject_stop_orders": scene.reject_stops},
    )
    auditor = Auditor(delayed=scene.latency_ms > 0)
    rig.engine.add_actor(auditor)
    if scene.partial:
        rig.options["fill_model"] = StingyFillModel(rng=np.random.default_rng(scene.seed + 2))
    if scene.latency_ms:
        rig.options["latency_model"] = StaticLatencyModel(scene.latency_ms * 1_000_000)
    rig.run()
    return rig, auditor


@settings(max_examples=max(20, settings().max_examples // 10))
@given(scenes)
def test_nothing_filled_is_without_a_stop_and_nothing_is_left_when_flat(scene: Scene) -> None:
    _, auditor = play(scene)
    assert auditor.faults == []


def test_the_auditor_sees_positions_and_ended_plans() -> None:
    scene = Scene(
        seed=5,
        entry=EntryStyle.LIMIT,
        targets=3,
        partial=True,
        reject_stops=False,
        link_stop=True,
        latency_ms=0,
    )
    rig, auditor = play(scene, bars=300)
    states = {record.fields["state"] for record in of_kind(rig.recorder.records, Kind.PLAN)}
    assert auditor.protected_bars > 50
    assert {"PENDING", "ACTIVE", "CLOSED"} <= states


def test_the_auditor_finds_a_position_whose_stop_was_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("morningstar_strategy.orders.changes", lambda _bracket: ())
    scene = Scene(
        seed=5,
        entry=EntryStyle.MARKET,
        targets=1,
        partial=False,
        reject_stops=False,
        link_stop=False,
        latency_ms=0,
    )
    _, auditor = play(scene)
    assert auditor.faults

"""A live node whose supervisor answers slowly: prints what the engine's thread went through."""

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from threading import Event, get_ident
from typing import Any, Final

from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import LiveNode
from nautilus_trader.model import Bar, TraderId

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.consultation import ConsultationActor
from morningstar_strategy.actors.ways import Beside
from morningstar_strategy.core.commands import DoNothing
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.core.state import Flat, Snapshot
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.settings.wiring import terms_of
from morningstar_strategy.snapshot import Glimpse
from morningstar_strategy.supervisor.exchange import Purpose
from morningstar_strategy.supervisor.supervisor import Considered
from morningstar_strategy.topics import ASSESSMENT, PREDICTION, RECORD
from tests.harness.counsels import ToldCounsel
from tests.harness.market import bar_type, make_bar, perpetual, prediction
from tests.integration.told import FREE

NAME: Final = "BTCUSDT-PERP.BINANCE"
TICK_NS: Final = 2_000_000
TERMS: Final = terms_of(perpetual(), bar_type(), FREE)


class FlatView:
    """Sees a flat account; everything is worth a look."""

    def would_act(self, prediction: Prediction) -> bool:
        return True

    def glimpse(self, prediction: Prediction) -> Glimpse | None:
        market = TERMS.market(Decimal(1000), prediction.ts_event)
        now = Snapshot(
            ts_event=prediction.ts_event, equity=Decimal(10_000), market=market, trade=Flat()
        )
        return Glimpse(snapshot=now, would=DoNothing(), halted="")


class SlowCounsel(ToldCounsel):
    """Tells on which thread it was asked; keeps its answer back until the engine has ticked on."""

    threads: set[int]

    def consider(self, scene: Scene, purpose: Purpose) -> Considered:
        self.threads.add(get_ident())
        return super().consider(scene, purpose)


class DriverActor(Actor):
    """Publishes a prediction, ticks on the engine's thread, and opens the gate after some ticks."""

    def __init__(
        self, *, gate: Event, ticks: int, stop: Callable[[], None], faults: Faults
    ) -> None:
        self.faults = faults
        self._gate, self._left, self._stop = gate, ticks, stop
        self.longest_ns = self.told_at_tick = self.ticks = 0
        self.heard: list[tuple[int, str]] = []
        self.states: list[str] = []
        self.show: Callable[[Bar], None] = lambda bar: None

    @guarded
    def on_start(self) -> None:
        self._clock = self.clock
        self.thread = get_ident()
        self.subscribe_topic(ASSESSMENT, self.on_assessment)
        self.subscribe_topic(RECORD, self.on_record)
        self._before = self._clock.timestamp_ns()
        self._clock.set_timer_ns("ticks", TICK_NS, callback=self.on_tick)

    @guarded
    def on_tick(self, _event: Any) -> None:
        now = self._clock.timestamp_ns()
        self.ticks += 1
        self.longest_ns = max(self.longest_ns, now - self._before)
        self._before = now
        if self.ticks == 5:
            # No venue is connected, so the bar comes from here
            self.show(make_bar(bar_type(), 0, (1000.0, 1000.0, 1000.0, 1000.0)))
            told = prediction(NAME, now, 1000.0, long=0.9, short=0.0)
            self.publish_message(PREDICTION, told)
            self.publishing_ns = self._clock.timestamp_ns() - now
        if self.ticks == self._left:
            self._gate.set()

    def on_assessment(self, assessment: Any) -> None:
        self.heard.append((get_ident(), assessment.review.verdict.value))
        self.told_at_tick = self.ticks

    def on_record(self, record: Any) -> None:
        self.states.append(str(record.fields.get("state", record.kind.value)))
        if record.kind.value == "exchange":
            self._clock.set_time_alert_ns(
                "end", self._clock.timestamp_ns() + TICK_NS, lambda _event: self._stop()
            )


def main(deadline_secs: float, ticks: int) -> None:
    """Run the node until the answer came, and print what happened."""
    gate, faults = Event(), Faults()
    counsel = SlowCounsel(gate=gate)
    counsel.threads = set()
    node = LiveNode.builder("BESIDE", TraderId("BESIDE-001"), Environment.SANDBOX)
    node = node.with_logging(LoggerConfig(bypass_logging=True)).with_delay_post_stop_secs(1)
    built = node.build()
    driver = DriverActor(gate=gate, ticks=ticks, stop=built.handle().stop, faults=faults)
    actor = ConsultationActor(
        counsel=counsel,
        way=Beside(counsel, deadline_secs=deadline_secs, poll_ms=5),
        view=FlatView(),
        limits=RiskLimits(),
        bar_types={NAME: bar_type()},
        known=lambda name, ts: (),
        tape=lambda exchange: None,
        faults=faults,
    )
    driver.show = actor.on_bar
    built.add_actor(driver)
    built.add_actor(actor)
    built.run()
    faults.raise_first()
    told = {
        "verdicts": [verdict for _, verdict in driver.heard],
        "on_engine": [thread == driver.thread for thread, _ in driver.heard],
        "beside": driver.thread not in counsel.threads and len(counsel.threads) == 1,
        "longest_ms": driver.longest_ns / 1e6,
        "publishing_ms": driver.publishing_ns / 1e6,
        "told_at_tick": driver.told_at_tick,
        "ticks": driver.ticks,
        "states": driver.states,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))

"""A live node that is watched: tells what happened on the bus, then holds the engine's thread."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from random import Random
from threading import Thread
from typing import Any, Final

from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import LiveNode
from nautilus_trader.model import TraderId

from live.monitoring.actor import MonitorActor
from live.monitoring.health import NodeState
from live.monitoring.opening import Monitoring, open_monitoring
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.records import of_bar, of_guard, of_health
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.settings.monitoring import MonitoringPolicy
from morningstar_strategy.topics import RECORD

NAME: Final = "BTCUSDT-PERP.BITGET"
SECOND: Final = 1_000_000_000
HELD_SECS: Final = 120.0  # the longest that the engine's thread may be held


class DriverActor(Actor):
    """Tells records, waits for beats, fails in a callback, and holds the thread until released."""

    def __init__(
        self,
        *,
        monitoring: Monitoring,
        faults: Faults,
        said: dict[str, Any],
        stop: Callable[[], None],
    ) -> None:
        self.faults = faults
        self._monitoring, self._said, self._stop = monitoring, said, stop
        self._ticks = 0

    @guarded
    def on_start(self) -> None:
        self._monitoring.board.enter(NodeState.TRADING)
        self._clock = self.clock
        self._clock.set_timer_ns("driver", SECOND // 4, callback=self.on_tick)

    @guarded
    def on_tick(self, _event: Any) -> None:
        self._ticks += 1
        now_ns = self._clock.timestamp_ns()
        match self._ticks:
            case 1:
                self._tell(now_ns)
            case 4:
                raise KeyError("a callback that fails")
            case 5 | 6 | 7 | 8 | 9:
                self._said.setdefault("silent_secs", []).append(
                    self._monitoring.board.look().silent_secs
                )
            case 10:
                self._said["healthy_before"] = self._monitoring.board.look().is_healthy
                self._said["held"] = True
                ends = time.monotonic() + HELD_SECS
                while "released" not in self._said and time.monotonic() < ends:
                    time.sleep(0.01)  # what a blocked thread of the engine does
            case 14:
                self._said["healthy_after"] = self._monitoring.board.look().is_healthy
                self._stop()

    def _tell(self, now_ns: int) -> None:
        ohlcv = (Decimal(1), Decimal(2), Decimal(1), Decimal(2), Decimal(9))
        self.publish_message(RECORD, of_bar(ts_event=now_ns, instrument_id=NAME, ohlcv=ohlcv))
        said = of_health(ts_event=now_ns, instrument_id="", state="halted", reason="drawdown")
        self.publish_message(RECORD, said)
        unprotected = of_guard(
            ts_event=now_ns,
            instrument_id=NAME,
            state="unprotected",
            quantity=Decimal(1),
            secs=6.5,
        )
        self.publish_message(RECORD, unprotected)
        self.publish_message(RECORD, "no record at all")


def watch(monitoring: Monitoring, said: dict[str, Any]) -> None:
    """Look from outside, as a container's health check does."""
    ends = time.monotonic() + HELD_SECS
    while "held" not in said and time.monotonic() < ends:
        time.sleep(0.02)
    while time.monotonic() < ends:
        status, body = get(f"{monitoring.url}/health")
        if status == 503:
            said["held_status"], said["held_health"] = status, json.loads(body)
            break
        time.sleep(0.05)
    while time.monotonic() < ends:  # halt, guard, fault, and the blocked thread itself
        _, said["metrics"] = get(f"{monitoring.url}/metrics")
        if 'alerts_total{channel="webhook",outcome="sent"} 4.0' in said["metrics"]:
            break
        time.sleep(0.05)
    said["released"] = True


def get(url: str) -> tuple[int, str]:
    """Ask for a page."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def main(webhook_url: str) -> None:
    """Run the node and print what was seen."""
    faults, said = Faults(), dict[str, Any]()
    told = {
        "port": 0,
        "heartbeat_secs": 3,
        "alerts": {"channels": ["webhook"], "timeout_secs": 20},
    }
    policy = MonitoringPolicy.model_validate(told)
    with open_monitoring(
        policy,
        environ={"MORNINGSTAR_WEBHOOK_URL": webhook_url},
        now_ns=time.time_ns,
        monotonic_ns=time.monotonic_ns,
        rng=Random(1),
    ) as monitoring:
        node = LiveNode.builder("WATCHED", TraderId("WATCHED-001"), Environment.SANDBOX)
        built = node.with_logging(LoggerConfig(bypass_logging=True)).with_delay_post_stop_secs(1)
        live = built.build()
        actor = MonitorActor(monitoring=monitoring, faults=faults)
        stop = live.handle().stop
        live.add_actor(actor)
        live.add_actor(DriverActor(monitoring=monitoring, faults=faults, said=said, stop=stop))
        watcher = Thread(target=watch, args=(monitoring, said))
        watcher.start()
        live.run()
        watcher.join(10)
        monitoring.board.enter(NodeState.STOPPING)
    said["faults"] = [f"{error!r}" for error in faults.errors]
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

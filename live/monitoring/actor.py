"""Feeds monitoring from the bus, and proves each second that the engine's thread runs."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from nautilus_trader.model import ClientOrderId, OrderAccepted, OrderSubmitted

from live.monitoring.alerts import from_record, of_fault
from live.monitoring.health import NodeState
from live.monitoring.metrics import Stage
from live.monitoring.opening import Monitoring
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.topics import RECORD

__all__ = ["MonitorActor"]

_log = logging.getLogger(__name__)

_SECOND: Final = 1_000_000_000
_TIMER: Final = "monitoring"
_STAGES: Final[Mapping[type, Stage]] = {OrderSubmitted: "sent", OrderAccepted: "accepted"}


type Errors = Callable[[], Mapping[tuple[str, str], int]]  # calls that failed: venue and kind


def _no_errors() -> Mapping[tuple[str, str], int]:
    return {}


class MonitorActor(Actor):
    """Takes every record; nothing that fails in here is ever felt by trading."""

    def __init__(
        self, *, monitoring: Monitoring, faults: Faults, errors: Errors = _no_errors
    ) -> None:
        self.faults = faults
        self._errors = errors
        self._errors_told: Counter[tuple[str, str]] = Counter()
        self._monitoring = monitoring
        self._faults_told = 0
        self._failures_told: set[tuple[str, type[Exception]]] = set()

    @guarded
    def on_start(self) -> None:
        """Listen to the records and begin to beat."""
        self._clock = self.clock
        self.subscribe_topic(RECORD, self.on_record)
        self._clock.set_timer_ns(_TIMER, _SECOND, callback=self._beat)
        self._monitoring.board.beat()
        self._monitoring.board.enter(NodeState.TRADING)

    @guarded
    def on_stop(self) -> None:
        """Beat no more, and tell of what failed last."""
        self._clock.cancel_timer(_TIMER)
        self._monitoring.board.enter(NodeState.STOPPING)
        self._safely("faults", self._tell_faults)

    def on_record(self, record: Any) -> None:
        """Take a record into the figures, and tell whoever should hear of it."""
        self._safely("metrics", partial(self._monitoring.metrics.take, record))
        self._safely("latencies", partial(self._time, record))
        self._safely("alerts", partial(self._alert, record))
        self._safely("health", partial(self._enter, record))

    def show_hindrances(self, hindrances: Mapping[str, str]) -> None:
        """Show by name all that keeps from new risk now."""
        self._safely("metrics", partial(self._monitoring.metrics.set_hindrances, hindrances))
        self._safely("health", partial(self._monitoring.board.hinder, hindrances))

    def _time(self, record: Record) -> None:
        """Take how long an order that was just accepted took, by the clock of this machine."""
        if record.kind is not Kind.ORDER or record.fields.get("event") != "accepted":
            return
        order = self.cache.order(ClientOrderId(str(record.fields["order_id"])))
        if order is None:
            return
        for event in order.events():
            stage = _STAGES.get(type(event))
            if stage is not None:
                secs = (event.ts_init - order.ts_init) / _SECOND
                self._monitoring.metrics.observe_order_latency(stage, secs)

    def _enter(self, record: Record) -> None:
        """Say that the node is halted, or trades again."""
        match record.kind, record.fields.get("state"):
            case Kind.HEALTH, "halted":
                reason = str(record.fields.get("reason", ""))
                self._monitoring.board.enter(NodeState.HALTED, reason)
            case Kind.HEALTH, "released":
                self._monitoring.board.enter(NodeState.TRADING)

    def _alert(self, record: Record) -> None:
        told = from_record(record, unprotected_secs=self._monitoring.policy.unprotected_secs)
        if told is not None:
            self._monitoring.alerter.tell(told)

    def _beat(self, _event: object) -> None:
        self._monitoring.board.beat()
        self._safely("faults", self._tell_faults)
        self._safely("errors", self._count_errors)

    def _count_errors(self) -> None:
        found = Counter(self._errors())
        for (venue, kind), count in (found - self._errors_told).items():
            for _ in range(count):
                self._monitoring.metrics.count_error(kind, venue)
        self._errors_told = found

    def _tell_faults(self) -> None:
        errors = self.faults.errors
        if len(errors) == self._faults_told:
            return
        news, self._faults_told = errors[self._faults_told :], len(errors)
        self._monitoring.metrics.set_faults(len(errors))
        for error in news:
            alert = of_fault(error, ts_event=self._clock.timestamp_ns())
            self._monitoring.alerter.tell(alert)

    def _safely(self, part: str, act: Callable[[], None]) -> None:
        """Do something for monitoring; the one place where its failures end."""
        try:
            act()
        except Exception as e:  # trading must not suffer from who watches it
            self._monitoring.metrics.count_own_failure(part)
            if (part, type(e)) not in self._failures_told:
                self._failures_told.add((part, type(e)))
                _log.exception("Monitoring could not take something: %s", part)

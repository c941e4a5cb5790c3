"""The figures of a running node, kept from its records for Prometheus to ask for."""

import math
from collections.abc import Callable, Mapping
from typing import Final, Literal

from prometheus_client import CollectorRegistry

from live.monitoring.health import HealthBoard, NodeState
from live.monitoring.instruments import Instruments
from morningstar_strategy.core.records import Kind, Record, Value
from morningstar_strategy.core.risk import AccountRisk
from morningstar_strategy.core.state import Outcome

__all__ = ["Metrics", "Stage"]

type Stage = Literal["sent", "accepted"]

_SECOND: Final = 1_000_000_000
_MILLISECONDS: Final = 1_000


class Metrics:
    """Takes records on the engine's thread; `registry` is read on any other.

    `now_ns` is the wall clock, asked only while somebody looks.
    """

    def __init__(self, *, now_ns: Callable[[], int]) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._now_ns = now_ns
        self._on = Instruments(self.registry)
        for unknown in (self._on.equity, self._on.balance, self._on.drawdown):
            unknown.set(math.nan)  # an equity of 0 would be a disaster
        self._seen_ns: dict[str, int] = {}
        self._held: set[str] = set()
        self._waiting: set[str] = set()
        self._unprotected: dict[str, float] = {}  # seconds of what goes on now
        self._longest: dict[str, float] = {}
        self._hindrances: set[str] = set()
        self._standing = "no equity was marked yet"
        self._takers: Mapping[Kind, Callable[[Record], None]] = {
            Kind.EQUITY: self._take_equity,
            Kind.RULING: self._take_ruling,
            Kind.ORDER: self._take_order,
            Kind.FILL: self._take_fill,
            Kind.FUNDING: self._take_funding,
            Kind.PLAN: self._take_plan,
            Kind.EXCHANGE: self._take_exchange,
            Kind.REVIEW: self._take_review,
            Kind.GUARD: self._take_guard,
            Kind.HEALTH: self._take_health,
            Kind.BAR: self._take_bar,
        }

    # ------------------------------------------------------------ records

    def take(self, record: Record) -> None:
        """Take a record of the journal; a kind that moves no figure is passed over."""
        if (taker := self._takers.get(record.kind)) is not None:
            taker(record)

    def standing(self) -> str:
        """Say in a few words how the account stood at the last mark; for any thread."""
        return self._standing

    def _take_equity(self, record: Record) -> None:
        on, fields = self._on, record.fields
        on.equity.set(_number(fields["equity"]))
        on.balance.set(_number(fields["balance"]))
        on.drawdown.set(_number(fields["drawdown"]))
        on.marked.set(record.ts_event / _SECOND)
        for level in AccountRisk:
            on.risk.labels(level.value).set(level.value == fields["risk"])
        exposure = fields["exposure"]
        held = exposure if isinstance(exposure, dict) else {}
        for name in self._held - held.keys():
            on.exposure.labels(name).set(0)
        for name, notional in held.items():
            on.exposure.labels(name).set(_number(notional))
        self._held = set(held)
        on.positions.set(len(self._held))
        drawdown, count = _number(fields["drawdown"]), len(held)
        self._standing = (
            f"equity {fields['equity']}, drawdown {drawdown:.2%}, risk {fields['risk']}, "
            f"{count} position{'' if count == 1 else 's'}"
        )

    def _take_ruling(self, record: Record) -> None:
        fields = record.fields
        told = (f"{fields[name]}" for name in ("action", "ruling"))
        self._on.rulings.labels(*told, f"{fields.get('rule', '')}").inc()

    def _take_order(self, record: Record) -> None:
        fields = record.fields
        self._on.orders.labels(f"{fields['event']}", f"{fields['role']}").inc()

    def _take_fill(self, record: Record) -> None:
        on, fields = self._on, record.fields
        on.fills.labels(f"{fields['role']}", f"{fields['liquidity']}").inc()
        on.fees.inc(_number(fields["fee"]))

    def _take_funding(self, record: Record) -> None:
        self._on.funding.inc(_number(record.fields["amount"]))

    def _take_plan(self, record: Record) -> None:
        on, fields, name = self._on, record.fields, record.instrument_id
        state = f"{fields['state']}"
        on.plans.labels(state).inc()
        self._waiting.discard(name)
        if state == "PENDING":
            self._waiting.add(name)
        elif state == "ACTIVE":
            self._held.add(name)
        elif state in Outcome:
            self._held.discard(name)
            on.exposure.labels(name).set(0)
            on.pnl.inc(_number(fields["gross_pnl"]) - _number(fields["fees"]))
        on.positions.set(len(self._held))
        on.pending.set(len(self._waiting))

    def _take_exchange(self, record: Record) -> None:
        on, fields = self._on, record.fields
        model = f"{fields['model']}"
        on.llm_exchanges.labels(model, f"{fields['failure']}" or "answered").inc()
        on.llm_cost.labels(model).inc(_number(fields["cost"]))
        on.llm_tokens.labels(model, "in").inc(_number(fields["tokens_in"]))
        on.llm_tokens.labels(model, "out").inc(_number(fields["tokens_out"]))
        on.llm_secs.observe(_number(fields["latency_ms"]) / _MILLISECONDS)

    def _take_review(self, record: Record) -> None:
        fields = record.fields
        self._on.reviews.labels(f"{fields['purpose']}", f"{fields['verdict']}").inc()

    def _take_guard(self, record: Record) -> None:
        name, secs = record.instrument_id, _number(record.fields["secs"])
        if record.fields["state"] == "unprotected":
            self.set_unprotected(name, secs)
            return
        self.set_unprotected(name, max(secs, self._unprotected.get(name, 0.0)))
        self.set_unprotected(name, 0.0)

    def _take_health(self, record: Record) -> None:
        on, state = self._on, f"{record.fields['state']}"
        on.notices.labels(state).inc()
        if state in ("halted", "released"):
            on.halted.set(state == "halted")

    def _take_bar(self, record: Record) -> None:
        self.see_data(record.instrument_id, record.ts_event)

    # ------------------------------------------------------------ what no record tells

    def see_data(self, instrument_id: str, ts_event: int) -> None:
        """Take notice of data of an instrument; its age counts from the newest."""
        seen = self._seen_ns.get(instrument_id)
        self._seen_ns[instrument_id] = ts_event if seen is None else max(seen, ts_event)
        if seen is None:
            self._on.data_age.labels(instrument_id).set_function(lambda: self._age(instrument_id))

    def _age(self, instrument_id: str) -> float:
        return max(0.0, (self._now_ns() - self._seen_ns[instrument_id]) / _SECOND)

    def observe_order_latency(self, stage: Stage, secs: float) -> None:
        """Take how long after its command an order came to a stage."""
        self._on.order_secs.labels(stage).observe(secs)

    def count_error(self, kind: str, venue: str) -> None:
        """Count an error of a call to a venue."""
        self._on.api_errors.labels(venue, kind).inc()

    def set_unprotected(self, instrument_id: str, secs: float) -> None:
        """Say for how long the instrument has been held without a working stop, 0 for not at all.

        Within one time without a stop `secs` only grows; saying the same again changes nothing.
        """
        on, before = self._on, self._unprotected.get(instrument_id, 0.0)
        now = max(secs, before) if secs > 0 else 0.0
        longest = max(self._longest.get(instrument_id, 0.0), now)
        self._unprotected[instrument_id], self._longest[instrument_id] = now, longest
        on.unprotected.labels(instrument_id).set(now)
        on.unprotected_longest.labels(instrument_id).set(longest)
        on.unprotected_total.labels(instrument_id).inc(max(0.0, now - before))

    def set_hindrances(self, hindrances: Mapping[str, str]) -> None:
        """Say by name all that keeps from new risk now; the reasons are shown by /health."""
        for name in self._hindrances - hindrances.keys():
            self._on.hindrance.labels(name).set(0)
        for name in hindrances:
            self._on.hindrance.labels(name).set(1)
        self._hindrances |= hindrances.keys()

    def set_faults(self, count: int) -> None:
        """Say how many callbacks have failed so far."""
        self._on.faults.set(count)

    def count_message(self, channel: str, outcome: str) -> None:
        """Count a message to a channel: sent, repeated, failed or dropped."""
        self._on.alerts.labels(channel, outcome).inc()

    def count_own_failure(self, part: str) -> None:
        """Count what monitoring itself could not do."""
        self._on.own_failures.labels(part).inc()

    def watch(self, board: HealthBoard) -> None:
        """Show the node's health, as it is when somebody looks."""
        on = self._on
        on.healthy.set_function(lambda: board.look().is_healthy)
        on.takes_new_risk.set_function(lambda: board.look().takes_new_risk)
        on.heartbeat_age.set_function(lambda: board.look().silent_secs)
        for state in NodeState:
            on.state.labels(state.value).set_function(_is_in(board, state))


def _is_in(board: HealthBoard, state: NodeState) -> Callable[[], float]:
    return lambda: float(board.look().state is state)


def _number(value: Value) -> float:
    """Read an exact text or a number of a record; a chart needs no more than a float."""
    match value:
        case str() | int() | float():
            return float(value)
        case _:
            raise ValueError(f"a figure of a record must be a number, was {value!r:.80}")

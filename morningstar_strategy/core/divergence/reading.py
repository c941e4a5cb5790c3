"""Reads the records of a run into steps that can be laid beside another run's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.costs import signed_quantity
from morningstar_strategy.core.curves import exposures
from morningstar_strategy.core.divergence.values import PlanKey, Side, Step
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.records import Kind, Record, RecordError, Value

__all__ = ["STRAY", "OrderTold", "Told", "read"]

_ZERO: Final = Decimal(0)
STRAY: Final = -1  # in place of the bar of a plan: fills that belong to none
_FORECAST: Final = (
    *("price", "p_short", "p_flat", "p_long", "confidence", "volatility", "turbulence"),
    *("stop_distance", "target_distance", "barrier", "efficiency", "abstained", "model", "regime"),
)
_OPINION: Final = ("verdict", "scale", "review")
_SAID: Final = (
    *("verdict", "scale", "stop_scale", "target_scale", "coherence", "risk_score"),
    *("reason", "proposal"),
)
_OF_ORDER: Final = ("reason", "quantity", "price", "trigger_price")  # a journal tells the first
_PAID: Final = ("amount", "rate", "price", "quantity")
_RULED: Final = ("action", "ruling", "rule", "quantity", "risk_level", "shrunk")
_PLANNED: Final = (
    *("direction", "quantity", "entry_price", "stop_loss_price", "take_profit_prices"),
)


@dataclass(slots=True, kw_only=True)
class OrderTold:
    """What the journal tells of one order: the sums of its fills, in account currency."""

    order_id: str
    instrument_id: str
    plan: PlanKey
    role: str
    seq: int
    ts_event: int  # of its first fill
    last_ns: int = 0
    filled: Decimal = _ZERO  # signed
    value: Decimal = _ZERO  # signed quantity times price, summed
    fee: Decimal = _ZERO
    slippage: Decimal = _ZERO

    @property
    def price(self) -> Decimal:
        """Give the average price of its fills."""
        return self.value / self.filled if self.filled else _ZERO

    @property
    def fee_rate(self) -> Decimal:
        """Give the fee as a share of what was traded."""
        return self.fee / abs(self.value) if self.value else _ZERO

    @property
    def cash(self) -> Decimal:
        """Give what the fills brought in, costs taken off."""
        return -self.value - self.fee - self.slippage


@dataclass(slots=True, kw_only=True)
class Told:
    """The steps of one run in the order of its journal."""

    side: Side
    predictions: list[Step] = field(default_factory=list)
    opinions: list[Step] = field(default_factory=list)  # of an assessment
    reviews: list[Step] = field(default_factory=list)
    commands: list[Step] = field(default_factory=list)
    rulings: list[Step] = field(default_factory=list)
    plans: list[Step] = field(default_factory=list)
    events: list[Step] = field(default_factory=list)  # of orders
    orders: dict[str, OrderTold] = field(default_factory=dict)
    fundings: list[Step] = field(default_factory=list)
    marks: list[Record] = field(default_factory=list)
    health: list[Record] = field(default_factory=list)
    plan_of: dict[str, PlanKey] = field(default_factory=dict)
    setups: dict[PlanKey, Step] = field(default_factory=dict)
    forecast: set[str] = field(default_factory=set)  # instruments with predictions
    by_plan: dict[PlanKey, list[OrderTold]] = field(default_factory=dict)
    by_instrument: dict[str, list[OrderTold]] = field(default_factory=dict)
    ruled: dict[str, list[Step]] = field(default_factory=dict)  # rulings by instrument
    happened: set[tuple[str | int, ...]] = field(default_factory=set)  # keys of order events


def _check(record: Record, *names: str) -> None:
    for name in names:
        money(record, name)


def read(side: Side) -> Told:
    """Read the records of a run; raise RecordError naming run and field that cannot be read."""
    try:
        return _Reader(side).read()
    except RecordError as e:
        raise RecordError(f"{side.name}: {e}") from e


class _Reader:
    """Goes through a journal once; a command belongs to the last bar assessed before it."""

    def __init__(self, side: Side) -> None:
        self._told = Told(side=side)
        self._bar: dict[str, int] = {}
        self._seen: set[tuple[str, int]] = set()
        self._counts: Counter[tuple[str | int, ...]] = Counter()

    def read(self) -> Told:
        for seq, record in enumerate(self._told.side.records):
            self._take(seq, record)
        return self._told

    def _take(self, seq: int, record: Record) -> None:
        match record.kind:
            case Kind.ASSESSMENT:
                self._assessed(seq, record)
            case Kind.REVIEW:
                self._reviewed(seq, record)
            case Kind.COMMAND | Kind.RULING:
                self._decided(seq, record)
            case Kind.PLAN:
                self._planned(seq, record)
            case Kind.ORDER:
                self._ordered(seq, record)
            case Kind.FILL:
                self._filled(seq, record)
            case _:
                self._accounted(seq, record)

    def _accounted(self, seq: int, record: Record) -> None:
        match record.kind:
            case Kind.FUNDING:
                _check(record, *_PAID)
                self._told.fundings.append(self._step(seq, record, (record.instrument_id,)))
            case Kind.EQUITY:
                self._marked(record)
            case Kind.HEALTH:
                self._told.health.append(record)
            case _:
                return

    def _marked(self, record: Record) -> None:
        marks = self._told.marks
        if marks and record.ts_event < marks[-1].ts_event:
            raise RecordError(
                f"equity records must be in the order of time, {record.ts_event} came after "
                f"{marks[-1].ts_event}"
            )
        _check(record, "equity")
        exposures(record)
        marks.append(record)

    def _step(
        self,
        seq: int,
        record: Record,
        key: tuple[str | int, ...],
        names: Sequence[str] | None = None,
    ) -> Step:
        fields = record.fields
        chosen = fields if names is None else {name: fields.get(name) for name in names}
        return Step(
            key=key,
            instrument_id=record.instrument_id,
            ts_event=record.ts_event,
            seq=seq,
            fields=chosen,
        )

    def _assessed(self, seq: int, record: Record) -> None:
        name, ts_event = record.instrument_id, record.ts_event
        self._bar[name] = ts_event
        if (name, ts_event) in self._seen:  # a live journal tells those acted on twice
            return
        self._seen.add((name, ts_event))
        self._told.forecast.add(name)
        self._told.predictions.append(self._step(seq, record, (name,), _FORECAST))
        self._told.opinions.append(self._step(seq, record, (name,), _OPINION))

    def _reviewed(self, seq: int, record: Record) -> None:
        asked = record.fields.get("asked_ns")
        bar = asked if isinstance(asked, int) else record.ts_event
        key = (record.instrument_id, text(record, "purpose"), bar)
        self._told.reviews.append(self._step(seq, record, key, _SAID))

    def _decided(self, seq: int, record: Record) -> None:
        name = record.instrument_id
        bar = self._bar.get(name, record.ts_event)
        if record.kind is Kind.RULING:
            ruling = self._step(seq, record, (name, bar), _RULED)
            self._told.rulings.append(ruling)
            self._told.ruled.setdefault(name, []).append(ruling)
            return
        step = self._step(seq, record, (name, bar))
        wire = step.fields.get("command")
        fields = self._command(wire if isinstance(wire, dict) else {})
        self._told.commands.append(
            Step(
                key=step.key,
                instrument_id=name,
                ts_event=step.ts_event,
                seq=seq,
                fields=fields,
            )
        )

    def _command(self, wire: dict[str, Value]) -> dict[str, Value]:
        """Flatten a command; its words are left out, and an order is named by its plan."""
        fields = {key: value for key, value in wire.items() if key != "reasoning"}
        setup = fields.pop("trade_setup", None)
        if isinstance(setup, dict):
            fields.update(setup)
        order_id = fields.get("order_id")
        if isinstance(order_id, str) and order_id in self._told.plan_of:
            fields["order_id"] = f"{self._told.plan_of[order_id]}"
        return fields

    def _plan_key(self, name: str, bar: int) -> PlanKey:
        nth = self._counts[("plan", name, bar)]
        self._counts[("plan", name, bar)] += 1
        return name, bar, nth

    def _planned(self, seq: int, record: Record) -> None:
        name, order_id = record.instrument_id, text(record, "order_id")
        if order_id not in self._told.plan_of:
            bar = self._bar.get(name, record.ts_event)
            self._told.plan_of[order_id] = self._plan_key(name, bar)
        if text(record, "state") == "PENDING":
            _check(record, "quantity", "stop_loss_price")
            key = self._told.plan_of[order_id]
            step = self._step(seq, record, key, _PLANNED)
            self._told.plans.append(step)
            self._told.setups[key] = step

    def _plan(self, record: Record) -> PlanKey:
        told = self._told.plan_of.get(text(record, "plan_id"))
        return told if told is not None else (record.instrument_id, STRAY, 0)

    def _ordered(self, seq: int, record: Record) -> None:
        plan, role, word = self._plan(record), text(record, "role"), text(record, "event")
        key = (*plan, role, word)
        self._told.events.append(self._step(seq, record, key, _OF_ORDER))
        self._told.happened.add(key)

    def _filled(self, seq: int, record: Record) -> None:
        order_id = text(record, "order_id")
        order = self._told.orders.get(order_id)
        if order is None:
            order = self._told.orders[order_id] = OrderTold(
                order_id=order_id,
                instrument_id=record.instrument_id,
                plan=self._plan(record),
                role=text(record, "role"),
                seq=seq,
                ts_event=record.ts_event,
            )
            self._told.by_plan.setdefault(order.plan, []).append(order)
            self._told.by_instrument.setdefault(order.instrument_id, []).append(order)
        quantity = signed_quantity(record)
        order.filled += quantity
        order.value += quantity * money(record, "price")
        order.fee += money(record, "fee")
        order.slippage += money(record, "slippage")
        order.last_ns = max(order.last_ns, record.ts_event)

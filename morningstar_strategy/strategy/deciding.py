"""Decides on every assessment, lets the gate rule, and carries out what it approved."""

from typing import Any

from morningstar_strategy.book import StoreError
from morningstar_strategy.border import Border, Origin, crossing
from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    DoNothing,
    PlanTrade,
    TradeCommand,
)
from morningstar_strategy.core.decision import decide, decide_instead, is_idle, round_trip_cost
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import of_assessment, of_command, of_ruling
from morningstar_strategy.core.review import Assessment
from morningstar_strategy.core.risk import Approved, Denied, Ruling, rule_on
from morningstar_strategy.core.state import Flat, Pending, Snapshot
from morningstar_strategy.core.strict import CommandError
from morningstar_strategy.core.wire import parse_command
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.snapshot import Glimpse, Window
from morningstar_strategy.strategy.answering import Clerk
from morningstar_strategy.strategy.keeping import Store
from morningstar_strategy.strategy.mandate import Mandate
from morningstar_strategy.topics import ASSESSMENT

__all__ = ["MorningstarStrategy"]


class MorningstarStrategy(Clerk):
    """Trades plans on several instruments of one account under portfolio-wide risk."""

    def __init__(
        self,
        *,
        mandate: Mandate,
        faults: Faults,
        store: Store | None = None,
        hindrances: Hindrances | None = None,
        border: Border | None = None,
    ) -> None:
        super().__init__(
            mandate=mandate, faults=faults, store=store, hindrances=hindrances, border=border
        )
        self._costs: dict[str, float] = {}
        self._idle_reason: dict[str, str] = {}

    @guarded
    def on_start(self) -> None:
        """Begin to trade."""
        if self.border is not None:
            self.border.attach(self, self.clock)
        self.begin()

    @crossing(Origin.MADE)
    def begin(self) -> None:
        """Take hold of the engine's parts and listen to the assessments."""
        self._take_hold()
        self._costs = {
            name: round_trip_cost(t.taker_fee, t.slippage) for name, t in self._terms.items()
        }
        self._window = Window(
            reader=self._reader,
            terms=self._terms,
            ledgers=self._orders.book,
            decision=self._mandate.decision,
            limits=self._mandate.risk,
            memory=lambda: self._watch.standing,
        )
        self._recover()
        self.subscribe_topic(ASSESSMENT, self.on_assessment)
        self._observe(self._clock.timestamp_ns())

    @crossing(Origin.MADE)
    def would_act(self, prediction: Prediction) -> bool:
        """Say quickly whether this may do something on a prediction by itself."""
        now_ns = self._clock.timestamp_ns()
        return not self._is_faulty and self._window.would_act(prediction, now_ns=now_ns)

    @crossing(Origin.MADE)
    def glimpse(self, prediction: Prediction) -> Glimpse | None:
        """Show what this sees and would do by itself; None where it decides nothing."""
        if self._is_faulty:
            return None
        return self._window.glimpse(prediction, now_ns=self._clock.timestamp_ns())

    @guarded
    def on_assessment(self, assessment: Any) -> None:
        """Act on an assessment; another strategy of this node may trade the instrument."""
        if assessment.prediction.instrument_id in self._terms:
            self.act_on(assessment)

    @crossing(Origin.AWAITED)
    def act_on(self, assessment: Assessment) -> None:
        """Decide on an assessment, let the gate rule, carry out what it approved.

        After a fault nothing is decided any more, but what is open is still tended.
        """
        name = assessment.prediction.instrument_id
        now_ns = self._clock.timestamp_ns()
        if now_ns >= self._observe_due_ns:
            self._observe(now_ns)
        ledger = self._orders.book.get(name)
        if ledger is not None and (
            name in self._orders.restless or ledger.rest_has_expired(now_ns)
        ):
            self._tend(name)
            ledger = self._orders.book.get(name)
        trade = Flat() if ledger is None else ledger.trade
        if self._is_faulty:
            return
        policy, cost = self._mandate.decision, self._costs[name]
        if is_idle(assessment, trade, now_ns=now_ns, policy=policy, cost=cost):
            self._idle_reason.pop(name, None)
        else:
            self._act(assessment, name, now_ns)

    def _act(self, assessment: Assessment, name: str, now_ns: int) -> None:
        now = self._reader.snapshot(
            name, now_ns=now_ns, terms=self._terms, ledgers=self._orders.book
        )
        if now is None or not self._reader.is_trading(self._terms[name]):
            return
        policy = self._mandate.decision
        command = decide(assessment, now, policy)
        ruling = self._rule(command, now)
        instead = decide_instead(assessment, now, policy) if isinstance(ruling, Denied) else None
        if instead is None and self._repeats(ruling, name):
            return
        self._record(of_assessment(assessment))
        self._carry_out(command, ruling, name, now)
        if instead is not None:
            self._carry_out(instead, self._rule(instead, now), name, now)

    def _rule(self, command: TradeCommand, now: Snapshot) -> Ruling:
        return rule_on(command, now, self._mandate.risk, self._watch.standing)

    def _carry_out(self, command: TradeCommand, ruling: Ruling, name: str, now: Snapshot) -> None:
        """Record a command with its ruling, and execute what was approved."""
        now_ns = now.ts_event
        self._record(of_command(command, ts_event=now_ns, instrument_id=name))
        self._record(of_ruling(ruling, ts_event=now_ns, instrument_id=name, equity=now.equity))
        if isinstance(ruling, Approved):
            try:
                self._orders.execute(ruling, self._terms[name], now_ns=now_ns)
            except StoreError as e:  # hinders new risk until the store takes plans again
                self._say(now_ns, name, "plan not begun", f"{e}")
                return
            opened = self._orders.book.get(name)
            if opened is not None and isinstance(now.trade, Flat):
                self._tell_plan(Pending(plan=opened.plan), ts_event=now_ns)
            self._settle(name)

    @crossing(Origin.HEARD)
    def execute_command(self, text: str | bytes) -> Ruling:
        """Put a command in strict JSON before the gate, and carry out what it approved.

        For the engine's thread only. Raises CommandError for what is none of the four commands,
        names no instrument of ours, would open a trade after a fault, or comes before the first
        price.
        """
        command, name, now = self._put(text)
        ruling = self._rule(command, now)
        self._carry_out(command, ruling, name, now)
        return ruling

    def rule_on_command(self, text: str | bytes) -> Ruling:
        """Ask the gate what it would make of a command; nothing is done or recorded.

        Raises CommandError where `execute_command` does.
        """
        command, _, now = self._put(text)
        return self._rule(command, now)

    def _put(self, text: str | bytes) -> tuple[TradeCommand, str, Snapshot]:
        command = parse_command(text)
        name = self._meant(command)
        now = self.snapshot(name)
        if now is None or (self._is_faulty and isinstance(command, PlanTrade)):
            why = "no price was seen yet" if now is None else f"a fault: {self.faults.errors[0]}"
            raise CommandError(f"{command.action} cannot be carried out: {why}")
        return command, name, now

    @property
    def policy(self) -> DecisionPolicy:
        """Give when and how it trades by itself."""
        return self._mandate.decision

    def _meant(self, command: TradeCommand) -> str:
        """Find the instrument of a command; an unknown order id is the gate's to deny."""
        anyone = next(iter(self._terms))
        match command:
            case PlanTrade(trade_setup=setup) if setup.symbol in self._terms:
                return setup.symbol
            case PlanTrade(trade_setup=setup):
                known = [*self._terms]
                raise CommandError(f"symbol must be one of {known}, was {setup.symbol!r:.80}")
            case CancelOrder(order_id=asked) | AdjustTrade(order_id=asked):
                book = self._orders.book
                owners = (name for name, each in book.items() if each.plan.order_id == asked)
                return next(owners, anyone)
            case DoNothing():
                return anyone

    def _repeats(self, ruling: Ruling, name: str) -> bool:
        """Say whether again nothing came of the instrument's signal, for the same reason."""
        match ruling:
            case Denied(rule=rule):
                why = rule
            case Approved(command=DoNothing(reasoning=reasoning)):
                why = reasoning
            case _:
                why = ""
        repeated = why != "" and self._idle_reason.get(name) == why
        self._idle_reason[name] = why
        return repeated

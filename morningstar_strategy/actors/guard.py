"""Watches from beside the strategy that what is held has a working stop, and obeys a person."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.steady import SteadyTime
from morningstar_strategy.actors.wards import Check, Desk, GuardPolicy, OnDanger, Ward
from morningstar_strategy.core.records import Record, of_guard, of_health
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.store import Action, Request, StoreError
from morningstar_strategy.topics import RECORD

__all__ = ["Check", "Desk", "GuardActor", "GuardPolicy", "OnDanger", "Ward"]

_SECOND: Final = 1_000_000_000
_TIMER: Final = "guard"
_OLD_SECS: Final = 60.0  # whoever asks to resume waits for an answer no longer
_DESK: Final = "desk"  # where a person asks, and the status lies


@dataclass(slots=True, kw_only=True)
class _Gap:
    """Quantity without a stop, since when, and when something was done about it last."""

    since_ns: int
    quantity: Decimal
    mended_ns: int
    closing: bool = False


class GuardActor(Actor):
    """Looks at every position several times a second, whatever events were missed.

    Quantity without a working stop is put on record, protected again, and closed at market where
    that takes too long. A fault of any callback latches a halt. A person's requests are carried
    out, and a request to close everything is answered once the engine knows of nothing any more.
    """

    def __init__(
        self,
        *,
        wards: Sequence[Ward],
        desk: Desk,
        policy: GuardPolicy,
        faults: Faults,
        hindrances: Hindrances,
        checks: Mapping[str, Check],
        show: Callable[[Mapping[str, str]], None] = lambda known: None,
        on_danger: OnDanger = OnDanger.HALT,
    ) -> None:
        self.faults = faults
        self._wards = tuple(wards)
        self._desk = desk
        self._policy = policy
        self._hindrances = hindrances
        self._checks = dict(checks)
        self._show = show  # what hinders new risk, to whoever watches
        self._on_danger = on_danger
        self._endangered: set[int] = set()  # wards, by their place
        self._liquidating: set[int] = set()
        self._gaps: dict[str, _Gap] = {}
        self._flattening: dict[int, Request] = {}
        self._answers: dict[int, str] = {}  # of requests that are done, where they are not told
        self._failed: set[tuple[str, type[Exception]]] = set()
        self._latched: set[int] = set()  # wards that were told of a fault
        self._is_fault_told = False
        self._status_due_ns = 0
        self._act_due_ns = 0
        self._acts = True  # what is refused is asked for again, and not at every look
        self._stopping: tuple[int, Callable[[], None]] | None = None  # deadline, what ends it
        self._leave_ns: int | None = None  # when the last look at the venue has been answered
        self._is_started = False
        self._time = SteadyTime(step_ns=policy.poll_ms * 1_000_000)  # of all durations
        self.longest_secs = 0.0  # without a stop, of all gaps so far

    @guarded
    def on_start(self) -> None:
        """Begin to look."""
        self._clock = self.clock
        self._time.look(self._clock.timestamp_ns())
        self._is_started = True
        self._say("started", "")
        self._hindrances.tell = self._tell_hindrance
        self._clock.set_timer_ns(_TIMER, self._policy.poll_ms * 1_000_000, callback=self._tick)

    @guarded
    def on_stop(self) -> None:
        """Say how the node is left."""
        self._clock.cancel_timer(_TIMER)
        for name, gap in self._gaps.items():
            secs = (self._time.ns - gap.since_ns) / _SECOND
            self._record_gap(name, "unprotected", gap, secs)
        self._say("stopped", "")
        self._attempt_desk(partial(self._tell_status, "stopped"))

    def stop_soon(self, end: Callable[[], None]) -> None:
        """Take no new risk, bring what is open into order, then call `end`; at once if asked again.

        For the engine's thread.
        """
        if self._stopping is not None or not self._is_started:
            end()
            return
        patience_ns = round(self._policy.stop_within_secs * _SECOND)
        self._stopping = (self._time.ns + patience_ns, end)
        self._hindrances.note("node", "it is being stopped")

    def _tick(self, _event: Any) -> None:
        now_ns = self._clock.timestamp_ns()
        steady_ns = self._time.look(now_ns)
        for ward in self._wards:
            for name in ward.names:
                self._attempt(f"look at {name}", partial(self._look, ward, name, steady_ns))
        self._acts = steady_ns >= self._act_due_ns
        if self._acts:
            self._act_due_ns = steady_ns + round(self._policy.mend_after_secs * _SECOND)
        self._attempt("checks", partial(self._check, now_ns))
        for place, ward in enumerate(self._wards):
            self._attempt("heed danger", partial(self._heed, place, ward))
        self._attempt_desk(self._obey)
        self._attempt("stop", partial(self._go_on_stopping, steady_ns))
        self._attempt("faults", self._latch_faults)
        if steady_ns >= self._status_due_ns:
            self._status_due_ns = steady_ns + round(self._policy.status_every_secs * _SECOND)
            self._attempt_desk(partial(self._tell_status, "running"))
            for ward in self._wards:
                self._attempt("keep what is owed to the store", ward.keep)

    def _attempt(self, what: str, act: Callable[[], None]) -> bool:
        """Do one thing; what it raises is a fault, and the others are done all the same."""
        try:
            act()
        except Exception as e:
            self._keep_fault(what, e)
            return False
        return True

    def _keep_fault(self, what: str, e: Exception) -> None:
        """Note what failed, once: a broken look would fill the memory."""
        if (what, type(e)) not in self._failed:
            self._failed.add((what, type(e)))
            self.faults.errors.append(e)
            self.log.error(f"The guard cannot {what}: {type(e).__name__}: {e}")

    def _attempt_desk(self, act: Callable[[], None]) -> None:
        """Do something with the desk; a disk that is full or locked hinders, and comes back."""
        try:
            act()
        except StoreError as e:
            self._hindrances.note(_DESK, f"{e}")
        except Exception as e:
            self._keep_fault("look at its desk", e)
        else:
            self._hindrances.note(_DESK, "")

    # ------------------------------------------------------------ stops

    def _look(self, ward: Ward, name: str, steady_ns: int) -> None:
        quantity, gap = ward.exposed(name), self._gaps.get(name)
        if quantity <= 0:
            if gap is not None:
                self._end_gap(name, self._gaps.pop(name), steady_ns)
            return
        if gap is None:
            gap = _Gap(since_ns=steady_ns, quantity=quantity, mended_ns=steady_ns)
            self._gaps[name] = gap
        gap.quantity = max(gap.quantity, quantity)
        self._mend(ward, name, gap, steady_ns)

    def _mend(self, ward: Ward, name: str, gap: _Gap, steady_ns: int) -> None:
        """Protect again, and again; close where that takes too long."""
        policy = self._policy
        lasted = (steady_ns - gap.since_ns) / _SECOND
        self.longest_secs = max(self.longest_secs, lasted)
        if (steady_ns - gap.mended_ns) / _SECOND < policy.mend_after_secs:
            return
        gap.mended_ns = steady_ns
        if lasted < policy.close_after_secs:
            self._record_gap(name, "unprotected", gap, lasted)
            ward.protect(name)
            return
        reason = f"no working stop for {lasted:.1f} s"
        self._record_gap(name, "unprotected", gap, lasted)
        if not gap.closing:
            gap.closing = True
            self._say("closing", reason, name)
            self.log.error(f"{name}: {reason}: closing it")
        ward.close(name, reason)

    def _end_gap(self, name: str, gap: _Gap, steady_ns: int) -> None:
        lasted = (steady_ns - gap.since_ns) / _SECOND
        self.longest_secs = max(self.longest_secs, lasted)
        self._record_gap(name, "protected again", gap, lasted)

    def _record_gap(self, name: str, state: str, gap: _Gap, secs: float) -> None:
        now_ns = self._clock.timestamp_ns()
        self._record(
            of_guard(
                ts_event=now_ns, instrument_id=name, state=state, quantity=gap.quantity, secs=secs
            )
        )

    # ------------------------------------------------------------ what stands in the way

    def _check(self, now_ns: int) -> None:
        for source, check in self._checks.items():
            self._hindrances.note(source, check(now_ns))

    def _tell_hindrance(self, source: str, reason: str) -> None:
        self._say(f"hindered by {source}" if reason else f"{source} is well again", reason)
        self._show(self._hindrances.known)

    def _latch_faults(self) -> None:
        if not self.faults or len(self._latched) == len(self._wards):
            return
        e = self.faults.errors[0]
        reason = f"fault: {type(e).__name__}: {e}"
        if not self._is_fault_told:
            self._is_fault_told = True
            self._say("fault", reason)
        for index, ward in enumerate(self._wards):
            if index not in self._latched:
                self._attempt("halt", partial(self._latch, index, ward, reason))

    def _latch(self, index: int, ward: Ward, reason: str) -> None:
        """Halt once; one that cannot be halted is tried again."""
        ward.halt(reason, flatten=False)
        self._latched.add(index)

    # ------------------------------------------------------------ danger

    def _heed(self, place: int, ward: Ward) -> None:
        """Halt or close everything, once each time that the money comes into danger."""
        danger = ward.danger()
        if danger and place not in self._endangered:
            self._endangered.add(place)
            self._begin_danger(place, ward, danger)
        elif not danger:
            self._endangered.discard(place)
        if place in self._liquidating:
            self._liquidate(place, ward)

    def _begin_danger(self, place: int, ward: Ward, danger: str) -> None:
        self._say("danger", danger)
        if self._on_danger is OnDanger.KEEP:
            return
        flatten = self._on_danger is OnDanger.FLATTEN
        if ward.halted and not flatten:
            return  # the limits did it, and the daily one ends with the day
        self.log.warning(f"Account in danger: {danger}: {self._on_danger.value}")
        if flatten:
            self._liquidating.add(place)
        ward.halt(f"account in danger: {danger}", flatten=flatten)

    def _liquidate(self, place: int, ward: Ward) -> None:
        """Close what is left, until the engine knows of nothing."""
        if not ward.leftovers():
            self._liquidating.discard(place)
            return
        for name in ward.names if self._acts else ():
            ward.close(name, "account in danger")

    # ------------------------------------------------------------ what a person asks

    def _obey(self) -> None:
        for number in list(self._answers):
            self._answer(number)
        for request in self._desk.open_requests():
            if request.number not in self._flattening and request.number not in self._answers:
                self._begin(request)
        for number, request in list(self._flattening.items()):
            self._go_on_flattening(number, request)

    def _begin(self, request: Request) -> None:
        """Do what a person asks; what has been done is not done again for want of an answer."""
        by = f"by {request.operator}" + (f": {request.reason}" if request.reason else "")
        self._say(request.action.value, by)
        match request.action:
            case Action.HALT:
                self._answers[request.number] = self._halt_all(f"halted {by}", flatten=False)
            case Action.FLATTEN:
                self._flattening[request.number] = request
                self._halt_all(f"halted {by}", flatten=True)
            case Action.RESUME:
                self._answers[request.number] = self._resume(request)
        self._answer(request.number)

    def _answer(self, number: int) -> None:
        if number in self._answers:
            self._desk.answer(number, self._answers[number])
            del self._answers[number]

    def _halt_all(self, reason: str, *, flatten: bool) -> str:
        done = [  # one that fails keeps no other from being halted
            self._attempt("halt", partial(ward.halt, reason, flatten=flatten))
            for ward in self._wards
        ]
        if all(done):
            return "halted; what is open keeps its stops"
        return f"halted after a fault, which is tried again: {self.faults.errors[-1]}"

    def _resume(self, request: Request) -> str:
        if self.faults:
            return f"refused: a fault needs a restart: {self.faults.errors[0]}"
        age_secs = (self._clock.timestamp_ns() - request.asked_ns) / _SECOND
        if age_secs > _OLD_SECS:
            return f"refused: it was asked {age_secs:.0f} s ago, and much may have happened since"
        for ward in self._wards:  # all or none: a part that was lifted would not be told of
            if reason := ward.keeps_from_lifting(operator=request.operator):
                return f"refused: {reason}"
        return "; ".join(ward.lift(operator=request.operator) for ward in self._wards)

    def _go_on_flattening(self, number: int, request: Request) -> None:
        """Close what is left, until the engine knows of nothing."""
        left = [each for ward in self._wards for each in ward.leftovers()]
        if not left:
            del self._flattening[number]
            self._answers[number] = "flat: no position and no order is left"
            self._answer(number)
            return
        for ward in self._wards if self._acts else ():
            for name in ward.names:
                closing = partial(ward.close, name, f"halted by {request.operator}")
                self._attempt(f"close {name}", closing)

    def _go_on_stopping(self, steady_ns: int) -> None:
        if self._stopping is None:
            return
        deadline_ns, end = self._stopping
        wards = [ward for ward in self._wards if ward.names]
        left = [ward for ward in wards if not ward.is_wound_down]
        if steady_ns >= deadline_ns:
            if left:
                self._say("stopped early", "orders had not ended in time")
            end()
        elif left:
            self._leave_ns = None
            for ward in left if self._acts else ():
                self._attempt("wind down", ward.wind_down)
        elif self._has_looked(wards, steady_ns):
            end()

    def _has_looked(self, wards: Sequence[Ward], steady_ns: int) -> bool:
        """Ask the venue whether that is all, once; say whether it had time to answer."""
        if self._leave_ns is None:
            self._leave_ns = steady_ns + round(self._policy.last_look_secs * _SECOND)
            for ward in wards:
                self._attempt("look again", ward.look_again)
        return steady_ns >= self._leave_ns

    # ------------------------------------------------------------ telling

    def _say(self, state: str, reason: str, name: str = "") -> None:
        now_ns = self._clock.timestamp_ns()
        self._record(of_health(ts_event=now_ns, instrument_id=name, state=state, reason=reason))

    def _tell_status(self, state: str) -> None:
        standing = [dict(ward.standing()) for ward in self._wards if ward.names]
        self._desk.tell(
            {
                "state": state,
                "ts": self._clock.timestamp_ns(),
                "accounts": standing,
                "longest_unprotected_secs": round(self.longest_secs, 3),
                "faults": [f"{type(e).__name__}: {e}" for e in self.faults.errors[:10]],
            },
        )

    def _record(self, record: Record) -> None:
        self.publish_message(RECORD, record)

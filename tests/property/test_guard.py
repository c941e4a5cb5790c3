"""Laws of the guard on the engine's clock, with a ward whose exposure a script decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import AccountType, Bar, Money, OmsType, Price, Quantity

from backtests.models import CostModel
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.actors.guard import GuardActor, GuardPolicy
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.faults import Faults
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.settings.schema import VenueSettings
from morningstar_strategy.settings.wiring import terms_of
from morningstar_strategy.store import Action, Request, StoreError
from tests.harness.market import USDT, bar_type, perpetual
from tests.harness.runs import VENUE, RecordActor, of_kind

SECOND: Final = 1_000_000_000
START: Final = 1_700_000_000 * SECOND
POLL: Final = 0.1
POLICY: Final = GuardPolicy(poll_ms=100, mend_after_secs=0.5, close_after_secs=3.0)
NAMES: Final = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE")


@dataclass(kw_only=True)
class ScriptedWard:
    """Is exposed as the script says; what it was asked for is remembered with the second."""

    now: Callable[[], float]  # seconds since the start
    script: Mapping[str, Sequence[tuple[float, int]]] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()  # methods that raise
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)
    left: int = 0  # looks until nothing is left any more
    names: tuple[str, ...] = NAMES
    halted: str = ""
    is_wound_down: bool = True

    def _note(self, what: str, name: str = "") -> None:
        self.asked.append((self.now(), what, name))
        if what in self.broken:
            raise KeyError(what)

    def exposed(self, name: str) -> Decimal:
        if f"exposed {name}" in self.broken:
            raise KeyError(name)
        held = [quantity for since, quantity in self.script.get(name, ()) if since <= self.now()]
        return Decimal(held[-1] if held else 0)

    def protect(self, name: str) -> None:
        self._note("protect", name)

    def close(self, name: str, reason: str) -> None:
        del reason
        self._note("close", name)

    def wind_down(self) -> None:
        self._note("wind down")

    def halt(self, reason: str, *, flatten: bool) -> None:
        self._note("flatten" if flatten else "halt")
        self.halts.append(reason)

    def keeps_from_lifting(self, *, operator: str) -> str:
        del operator
        return "equity is unknown" if "lift" in self.broken else ""

    def lift(self, *, operator: str) -> str:
        self._note("lift")
        return f"lifted for {operator}"

    def leftovers(self) -> tuple[str, ...]:
        self.left -= 1
        return ("position 1",) if self.left >= 0 else ()

    def standing(self) -> dict[str, Any]:
        return {"halted": self.halted}

    def danger(self) -> str:
        return ""

    def look_again(self) -> None:
        self._note("look again")

    def keep(self) -> None:
        self._note("keep")


@dataclass(kw_only=True)
class ScriptedDesk:
    """Holds requests; the disk below it is full or locked for some of the calls."""

    now: Callable[[], float]
    requests: Sequence[tuple[float, Action]] = ()
    full: tuple[float, float] = (0.0, 0.0)  # from, to
    old_secs: float = 0.0  # how long ago a request was asked when it is seen
    answers: dict[int, list[str]] = field(default_factory=dict)
    told: list[Mapping[str, Any]] = field(default_factory=list)

    def _check(self) -> None:
        if self.full[0] <= self.now() < self.full[1]:
            raise StoreError("the disk is full")

    def open_requests(self) -> tuple[Request, ...]:
        return tuple(
            Request(
                number=number,
                action=action,
                operator="ann",
                reason="",
                asked_ns=START + round((since - self.old_secs) * SECOND),
            )
            for number, (since, action) in enumerate(self.requests)
            if since <= self.now() and number not in self.answers
        )

    def answer(self, number: int, text: str) -> None:
        self._check()
        self.answers.setdefault(number, []).append(text)

    def tell(self, status: Mapping[str, object]) -> None:
        self._check()
        self.told.append(status)


@dataclass(kw_only=True)
class Watch:
    """A guard over wards on an engine that has nothing but a clock."""

    wards: Sequence[ScriptedWard]
    desk: ScriptedDesk
    faults: Faults = field(default_factory=Faults)
    hindrances: Hindrances = field(default_factory=Hindrances)
    checks: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    longest_secs: float = 0.0
    ended: list[float] = field(default_factory=list)

    def run(self, secs: float, *, stops: Sequence[float] = ()) -> "Watch":
        """Watch for so long, and be asked to stop at these moments."""
        quiet = LoggerConfig(stdout_level=LogLevel.ERROR)
        engine = BacktestEngine(
            BacktestEngineConfig(bypass_logging=True, logging=quiet, run_analysis=False)
        )
        engine.add_venue(
            VENUE,
            OmsType.NETTING,
            AccountType.MARGIN,
            [Money(1, USDT)],
            base_currency=USDT,
            fee_model=CostModel((terms_of(perpetual(), bar_type(), VenueSettings()),)),
        )
        engine.add_instrument(perpetual())
        engine.add_data([_bar(0.0), _bar(secs)])
        recorder = RecordActor(faults=Faults())
        guard = GuardActor(
            wards=self.wards,
            desk=self.desk,
            policy=POLICY,
            faults=self.faults,
            hindrances=self.hindrances,
            checks=self.checks,
        )
        clock.read = lambda: guard.clock.timestamp_ns()
        engine.add_actor(recorder)
        engine.add_actor(Stopper(stops, lambda: guard.stop_soon(self._end)))
        engine.add_actor(guard)
        engine.run()
        self.records, self.longest_secs = recorder.records, guard.longest_secs
        engine.dispose()
        return self

    def _end(self) -> None:
        self.ended.append(clock())

    def gaps(self, name: str) -> list[tuple[float, float]]:
        """Give (since, seconds) of every gap that has ended."""
        return [
            ((record.ts_event - START) / SECOND - secs, secs)
            for record in of_kind(self.records, Kind.GUARD)
            if record.instrument_id == name and record.fields["state"] == "protected again"
            for secs in [float(str(record.fields["secs"]))]
        ]

    def said(self, state: str) -> list[Record]:
        found = of_kind(self.records, Kind.HEALTH)
        return [record for record in found if record.fields["state"] == state]


class Stopper(Actor):
    """Does something at some moments."""

    def __init__(self, moments: Sequence[float], act: Callable[[], None]) -> None:
        self._moments, self._act = moments, act

    def on_start(self) -> None:
        for number, moment in enumerate(self._moments):
            at_ns = START + round(moment * SECOND)
            self.clock.set_time_alert_ns(f"stop {number}", at_ns, callback=lambda _: self._act())


class _Clock:
    """Seconds since the start, by the clock of the guard that runs."""

    read: Callable[[], int]

    def __call__(self) -> float:
        return (self.read() - START) / SECOND


clock = _Clock()


def _bar(secs: float) -> Bar:
    price, ts = Price(100.0, 1), START + round(secs * SECOND)
    return Bar(bar_type(), price, price, price, price, Quantity(1.0, 3), ts, ts)


def watched(
    script: Mapping[str, Sequence[tuple[float, int]]] | None = None, **ward: Any
) -> tuple[Watch, ScriptedWard]:
    made = ScriptedWard(now=clock, script=script or {}, **ward)
    return Watch(wards=[made], desk=ScriptedDesk(now=clock)), made


# Moments stand between two looks, so that a look never falls upon a change
_moments = st.lists(st.integers(1, 119), min_size=1, max_size=8, unique=True).map(
    lambda each: [0.05 + moment / 10 for moment in sorted(each)]
)


@st.composite
def exposures(draw: st.DrawFn) -> list[tuple[float, int]]:
    return [(moment, draw(st.integers(0, 3))) for moment in draw(_moments)]


def truth(script: Sequence[tuple[float, int]]) -> list[tuple[float, float]]:
    """Give (since, until) of what the script leaves exposed and covers again."""
    gaps: list[tuple[float, float]] = []
    since: float | None = None
    for moment, quantity in script:
        if quantity > 0 and since is None:
            since = moment
        if quantity == 0 and since is not None:
            gaps.append((since, moment))
            since = None
    return gaps


_FEWER = settings(max_examples=max(20, settings().max_examples // 4))


@_FEWER
@given(exposures(), exposures())
def test_every_gap_is_on_record_as_long_as_it_was_within_a_look(
    first: list[tuple[float, int]], second: list[tuple[float, int]]
) -> None:
    watch, _ = watched(dict(zip(NAMES, (first, second), strict=True)))
    watch.run(14.0)
    for name, script in zip(NAMES, (first, second), strict=True):
        true = truth(script)
        told = watch.gaps(name)
        assert len(told) == len(true)
        for (since, secs), (from_, until) in zip(told, true, strict=True):
            assert 0 <= since - from_ <= POLL + 1e-6
            assert abs(secs - (until - from_)) <= POLL + 1e-6
    assert not watch.faults


@_FEWER
@given(exposures())
def test_a_gap_is_mended_soon_and_closed_where_that_does_not_help(
    script: list[tuple[float, int]],
) -> None:
    watch, ward = watched({NAMES[0]: script})
    watch.run(14.0)
    ends = [*truth(script)]
    if script[-1][1] > 0:
        last = max((moment for moment, quantity in script if quantity == 0), default=-1.0)
        ends.append((min(m for m, q in script if m > last and q > 0), 14.0))
    for since, until in ends:
        asked = [(at, what) for at, what, _ in ward.asked if since <= at <= until]
        protects = [at for at, what in asked if what == "protect"]
        closes = [at for at, what in asked if what == "close"]
        step = POLICY.mend_after_secs + 2 * POLL
        if until - since > step:
            assert protects
            assert protects[0] - since <= step
        if until - since > POLICY.close_after_secs + step:
            assert closes
            assert closes[0] - since <= POLICY.close_after_secs + step
        assert all(at - since < POLICY.close_after_secs + POLL for at in protects)
        assert all(at - since >= POLICY.close_after_secs - 1e-6 for at in closes)
        assert all(later - sooner <= step for sooner, later in pairwise(sorted(protects + closes)))


@_FEWER
@given(
    exposures(),
    st.frozensets(
        st.sampled_from([f"exposed {NAMES[0]}", "protect", "close", "halt", "keep"]), min_size=1
    ),
)
def test_nothing_that_a_ward_raises_stops_the_looks_at_the_others(
    script: list[tuple[float, int]], broken: frozenset[str]
) -> None:
    bad = ScriptedWard(now=clock, script={NAMES[0]: script}, broken=broken, names=NAMES[:1])
    good = ScriptedWard(now=clock, script={NAMES[1]: script}, names=NAMES[1:])
    watch = Watch(wards=[bad, good], desk=ScriptedDesk(now=clock)).run(14.0)
    assert len(watch.gaps(NAMES[1])) == len(truth(script))
    assert len(watch.faults.errors) <= 5  # each of what can fail, and not again and again
    if watch.faults:
        assert len(good.halts) == 1
        assert len(watch.said("fault")) == 1
        assert len(bad.halts) <= 1


def test_a_fault_of_anybody_is_latched_once_in_every_ward() -> None:
    wards = [ScriptedWard(now=clock), ScriptedWard(now=clock)]
    watch = Watch(wards=wards, desk=ScriptedDesk(now=clock))
    watch.faults.errors += [RuntimeError("first"), RuntimeError("second")]
    watch.run(3.0)
    assert [ward.halts for ward in wards] == [["fault: RuntimeError: first"]] * 2
    (said,) = watch.said("fault")
    assert said.fields["reason"] == "fault: RuntimeError: first"


def test_what_is_left_without_a_stop_at_the_end_is_on_record_as_unprotected() -> None:
    watch, _ = watched({NAMES[0]: [(1.05, 2)]})
    watch.run(3.0)
    last = of_kind(watch.records, Kind.GUARD)[-1]
    assert last.fields["state"] == "unprotected"
    assert float(str(last.fields["secs"])) == pytest.approx(1.9, abs=POLL)
    assert watch.longest_secs == pytest.approx(1.9, abs=POLL)


@_FEWER
@given(
    st.lists(
        st.tuples(st.sampled_from([0.05, 0.55, 1.05, 1.55]), st.sampled_from(Action)), max_size=6
    ),
    st.sampled_from([(0.0, 0.0), (0.3, 1.2), (1.5, 4.0)]),
)
def test_every_request_is_carried_out_and_answered_once_whatever_the_disk_does(
    requests: list[tuple[float, Action]], full: tuple[float, float]
) -> None:
    ward = ScriptedWard(now=clock, left=12)
    desk = ScriptedDesk(now=clock, requests=requests, full=full)
    watch = Watch(wards=[ward], desk=desk).run(7.0)
    assert {number: len(told) for number, told in desk.answers.items()} == dict.fromkeys(
        range(len(requests)), 1
    )
    asked = [action for _, action in requests]
    assert len(ward.halts) == sum(action is not Action.RESUME for action in asked)
    for action in Action:
        assert len(watch.said(action.value)) == asked.count(action)
    for number, action in enumerate(asked):
        words = {Action.HALT: "halted", Action.FLATTEN: "flat:", Action.RESUME: "lifted"}[action]
        assert desk.answers[number][0].startswith(words)
    assert not watch.faults
    assert not watch.hindrances
    assert bool(watch.said("hindered by desk")) is (full != (0.0, 0.0))


def test_a_request_that_cannot_be_granted_is_refused_and_keeps_no_other_waiting() -> None:
    ward = ScriptedWard(now=clock, broken=frozenset(("lift",)))
    requests = [(0.05, Action.RESUME), (0.05, Action.FLATTEN)]
    desk = ScriptedDesk(now=clock, requests=requests)
    watch = Watch(wards=[ward], desk=desk).run(3.0)
    assert desk.answers[0] == ["refused: equity is unknown"]
    assert desk.answers[1] == ["flat: no position and no order is left"]
    assert not watch.faults


def test_all_accounts_are_lifted_or_none_and_none_by_an_old_word() -> None:
    good, bad = ScriptedWard(now=clock), ScriptedWard(now=clock, broken=frozenset(("lift",)))
    desk = ScriptedDesk(now=clock, requests=[(0.05, Action.RESUME)])
    Watch(wards=[good, bad], desk=desk).run(2.0)
    assert desk.answers[0] == ["refused: equity is unknown"]
    late = ScriptedDesk(now=clock, requests=[(0.05, Action.RESUME)], old_secs=61.0)
    Watch(wards=[good], desk=late).run(2.0)
    assert late.answers[0][0].startswith("refused: it was asked 61 s ago")
    assert "lift" not in {what for _, what, _ in good.asked}


def test_a_fault_keeps_a_person_from_going_on_without_a_restart() -> None:
    ward = ScriptedWard(now=clock)
    desk = ScriptedDesk(now=clock, requests=[(1.05, Action.RESUME)])
    watch = Watch(wards=[ward], desk=desk)
    watch.faults.errors.append(RuntimeError("broken"))
    watch.run(3.0)
    assert desk.answers[0] == ["refused: a fault needs a restart: broken"]


def test_a_halt_that_fails_is_not_told_as_done() -> None:
    ward = ScriptedWard(now=clock, broken=frozenset(("halt",)))
    desk = ScriptedDesk(now=clock, requests=[(0.55, Action.HALT)])
    watch = Watch(wards=[ward], desk=desk).run(3.0)
    assert desk.answers[0][0].startswith("halted after a fault")
    tries = [at for at, what, _ in ward.asked if what == "halt"]
    assert len(tries) > 10  # it goes on trying
    assert len(watch.faults.errors) == 1


def test_what_stands_in_the_way_of_new_risk_is_told_when_it_comes_and_when_it_goes() -> None:
    watch, _ = watched()
    watch.checks = {"data": lambda now_ns: "old" if 1.0 < clock() < 2.0 else ""}
    watch.run(4.0)
    moments = [
        (round(record.ts_event / SECOND - START / SECOND, 1), record.fields["reason"])
        for state in ("hindered by data", "data is well again")
        for record in watch.said(state)
    ]
    assert moments == [(1.1, "old"), (2.0, "")]


def test_it_is_wound_down_before_the_end_is_called_and_a_second_call_ends_at_once() -> None:
    ward = ScriptedWard(now=clock, is_wound_down=False)
    watch = Watch(wards=[ward], desk=ScriptedDesk(now=clock)).run(6.0, stops=(1.0, 4.0))
    assert watch.ended[0] == 4.0
    wound = [at for at, what, _ in ward.asked if what == "wind down"]
    assert 1.0 <= wound[0] <= 1.0 + POLICY.mend_after_secs
    apart = [after - before for before, after in pairwise(wound)]
    assert apart == pytest.approx([POLICY.mend_after_secs] * len(apart))
    assert len(wound) > 4


def test_it_ends_when_all_is_wound_down() -> None:
    ward = ScriptedWard(now=clock)
    watch = Watch(wards=[ward], desk=ScriptedDesk(now=clock)).run(6.0, stops=(1.05,))
    looked = [at for at, what, _ in ward.asked if what == "look again"]
    assert looked == [pytest.approx(1.1, abs=0.01)]
    assert watch.ended[0] == pytest.approx(3.1, abs=0.01)  # the venue had time to answer
    assert watch.hindrances.known == {"node": "it is being stopped"}

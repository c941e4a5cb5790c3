"""Defects planted in a consistent session, each of which fails one criterion and no other."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Final

from live.auditing.findings import Criterion
from live.auditing.lives import Life, lives_of
from live.auditing.session import Asked, Session
from morningstar_strategy.core.records import Kind, Record, Value, of_guard, of_health
from tests.audits import MAX_HOLDING_SECS, NAMES, SECOND_NS, START_NS, STEP_NS, session_of

ASKED: Final = Asked(least_secs=9 * 3_600)
_CENTS: Final = Decimal("0.02")

type Planted = tuple[Session, Asked, str]  # what to audit, and a word the fault must hold
type Plant = Callable[[list[Record], Random], Planted | None]


def _kinds(records: list[Record], kind: Kind) -> list[int]:
    return [at for at, record in enumerate(records) if record.kind is kind]


def _with(record: Record, **fields: Value) -> Record:
    return replace(record, fields={**record.fields, **fields})


def _insert(records: list[Record], record: Record) -> list[Record]:
    """Insert a record where its time belongs."""
    at = next((i for i, r in enumerate(records) if r.ts_event > record.ts_event), len(records))
    return [*records[:at], record, *records[at:]]


def _some(rng: Random, places: list[int]) -> int | None:
    return rng.choice(places) if places else None


def _moment(rng: Random) -> int:
    return START_NS + rng.randrange(5, 110) * STEP_NS + 7 * SECOND_NS


def _asks(records: list[Record], word: str) -> Planted:
    return session_of(records), ASKED, word


def a_fault_on_record(records: list[Record], rng: Random) -> Planted | None:
    ts = _moment(rng)
    fault = of_health(ts_event=ts, instrument_id="", state="fault", reason="KeyError: 'x'")
    return _asks(_insert(records, fault), "KeyError")


def an_end_that_never_came(records: list[Record], rng: Random) -> Planted | None:
    del rng
    return _asks(records[:-1], "in order")


def a_torn_last_line(records: list[Record], rng: Random) -> Planted | None:
    torn = '{"ts_event":17040'[: rng.randrange(1, 17)]
    return replace(session_of(records), torn=torn), ASKED, "torn"


def a_kill_and_a_restart(records: list[Record], rng: Random) -> Planted | None:
    state = rng.choice(("started", "recovered", "restarted after kill"))
    ts = _moment(rng)
    again = of_health(ts_event=ts, instrument_id="", state=state, reason="")
    return _asks(_insert(records, again), "restarted 1 times")


def too_short_a_session(records: list[Record], rng: Random) -> Planted | None:
    return session_of(records), Asked(least_secs=rng.randrange(10, 48) * 3_600), "asked were"


def _held(records: list[Record], *, spare: int) -> list[tuple[Life, Record]]:
    """Pair plans with bars that began and ended while all their first levels stood.

    `spare` bars are left before anything else happens to the plan.
    """
    found = []
    for life in lives_of(records):
        if life.opened_ns is None:
            continue
        ends = [level.to_ns for level in life.levels if level.to_ns is not None]
        ends += [fill.ts_event for fill in life.fills if fill.role.value != "entry"]
        until = min([*ends, records[-1].ts_event])
        found += [
            (life, bar)
            for bar in records
            if bar.kind is Kind.BAR
            and bar.instrument_id == life.instrument_id
            and bar.ts_event - STEP_NS >= life.opened_ns
            and bar.ts_event + spare * STEP_NS < until
        ]
    return found


def _crossed(records: list[Record], rng: Random, role: str) -> Planted | None:
    pairs = _held(records, spare=1)
    if not pairs:
        return None
    life, bar = rng.choice(pairs)
    assert life.direction is not None
    levels = [level for level in life.levels if level.role.value == role]
    sign = life.direction.sign if role == "stop" else -life.direction.sign
    beyond = rng.choice((0, 1, 50)) if role == "stop" else rng.choice((1, 50))
    price = levels[0].price if role == "stop" else levels[-1].price
    reached = price - sign * beyond * Decimal("0.1")
    if role == "target":  # every take profit up to the farthest
        reached = max(level.price * -sign for level in levels) * -sign - sign * Decimal("0.1")
    # The other side of the bar stays as it was, so nothing else is crossed
    side = "low" if sign > 0 else "high"
    changed = [_with(r, **{side: f"{reached:f}"}) if r is bar else r for r in records]
    return _asks(changed, f"plan {life.plan_id}: {'stop' if role == 'stop' else 'take profit'}")


def a_missed_stop(records: list[Record], rng: Random) -> Planted | None:
    return _crossed(records, rng, "stop")


def a_missed_take_profit(records: list[Record], rng: Random) -> Planted | None:
    return _crossed(records, rng, "target")


def a_stop_filled_bars_late(records: list[Record], rng: Random) -> Planted | None:
    """Move a stop's fill, with the end of its plan, two bars on."""
    fills = [at for at in _kinds(records, Kind.FILL) if records[at].fields["role"] == "stop"]
    lives = {life.plan_id: life for life in lives_of(records)}
    last_mark = records[_kinds(records, Kind.EQUITY)[-1]].ts_event
    late_ns = 2 * STEP_NS + 250 * SECOND_NS
    fit = []
    for at in fills:
        plan_id, ts = str(records[at].fields["plan_id"]), records[at].ts_event
        bar_ns = -((START_NS - ts) // STEP_NS) * STEP_NS + START_NS
        entered = lives[plan_id].opened_ns or 0
        old = bar_ns - STEP_NS >= max(level.from_ns for level in lives[plan_id].levels)
        next_ns = min(
            (
                r.ts_event
                for r in records
                if r.kind is Kind.FILL
                and r.instrument_id == records[at].instrument_id
                and r.ts_event > ts
            ),
            default=last_mark,
        )
        if old and ts > entered and ts + late_ns < min(next_ns, last_mark):
            fit.append(at)
    chosen = _some(rng, fit)
    if chosen is None:
        return None
    plan_id = str(records[chosen].fields["plan_id"])
    moved = [
        replace(r, ts_event=r.ts_event + late_ns)
        if r is records[chosen] or (r.fields.get("order_id") == plan_id and _ends(r))
        else r
        for r in records
    ]
    moved.sort(key=lambda record: record.ts_event)
    patient = session_of(moved, max_holding_secs=2 * MAX_HOLDING_SECS)
    return patient, ASKED, f"plan {plan_id}: stop"


def _ends(record: Record) -> bool:
    return record.kind is Kind.PLAN and record.fields["state"] == "CLOSED"


def a_fee_that_is_lost(records: list[Record], rng: Random) -> Planted | None:
    large = [
        at for at in _kinds(records, Kind.FILL) if Decimal(str(records[at].fields["fee"])) > _CENTS
    ]
    at = _some(rng, large)
    if at is None:
        return None
    return _asks([*records[:at], _with(records[at], fee="0"), *records[at + 1 :]], "balance")


def a_fill_booked_twice(records: list[Record], rng: Random) -> Planted | None:
    at = _some(rng, _kinds(records, Kind.FILL))
    return None if at is None else _asks([*records[:at], records[at], *records[at:]], "")


def a_fill_that_is_lost(records: list[Record], rng: Random) -> Planted | None:
    exits = [at for at in _kinds(records, Kind.FILL) if records[at].fields["role"] != "entry"]
    closed = [at for at in exits if records[at].fields["role"] != "target"]
    at = _some(rng, closed)
    return None if at is None else _asks([*records[:at], *records[at + 1 :]], "")


def a_funding_that_is_lost(records: list[Record], rng: Random) -> Planted | None:
    large = [
        at
        for at in _kinds(records, Kind.FUNDING)
        if abs(Decimal(str(records[at].fields["amount"]))) > _CENTS
    ]
    at = _some(rng, large)
    return None if at is None else _asks([*records[:at], *records[at + 1 :]], "balance")


def money_that_is_gone(records: list[Record], rng: Random) -> Planted | None:
    at = _kinds(records, Kind.EQUITY)[-1]
    cents = Decimal(rng.choice((-500, -2, 2, 7000))) / 100
    balance = f"{Decimal(str(records[at].fields['balance'])) + cents:f}"
    changed = [*records[:at], _with(records[at], balance=balance), *records[at + 1 :]]
    return _asks(changed, "balance")


def a_position_over_its_limit(records: list[Record], rng: Random) -> Planted | None:
    lasted = [
        (life.ended_ns - life.opened_ns) // SECOND_NS
        for life in lives_of(records)
        if life.opened_ns is not None and life.ended_ns is not None
    ]
    longest = max(lasted, default=0)
    if longest < 3 * 300:
        return None
    limit = longest - STEP_NS // SECOND_NS - 60 - rng.randrange(1, 100)
    return session_of(records, max_holding_secs=limit), ASKED, "was held"


def _of_bar(records: list[Record], rng: Random, *kinds: Kind) -> Planted:
    """Take records of one instrument away at one bar inside the session."""
    name, ts = rng.choice(NAMES), START_NS + rng.randrange(2, 117) * STEP_NS
    gone = [r for r in records if (r.ts_event, r.instrument_id) == (ts, name) and r.kind in kinds]
    assert len(gone) == len(kinds)
    return _asks([r for r in records if r not in gone], name)


def a_bar_that_never_came(records: list[Record], rng: Random) -> Planted | None:
    return _of_bar(records, rng, Kind.BAR, Kind.ASSESSMENT)


def a_bar_without_a_decision(records: list[Record], rng: Random) -> Planted | None:
    return _of_bar(records, rng, Kind.ASSESSMENT)


def a_guard_that_took_long(records: list[Record], rng: Random) -> Planted | None:
    secs = rng.uniform(5.01, 900)
    state = rng.choice(("unprotected", "protected"))
    told = of_guard(
        ts_event=_moment(rng), instrument_id=NAMES[0], state=state, quantity=Decimal(1), secs=secs
    )
    return _asks(_insert(records, told), "says the guard")


def _of_stop(records: list[Record]) -> Iterator[int]:
    for at in _kinds(records, Kind.ORDER):
        if (records[at].fields["role"], records[at].fields["event"]) == ("stop", "accepted"):
            yield at


def a_stop_that_never_worked(records: list[Record], rng: Random) -> Planted | None:
    lives = {life.plan_id: life for life in lives_of(records)}
    lasting = []
    for at in _of_stop(records):
        life = lives[str(records[at].fields["plan_id"])]
        end = life.flat_ns or records[-1].ts_event
        if end - (life.opened_ns or 0) > 6 * SECOND_NS:
            lasting.append(at)
    chosen = _some(rng, lasting)
    if chosen is None:
        return None
    return _asks([*records[:chosen], *records[chosen + 1 :]], "no working stop")


def a_stop_that_was_cancelled(records: list[Record], rng: Random) -> Planted | None:
    """Cancel a working stop inside a bar of the plan's life, and have another much later."""
    pairs = _held(records, spare=1)
    if not pairs:
        return None
    life, bar = rng.choice(pairs)
    ts = bar.ts_event + 20 * SECOND_NS
    lost = {"order_id": f"{life.plan_id}-S", "plan_id": life.plan_id, "role": "stop"}
    for after, event in ((0, "canceled"), (rng.randrange(6, 200), "accepted")):
        told = Record(
            ts_event=ts + after * SECOND_NS,
            kind=Kind.ORDER,
            instrument_id=life.instrument_id,
            fields={**lost, "event": event},
        )
        records = _insert(records, told)
    return _asks(records, f"plan {life.plan_id}")


DEFECTS: Final[dict[Plant, Criterion]] = {
    a_fault_on_record: Criterion.NO_CRASH,
    an_end_that_never_came: Criterion.NO_CRASH,
    a_torn_last_line: Criterion.NO_CRASH,
    a_kill_and_a_restart: Criterion.NO_CRASH,
    too_short_a_session: Criterion.NO_CRASH,
    a_missed_stop: Criterion.CROSSINGS,
    a_missed_take_profit: Criterion.CROSSINGS,
    a_stop_filled_bars_late: Criterion.CROSSINGS,
    a_fee_that_is_lost: Criterion.CAPITAL_DRIFT,
    a_fill_booked_twice: Criterion.CAPITAL_DRIFT,
    a_fill_that_is_lost: Criterion.CAPITAL_DRIFT,
    a_funding_that_is_lost: Criterion.CAPITAL_DRIFT,
    money_that_is_gone: Criterion.CAPITAL_DRIFT,
    a_position_over_its_limit: Criterion.HOLDING,
    a_bar_that_never_came: Criterion.CYCLES,
    a_bar_without_a_decision: Criterion.CYCLES,
    a_guard_that_took_long: Criterion.PROTECTION,
    a_stop_that_never_worked: Criterion.PROTECTION,
    a_stop_that_was_cancelled: Criterion.PROTECTION,
}

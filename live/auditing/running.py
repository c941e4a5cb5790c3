"""Criterion one: nothing crashed, nothing hung, and the session was long enough."""

from typing import Final

from live.auditing.findings import SECOND_NS, Criterion, Finding, Verdict, moment, span
from live.auditing.session import Asked, Session
from morningstar_strategy.core.fields import text
from morningstar_strategy.core.records import Kind, Record

__all__ = ["no_crash"]

# The first word of a health state
_FAULTS: Final = frozenset({"fault", "crash", "crashed", "error", "exception"})
_STARTS: Final = frozenset({"started"})
_RESTARTS: Final = frozenset({"restarted", "recovered", "resumed"})
_ENDS: Final = frozenset({"stopped", "ended"})


def no_crash(session: Session, asked: Asked) -> Finding:
    """Look for faults, restarts, hangs and an end out of order; measure how long it ran."""
    if not session.records:
        return Finding(
            criterion=Criterion.NO_CRASH, verdict=Verdict.FAIL, says="the journal is empty"
        )
    words = [(_word(record), record) for record in session.of(Kind.HEALTH)]
    told = tuple(_told(record) for word, record in words if word in _FAULTS)
    restarts, in_order = _lifecycle([word for word, _ in words])
    in_order = (in_order or session.sealed) and not session.torn
    first = min(record.ts_event for record in session.records)
    ran_ns = max(record.ts_event for record in session.records) - first
    faults = (
        *told,
        *_said(f"it was restarted {restarts} times", when=restarts > asked.restarts),
        *_said(_disorder(session), when=not in_order),
        *_hangs(session, asked),
        *_said(_short(ran_ns, asked), when=ran_ns < asked.least_secs * SECOND_NS),
    )
    listens = session.simulated or any(session.of(Kind.BAR))
    verdict = Verdict.PASS if listens else Verdict.UNKNOWN
    says = f"ran {span(ran_ns)} with {len(told)} faults and {restarts} restarts"
    if not listens:
        says += "; no bar is on record, so a hang cannot be told from a quiet market"
    return Finding(
        criterion=Criterion.NO_CRASH,
        verdict=Verdict.FAIL if faults else verdict,
        says=says,
        evidence={
            "first": moment(first),
            "ran_secs": ran_ns // SECOND_NS,
            "asked_secs": asked.least_secs,
            "faults": len(told),
            "restarts": restarts,
            "ended_in_order": in_order,
            "records": len(session.records),
        },
        faults=faults,
    )


def _word(record: Record) -> str:
    return text(record, "state").partition(" ")[0].lower()


def _told(record: Record) -> str:
    reason = text(record, "reason")
    return f"{moment(record.ts_event)} {text(record, 'state')}: {reason:.200}"


def _said(what: str, *, when: bool) -> tuple[str, ...]:
    return (what,) if when else ()


def _lifecycle(words: list[str]) -> tuple[int, bool]:
    """Count restarts, and say whether the last start was followed by an end.

    A start without an end before it is a restart too: whatever ran was killed.
    """
    restarts, is_up, in_order = 0, False, False
    for word in words:
        if word in _RESTARTS or (word in _STARTS and is_up):
            restarts += 1
        if word in _STARTS | _RESTARTS:
            is_up, in_order = True, False
        elif word in _ENDS:
            is_up, in_order = False, True
    return restarts, in_order


def _disorder(session: Session) -> str:
    if session.torn:
        return f"the last line of the journal is torn: {session.torn!r:.60}"
    last = session.records[-1]
    return (
        f"the session did not end in order: the last record is {last.kind.value} "
        f"at {moment(last.ts_event)}, and the manifest was not completed"
    )


def _short(ran_ns: int, asked: Asked) -> str:
    return f"it ran {span(ran_ns)}, asked were {span(asked.least_secs * SECOND_NS)}"


def _hangs(session: Session, asked: Asked) -> tuple[str, ...]:
    """List stretches without any record; a replay has no wall clock to hang on."""
    if not any(session.of(Kind.BAR)):
        return ()
    longest_ns = asked.silence_bars * session.interval_ns
    found, reached = [], session.records[0].ts_event
    for record in session.records:
        if record.ts_event - reached > longest_ns:
            found.append(f"no record for {span(record.ts_event - reached)} after {moment(reached)}")
        reached = max(reached, record.ts_event)
    return tuple(found)

"""Criterion four: positions are closed within their limit."""

from typing import Final

from live.auditing.findings import SECOND_NS, Criterion, Finding, Verdict, moment, span
from live.auditing.lives import lives_of
from live.auditing.session import Asked, Session

__all__ = ["Held", "holding", "judge_holding"]

_CLOSING_SECS: Final = 60  # for the close to be filled

type Held = tuple[str, int, int, bool]  # name, first fill, end or last sight, whether it ended


def holding(session: Session, asked: Asked) -> Finding:
    """Measure each plan from its first fill to its end; one still open counts its age so far.

    A plan is closed by the first decision after its limit, which is up to one bar later.
    """
    limit = asked.max_holding_secs or session.max_holding_secs
    end_ns = max((record.ts_event for record in session.records), default=0)
    held = [
        (
            f"{life.instrument_id} plan {life.plan_id}",
            life.opened_ns,
            end_ns if (ended := life.ended_ns or life.flat_ns) is None else ended,
            ended is not None,
        )
        for life in lives_of(session.records)
        if life.opened_ns is not None
    ]
    grace = session.interval_ns // SECOND_NS + _CLOSING_SECS
    return judge_holding(held, limit_secs=limit, grace_secs=grace)


def judge_holding(held: list[Held], *, limit_secs: int, grace_secs: int) -> Finding:
    """Make a finding of how long things were held."""
    most_ns = (limit_secs + grace_secs) * SECOND_NS
    longest = max((end - start for _, start, end, _ in held), default=0)
    over = [
        f"{name} was {'held' if ended else 'still open after'} {span(end - start)} "
        f"from {moment(start)}"
        for name, start, end, ended in held
        if end - start > most_ns
    ]
    limit = span(limit_secs * SECOND_NS)
    says = f"{len(held)} positions, the longest held {span(longest)}, the limit is {limit}"
    return Finding(
        criterion=Criterion.HOLDING,
        verdict=Verdict.FAIL if over else Verdict.PASS,
        says=says if held else "none was held, so this proves nothing",
        evidence={
            "positions": len(held),
            "still_open": sum(not ended for *_, ended in held),
            "longest_secs": longest // SECOND_NS,
            "limit_secs": limit_secs,
            "grace_secs": grace_secs,
            "over": len(over),
            "vacuous": not held,
        },
        faults=tuple(over),
    )

"""The rungs of what was thought: predictions, reviews, commands and rulings."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from morningstar_strategy.core.divergence.aligning import Aligned, Pair, align
from morningstar_strategy.core.divergence.reading import Told
from morningstar_strategy.core.divergence.telling import (
    alone,
    changes_of,
    first_of,
    found_of,
    listed,
)
from morningstar_strategy.core.divergence.values import Cause, Found, Rung, Step
from morningstar_strategy.core.records import Record

__all__ = [
    "Compared",
    "compare_commands",
    "compare_predictions",
    "compare_reviews",
    "compare_rulings",
    "compared_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was found on a rung, and how much was laid beside each other."""

    found: tuple[Found, ...]
    compared: int
    outside_a: int = 0
    outside_b: int = 0
    says: str = ""


def compare_predictions(a: Told, b: Told) -> Compared:
    """Compare what the models said of every bar that both journals tell.

    A journal that keeps only what was acted on lacks the others; that is no difference.
    """
    aligned = align(a.predictions, b.predictions, sides=(a.side, b.side), slack_ns=0)
    whole = a.side.every_prediction and b.side.every_prediction
    found: list[Found] = []
    compared = 0
    for pair in aligned.pairs:
        ours, theirs = pair
        if ours is not None and theirs is not None:
            compared += 1
            if changes := changes_of(ours.fields, theirs.fields):
                models = ours.fields["model"] != theirs.fields["model"]
                cause = Cause.MODEL if models else Cause.DATA
                found.append(found_of(Rung.PREDICTIONS, cause, ours, listed(changes)))
        elif whole and _expected(pair, a, b):
            compared += 1
            found.append(alone(Rung.PREDICTIONS, Cause.DATA, pair, (a, b), "a prediction"))
    return compared_of(found, compared, aligned)


def _expected(pair: Pair, a: Told, b: Told) -> bool:
    """Say whether the run without a prediction should have it.

    It need not where it does not trade the instrument, or stopped while the review was awaited.
    """
    ours, theirs = pair
    step, lacking = (ours, b) if ours is not None else (theirs, a)
    if step is None or step.instrument_id not in lacking.forecast:
        return False
    return not any(
        record.instrument_id == step.instrument_id
        and record.ts_event >= step.ts_event
        and record.fields.get("state") == "review unanswered"
        for record in lacking.health
    )


def compare_reviews(a: Told, b: Told, *, slack_ns: int) -> Compared:
    """Compare what supervisors said and when, and the opinion each assessment carried."""
    sides = (a.side, b.side)
    opinions = align(a.opinions, b.opinions, sides=sides, slack_ns=0)
    reviews = align(a.reviews, b.reviews, sides=sides, slack_ns=None)
    found: list[Found] = []
    for ours, theirs in opinions.pairs:
        if ours is not None and theirs is not None:
            found.extend(_opinion(ours, theirs, None))
    for pair in reviews.pairs:
        ours, theirs = pair
        if ours is None or theirs is None:
            found.append(alone(Rung.REVIEWS, Cause.LLM, pair, (a, b), "a review"))
        else:
            found.extend(_opinion(ours, theirs, slack_ns))
    both = sum(ours is not None and theirs is not None for ours, theirs in opinions.pairs)
    return compared_of(found, both + len(reviews.pairs), reviews)


def _opinion(ours: Step, theirs: Step, slack_ns: int | None) -> list[Found]:
    if changes := changes_of(ours.fields, theirs.fields):
        return [found_of(Rung.REVIEWS, Cause.LLM, first_of(ours, theirs), listed(changes))]
    apart = theirs.ts_event - ours.ts_event
    if slack_ns is None or abs(apart) <= slack_ns:
        return []
    said = f"answered {abs(apart) / 1e9:g} s {'later' if apart > 0 else 'earlier'}"
    return [found_of(Rung.REVIEWS, Cause.LATENCY, first_of(ours, theirs), said)]


def compare_commands(a: Told, b: Told, *, slack_ns: int) -> Compared:
    """Compare what was commanded at every bar, and how long after its close."""
    aligned = align(a.commands, b.commands, sides=(a.side, b.side), slack_ns=None)
    found: list[Found] = []
    for pair in aligned.pairs:
        ours, theirs = pair
        if _still_denied(pair, a, b):
            continue  # its ruling tells it
        if ours is None or theirs is None:
            found.append(alone(Rung.COMMANDS, Cause.RISK_STATE, pair, (a, b), "the command"))
        elif changes := changes_of(ours.fields, theirs.fields):
            step = first_of(ours, theirs)
            found.append(found_of(Rung.COMMANDS, Cause.RISK_STATE, step, listed(changes)))
        elif abs(theirs.ts_event - ours.ts_event) > slack_ns:
            found.append(_timed(ours, theirs, a, b))
    return compared_of(found, len(aligned.pairs), aligned)


def _still_denied(pair: Pair, a: Told, b: Told) -> bool:
    """Say whether the run without a command was denied it before, and so is silent of it.

    What is denied for the same reason again is not put on record again.
    """
    match pair:
        case (Step() as step, None):
            lacking = b
        case (None, Step() as step):
            lacking = a
        case _:
            return False
    rulings = lacking.ruled.get(step.instrument_id, [])
    before = bisect_right(rulings, step.ts_event, key=lambda ruling: ruling.ts_event)
    return before > 0 and rulings[before - 1].fields["ruling"] == "denied"


def _timed(ours: Step, theirs: Step, a: Told, b: Told) -> Found:
    """Tell a decision that came at another time: a clock that is wrong, or really later.

    The venue's own times tell which: they move with a decision that really came later.
    """
    bar = ours.key[1]
    waits = [step.ts_event - int(bar) for step in (ours, theirs)]
    said = f"decided {waits[0] / 1e9:g} s after the bar's close → {waits[1] / 1e9:g} s"
    moved = [_venue_wait(ours, a), _venue_wait(theirs, b)]
    shift = waits[1] - waits[0]
    really = (
        min(waits) >= 0
        and moved[0] is not None
        and moved[1] is not None
        and abs((moved[1] - moved[0]) - shift) <= abs(shift) / 2
    )
    cause = Cause.LATENCY if really else Cause.CLOCK
    return found_of(
        Rung.COMMANDS, cause, first_of(ours, theirs), said, structural=False, certain=True
    )


def _venue_wait(step: Step, told: Told) -> int | None:
    """Give how long after the bar's close the venue first filled what came of a command."""
    name, bar = step.instrument_id, int(step.key[1])
    times = [
        order.ts_event - bar
        for order in told.by_plan.get((name, bar, 0), ())
        if order.role == "entry"
    ]
    return min(times, default=None)


def compare_rulings(a: Told, b: Told) -> Compared:
    """Compare what the gate said to every command."""
    aligned = align(a.rulings, b.rulings, sides=(a.side, b.side), slack_ns=None)
    found: list[Found] = []
    for pair in aligned.pairs:
        ours, theirs = pair
        if ours is None or theirs is None:
            found.append(alone(Rung.RULINGS, Cause.RISK_STATE, pair, (a, b), "the ruling"))
        elif changes := changes_of(ours.fields, theirs.fields):
            step = first_of(ours, theirs)
            halts = f"{_halt(a, step)}{_halt(b, step)}"
            told = found_of(Rung.RULINGS, Cause.RISK_STATE, step, f"{listed(changes)}{halts}")
            found.append(replace(told, certain=bool(halts)))
    return compared_of(found, len(aligned.pairs), aligned)


def _halt(told: Told, step: Step) -> str:
    """Name what held a run back from new risk at this moment."""
    held: dict[str, Record] = {}
    for record in told.health:
        if record.ts_event > step.ts_event:
            break
        state = f"{record.fields.get('state', '')}"
        if state.startswith(("halted", "released")):
            held["halt"] = record
    last = held.get("halt")
    if last is None or last.fields.get("state") != "halted":
        return ""
    return f"; {told.side.name} was halted: {last.fields.get('reason', '')}"


def compared_of(found: Sequence[Found], compared: int, aligned: Aligned) -> Compared:
    """Give what was found among aligned steps."""
    return Compared(
        found=tuple(found),
        compared=compared,
        outside_a=aligned.outside_a,
        outside_b=aligned.outside_b,
    )

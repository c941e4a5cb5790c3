"""Says in words how two steps differ."""

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Final

from morningstar_strategy.core.divergence.aligning import Pair
from morningstar_strategy.core.divergence.reading import Told
from morningstar_strategy.core.divergence.values import Cause, Found, PlanKey, Rung, Step, utc
from morningstar_strategy.core.records import Value

__all__ = ["alone", "changes_of", "first_of", "found_of", "listed"]

_ROUNDING: Final = 1e-9  # relative, of forecasts made on two machines
_SHOWN: Final = 60


def changes_of(ours: Mapping[str, Value], theirs: Mapping[str, Value]) -> list[str]:
    """Say of each field that differs what it is in either run."""
    return [
        f"{name} {_shown(ours.get(name))} → {_shown(theirs.get(name))}"
        for name in dict.fromkeys((*ours, *theirs))
        if not _same(ours.get(name), theirs.get(name))
    ]


def _same(ours: Value, theirs: Value) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == theirs or isclose(ours, theirs, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return ours == theirs


def _shown(value: Value) -> str:
    text = "none" if value is None else f"{value:.10g}" if isinstance(value, float) else f"{value}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def listed(changes: Sequence[str]) -> str:
    """Say changes in one line."""
    return ", ".join(changes)


def first_of(ours: Step, theirs: Step) -> Step:
    """Give of a pair what happened first."""
    return min(ours, theirs, key=lambda step: (step.ts_event, step.seq))


def found_of(
    rung: Rung,
    cause: Cause,
    step: Step,
    said: str,
    *,
    structural: bool = True,
    certain: bool = False,
) -> Found:
    """Tell a difference of one step."""
    return Found(
        rung=rung,
        natural=cause,
        instrument_id=step.instrument_id,
        ts_event=step.ts_event,
        seq=step.seq,
        says=said,
        plan=_plan_of(step),
        structural=structural,
        certain=certain,
    )


def _plan_of(step: Step) -> PlanKey | None:
    match step.key:
        case (str() as name, int() as bar):
            return name, bar, 0
        case (str() as name, int() as bar, int() as nth, *_):
            return name, bar, nth
        case _:
            return None


def alone(rung: Rung, cause: Cause, pair: Pair, told: tuple[Told, Told], what: str) -> Found:
    """Tell a step that one run alone has."""
    match pair:
        case (Step() as step, None):
            name = told[0].side.name
        case (None, Step() as step):
            name = told[1].side.name
        case _:
            raise ValueError(f"one step of a pair must be absent, was {pair}")
    word = step.fields.get("action")
    named = what if word is None else f"{what} {word}"
    return found_of(rung, cause, step, f"{named} at {utc(step.ts_event)} is in {name} alone")

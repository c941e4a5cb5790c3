"""What a person should hear of, and which records of the journal say it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.counsel import LATE
from morningstar_strategy.core.records import Kind, Record

__all__ = ["Alert", "Cleared", "Level", "Notice", "from_record", "of_fault"]


class Level(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Give the place among the levels, 0 for the lowest."""
        return _RANKS[self]


_RANKS: Final[Mapping[Level, int]] = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should hear; alerts of one `key` are about the same trouble."""

    level: Level
    key: str
    text: str
    ts_event: int

    def __post_init__(self) -> None:
        if not (self.key and self.text):
            raise ValueError(f"an alert needs a key and a text, had {self.key!r} and {self.text!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The trouble of a key is over."""

    key: str
    text: str
    ts_event: int


type Notice = Alert | Cleared

# The states of records about the run itself. One that is not listed is a warning: whoever adds
# a state without thinking of alerts must not make it a silent one
_STATES: Final[Mapping[str, Level]] = {
    "halted": Level.CRITICAL,
    "danger": Level.CRITICAL,  # to the money, whatever was halted
    "risk danger": Level.CRITICAL,
    "risk warning": Level.WARNING,
    "stray fill": Level.CRITICAL,
    "position vanished": Level.CRITICAL,
    "closing": Level.CRITICAL,  # by the guard: no stop could be had in time
    "fault": Level.CRITICAL,
    "take profit given up": Level.WARNING,
    "unplanned position": Level.CRITICAL,
    "orphan cancelled": Level.WARNING,
    "foreign order": Level.WARNING,
    "stopped early": Level.WARNING,
    "hindered by node": Level.INFO,  # it is being stopped
    "started": Level.INFO,
    "stopped": Level.INFO,
    "plan taken up": Level.INFO,
    "warmed up": Level.INFO,
    "halt": Level.INFO,  # asked by a person; what comes of it has a state of its own
    "flatten": Level.INFO,
    "resume": Level.INFO,
    "fee not counted": Level.INFO,
    "model abstains": Level.INFO,
    "review unanswered": Level.INFO,
    LATE: Level.INFO,
}
_ENDS: Final[Mapping[str, str]] = {  # which state's trouble another one ends
    "released": "halted",
    "risk safe": "risk",
    "model forecasts again": "model abstains",
}
_WELL: Final = " is well again"
_KEYS: Final[Mapping[str, str]] = {"risk danger": "risk", "risk warning": "risk"}
_REFUSED: Final = ("rejected", "denied")


def from_record(record: Record, *, unprotected_secs: float) -> Notice | None:
    """Say what a person should hear of a record; None for most of them.

    A guard's record alerts once it tells of more than `unprotected_secs` without a stop.
    """
    reader = _READERS.get(record.kind)
    if record.kind is Kind.GUARD:
        return _of_guard(record, unprotected_secs)
    return None if reader is None else reader(record)


def of_fault(error: Exception, *, ts_event: int) -> Alert:
    """Say that a callback failed, so that nothing new is decided any more."""
    kind = type(error).__name__
    text = f"Fault: {kind}: {error!s:.300}. No new trade is opened, what is open is still tended."
    return Alert(level=Level.CRITICAL, key=f"fault {kind}", text=text, ts_event=ts_event)


def _of_health(record: Record) -> Notice:
    state, reason = f"{record.fields['state']}", f"{record.fields['reason']}"
    name = record.instrument_id
    text = _sentence(state, name, reason)
    if (ended := _ended_by(state)) is not None:
        return Cleared(key=_joined(ended, name), text=text, ts_event=record.ts_event)
    return Alert(
        level=_STATES.get(state, Level.WARNING),
        key=_joined(_KEYS.get(state, state), name),
        text=text,
        ts_event=record.ts_event,
    )


def _ended_by(state: str) -> str | None:
    """Name the state whose trouble this one ends."""
    if state.endswith(_WELL):
        return f"hindered by {state.removesuffix(_WELL)}"
    return _ENDS.get(state)


def _of_guard(record: Record, unprotected_secs: float) -> Notice | None:
    fields, name = record.fields, record.instrument_id
    secs, key = float(f"{fields['secs']}"), _joined("unprotected", name)
    if fields["state"] == "protected again":
        text = f"{name} is protected again after {secs:.1f} s"
        return Cleared(key=key, text=text, ts_event=record.ts_event)
    if secs <= unprotected_secs and fields["state"] == "unprotected":
        return None
    text = f"{fields['quantity']} of {name} has had no working stop for {secs:.1f} s"
    return Alert(level=Level.CRITICAL, key=key, text=text, ts_event=record.ts_event)


def _of_order(record: Record) -> Alert | None:
    fields, name = record.fields, record.instrument_id
    role, event = f"{fields['role']}", f"{fields['event']}"
    if role not in ("stop", "close"):
        return None
    if event in _REFUSED:
        level = Level.CRITICAL
    elif event == "modify rejected":
        level = Level.WARNING
    else:
        return None
    text = _sentence(f"{role} {event}", name, f"{fields.get('reason', '')}")
    key = _joined(f"{role} refused", name)
    return Alert(level=level, key=key, text=text, ts_event=record.ts_event)


def _of_plan(record: Record) -> Alert | None:
    fields, name = record.fields, record.instrument_id
    if (fields["state"], fields.get("reason")) != ("CLOSED", "stop"):
        return None
    told = f"profit {fields['gross_pnl']} before fees of {fields['fees']}"
    text = _sentence("stopped out", name, told)
    key = _joined("stopped out", name)
    return Alert(level=Level.INFO, key=key, text=text, ts_event=record.ts_event)


_READERS: Final[Mapping[Kind, Callable[[Record], Notice | None]]] = {
    Kind.HEALTH: _of_health,
    Kind.ORDER: _of_order,
    Kind.PLAN: _of_plan,
}


def _joined(state: str, name: str) -> str:
    return f"{state} {name}" if name else state


def _sentence(state: str, name: str, reason: str) -> str:
    head = f"{name}: {state}" if name else f"{state[:1].upper()}{state[1:]}"
    return f"{head}: {reason}" if reason and reason != name else head

"""Sessions by seed: how a node trades, what goes wrong around it, and when it is killed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from typing import Any, Final

# `Any` in this module: faults are rows of JSON

_FIRST: Final = datetime(2024, 1, 6, tzinfo=UTC)  # the sample begins five days before
_DAYS: Final = 84  # of the sample's 92, so that bars are left to play
_QUIET_SECS: Final = 3.0  # at the end nothing goes wrong any more
_TYPED: Final = ("delay", "push_delay")
_WRITES: Final = {
    "delay": 4,
    "drop_request": 2,
    "reset_before": 3,
    "reset_after": 4,
    "timeout_after": 3,
    "status_429": 2,
    "status_502_before": 3,
    "status_502_after": 4,
    "html_200_after": 2,
    "empty_json_after": 2,
    "maintenance": 1,
}
_READS: Final = {**_WRITES, "stale_snapshot": 3}
_PUSHES: Final = {
    "push_drop": 6,
    "push_duplicate": 6,
    "push_reorder": 4,
    "push_delay": 4,
    "push_malformed": 3,
    "socket_abort": 1,
    "socket_half_open": 1,
    "stream_silent": 1,
}
_TARGETS: Final[tuple[tuple[str, Mapping[str, int], int], ...]] = (
    ("order", _WRITES, 8),
    ("cancel", _WRITES, 5),
    ("amend", _WRITES, 4),
    ("read", _READS, 6),
    ("connect", {"status_502_before": 1, "reset_before": 1, "delay": 1}, 1),
    ("orders", _PUSHES, 6),
    ("fills", _PUSHES, 6),
    ("balances", _PUSHES, 2),
    ("positions", _PUSHES, 1),
    ("trades", _PUSHES, 3),
    ("*", {"push_drop": 1, "push_duplicate": 1, "push_delay": 1}, 2),
)


class Deed(Enum):
    """What is done to a node or at its venue."""

    KILL = "kill"  # the node, and another is started at once
    FAULT = "fault"
    DROP = "drop"  # the venue resets all websockets
    RESTART = "restart"  # the venue is away for a while
    HAND_TRADE = "hand trade"  # a person buys or sells beside us
    HAND_CANCEL = "hand cancel"  # a person cancels a stop or another order of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens so many seconds after the first node was started.

    `pick` in [0, 1) says which of what there is then is meant, `size` how much of it.
    """

    at_secs: float
    deed: Deed
    pick: float = 0.0
    size: float = 0.0
    fault: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of one session."""

    seed: int
    start: datetime  # of the bars that are played
    settings: tuple[str, ...]
    events: tuple[Event, ...]  # in the order of time
    secs: float  # after which nothing goes wrong any more


def draw(seed: int, *, secs: float | None = None) -> Plan:
    """Draw a session; `secs` is how long things go wrong, by the seed where it is None."""
    rng = Random(seed)
    length = rng.uniform(25.0, 40.0)
    length = length if secs is None else secs
    events = [
        *_kills(rng, length),
        *(_fault(rng, length) for _ in range(rng.choice((10, 20, 40)))),
        *_at_the_venue(rng, length),
    ]
    return Plan(
        seed=seed,
        start=_FIRST + timedelta(minutes=5 * rng.randrange(_DAYS * 288)),
        settings=_settings(rng),
        events=tuple(sorted(events, key=lambda event: event.at_secs)),
        secs=length,
    )


def _settings(rng: Random) -> tuple[str, ...]:
    """Trade much: enter on little, hold for seconds, with stops so near that they fire."""
    targets = rng.choice(("[0.4]", "[0.2,0.5]", "[0.15,0.3,0.6]"))
    return (
        "predictor.baseline.threshold=0.3",
        "predictor.baseline.min_efficiency=0",
        "decision.min_confidence=0.3",
        "decision.max_turbulence=1",
        f"decision.cooldown_secs={rng.choice((0, 0, 600))}",
        f"decision.max_holding_secs={rng.choice((900, 1500, 3000))}",
        f"decision.stop_percent={rng.choice(('0.3', '0.5', '0.9'))}",
        f"decision.take_profit_percents={targets}",
        f"decision.break_even_after_percent={rng.choice(('0', '0.1', '0.2'))}",
        f"decision.entry={rng.choice(('market', 'limit'))}",
        f"decision.limit_offset_percent={rng.choice(('0.01', '0.05'))}",
        "decision.entry_expiry_secs=900",
        "risk.max_daily_loss_percent=60",
        "risk.max_drawdown_percent=60",
        "risk.max_loss_ratio_percent=60",
        "journal.equity_every_secs=300",
        "node.at_stop=flatten",
    )


def _kills(rng: Random, length: float) -> list[Event]:
    """Kill the node one to three times, at any moment, its start not spared."""
    count = rng.choice((1, 1, 2, 3))
    return [Event(at_secs=rng.uniform(0.5, length), deed=Deed.KILL) for _ in range(count)]


def _at_the_venue(rng: Random, length: float) -> list[Event]:
    deeds = [
        *[Deed.HAND_TRADE] * rng.choice((0, 1, 2)),
        *[Deed.HAND_CANCEL] * rng.choice((0, 1, 3)),
        *[Deed.DROP] * rng.choice((0, 0, 1)),
        *[Deed.RESTART] * rng.choice((0, 0, 1)),
    ]
    return [
        Event(
            at_secs=rng.uniform(6.0, max(length, 7.0)),
            deed=deed,
            pick=rng.random(),
            size=rng.random(),
        )
        for deed in deeds
    ]


def _fault(rng: Random, length: float) -> Event:
    where, kinds, _ = rng.choices(_TARGETS, [weight for _, _, weight in _TARGETS])[0]
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    fault: dict[str, Any] = {
        "kind": kind,
        "where": where,
        "count": rng.choice((1, 1, 1, 2, 4)),
        "skip": rng.choice((0, 0, 1, 3)),
    }
    if kind in _TYPED:
        fault["delay_secs"] = round(rng.uniform(0.05, 1.5), 3)
    elif kind == "timeout_after":
        fault["delay_secs"] = rng.choice((0.0, 2.0))
    at_secs = rng.uniform(0.0, max(length - _QUIET_SECS, 1.0))
    return Event(at_secs=at_secs, deed=Deed.FAULT, fault=fault)

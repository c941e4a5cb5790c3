"""Schedules by seed: what is ordered, what the market does, and what goes wrong meanwhile."""

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from tests.venue.faults import Fault, FaultKind


class Act(Enum):
    """What one step does."""

    MARKET = "market"
    LIMIT = "limit"  # rests, near the market
    FAR_LIMIT = "far limit"
    TAKING_LIMIT = "taking limit"
    POST_ONLY = "post-only"
    TAKING_POST_ONLY = "taking post-only"
    IOC = "ioc"
    FOK = "fok"
    STOP_MARKET = "stop market"
    STOP_LIMIT = "stop limit"
    TARGET_MARKET = "target market"
    TARGET_LIMIT = "target limit"
    REDUCE_MARKET = "reduce-only market"
    REDUCE_LIMIT = "reduce-only limit"
    TOO_LARGE = "too large"  # more than the account can carry
    MODIFY = "modify"
    CANCEL = "cancel"
    CANCEL_SEVERAL = "cancel several"
    CANCEL_ALL = "cancel all"
    HAND_LIMIT = "limit by hand"
    HAND_MARKET = "market by hand"
    HAND_STOP = "stop by hand"
    HAND_CANCEL = "cancel by hand"  # an order that was placed by hand
    HAND_CANCEL_OURS = "cancel ours by hand"
    DROP_PRIVATE = "drop private sockets"
    DROP_ALL = "drop all sockets"
    RESTART = "restart"


# How often each comes, of a thousand or so
_WEIGHTS: Final = {
    Act.MARKET: 90,
    Act.LIMIT: 200,
    Act.FAR_LIMIT: 60,
    Act.TAKING_LIMIT: 50,
    Act.POST_ONLY: 60,
    Act.TAKING_POST_ONLY: 20,
    Act.IOC: 30,
    Act.FOK: 20,
    Act.STOP_MARKET: 50,
    Act.STOP_LIMIT: 50,
    Act.TARGET_MARKET: 30,
    Act.TARGET_LIMIT: 30,
    Act.REDUCE_MARKET: 30,
    Act.REDUCE_LIMIT: 40,
    Act.TOO_LARGE: 8,
    Act.MODIFY: 130,
    Act.CANCEL: 200,
    Act.CANCEL_SEVERAL: 20,
    Act.CANCEL_ALL: 8,
    Act.HAND_LIMIT: 20,
    Act.HAND_MARKET: 12,
    Act.HAND_STOP: 6,
    Act.HAND_CANCEL: 15,
    Act.HAND_CANCEL_OURS: 12,
    Act.DROP_PRIVATE: 3,
    Act.DROP_ALL: 2,
    Act.RESTART: 1,
}
ORDERING: Final = frozenset(list(Act)[: list(Act).index(Act.MODIFY)])  # a new order each
PERP_ONLY: Final = frozenset({Act.REDUCE_MARKET, Act.REDUCE_LIMIT})
_BY_HAND: Final = frozenset({Act.HAND_LIMIT, Act.HAND_MARKET, Act.HAND_STOP})

# Faults by where they may strike, and how likely they are among themselves
_WRITES: Final = {
    FaultKind.DELAY: 3,
    FaultKind.DROP_REQUEST: 2,
    FaultKind.RESET_BEFORE: 3,
    FaultKind.RESET_AFTER: 4,
    FaultKind.TIMEOUT_AFTER: 2,
    FaultKind.STATUS_429: 2,
    FaultKind.STATUS_502_BEFORE: 2,
    FaultKind.STATUS_502_AFTER: 4,
    FaultKind.HTML_200_BEFORE: 2,
    FaultKind.HTML_200_AFTER: 4,
    FaultKind.EMPTY_JSON_AFTER: 3,
    FaultKind.MAINTENANCE: 1,
    FaultKind.CLOCK_SKEW: 1,
}
_READS: Final = {**_WRITES, FaultKind.STALE_SNAPSHOT: 4}
_PUSHES: Final = {
    FaultKind.PUSH_DROP: 6,
    FaultKind.PUSH_DUPLICATE: 6,
    FaultKind.PUSH_REORDER: 6,
    FaultKind.PUSH_DELAY: 5,
    FaultKind.PUSH_MALFORMED: 3,
    FaultKind.SOCKET_ABORT: 1,
    FaultKind.SOCKET_HALF_OPEN: 1,
    FaultKind.STREAM_SILENT: 1,
}
_BOOK: Final = {FaultKind.SEQUENCE_GAP: 4, FaultKind.STALE_SNAPSHOT: 1, FaultKind.PUSH_DROP: 2}
_TARGETS: Final = (
    ("order", _WRITES, 8),
    ("cancel", _WRITES, 5),
    ("amend", _WRITES, 3),
    ("read", _READS, 5),
    ("connect", {FaultKind.STATUS_502_BEFORE: 1, FaultKind.RESET_BEFORE: 1, FaultKind.DELAY: 1}, 1),
    ("orders", _PUSHES, 6),
    ("fills", _PUSHES, 5),
    ("balances", _PUSHES, 2),
    ("book", _BOOK, 2),
    ("*", {FaultKind.PUSH_DROP: 1, FaultKind.PUSH_DUPLICATE: 1, FaultKind.PUSH_DELAY: 1}, 1),
)
_LONGEST_DELAY_SECS: Final = 0.4  # real ones; far less than an order's outcome is waited for
_SKEW_SECS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """One trade of everybody else, relative to the last price."""

    ticks: int
    lots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing done, the trades before it, and the faults put into force with it."""

    act: Act
    symbol: int  # which of the instruments
    buy: bool
    size: int  # in units of the driver's own
    ticks: int  # how far from the market
    pick: float  # in [0, 1): which of the orders there are
    pause_secs: float  # afterwards
    prints: tuple[Print, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All of one run."""

    seed: int
    steps: tuple[Step, ...]

    @property
    def orders(self) -> int:
        """Count the orders that it asks for."""
        return sum(step.act in ORDERING for step in self.steps)


def schedule(seed: int, *, orders: int, perp: bool, calm: bool = False) -> Schedule:
    """Draw a schedule that asks for so many orders; a calm one has no faults."""
    if orders < 1:
        raise ValueError(f"orders must be 1 or more, was {orders}")
    rng = Random(seed)
    acts = [act for act in Act if perp or act not in PERP_ONLY]
    if calm:
        acts = [act for act in acts if act not in (Act.DROP_ALL, Act.DROP_PRIVATE, Act.RESTART)]
    weights = [_WEIGHTS[act] for act in acts]
    steps: list[Step] = []
    left = orders
    density = 0.0 if calm else rng.choice((0.1, 0.2, 0.4))
    while left:
        act = rng.choices(acts, weights)[0]
        left -= act in ORDERING
        steps.append(_step(rng, act, density))
    return Schedule(seed=seed, steps=tuple(steps))


def _step(rng: Random, act: Act, density: float) -> Step:
    return Step(
        act=act,
        symbol=_symbol(rng, act),
        buy=rng.random() < 0.5,
        size=rng.randint(1, 12),
        ticks=rng.randint(1, 30),
        pick=rng.random(),
        pause_secs=rng.choice((0.0, 0.0, 0.005, 0.01, 0.02, 0.04)),
        prints=tuple(
            Print(ticks=rng.randint(-25, 25), lots=rng.randint(1, 400))
            for _ in range(rng.choice((0, 0, 1, 1, 2)))
        ),
        faults=(_fault(rng),) if rng.random() < density else (),
    )


def _symbol(rng: Random, act: Act) -> int:
    """Choose the instrument: hands and reduce-only orders never meet on one.

    The engine keeps a position for each strategy and one for what others do; the venue keeps one.
    A reduce-only order that takes away what a hand bought has nothing to reduce at the engine.
    """
    chosen = int(rng.random() < 0.3)
    if act in PERP_ONLY:
        return 0
    return 1 if act in _BY_HAND else chosen


def _fault(rng: Random) -> Fault:
    where, kinds, _ = rng.choices(_TARGETS, [weight for _, _, weight in _TARGETS])[0]
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    delay = 0.0
    if kind in (FaultKind.DELAY, FaultKind.PUSH_DELAY):
        delay = round(rng.uniform(0.02, _LONGEST_DELAY_SECS), 3)
    elif kind is FaultKind.TIMEOUT_AFTER:
        delay = rng.choice((0.0, 0.3))
    elif kind is FaultKind.CLOCK_SKEW:
        delay = _SKEW_SECS
    return Fault(
        kind=kind,
        where=where,
        count=rng.choice((1, 1, 1, 2, 4)),
        skip=rng.choice((0, 0, 1, 3)),
        probability=rng.choice((1.0, 1.0, 0.5)),
        delay_secs=delay,
    )

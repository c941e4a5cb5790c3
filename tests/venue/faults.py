"""What may go wrong between a client and the exchange, by plan and by seed."""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any


class FaultKind(Enum):
    """One way in which a venue fails its clients."""

    DELAY = "delay"  # handled `delay_secs` late, whether the client still waits or not
    DROP_REQUEST = "drop_request"  # never handled, the connection is closed in good order
    RESET_BEFORE = "reset_before"  # never handled, the connection is reset
    RESET_AFTER = "reset_after"  # handled, then reset
    TIMEOUT_AFTER = "timeout_after"  # handled, answered `delay_secs` later; 0 is never
    STATUS_429 = "status_429"  # the venue's own words for too many requests
    STATUS_502_BEFORE = "status_502_before"
    STATUS_502_AFTER = "status_502_after"
    HTML_200_BEFORE = "html_200_before"
    HTML_200_AFTER = "html_200_after"
    EMPTY_JSON_AFTER = "empty_json_after"  # handled, answered with {}
    MAINTENANCE = "maintenance"  # never handled, the venue's own words for it
    CLOCK_SKEW = "clock_skew"  # the venue's wall clock is `delay_secs` ahead for this request
    STALE_SNAPSHOT = "stale_snapshot"  # an earlier answer, or an earlier whole push, once more
    PUSH_DROP = "push_drop"
    PUSH_DUPLICATE = "push_duplicate"
    PUSH_REORDER = "push_reorder"  # sent after the next push of the connection
    PUSH_DELAY = "push_delay"  # sent `delay_secs` later, overtaken by others
    PUSH_MALFORMED = "push_malformed"  # replaced by nonsense
    SEQUENCE_GAP = "sequence_gap"  # an incremental push of the book is lost
    STREAM_SILENT = "stream_silent"  # no such push any more on this connection; pongs go on
    SOCKET_ABORT = "socket_abort"  # the connection is reset instead of the push
    SOCKET_HALF_OPEN = "socket_half_open"  # nothing is sent any more, not even pongs


_PUSHES = frozenset(
    {
        FaultKind.PUSH_DROP,
        FaultKind.PUSH_DUPLICATE,
        FaultKind.PUSH_REORDER,
        FaultKind.PUSH_DELAY,
        FaultKind.PUSH_MALFORMED,
        FaultKind.SEQUENCE_GAP,
        FaultKind.STREAM_SILENT,
        FaultKind.SOCKET_ABORT,
        FaultKind.SOCKET_HALF_OPEN,
    }
)
# A dialled websocket is a request too, but one that no venue has handled yet
_DIALS = frozenset(
    {
        FaultKind.DELAY,
        FaultKind.DROP_REQUEST,
        FaultKind.RESET_BEFORE,
        FaultKind.STATUS_429,
        FaultKind.STATUS_502_BEFORE,
        FaultKind.HTML_200_BEFORE,
        FaultKind.MAINTENANCE,
    }
)
_QUIET = frozenset({"pong", "ack"})  # streams that "*" leaves alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule: what goes wrong, where, how often, when (in seconds of the plan's own clock).

    `where` is "*", a request's purpose ("order", "cancel", "amend", "read", "public", "connect"),
    "METHOD /part/of/path", or the name of a stream ("orders", "fills", "book", ...).
    """

    kind: FaultKind
    where: str = "*"
    count: int | None = 1  # None: every time
    skip: int = 0  # lets so many pass first
    probability: float = 1.0
    delay_secs: float = 0.0
    start_secs: float = 0.0
    end_secs: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability must be in (0, 1], was {self.probability}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be at least 1 or None, was {self.count}")
        if self.skip < 0:
            raise ValueError(f"skip must be 0 or more, was {self.skip}")
        if self.end_secs is not None and self.end_secs <= self.start_secs:
            raise ValueError(
                f"end_secs must be after start_secs {self.start_secs}, was {self.end_secs}"
            )
        if not self.where:
            raise ValueError(f"where must not be empty, was {self.where!r}")

    def runs_at(self, secs: float) -> bool:
        """Say whether the rule is in force."""
        return self.start_secs <= secs and (self.end_secs is None or secs < self.end_secs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """One fault that struck."""

    secs: float  # since the plan began
    kind: FaultKind
    target: str  # "POST /path" or the stream's name
    delay_secs: float = 0.0


@dataclass(slots=True)
class _Rule:
    fault: Fault
    seen: int = 0
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.count is not None and self.struck >= self.fault.count


class FaultPlan:
    """The rules in force and what they did; rules may be added from any thread at any time."""

    def __init__(self, seed: int = 0, *, secs: Callable[[], float] = time.monotonic) -> None:
        self.dice = random.Random(seed)
        self._secs = secs
        self._began = secs()
        self._rules: list[_Rule] = []
        self._log: list[Injected] = []
        self._lock = threading.Lock()

    @property
    def log(self) -> list[Injected]:
        """List what was injected, oldest first."""
        with self._lock:
            return list(self._log)

    def add(self, *faults: Fault) -> None:
        """Put rules into force; of several that match, the one added first strikes."""
        with self._lock:
            self._rules += [_Rule(fault) for fault in faults]

    def clear(self) -> None:
        """Take all rules out of force; the log stays."""
        with self._lock:
            self._rules.clear()

    def on_request(self, purpose: str, method: str, path: str, *, replayable: bool) -> Fault | None:
        """Say what shall go wrong with a request; replayable: an earlier answer is known."""

        def fits(fault: Fault) -> bool:
            if fault.kind in _PUSHES or (purpose == "connect" and fault.kind not in _DIALS):
                return False
            if fault.kind is FaultKind.STALE_SNAPSHOT and not replayable:
                return False
            return fault.where in ("*", purpose) or _names(fault.where, method, path)

        return self._strike(fits, f"{method} {path}")

    def on_push(self, stream: str, *, snapshot: bool, replayable: bool) -> Fault | None:
        """Say what shall go wrong with a push; replayable: an earlier whole one is known."""

        def fits(fault: Fault) -> bool:
            if fault.kind is FaultKind.STALE_SNAPSHOT:
                if not (snapshot and replayable):
                    return False
            elif fault.kind not in _PUSHES:
                return False
            if fault.kind is FaultKind.SEQUENCE_GAP and (snapshot or stream != "book"):
                return False
            return fault.where == stream or (fault.where == "*" and stream not in _QUIET)

        return self._strike(fits, stream)

    def _strike(self, fits: Callable[[Fault], bool], target: str) -> Fault | None:
        with self._lock:
            secs = self._secs() - self._began
            for rule in self._rules:
                if not rule.spent and rule.fault.runs_at(secs) and fits(rule.fault):
                    rule.seen += 1
                    if rule.seen > rule.fault.skip and self._dice_say(rule.fault):
                        rule.struck += 1
                        self._log.append(
                            Injected(
                                secs=secs,
                                kind=rule.fault.kind,
                                target=target,
                                delay_secs=rule.fault.delay_secs,
                            )
                        )
                        return rule.fault
        return None

    def _dice_say(self, fault: Fault) -> bool:
        return fault.probability == 1 or self.dice.random() < fault.probability


def _names(where: str, method: str, path: str) -> bool:
    wanted, _, part = where.partition(" ")
    return bool(part) and wanted == method and part in path


def parse_faults(rows: Sequence[Mapping[str, Any]]) -> list[Fault]:  # as read from YAML
    """Read rules from plain rows; raise ValueError naming what is wrong."""
    known = {field.name for field in fields(Fault)}
    faults = []
    for row in rows:
        if extra := set(row) - known:
            raise ValueError(f"a fault has {sorted(known)}, not {sorted(extra)[0]!r}")
        try:
            kind = FaultKind(str(row["kind"]).lower())
        except KeyError as e:
            raise ValueError(f"a fault needs a kind, was {dict(row)}") from e
        except ValueError as e:
            kinds = ", ".join(member.value for member in FaultKind)
            raise ValueError(f"kind must be one of {kinds}, was {row['kind']!r}") from e
        faults.append(Fault(**{**row, "kind": kind}))
    return faults

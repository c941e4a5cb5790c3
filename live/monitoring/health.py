"""How a node is, as one value, and the board on which its parts write it down."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.records import Value

__all__ = ["Health", "HealthBoard", "NodeState"]

_SECOND: Final = 1_000_000_000


class NodeState(StrEnum):
    """What a node is doing."""

    STARTING = "starting"
    TRADING = "trading"
    HALTED = "halted"
    STOPPING = "stopping"
    FAILED = "failed"


_BEATING: Final = (NodeState.TRADING, NodeState.HALTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a node is at one moment; `silent_secs` is how long its engine's thread has not beaten.

    `since_ns` is when it came into its state (UNIX nanoseconds); `hindrances` say by name why no
    new risk is taken. In a state without a beat `silent_secs` counts from its beginning.
    """

    state: NodeState
    since_ns: int
    reason: str = ""
    hindrances: Mapping[str, str] = field(default_factory=dict)
    silent_secs: float = 0.0
    limit_secs: float = 15.0

    def __post_init__(self) -> None:
        for name, value in (("silent_secs", self.silent_secs), ("since_ns", self.since_ns)):
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, was {value}")
        if not self.limit_secs > 0:
            raise ValueError(f"limit_secs must be positive, was {self.limit_secs}")

    @property
    def is_stuck(self) -> bool:
        """Say whether the engine's thread has been silent for too long."""
        return self.silent_secs > self.limit_secs

    @property
    def trouble(self) -> str:
        """Say what is wrong with the node itself, "" for nothing; a halt on purpose is nothing."""
        if self.state is NodeState.FAILED:
            return f"The node has failed: {self.reason or 'no reason was given'}"
        if self.is_stuck:
            return (
                f"The engine's thread has not beaten for {self.silent_secs:.0f} s "
                f"while {self.state.value}"
            )
        return ""

    @property
    def is_healthy(self) -> bool:
        """Say whether the node does its work."""
        return not self.trouble

    @property
    def takes_new_risk(self) -> bool:
        """Say whether a new trade may be opened now."""
        return self.is_healthy and self.state is NodeState.TRADING and not self.hindrances

    def fields(self) -> dict[str, Value]:
        """Give what the endpoint shows."""
        return {
            "healthy": self.is_healthy,
            "state": self.state.value,
            "reason": self.reason,
            "since_ns": self.since_ns,
            "takes_new_risk": self.takes_new_risk,
            "hindrances": dict(self.hindrances),
            "heartbeat_age_secs": round(self.silent_secs, 3),
            "heartbeat_limit_secs": self.limit_secs,
        }


class HealthBoard:
    """Keeps how a node is; written on the engine's thread, read on any other.

    `now_ns` is the time of day, `monotonic_ns` a clock that never jumps.
    """

    def __init__(
        self,
        *,
        heartbeat_secs: float,
        patience_secs: float,
        now_ns: Callable[[], int],
        monotonic_ns: Callable[[], int],
    ) -> None:
        self._heartbeat_secs, self._patience_secs = heartbeat_secs, patience_secs
        self._now_ns, self._monotonic_ns = now_ns, monotonic_ns
        self._beat_ns = monotonic_ns()
        self._lock = threading.Lock()  # for changes of the value, never for a beat
        self._health = Health(state=NodeState.STARTING, since_ns=now_ns())

    def beat(self) -> None:
        """Say that the engine's thread runs."""
        self._beat_ns = self._monotonic_ns()

    def enter(self, state: NodeState, reason: str = "") -> None:
        """Come into a state; a failure is never left again."""
        with self._lock:
            was = self._health
            if was.state is NodeState.FAILED or (was.state, was.reason) == (state, reason):
                return
            since_ns = was.since_ns if was.state is state else self._now_ns()
            self._health = replace(was, state=state, since_ns=since_ns, reason=reason)
        self.beat()

    def hinder(self, hindrances: Mapping[str, str]) -> None:
        """Say by name all that keeps the node from new risk now."""
        with self._lock:
            if dict(hindrances) != self._health.hindrances:
                self._health = replace(self._health, hindrances=dict(hindrances))

    def look(self) -> Health:
        """Give how the node is now."""
        health = self._health
        beating = health.state in _BEATING
        silent_secs = max(0, self._monotonic_ns() - self._beat_ns) / _SECOND
        return replace(
            health,
            silent_secs=silent_secs,
            limit_secs=self._heartbeat_secs if beating else self._patience_secs,
        )

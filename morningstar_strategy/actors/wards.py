"""What a guard watches, whom it obeys, and how patient it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from morningstar_strategy.store import Request

__all__ = ["Check", "Desk", "GuardPolicy", "OnDanger", "Ward"]

type Check = Callable[[int], str]  # time → why no new risk may be taken, "" where it may


class Ward(Protocol):
    """A strategy that is watched; see `strategy.stewarding.Steward`."""

    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102 - said where it is implemented

    @property
    def halted(self) -> str: ...  # noqa: D102

    def exposed(self, name: str) -> Decimal: ...  # noqa: D102
    def protect(self, name: str) -> None: ...  # noqa: D102
    def close(self, name: str, reason: str) -> None: ...  # noqa: D102
    def wind_down(self) -> None: ...  # noqa: D102
    @property
    def is_wound_down(self) -> bool: ...  # noqa: D102

    def halt(self, reason: str, *, flatten: bool) -> None: ...  # noqa: D102
    def keeps_from_lifting(self, *, operator: str) -> str: ...  # noqa: D102
    def lift(self, *, operator: str) -> str: ...  # noqa: D102
    def look_again(self) -> None: ...  # noqa: D102
    def danger(self) -> str: ...  # noqa: D102
    def leftovers(self) -> tuple[str, ...]: ...  # noqa: D102
    def standing(self) -> Mapping[str, Any]: ...  # noqa: D102 - JSON of every shape
    def keep(self) -> None: ...  # noqa: D102


class Desk(Protocol):
    """Where a person's requests lie and the node's state is told; see `store.StateStore`."""

    def open_requests(self) -> tuple[Request, ...]: ...  # noqa: D102
    def answer(self, number: int, text: str) -> None: ...  # noqa: D102
    def tell(self, status: Mapping[str, object]) -> None: ...  # noqa: D102


class OnDanger(StrEnum):
    """What is done when the money of an account is in danger."""

    KEEP = "keep"  # nothing beside what the limits of risk do by themselves
    HALT = "halt"  # no new risk until a person lifts it; what is open keeps its stops
    FLATTEN = "flatten"  # the same, and everything is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """How patient the guard is: `close_after_secs` without a stop it closes at market."""

    poll_ms: int = 100
    mend_after_secs: float = 0.5  # a stop that was just sent is given so long to be taken
    close_after_secs: float = 2.5
    status_every_secs: float = 1.0
    stop_within_secs: float = 20.0  # orders have so long to end when the node is asked to stop
    last_look_secs: float = 2.0  # the venue is given so long to tell what nobody heard of

    def __post_init__(self) -> None:
        if not 10 <= self.poll_ms <= 10_000:
            raise ValueError(f"poll_ms must be in [10, 10000], was {self.poll_ms}")
        if not 0 < self.mend_after_secs <= self.close_after_secs < 3_600:
            raise ValueError(
                f"close_after_secs must be mend_after_secs {self.mend_after_secs} or more and "
                f"below an hour, was {self.close_after_secs}"
            )
        for name in ("status_every_secs", "stop_within_secs", "last_look_secs"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, was {getattr(self, name)}")

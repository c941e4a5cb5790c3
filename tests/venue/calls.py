"""One request being served, what is remembered of it, and how many may come."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from tests.venue.faults import Fault, FaultKind
from tests.venue.wire import Purpose, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many requests the venue takes within a sliding window."""

    requests: int
    per_secs: float = 1.0

    def __post_init__(self) -> None:
        if self.requests < 1:
            raise ValueError(f"requests must be at least 1, was {self.requests}")
        if self.per_secs <= 0:
            raise ValueError(f"per_secs must be above 0, was {self.per_secs}")


@dataclass(slots=True, kw_only=True)
class Seen:
    """One request as it came in; `status` 0 was never answered."""

    ms: int
    method: str
    host: str
    path: str
    query: Mapping[str, str]
    body: str
    purpose: Purpose | str
    status: int = 0
    fault: FaultKind | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """A request being served."""

    http: web.BaseRequest
    asked: Request
    seen: Seen
    fault: Fault | None = None

    @property
    def kind(self) -> FaultKind | None:
        """Tell what shall go wrong with it."""
        return self.fault.kind if self.fault else None

    @property
    def delay_secs(self) -> float:
        """Tell how late it shall be."""
        return self.fault.delay_secs if self.fault else 0.0

    @property
    def replay_key(self) -> tuple[str, ...]:
        """Name what makes two requests the same."""
        return (self.asked.method, self.asked.host, self.asked.raw_path, self.asked.raw_query)

    @property
    def gone(self) -> bool:
        """Say whether the client has left."""
        return self.http.transport is None or self.http.transport.is_closing()

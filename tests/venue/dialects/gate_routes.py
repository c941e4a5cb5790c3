"""How a request of Gate's REST interface finds what answers it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.venue.dialects.gate_futures_rows import Style
from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_words import GateError, invalid
from tests.venue.model import Refused
from tests.venue.wire import Json, Purpose, Reply, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request with what its path names."""

    house: House
    request: Request
    named: Mapping[str, str]

    @property
    def style(self) -> Style:
        """Tell how this client wants contracts written."""
        return Style(decimals=self.request.headers.get("x-gate-size-decimal") == "1")

    def has(self, name: str) -> bool:
        """Say whether the query carries a parameter."""
        return bool(self.request.query.get(name))

    def get(self, name: str, default: str = "") -> str:
        """Read a parameter of the query."""
        return self.request.query.get(name) or default

    def count(self, name: str, default: int, most: int = 1000) -> int:
        """Read a whole number of the query; raise GateError outside [0, most]."""
        value = self.get(name, str(default))
        if not value.isdigit() or int(value) > most:
            message = f"Invalid request parameter `{name}` value: {value}"
            raise GateError(400, "INVALID_PARAM_VALUE", message)
        return int(value)

    def moment_ms(self, name: str, default_ms: int) -> int:
        """Read a moment in seconds of the query, in ms."""
        return self.count(name, default_ms // 1000, most=10**12) * 1000

    def body(self) -> Mapping[str, Any]:
        """Read a JSON object; raise GateError for anything else."""
        content = self._content()
        if not isinstance(content, dict):
            raise GateError(400, "INVALID_REQUEST_BODY", "request body is not an object")
        return content

    def rows(self) -> Sequence[Any]:
        """Read a JSON list; raise GateError for anything else."""
        content = self._content()
        if not isinstance(content, list):
            raise GateError(400, "INVALID_REQUEST_BODY", "request body is not a list")
        return content

    def _content(self) -> Json:
        try:
            return self.request.json()
        except ValueError:
            raise GateError(400, "INVALID_REQUEST_BODY", "request body is not JSON") from None


FOREVER_MS: Final = 10**14  # later than any moment

type Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint; `{name}` in its path stands for one element."""

    method: str
    path: str  # below /api/v4
    purpose: Purpose
    handle: Handler
    status: int = 200
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + "/?")
        object.__setattr__(self, "pattern", pattern)

    def answer(self, call: Call) -> Reply:
        """Do it, and say it; raise GateError where it is refused."""
        try:
            content = self.handle(call)
        except Refused as e:
            raise invalid(str(e)) from e
        return Reply(content=content, status=self.status)


def find(routes: Sequence[Route], request: Request) -> tuple[Route, dict[str, str]] | None:
    """Find the endpoint of a request, with what its path names."""
    path = request.path.removeprefix("/api/v4")
    for route in routes:
        if route.method == request.method and (found := route.pattern.fullmatch(path)):
            return route, found.groupdict()
    return None

"""How well the adapter sees its venue: the worst of its parts, told to whoever listens."""

from collections.abc import Callable
from dataclasses import dataclass

from ccxt_nt.values import Health

_ORDER = (Health.HEALTHY, Health.DEGRADED, Health.BLIND)

type Listener = Callable[["HealthReport"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """How well the adapter sees, and what it does not see."""

    health: Health
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueHealth:
    """What strategies receive: `subscribe_data(health_type("BITGET"))`, then `on_data`."""

    venue: str
    source: str  # "data" or "execution"
    health: Health
    reasons: tuple[str, ...]
    ts_event: int
    ts_init: int


class HealthBoard:
    """The parts of a client and how each of them is."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[Health, str]] = {}
        self._listeners: list[Listener] = []
        self._told: HealthReport | None = None

    @property
    def health(self) -> Health:
        """Tell the worst of all parts; healthy where there are none."""
        worst = max((_ORDER.index(health) for health, _ in self._parts.values()), default=0)
        return _ORDER[worst]

    @property
    def report(self) -> HealthReport:
        """Tell the health and every part that is not well."""
        reasons = tuple(
            f"{part}: {reason}"
            for part, (health, reason) in sorted(self._parts.items())
            if health is not Health.HEALTHY
        )
        return HealthReport(health=self.health, reasons=reasons)

    def listen(self, listener: Listener) -> None:
        """Tell somebody of every change from now on."""
        self._listeners.append(listener)

    def set(self, part: str, health: Health, reason: str = "") -> None:
        """Note how a part is; a part that is not well says why."""
        if health is not Health.HEALTHY and not reason:
            raise ValueError(f"part {part!r} is {health.value} and needs a reason")
        self._parts[part] = (health, reason)
        self._tell()

    def remove(self, part: str) -> None:
        """Forget a part that is no more."""
        self._parts.pop(part, None)
        self._tell()

    def _tell(self) -> None:
        report = self.report
        if report == self._told:
            return
        self._told = report
        for listener in self._listeners:
            listener(report)

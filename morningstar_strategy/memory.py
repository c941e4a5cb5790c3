"""The risk memory, kept current and on disk first: a latched halt survives a restart."""

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from morningstar_strategy.book import StoreError
from morningstar_strategy.core.limits import RiskLimits, RiskMemory, calm, remember, reset, rest
from morningstar_strategy.hindrances import Hindrances

__all__ = ["MemoryStore", "RiskWatch"]

_SOURCE = "risk memory"


class MemoryStore(Protocol):
    """Keeps a risk memory for each venue of a node, "" for its first; each call is on disk."""

    def load(self, venue: str = "") -> RiskMemory:
        """Give the kept memory, a fresh one where none is; raise StoreError for a damaged one."""
        ...

    def save(self, memory: RiskMemory, venue: str = "") -> None:
        """Keep the memory; raise StoreError where that fails."""
        ...


class RiskWatch:
    """Keeps the risk memory current, on disk first where there is a store.

    A memory that cannot be kept still holds here, and no new risk is taken until it is kept.
    """

    def __init__(
        self,
        *,
        limits: RiskLimits,
        store: MemoryStore | None = None,
        hindrances: Hindrances | None = None,
        venue: str = "",
    ) -> None:
        self._limits = limits
        self._store = store
        self._venue = venue
        self._hindrances = Hindrances() if hindrances is None else hindrances
        self._owed = False
        self._take(RiskMemory() if store is None else store.load(venue))
        self._told = ""

    @property
    def standing(self) -> RiskMemory:
        """Give the memory as the gate shall see it: what hinders new risk now counts as a halt."""
        if not self._hindrances or self.memory.halted:
            return self.memory
        return replace(self.memory, halted=self._hindrances.reason)

    def take_up(self, memory: RiskMemory) -> None:
        """Go on from a memory that is kept already."""
        self._take(memory)

    @property
    def is_owing(self) -> bool:
        """Say whether something is not on disk yet."""
        return self._owed

    def halt(self, reason: str) -> None:
        """Latch a halt; the first reason stays."""
        if not self.memory.halted:
            self._keep(replace(self.memory, halted=reason))

    def resume(self, *, operator: str, equity: Decimal) -> None:
        """Lift every latched halt in the name of a person; drawdown counts from here."""
        self._keep(reset(self.memory, operator=operator, equity=equity))

    def see(self, equity: Decimal, *, now_ns: int) -> None:
        """Take notice of the equity."""
        if self._owed or not self._calm.holds(equity, now_ns=now_ns):
            limits = self._limits
            self._keep(remember(self.memory, equity=equity, now_ns=now_ns, limits=limits))

    def rest(self, instrument_id: str, *, until_ns: int, now_ns: int) -> None:
        """Keep an instrument out of new plans until the given time."""
        self._keep(rest(self.memory, instrument_id, until_ns=until_ns, now_ns=now_ns))

    def settle(self) -> None:
        """Try again to keep what is not on disk yet."""
        if self._owed:
            self._keep(self.memory)

    def news(self) -> str | None:
        """Give the reason of a halt, or "" for its end, once; None when nothing has changed."""
        halted = self.memory.halted or self.memory.day_halted
        if halted == self._told:
            return None
        self._told = halted
        return halted

    def _keep(self, memory: RiskMemory) -> None:
        if self._store is not None and (self._owed or memory != self.memory):
            try:
                self._store.save(memory, self._venue)
                self._owed = False
                self._hindrances.note(_SOURCE, "")
            except StoreError as e:
                self._owed = True
                self._hindrances.note(_SOURCE, f"{e}")
        self._take(memory)

    def _take(self, memory: RiskMemory) -> None:
        self.memory = memory
        self._calm = calm(memory, self._limits)

"""Which streams may have missed something, and how bad that is until the account was compared."""

from collections.abc import Iterable

from ccxt_nt.health import HealthBoard
from ccxt_nt.values import Health


class Gaps:
    """Counts what was lost: only a look that began after a loss makes up for it."""

    def __init__(self, board: HealthBoard) -> None:
        self._board = board
        self._unseen: dict[str, int] = {}  # streams that may have missed something, and since
        self._fresh: set[str] = set()  # streams of which nothing can have been missed yet
        self._count = 0

    def opened(self, name: str) -> None:
        """Note a new stream: before its first order there is nothing to miss."""
        self._fresh.add(name)
        self.lost(name, "not subscribed yet")

    def lost(self, name: str, reason: str) -> None:
        """Note that a stream may have missed something."""
        self._count += 1
        self._unseen[name] = self._count
        self._board.set(name, self._without(name), reason)

    def late(self, name: str, reason: str) -> None:
        """Note that a stream did not come: orders will be sent that it would not tell of."""
        if name in self._fresh:
            self._fresh.discard(name)
            self.lost(name, reason)

    def before_look(self, live: Iterable[str]) -> dict[str, int]:
        """Tell what a look that begins now makes up for, where these streams are up."""
        return {name: self._unseen[name] for name in live if name in self._unseen}

    def after_look(self, seen: dict[str, int]) -> None:
        """Note that the account was compared; what was lost meanwhile is lost still."""
        for name, gap in seen.items():
            if self._unseen.get(name) == gap:
                del self._unseen[name]
                self._fresh.discard(name)
                self._board.set(name, Health.HEALTHY)

    def close(self, names: Iterable[str]) -> None:
        """Forget streams that are closed."""
        for name in names:
            self._board.remove(name)
        self._unseen.clear()
        self._fresh.clear()

    def _without(self, name: str) -> Health:
        return Health.DEGRADED if name in self._fresh else Health.BLIND

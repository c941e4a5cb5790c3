"""Tells listeners what happened, in the order in which it happened, and never in the middle."""

from collections import deque
from collections.abc import Callable, Collection

from tests.venue.model import Event

type Listener = Callable[[Event], None]


class Announcer:
    """Holds events back until the exchange has finished what it was doing."""

    def __init__(self) -> None:
        self._listeners: list[tuple[Listener, frozenset[type] | None]] = []
        self._wanted: frozenset[type] = frozenset()
        self._wants_all = False
        self._waiting: deque[Event] = deque()
        self._delivering = False

    def listen(self, listener: Listener, kinds: Collection[type] | None) -> None:
        """Call `listener` with every later event of these kinds, or of all kinds."""
        chosen = None if kinds is None else frozenset(kinds)
        self._listeners.append((listener, chosen))
        if chosen is None:
            self._wants_all = True
        else:
            self._wanted |= chosen

    def wants(self, kind: type) -> bool:
        """Say whether anybody listens to events of this kind."""
        return self._wants_all or kind in self._wanted

    def say(self, event: Event) -> None:
        """Keep an event for the next delivery."""
        if self._wants_all or type(event) in self._wanted:
            self._waiting.append(event)

    def deliver(self) -> None:
        """Hand over all that waits; what a listener causes meanwhile comes after it."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting:
                event = self._waiting.popleft()
                for listener, kinds in tuple(self._listeners):
                    if kinds is None or type(event) in kinds:
                        listener(event)
        finally:
            self._delivering = False

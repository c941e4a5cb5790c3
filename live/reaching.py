"""Reaches the node through the store: puts a request, hears its answer, or latches without it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from live.errors import NodeError
from live.state import account_of, shelves_of, state_file
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import (
    Action,
    StateStore,
    StoreError,
    StoreForeignError,
    StoreHeldError,
)

__all__ = ["Node", "Reached"]

_SECOND: Final = 1_000_000_000
_PATIENCE_SECS: Final = 5.0  # a node that runs looks several times a second
_SETTLE_NS: Final = 15 * _SECOND  # an order that a dead node sent may arrive so much later
_TRIES: Final = 20
_RETRY_SECS: Final = 0.2


class Node(StrEnum):
    """What is known of the node."""

    WAITING = "was asked and works on it"
    ANSWERED = "answered"
    SILENT = "holds the store and does not answer"
    UNASKED = "could not be asked"
    ABSENT = "does not run"


class Reached:
    """The store of an account, held where no node holds it; open it with `with`."""

    def __init__(self, settings: Settings, *, note: Callable[[str], None]) -> None:
        self._settings = settings
        self._path = state_file(settings)
        self._note = note
        self._stack = ExitStack()
        self._store: StateStore | None = None
        self._number: int | None = None
        self._put_at = 0.0
        self._reason = ""
        self._settled_ns = 0
        self.node = Node.WAITING
        self.answer = ""
        self.latched = False

    def __enter__(self) -> Self:
        try:
            self._open()
        except StoreForeignError as e:
            self._stack.close()
            raise NodeError(f"{e}") from e
        except StoreError as e:  # what is at risk lies at the venue, not on this disk
            self.node = Node.ABSENT
            self._note(f"the halt cannot be latched: {e}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        try:
            self._hold()
        except StoreHeldError:
            self._store = self._stack.enter_context(StateStore(self._path))

    def _hold(self) -> None:
        """Take the store, as only one can; then no node runs, and none starts meanwhile."""
        account = account_of(self._settings)
        held = self._stack.enter_context(StateStore(self._path, account=account))
        self._store, self.node = held, Node.ABSENT

    # ------------------------------------------------------------ the request

    def put(self, operator: str, reason: str, *, flatten: bool) -> None:
        """Ask the node, or latch the halt where there is none."""
        self._reason = f"halted by {operator}" + (f": {reason}" if reason else "")
        action = Action.FLATTEN if flatten else Action.HALT
        self._put_at = time.monotonic()
        store = self._store
        if store is None:
            return

        def ask() -> None:
            now_ns = time.time_ns()
            self._number = store.ask(action, operator=operator, reason=reason, asked_ns=now_ns)

        self._insist(ask)
        if self.node is Node.ABSENT:
            self._latch(store)
        elif self._number is None:
            self.node = Node.UNASKED

    def look(self) -> None:
        """Look whether the node answered, and whether it is still there."""
        store = self._store
        if store is None or self._number is None or self.node in (Node.ANSWERED, Node.ABSENT):
            self._look_at_latch()
            return
        try:
            answer = store.request(self._number).answer
        except StoreError as e:
            self._note(f"{e}")
            return
        if answer is not None:
            self.node, self.answer = Node.ANSWERED, answer
        elif not self._is_alive(store):
            self._take_over()
        self._look_at_latch()

    def _look_at_latch(self) -> None:
        if self._store is None or self.latched:
            return
        try:
            shelves = shelves_of(self._settings)
            self.latched = all(self._store.load(venue).halted for venue in shelves)
        except StoreError as e:
            self._note(f"{e}")

    def _is_alive(self, store: StateStore) -> bool:
        """Say whether the node may still be expected to act on the request."""
        if time.monotonic() - self._put_at < _PATIENCE_SECS:
            return True
        patience = _PATIENCE_SECS + self._settings.node.guard.status_every_secs
        return time.time_ns() - _told_ns(store) < patience * _SECOND

    def _take_over(self) -> None:
        """Act in the node's place; a request that stays open is obeyed once it looks again."""
        if self.node is not Node.SILENT:
            self.node = Node.SILENT
            self._note("a node holds the store and does not answer: acting at the venue itself")
        try:
            self._hold()
        except StoreError:  # it is still held
            return
        self._note("the node has gone: the store is held from here")
        if self._store is not None:
            self._latch(self._store)

    def _latch(self, store: StateStore) -> None:
        """Keep the halt where a node that starts later finds it."""
        self._settled_ns = _last_sign_ns(store) + _SETTLE_NS

        def latch() -> None:
            for request in store.open_requests():
                if request.action is Action.RESUME:
                    store.answer(request.number, f"refused: {self._reason}")
            for venue in shelves_of(self._settings):
                memory = store.load(venue)
                store.save(replace(memory, halted=memory.halted or self._reason), venue)
            if self._number is not None:
                store.answer(self._number, "latched without a node; acting at the venue itself")

        self._insist(latch)
        self._note("no node runs: acting at the venue itself")

    def _insist(self, act: Callable[[], None]) -> None:
        """Do what must be on disk; another process may be writing for a moment."""
        trouble = ""
        for _ in range(_TRIES):
            try:
                act()
            except StoreError as e:
                trouble = f"the halt could not be written: {e}"
                time.sleep(_RETRY_SECS)
            else:
                return
        self._note(trouble)

    # ------------------------------------------------------------ what is known

    @property
    def is_settled(self) -> bool:
        """Say whether nothing that a dead node sent can be on its way any more."""
        return time.time_ns() >= self._settled_ns

    @property
    def told(self) -> str:
        """Say in a few words what is known of the node."""
        if self._store is None:
            return "the store cannot be used, so nothing is known of a node"
        words = f"the node {self.node.value}"
        if self.answer:
            return f"{words}: {self.answer}"
        if self.node is Node.SILENT:
            return f"{words}; its request {self._number} stays open"
        return words


def _told_ns(store: StateStore) -> int:
    """Tell when a node told its status last; 0 for never."""
    try:
        status = store.status()
    except StoreError:  # it is as good as none
        return 0
    told = None if status is None else status.get("ts")
    return told if isinstance(told, int) else 0


def _last_sign_ns(store: StateStore) -> int:
    """Tell when a node may have sent its last order; 0 where it ended in order."""
    try:
        status = store.status()
        planned = [each.plan.planned_ns for each in store.load_plans().values()]
    except StoreError:  # what cannot be read may be from just now
        return time.time_ns()
    ended = status is not None and status.get("state") == "stopped"
    return 0 if ended else max([_told_ns(store), *planned], default=0)

"""The open plans of an account, on disk before anything of them goes out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.records import Record, to_line
from morningstar_strategy.hindrances import Hindrances

__all__ = ["Book", "PlanStore", "StoreError"]

_SOURCE = "store"
_TAG_AT = 4  # of the parts of an order's name: O, date, time, trader's tag, strategy's tag, number


class StoreError(Exception):
    """What must survive a restart could not be kept."""


class PlanStore(Protocol):
    """Keeps open plans; each call is on disk when it returns, and raises StoreError if it is not.

    `tell` are lines for the journal, which writes a moment later: what is booked here and killed
    before it is written there is told after the restart.
    """

    def load_plans(self) -> Mapping[str, Ledger]:
        """Give the kept ledgers by instrument."""
        ...

    def save_plan(self, name: str, ledger: Ledger, tell: Sequence[str] = ()) -> None:
        """Keep the ledger of an instrument's plan."""
        ...

    def drop_plan(self, name: str, tell: Sequence[str] = ()) -> None:
        """Forget an instrument's plan."""
        ...

    def load_strays(self) -> Mapping[str, Decimal]:
        """Give the orders of no plan that may still fill, with what is booked of each."""
        ...

    def save_stray(self, order_id: str, filled: Decimal, tell: Sequence[str] = ()) -> None:
        """Keep an order of no plan."""
        ...

    def drop_stray(self, order_id: str) -> None:
        """Forget an order of no plan."""
        ...


class Book(dict[str, Ledger]):
    """Ledgers by instrument, each written through.

    A plan that cannot be kept is not begun: that raises StoreError. What is open goes on without
    the store, since a stop that is not sent is worse than one that is not written down, and no new
    risk is taken until all of it is on disk again. `strays` are orders of ours that close what
    nobody planned, with what is booked of each.
    """

    def __init__(
        self, store: PlanStore | None = None, hindrances: Hindrances | None = None
    ) -> None:
        super().__init__()
        self.strays: dict[str, Decimal] = {}
        self._store = store
        self._hindrances = Hindrances() if hindrances is None else hindrances
        self._owed: dict[str, Ledger | None] = {}  # not on disk as it is here; None: to be dropped
        self._owed_strays: dict[str, Decimal | None] = {}
        self._lines: list[str] = []  # for the journal, not on disk yet

    def __setitem__(self, name: str, ledger: Ledger) -> None:
        self.put(name, ledger)

    def put(self, name: str, ledger: Ledger, *records: Record) -> None:
        """Keep a ledger together with what the journal is about to be told of it."""
        if self._store is not None:
            self._keep(self._store, name, ledger, records, begins=name not in self)
        super().__setitem__(name, ledger)

    def forget(self, name: str, *records: Record) -> Ledger:
        """Take an ended plan out."""
        ledger = super().pop(name)
        if self._store is not None:
            self._keep(self._store, name, None, records, begins=False)
        return ledger

    def stray(self, order_id: str, filled: Decimal, *records: Record) -> None:
        """Keep an order of no plan with what is booked of it; a close is sent all the same."""
        self.strays[order_id] = filled
        if self._store is not None:
            self._owed_strays[order_id] = filled
            self._lines += [to_line(record) for record in records]
            self._try_to_pay(self._store)

    def forget_stray(self, order_id: str) -> None:
        """Take an order of no plan out that is over."""
        if self.strays.pop(order_id, None) is not None and self._store is not None:
            self._owed_strays[order_id] = None
            self._try_to_pay(self._store)

    def restore(self, *, venue: str, tag: str) -> None:
        """Take up what was kept of a venue before a restart; others of the node keep theirs.

        `tag` is the strategy's, which stands in the names of its orders. Raises StoreError where
        it cannot be read.
        """
        if self._store is not None:
            for name, ledger in self._store.load_plans().items():
                if name.endswith(f".{venue}"):
                    super().__setitem__(name, ledger)
            for order_id, filled in self._store.load_strays().items():
                if order_id.split("-")[_TAG_AT : _TAG_AT + 1] == [tag]:
                    self.strays[order_id] = filled

    @property
    def is_owing(self) -> bool:
        """Say whether something is not on disk yet."""
        return self._store is not None and bool(self._owed or self._owed_strays)

    def settle(self) -> None:
        """Try again to keep what is not on disk yet."""
        if self._store is not None and self.is_owing:
            self._try_to_pay(self._store)

    def _keep(
        self,
        store: PlanStore,
        name: str,
        ledger: Ledger | None,
        records: Sequence[Record],
        *,
        begins: bool,
    ) -> None:
        self._owed[name] = ledger
        before = len(self._lines)
        self._lines += [to_line(record) for record in records]
        if not self._try_to_pay(store) and begins:
            # An ended plan must not come back either, and the next write shows all is well
            self._owed[name] = None
            del self._lines[before:]
            raise StoreError(self._hindrances.known[_SOURCE])

    def _try_to_pay(self, store: PlanStore) -> bool:
        """Write all that is owed; say whether nothing is owed any more."""
        try:
            self._pay(store)
        except StoreError as e:
            self._hindrances.note(_SOURCE, f"{e}")
            return False
        self._hindrances.note(_SOURCE, "")
        return True

    def _pay(self, store: PlanStore) -> None:
        for name, ledger in list(self._owed.items()):
            if ledger is None:
                store.drop_plan(name, self._lines)
            else:
                store.save_plan(name, ledger, self._lines)
            self._lines.clear()
            del self._owed[name]
        for order_id, filled in list(self._owed_strays.items()):
            if filled is None:
                store.drop_stray(order_id)
            else:
                store.save_stray(order_id, filled, self._lines)
                self._lines.clear()
            del self._owed_strays[order_id]

"""What must survive a restart in one SQLite file: plans, risk memory, what a person asks."""

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from pydantic import TypeAdapter, ValidationError

from morningstar_strategy.book import StoreError
from morningstar_strategy.core.kept import memory_fields, memory_of
from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.limits import RiskMemory

__all__ = [
    "Action",
    "Request",
    "StateStore",
    "StoreError",
    "StoreForeignError",
    "StoreHeldError",
]

# `Any` in this module: a status is JSON of every shape

_LEDGER: Final = TypeAdapter(Ledger)
_VERSION: Final = "1"
_BUSY_SECS: Final = 0.25  # another process writes at most a row, so longer is a fault
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS plans (instrument_id TEXT PRIMARY KEY, ledger TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS strays (order_id TEXT PRIMARY KEY, filled TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS untold (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " line TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS requests (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " action TEXT NOT NULL, operator TEXT NOT NULL, reason TEXT NOT NULL,"
    " asked_ns INTEGER NOT NULL, answer TEXT)",
)


class StoreHeldError(StoreError):
    """A node that runs holds the store."""


class StoreForeignError(StoreError):
    """The store is of another account."""


class Action(StrEnum):
    """What a person asks of a node."""

    HALT = "halt"  # no new risk; what is open keeps its stops
    FLATTEN = "flatten"  # no new risk, and everything is closed
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something a person asked for; `answer` is what the node made of it, None before."""

    number: int
    action: Action
    operator: str
    reason: str
    asked_ns: int
    answer: str | None = None


class StateStore:
    """The small store of one account; whoever trades holds it alone, others may ask and look.

    Every write is on disk when it returns. Raises StoreError in one sentence for whatever fails.
    """

    def __init__(self, path: Path, *, account: str = "") -> None:
        self._path = path
        self._account = account  # a store is of one account for ever; "" asks no question
        self._connection: sqlite3.Connection | None = None
        self._lock: IO[bytes] | None = None
        self._inode: int | None = None  # of the file that was opened
        self._owes = True  # lines to the journal, as far as is known

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._hold()
            self._open()
            self._check_owner()
        except OSError as e:
            self._close()
            raise StoreError(f"store {self._path} cannot be opened: {e}") from e
        except StoreError:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    # ------------------------------------------------------------ plans

    def load_plans(self) -> dict[str, Ledger]:
        """Give the kept ledgers by instrument."""
        with self._told("plans cannot be read") as connection:
            rows = connection.execute("SELECT instrument_id, ledger FROM plans").fetchall()
        return {name: self._ledger(name, text) for name, text in rows}

    def save_plan(self, name: str, ledger: Ledger, tell: Sequence[str] = ()) -> None:
        """Keep the ledger of an instrument's plan, and lines that the journal is to have."""
        with self._told(f"the plan on {name} cannot be kept") as connection:
            self._owe(connection, tell)
            connection.execute(
                "INSERT INTO plans VALUES (?, ?)"
                " ON CONFLICT (instrument_id) DO UPDATE SET ledger = excluded.ledger",
                (name, _LEDGER.dump_json(ledger).decode()),
            )

    def drop_plan(self, name: str, tell: Sequence[str] = ()) -> None:
        """Forget an instrument's plan, and keep lines that the journal is to have."""
        with self._told(f"the plan on {name} cannot be dropped") as connection:
            self._owe(connection, tell)
            connection.execute("DELETE FROM plans WHERE instrument_id = ?", (name,))

    def load_strays(self) -> dict[str, Decimal]:
        """Give the orders of no plan that may still fill, with what is booked of each."""
        with self._told("orders of no plan cannot be read") as connection:
            rows = connection.execute("SELECT order_id, filled FROM strays").fetchall()
        try:
            return {order_id: Decimal(filled) for order_id, filled in rows}
        except InvalidOperation as e:
            raise StoreError(f"the orders of no plan in {self._path} are damaged") from e

    def save_stray(self, order_id: str, filled: Decimal, tell: Sequence[str] = ()) -> None:
        """Keep an order of no plan, and lines that the journal is to have."""
        with self._told(f"order {order_id} cannot be kept") as connection:
            self._owe(connection, tell)
            connection.execute(
                "INSERT INTO strays VALUES (?, ?)"
                " ON CONFLICT (order_id) DO UPDATE SET filled = excluded.filled",
                (order_id, f"{filled:f}"),
            )

    def drop_stray(self, order_id: str) -> None:
        """Forget an order of no plan."""
        with self._told(f"order {order_id} cannot be dropped") as connection:
            connection.execute("DELETE FROM strays WHERE order_id = ?", (order_id,))

    def _owe(self, connection: sqlite3.Connection, lines: Sequence[str]) -> None:
        connection.executemany("INSERT INTO untold (line) VALUES (?)", [(line,) for line in lines])
        self._owes = self._owes or bool(lines)

    def untold(self) -> tuple[str, ...]:
        """Give the lines that the journal may not have, oldest first."""
        with self._told("lines for the journal cannot be read") as connection:
            rows = connection.execute("SELECT line FROM untold ORDER BY number").fetchall()
        return tuple(str(line) for (line,) in rows)

    def forget_untold(self) -> None:
        """Forget those lines: the journal has them."""
        if not self._owes:
            return
        with self._told("lines for the journal cannot be dropped") as connection:
            connection.execute("DELETE FROM untold")
        self._owes = False

    def _ledger(self, name: str, text: str) -> Ledger:
        try:
            return _LEDGER.validate_json(text)
        except ValidationError as e:
            raise StoreError(f"the plan on {name} in {self._path} is damaged: {e}") from e

    # ------------------------------------------------------------ risk memory

    def load(self, venue: str = "") -> RiskMemory:
        """Give the risk memory of the first or a further venue, a fresh one where none is kept."""
        text = self._fact(_risk_of(venue))
        if text is None:
            return RiskMemory()
        try:
            return memory_of(json.loads(text))
        except (ValueError, KeyError, TypeError, InvalidOperation) as e:
            raise StoreError(f"the risk memory in {self._path} is damaged: {e}") from e

    def save(self, memory: RiskMemory, venue: str = "") -> None:
        """Keep the risk memory of the first or a further venue of a node."""
        self._set_fact(_risk_of(venue), json.dumps(memory_fields(memory)))

    # ------------------------------------------------------------ what a person asks

    def ask(self, action: Action, *, operator: str, reason: str, asked_ns: int) -> int:
        """Put a request where a node sees it; give its number.

        A halt answers what was asked before to resume: nobody may lift it with an older word.
        """
        if not operator.strip():
            raise StoreError("a request needs the operator's name")
        with self._told("the request cannot be kept") as connection:
            if action is not Action.RESUME:
                connection.execute(
                    "UPDATE requests SET answer = ? WHERE answer IS NULL AND action = ?",
                    (f"refused: halted meanwhile by {operator}", Action.RESUME.value),
                )
            cursor = connection.execute(
                "INSERT INTO requests (action, operator, reason, asked_ns) VALUES (?, ?, ?, ?)",
                (action.value, operator, reason, asked_ns),
            )
        if cursor.lastrowid is None:
            raise StoreError("the request got no number")
        return cursor.lastrowid

    def open_requests(self) -> tuple[Request, ...]:
        """Give what was asked and not answered, oldest first."""
        return self._requests("WHERE answer IS NULL ORDER BY number", ())

    def request(self, number: int) -> Request:
        """Give one request; raise StoreError where there is none."""
        found = self._requests("WHERE number = ?", (number,))
        if not found:
            raise StoreError(f"request {number} is not in {self._path}")
        return found[0]

    def answer(self, number: int, text: str) -> None:
        """Say what was made of a request."""
        with self._told(f"the answer to request {number} cannot be kept") as connection:
            connection.execute("UPDATE requests SET answer = ? WHERE number = ?", (text, number))

    def _requests(self, where: str, values: tuple[int, ...]) -> tuple[Request, ...]:
        columns = "number, action, operator, reason, asked_ns, answer"
        query = f"SELECT {columns} FROM requests {where}"  # noqa: S608 - texts of this file
        with self._told("requests cannot be read") as connection:
            rows = connection.execute(query, values).fetchall()
        return tuple(
            Request(
                number=number,
                action=self._action(number, action),
                operator=operator,
                reason=reason,
                asked_ns=asked_ns,
                answer=answer,
            )
            for number, action, operator, reason, asked_ns, answer in rows
        )

    def _action(self, number: int, text: str) -> Action:
        try:
            return Action(text)
        except ValueError as e:
            raise StoreError(f"request {number} in {self._path} is damaged: {e}") from e

    # ------------------------------------------------------------ how the node is

    def tell(self, status: Mapping[str, object]) -> None:
        """Tell whoever looks how the node is; this alone may be lost in a power cut."""
        partial = self._status.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(status, sort_keys=True), encoding="utf-8")
            partial.replace(self._status)
        except OSError as e:
            raise StoreError(f"status {self._status} cannot be written: {e}") from e

    def status(self) -> dict[str, Any] | None:
        """Give what the node told last, None where it told nothing."""
        try:
            told = json.loads(self._status.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as e:
            raise StoreError(f"status {self._status} cannot be read: {e}") from e
        if not isinstance(told, dict):
            raise StoreError(f"status {self._status} is no status: {told!r:.80}")
        return told

    @property
    def _status(self) -> Path:
        return self._path.with_name(f"{self._path.stem}.status.json")

    # ------------------------------------------------------------ the file

    def _fact(self, name: str) -> str | None:
        with self._told(f"{name} cannot be read") as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set_fact(self, name: str, value: str) -> None:
        with self._told(f"{name} cannot be kept") as connection:
            connection.execute(
                "INSERT INTO facts VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    @contextmanager
    def _told(self, fault: str) -> Iterator[sqlite3.Connection]:
        if self._connection is None:
            raise StoreError(f"store {self._path} is not open")
        if self._inode != self._known_inode():
            # Who looks for it next makes another, and holds no node for the one of it
            raise StoreError(f"store {self._path} is gone, or another file is in its place")
        try:
            with self._connection:  # commits, or rolls back what failed
                yield self._connection
        except sqlite3.Error as e:
            raise StoreError(f"store {self._path}: {fault}: {e}") from e

    def _hold(self) -> None:
        """Keep a second node from trading on the same store."""
        if not self._account:
            return
        self._lock = self._path.with_suffix(".lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreHeldError(f"store {self._path} is held by a node that runs") from None

    def _open(self) -> None:
        if not self._account and not self._path.is_file():
            raise StoreError(f"store {self._path} does not exist")
        try:
            if not self._path.exists():
                _found(self._path, self._account)
            self._connection = sqlite3.connect(self._path, timeout=_BUSY_SECS)
            if self._account:
                self._refuse_strange(self._connection)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._connection:
                for table in _TABLES:
                    self._connection.execute(table)
        except sqlite3.Error as e:
            raise StoreError(f"store {self._path} cannot be opened: {e}") from e
        self._inode = self._known_inode()

    def _known_inode(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None

    def _refuse_strange(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that lost what it held: a halt would be gone without a word."""
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'facts'"
        if connection.execute(tables).fetchone()[0]:
            found = connection.execute("SELECT 1 FROM facts WHERE name = 'version'").fetchone()
            if found is not None:
                return
        raise StoreError(
            f"store {self._path} is there and is none, or was emptied: what it held is unknown; "
            f"move it away to begin anew"
        )

    def _check_owner(self) -> None:
        for name, ours in (("version", _VERSION), ("account", self._account)):
            known = self._fact(name)
            if ours and known != ours:
                raise StoreForeignError(f"store {self._path} is of {name} {known}, not of {ours}")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _found(path: Path, account: str) -> None:
    """Make a store in one step, so that whoever is killed leaves a whole one or none."""
    begun = path.with_suffix(".begun")
    begun.unlink(missing_ok=True)
    with closing(sqlite3.connect(begun)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")  # what is not whole is begun anew
        with connection:
            for table in _TABLES:
                connection.execute(table)
            facts = (("version", _VERSION), ("account", account))
            connection.executemany("INSERT INTO facts VALUES (?, ?)", facts)
    begun.replace(path)


def _risk_of(venue: str) -> str:
    return f"risk {venue}" if venue else "risk"

"""Serves programs outside at a socket of this machine: one line of JSON asks, one answers."""

import asyncio
import os
import socket as sockets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from live.answers import Kind
from live.counter import Counter
from live.meaning import Refusal
from morningstar_strategy.actors.base import Actor
from morningstar_strategy.book import StoreError
from morningstar_strategy.core.records import of_health
from morningstar_strategy.core.strict import MAX_TEXT_BYTES, CommandError, Fields, load
from morningstar_strategy.core.wire import dump
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.store import StateStore
from morningstar_strategy.strategy import MorningstarStrategy
from morningstar_strategy.topics import RECORD

__all__ = ["DeskActor"]

_MOST_CLIENTS: Final = 16
_REST_SECS: Final = 0.02  # of the loop for the engine before each request, whoever asks
_CLOSE_SECS: Final = 1.0  # between two tries to close what is left
_WRITE_SECS: Final = 5.0  # a client that does not read loses its connection
_LONGEST_ID: Final = 80


class DeskActor(Actor):
    """Listens at a Unix socket that only this user may open; there is no network to it.

    Connections are read on the loop on which the engine runs, so no other thread ever touches it.
    Requests of one connection are served in turn, and those of all together with a rest before
    each, so that nobody who asks without a pause keeps the guard from looking. The gate rules on
    everything that trades.
    """

    def __init__(
        self,
        strategies: Sequence[MorningstarStrategy],
        store: StateStore,
        *,
        socket: Path,
        faults: Faults,
    ) -> None:
        self.faults = faults
        self._strategies = tuple(strategies)
        self._store = store
        self._path = socket
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()  # of connections, and of listening
        self._closing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()  # of all connections; first come, first served

    @guarded
    def on_start(self) -> None:
        """Begin to listen."""
        clock = self.clock
        self._log, self._now_ns = self.log, clock.timestamp_ns
        self._counter = Counter(
            self._strategies, self._store, now_ns=clock.timestamp_ns, close_all=self._close_all
        )
        self._keep(asyncio.get_running_loop().create_task(self._listen()))

    @guarded
    def on_stop(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        if self._closing is not None:
            self._closing.cancel()
        for task in tuple(self._tasks):
            task.cancel()

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        try:
            self._server = await asyncio.start_unix_server(
                self._meet, sock=_bound(self._path), limit=MAX_TEXT_BYTES
            )
        except OSError as e:  # nobody outside is served, and trading goes on
            told = f"the desk {self._path} cannot be opened: {e}"
            self._log.error(told)
            now_ns = self._now_ns()
            record = of_health(ts_event=now_ns, instrument_id="", state="no desk", reason=told)
            self.publish_message(RECORD, record)

    # ------------------------------------------------------------ where nothing can be written

    def _close_all(self, reason: str) -> None:
        """Halt every strategy and close all it has, as the guard does on a written request."""
        for strategy in self._strategies:
            self._attempt(partial(strategy.halt, reason, flatten=True))
        if self._closing is None or self._closing.done():
            self._closing = asyncio.get_running_loop().create_task(self._go_on_closing(reason))

    async def _go_on_closing(self, reason: str) -> None:
        """Close what is left, until the engine knows of nothing."""
        while any(strategy.leftovers() for strategy in self._strategies):
            await asyncio.sleep(_CLOSE_SECS)
            for strategy in self._strategies:
                for name in strategy.names:
                    self._attempt(partial(strategy.close, name, reason))

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do one thing; what it raises is a fault, and the others are done all the same."""
        try:
            act()
        except Exception as e:
            if not any(type(e) is type(known) for known in self.faults.errors):
                self.faults.errors.append(e)

    # ------------------------------------------------------------ one connection

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._keep(task)
        try:
            if len(self._tasks) > _MOST_CLIENTS:
                await _write(writer, _error(None, Kind.RATE_LIMIT, "too many programs are served"))
                return
            while await self._serve(reader, writer):
                pass
        except (OSError, TimeoutError):  # it has gone
            return
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one line; false where no further line can come."""
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:  # the end, in the middle of a line or not
            return False
        except asyncio.LimitOverrunError:
            told = f"a request is at most {MAX_TEXT_BYTES} bytes long"
            await _write(writer, _error(None, Kind.BAD_PARAMETERS, told))
            return False
        await self._await_turn()
        await _write(writer, await self._answer(line))
        return True

    async def _await_turn(self) -> None:
        """Let the engine go on first: whoever is next begins to rest once this request is done."""
        async with self._turn:
            await asyncio.sleep(_REST_SECS)

    async def _answer(self, line: bytes) -> str:
        number: object = None
        try:
            fields = Fields(load(line), where="request")
            number = fields.text("id")[:_LONGEST_ID]
            op = fields.text("op")
            args = Fields(fields.take("args"), where="args")
            fields.finish()
            result = await self._counter.operation(op)(args)
            return dump({"id": number, "ok": True, "result": result})
        except Refusal as e:
            return _error(number, e.kind, f"{e}")
        except (CommandError, RecursionError) as e:
            return _error(number, Kind.BAD_PARAMETERS, f"{e}")
        except StoreError as e:  # nothing was begun, since it could not be kept
            return _error(number, Kind.NOT_READY, f"{e}")
        except Exception as e:  # ours to mend: the guard latches a halt
            self.faults.errors.append(e)
            return _error(number, Kind.INTERNAL, f"{type(e).__name__}: {e}")


def _error(number: object, kind: Kind, message: str) -> str:
    return dump({"id": number, "ok": False, "error": {"kind": kind.value, "message": message}})


async def _write(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(text.encode() + b"\n")
    async with asyncio.timeout(_WRITE_SECS):
        await writer.drain()


def _bound(path: Path) -> sockets.socket:
    """Bind a socket that nobody else may open, in the place of one that a dead node left."""
    path.unlink(missing_ok=True)  # the store's lock says that no other node runs
    bound = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            bound.bind(str(path))
        finally:
            os.umask(before)
    except OSError:
        bound.close()
        raise
    return bound

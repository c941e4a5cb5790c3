"""A local exchange in a process of its own that plays bars of a catalog, as its parent sees it."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

# `Any` in this module: what the child says is JSON

_ROOT: Final = Path(__file__).parents[2]
_START_SECS: Final = 60.0
_ANSWER_SECS: Final = 30.0
_END_SECS: Final = 30.0
_TAIL: Final = 4_000  # characters of what the child complained of


class PlayedVenueError(RuntimeError):
    """The child died, or refused what it was told."""


class PlayedVenue:
    """`python -m tests.venue.play` with these options; open it with `with`.

    An option's name is that of the command line, with `_` for `-`: True is a bare flag, None and
    False leave it out, a sequence is joined by commas.
    """

    def __init__(
        self, dialect: str, *, catalog: Path, instruments: Sequence[str], **options: object
    ) -> None:
        wanted = {"dialect": dialect, "catalog": catalog, "instruments": instruments, **options}
        self._command = [sys.executable, "-m", "tests.venue.play", *_arguments(wanted)]
        self.opening: Mapping[str, Any] = {}  # the child's first line
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._asking = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._complaints: IO[str] | None = None

    @property
    def url(self) -> str:
        """Tell the address that replaces `https://` in front of the venue's own hosts."""
        return str(self.opening["url"])

    @property
    def environment(self) -> dict[str, str]:
        """Tell the variables in which a user of this venue would keep these keys."""
        return dict(self.opening["environment"])

    @property
    def pid(self) -> int:
        """Tell the child's process, for who wants to end it."""
        return self._opened.pid

    def truth(self) -> dict[str, Any]:
        """Read the exchange's ledger (see `accounting.truth_row`, `control.Control.truth`)."""
        return self.ask("truth")

    def add_faults(self, *faults: Mapping[str, Any]) -> None:
        """Put rules of `tests.venue.faults` into force, as plain rows."""
        self.ask(f"faults {json.dumps(faults)}")

    def calm(self) -> None:
        """Take all rules of faults out of force; what they broke stays broken."""
        self.ask("calm")

    def drop(self, kind: str | None = None) -> int:
        """Reset the "public", the "private" or all websockets; say how many."""
        return int(self.ask(f"drop {kind or ''}")["dropped"])

    def restart(self, away_secs: float = 0.0) -> None:
        """Reset every connection; it listens again, state kept, after so long (not waited for)."""
        self.ask(f"restart {away_secs}")

    def manual_trade(
        self, symbol: str, side: str, quantity: object, **terms: object
    ) -> dict[str, Any]:
        """Trade base coins on the account as a person at the venue would; give the order."""
        wish = {"symbol": symbol, "side": side, "quantity": str(quantity), **terms}
        return dict(self.ask(f"manual {json.dumps(wish, default=str)}")["order"])

    def spike(self, symbol: str, price: object) -> None:
        """Let others trade one lot at this price; the next trade is the market's own again."""
        self.ask(f"others {json.dumps({'symbol': symbol, 'price': str(price)})}")

    def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancel an order at the venue as a person would; give the order."""
        return dict(self.ask(f"cancel {order_id}")["order"])

    def ask(self, line: str) -> dict[str, Any]:
        """Send one line and give its answer; raise PlayedVenueError where there is none."""
        with self._asking:
            process = self._opened
            assert process.stdin is not None
            try:
                process.stdin.write(line + "\n")
                process.stdin.flush()
            except OSError as e:
                raise PlayedVenueError(self._death()) from e
            answer = self._next(_ANSWER_SECS)
        if "error" in answer:
            raise PlayedVenueError(f"{line.split(' ')[0]}: {answer['error']}")
        return answer

    def __enter__(self) -> Self:
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8")  # closed in _end
        self._process = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'adapters'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        try:
            self.opening = self._next(_START_SECS)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        status, tail = self._end()
        if status and error is None:
            raise PlayedVenueError(f"the venue ended with status {status}: {tail}")

    @property
    def _opened(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise PlayedVenueError("the venue is not running, open it with `with`")
        return self._process

    def _next(self, secs: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=secs)
        except queue.Empty:
            raise PlayedVenueError(f"the venue did not answer within {secs} s") from None
        if line is None:
            self._answers.put(None)  # for whoever asks again
            raise PlayedVenueError(self._death())
        return dict(json.loads(line))

    def _death(self) -> str:
        status = self._opened.wait(_END_SECS)
        return f"the venue ended with status {status}: {self._tail()}"

    def _tail(self) -> str:
        assert self._complaints is not None
        if self._complaints.closed:
            return "its complaints were thrown away"
        self._complaints.seek(0)
        return self._complaints.read()[-_TAIL:].strip() or "it complained of nothing"

    def _end(self) -> tuple[int, str]:
        """End the child in good order, else at once; tell its status and its complaints."""
        process = self._opened
        assert process.stdin is not None
        assert process.stdout is not None
        assert self._complaints is not None
        with suppress(BrokenPipeError):  # it is dead already, which its status tells
            process.stdin.close()
        try:
            status = process.wait(_END_SECS)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self._reader.join(_END_SECS)
        process.stdout.close()
        tail = self._tail()
        self._complaints.close()
        return status, tail

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._answers.put(line)
        self._answers.put(None)


def _arguments(options: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        found.append(f"--{name.replace('_', '-')}")
        if value is True:
            continue
        parts = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
        found.append(",".join(str(part) for part in parts))
    return found

"""Writes down what crosses the border, as lines that a kill cannot tear out of."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nautilus_trader.common import Clock

from morningstar_strategy.border.arguments import written
from morningstar_strategy.border.crossing import Asked, Codec, Origin, Plain

__all__ = ["ACT", "BAR", "CALL", "END", "RAISED", "SEEN", "Recorder", "crossings_file"]

# The first word of a line
CALL: Final = "call"  # depth, time, origin, method, arguments, named arguments
SEEN: Final = "seen"  # number of the look, question, answer that was another before
ACT: Final = "act"  # number of the look that it follows, what was done
BAR: Final = "bar"  # time, instrument, close: a bar from which a prediction was made
END: Final = "end"  # of an outermost call: without it a kill cut the call off
RAISED: Final = "raised"  # key of an answer that is an exception: its type and its words

_MOST_WAITING: Final = 100_000  # lines that a full disk does not take


def crossings_file(index: int) -> str:
    """Name the file of a node's first, second, ... strategy in a run folder."""
    return f"crossings-{index + 1:03d}.jsonl"


class Recorder:
    """Records one strategy's border; whoever opens it closes it.

    Lines are on the file when the outermost call returns. A disk that takes nothing is tried again
    at each call; `fault` says what is wrong with it meanwhile. Nothing that fails here reaches who
    trades: a record that cannot go on ends, and says so for good.
    """

    def __init__(self, path: Path, *, clock_ns: Callable[[], int]) -> None:
        self.fault = ""
        self._path = path
        self._clock_ns = clock_ns
        self._file = -1
        self._size = 0
        self._lines: list[str] = []
        self._is_broken = False
        self._depth = 0
        self._now_ns = 0
        self._looks = 0
        self._known: dict[str, Plain] = {}
        self._write_down = json.JSONEncoder(separators=(",", ":")).encode

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file >= 0:
            self._flush()
            os.close(self._file)
            self._file = -1

    def attach(self, target: object, clock: Clock) -> None:
        """Go by the clock of the strategy, which is the engine's."""
        del target
        self._clock_ns = clock.timestamp_ns

    def bar(self, instrument_id: str, ts_event: int) -> None:
        """Write down that a prediction is made from a bar now."""
        ts = self.now_ns(self._clock_ns)
        self._add(lambda: [BAR, ts, instrument_id, ts_event])
        if not self._depth:
            self._flush()

    def call[R](self, origin: Origin, asked: Asked, run: Callable[[], R]) -> R:
        """Let a call in and write it down, with all that is seen and done in it."""
        before_ns, self._now_ns = self._now_ns, self._clock_ns()
        self._depth += 1
        head = (CALL, self._depth, self._now_ns, origin.value, asked.what)
        self._add(lambda: [*head, *written(asked)])
        try:
            return run()
        finally:
            self._depth -= 1
            self._now_ns = before_ns
            if not self._depth:
                self._add(lambda: [END])
                self._flush()

    def now_ns(self, look: Callable[[], int]) -> int:
        """Give the time at which the call began, outside of one what `look` tells."""
        return self._now_ns if self._depth else look()

    def see[T](
        self,
        question: str,
        look: Callable[[], T],
        codec: Codec[T],
        raises: tuple[type[Exception], ...] = (),
    ) -> T:
        """Look, and write down what was seen where it is not what was seen before."""
        if not self._depth:
            return look()
        try:
            value = look()
        except raises as e:
            raised = {RAISED: [type(e).__name__, f"{e}"]}
            self._note(question, lambda: raised)
            raise
        self._note(question, lambda: codec.encode(value))
        return value

    def act(self, what: Plain, do: Callable[[], None]) -> None:
        """Write down what goes out, and let it."""
        if self._depth:
            self._add(lambda: [ACT, self._looks, what])
        do()

    def forget(self, question: str) -> None:
        """Free the memory of an answer."""
        self._known.pop(question, None)

    def _note(self, question: str, encode: Callable[[], Plain]) -> None:
        self._looks += 1
        self._add(lambda: self._news(question, encode()))

    def _news(self, question: str, answer: Plain) -> Plain:
        """Give the line of an answer, None where it is the one before."""
        if question in self._known and self._known[question] == answer:
            return None
        self._known[question] = answer
        return [SEEN, self._looks, question, answer]

    def _add(self, make: Callable[[], Plain]) -> None:
        """Write a line down; whatever fails in that must not cost a trade."""
        if self._is_broken:
            return
        try:
            line = make()
            if line is not None:
                self._lines.append(self._write_down(line))
        except Exception as e:
            self._break(f"{type(e).__name__}: {e}")
        if len(self._lines) >= _MOST_WAITING:
            self._break("too much had to wait for the disk")

    def _break(self, why: str) -> None:
        """Write nothing more: a record with a hole is none."""
        self._is_broken = True
        self._lines.clear()
        self.fault = f"{self._path.name} ends here: {why}"

    def _flush(self) -> None:
        """Bring what waits to the file, all of it or nothing."""
        if not self._lines:
            return
        content = ("\n".join(self._lines) + "\n").encode()
        self.fault = self._append(content)
        if not self.fault:
            self._size += len(content)
            self._lines.clear()
            return
        try:
            os.ftruncate(self._file, self._size)  # no line is there twice, none in part
            os.lseek(self._file, self._size, os.SEEK_SET)
        except OSError as e:
            self._break(f"what was written in part stays: {e.strerror}")

    def _append(self, content: bytes) -> str:
        """Write; say why not all of it could be, "" where it was."""
        try:
            taken = os.write(self._file, content)
        except OSError as e:
            return f"{self._path.name} cannot be written: {e.strerror}"
        return "" if taken == len(content) else f"{self._path.name} is cut: the disk is full"

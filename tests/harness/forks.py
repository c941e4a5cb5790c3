"""Processes of their own that need not import ccxt and the engine, for one has already.

The imports of a node, pandas by the engine's own wish, take longer than its start: a server makes
them once, and every process is its fork.
"""

import os
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final, Self, TextIO

# `Any` in this module: whatever a function takes

_FORKS: Final = get_context("forkserver")
_FORKS.set_forkserver_preload(["ccxt_nt.factories", "pandas", "tests.harness.obeying"])


class Fork:
    """A function that runs in a process of its own; `stdin` and `stdout` are our ends of its."""

    def __init__(self, stdin: TextIO, stdout: TextIO, process: Any) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self._process = process

    @classmethod
    def start(cls, act: Callable[..., None], *args: Any) -> Self:
        """Call a function of a module; what it prints can be read, and what is written it reads."""
        theirs_in, ours_in = _FORKS.Pipe(duplex=False)
        ours_out, theirs_out = _FORKS.Pipe(duplex=False)
        process = _FORKS.Process(target=_run, args=(theirs_in, theirs_out, act, args), daemon=True)
        process.start()
        theirs_in.close()
        theirs_out.close()
        return cls(_opened(ours_in, "w"), _opened(ours_out, "r"), process)

    def wait(self, secs: float | None = None) -> int:
        """Give the exit status; raise TimeoutError where it does not end in time."""
        self._process.join(secs)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self._process.pid} did not end within {secs} s")
        return int(self._process.exitcode)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def _opened(end: Connection, mode: str) -> Any:
    opened = os.fdopen(os.dup(end.fileno()), mode)
    end.close()
    return opened


def _run(heard: Connection, told: Connection, act: Callable[..., None], args: Any) -> None:
    os.dup2(heard.fileno(), 0)
    for number in (1, 2):
        os.dup2(told.fileno(), number)
    heard.close()
    told.close()
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
    act(*args)

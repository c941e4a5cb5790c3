"""Nodes in processes of their own, as a test sees them: commands in, facts out."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# `Any` in this module: facts are JSON

ROOT = Path(__file__).parents[2]

type Fact = dict[str, Any]


class NodeProcess:
    """One node; open it with `with`, which waits until its strategy runs."""

    def __init__(
        self, module: str, options: object, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self.facts: list[Fact] = []
        self.noise: list[str] = []  # whatever the engine logged
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        self.wait("started", secs=40)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._reader.join(5)

    def do(self, act: str, **more: Any) -> None:
        """Tell the strategy to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": act, **more}) + "\n")
        self._process.stdin.flush()

    def of(self, kind: str) -> list[Fact]:
        """List the facts of a kind, oldest first."""
        with self._news:
            return [fact for fact in self.facts if fact["kind"] == kind]

    def wait(
        self,
        kind: str,
        fits: Callable[[Fact], bool] = lambda fact: True,
        *,
        count: int = 1,
        secs: float = 15.0,
        after: int = 0,
    ) -> list[Fact]:
        """Wait for so many facts of a kind that fit, counted from a position in `facts`."""
        until = time.monotonic() + secs
        with self._news:
            while True:
                found = [fact for fact in self.facts[after:] if fact["kind"] == kind and fits(fact)]
                if len(found) >= count:
                    return found
                left = until - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    raise AssertionError(
                        f"{count} x {kind} did not come, but {len(found)}; heard last: "
                        f"{self.facts[-5:]}; logged: {self.noise[-15:]}"
                    )
                self._news.wait(left)

    def logged(self, words: str) -> bool:
        """Say whether the engine logged something."""
        return any(words in line for line in self.noise)

    @property
    def mark(self) -> int:
        """Tell the present position in `facts`."""
        with self._news:
            return len(self.facts)

    def until(self, holds: Callable[[], bool], *, secs: float = 15.0) -> None:
        """Wait until something is so, looking again whenever a fact comes."""
        deadline = time.monotonic() + secs
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"it never became so; logged: {self.noise[-15:]}")
            with self._news:
                self._news.wait(0.05)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                try:
                    fact = json.loads(line)
                except json.JSONDecodeError:
                    self.noise.append(line.rstrip())
                else:
                    self.facts.append(fact)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

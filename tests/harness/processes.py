"""A node in a process of its own, as a test sees it: commands in, facts out."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from tests.harness import obeying
from tests.harness.forks import Fork
from tests.harness.telling import Fact
from tests.venue.local import LocalVenue

# `Any` in this module: facts are JSON

PATIENCE_SECS: Final = 60.0  # for progress, on a machine that others use as well
_START_SECS: Final = 90.0
_END_SECS: Final = 60.0
_POLL_SECS: Final = 0.02  # what is outside of the node makes no fact


class NodeProcess:
    """One node; open it with `with`, which waits until its strategy runs.

    `setup` are fields of `tests.harness.nodes.Setup`, `first` the commands that are done before the
    node tells that it has started.
    """

    def __init__(
        self, venue: LocalVenue, setup: Mapping[str, Any], first: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.facts: list[Fact] = []
        self.noise: list[str] = []  # whatever the engine logged
        self._ended = False
        self._heard = 0  # facts that `expect` went past
        self._news = threading.Condition()
        plan = {
            "dialect": venue.dialect.name,
            "url": venue.url,
            "environment": venue.environment,
            "setup": {"post_stop_secs": 0, **setup},
            "first": first,
        }
        self._process = Fork.start(obeying.main, plan)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        try:
            self.expect(lambda fact: fact["kind"] == "started", secs=_START_SECS)
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stdin.close()
        try:
            status = self._process.wait(_END_SECS)
        except TimeoutError:
            self._process.kill()
            if error is None:
                raise
        else:
            self._reader.join(_END_SECS)
            assert error is not None or status == 0, f"exit status {status}; {self._last()}"

    def do(self, act: str, **more: Any) -> None:
        """Tell the strategy to do something."""
        self._process.stdin.write(json.dumps({"do": act, **more}) + "\n")
        self._process.stdin.flush()

    @property
    def heard(self) -> list[Fact]:
        """List the facts that `expect` went past, oldest first."""
        with self._news:
            return self.facts[: self._heard]

    def expect(self, fits: Callable[[Fact], bool], *, secs: float = PATIENCE_SECS) -> Fact:
        """Wait for a fact that comes after all that was heard so far, and hear it."""
        deadline = time.monotonic() + secs
        with self._news:
            while True:
                while self._heard < len(self.facts):
                    self._heard += 1
                    if fits(self.facts[self._heard - 1]):
                        return self.facts[self._heard - 1]
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(f"it did not come within {secs} s; {self._last()}")
                self._news.wait(left)

    def hear_all(self, *, secs: float) -> None:
        """Hear whatever comes in a while."""
        deadline = time.monotonic() + secs
        with self._news:
            while (left := deadline - time.monotonic()) > 0 and not self._ended:
                self._news.wait(left)
            self._heard = len(self.facts)

    @property
    def mark(self) -> int:
        """Tell the present position in `facts`."""
        with self._news:
            return len(self.facts)

    def of(self, kind: str) -> list[Fact]:
        """List the facts of a kind, oldest first."""
        with self._news:
            return [fact for fact in self.facts if fact["kind"] == kind]

    def logged(self, words: str) -> bool:
        """Say whether the engine logged something."""
        return any(words in line for line in self.noise)

    def wait(
        self,
        kind: str,
        fits: Callable[[Fact], bool] = lambda fact: True,
        *,
        count: int = 1,
        secs: float = PATIENCE_SECS,
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
                if left <= 0 or self._ended:
                    raise AssertionError(f"{count} x {kind}, but {len(found)}; {self._last()}")
                self._news.wait(left)

    def until(self, holds: Callable[[], bool], *, secs: float = PATIENCE_SECS) -> None:
        """Wait until something is so, looking again whenever a fact comes."""
        deadline = time.monotonic() + secs
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"it never became so; {self._last()}")
            with self._news:
                self._news.wait(_POLL_SECS)

    def _last(self) -> str:
        end = "the node ended" if self._ended else "the node runs"
        return f"{end}; heard last: {self.facts[-8:]}; logged: {self.noise[-15:]}"

    def _read(self) -> None:
        for line in self._process.stdout:
            fact = _parsed(line)
            with self._news:
                if fact is None:
                    self.noise.append(line.rstrip())
                else:
                    self.facts.append(fact)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def _parsed(line: str) -> Fact | None:
    with suppress(ValueError):
        found = json.loads(line)
        return found if isinstance(found, dict) else None
    return None

"""One live provider: a question in, its raw text out, on a thread of its own."""

import asyncio
import importlib
import math
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, cast

from morningstar_strategy.supervisor.exchange import Failure, ProviderError, Question, Reply
from morningstar_strategy.supervisor.providers import ProviderSpec

__all__ = ["Heard", "HttpProvider", "Line"]

_GRACE_SECS: Final = 0.25  # past the deadline, for the loop to say so itself
_CLOSE_SECS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The text of a reply as it came, and the tokens it took."""

    text: str
    tokens_in: int
    tokens_out: int


class Line(Protocol):
    """What speaks a provider's protocol; raises nothing but ProviderError."""

    async def ask(self, question: Question, *, deadline_secs: float) -> Heard:
        """Send one request, and no second one."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class HttpProvider:
    """Asks one endpoint, once a question; whoever wants retries puts a Chain above.

    Opening one imports the transport library, which takes seconds: open it before trading starts.
    Any number of threads may ask at the same time. Raises ValueError where the key is missing, and
    RuntimeError where the `llm` extra is not installed.
    """

    def __init__(self, spec: ProviderSpec, *, environ: Mapping[str, str]) -> None:
        key = spec.key(environ)
        self.spec = spec
        self._line = _open_line(spec, key)
        self._loop = _PrivateLoop(f"llm-{spec.name}")

    @property
    def name(self) -> str:
        """Give the provider's name."""
        return self.spec.name

    def __repr__(self) -> str:
        return f"HttpProvider({self.spec.name}, {self.spec.model})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        """Answer within the deadline, blocking; raises ProviderError."""
        started = time.monotonic()
        outcome = self._outcome(question, deadline_secs)
        latency_ms = round((time.monotonic() - started) * 1_000)
        match outcome:
            case Heard():
                return Reply(
                    text=outcome.text,
                    provider=self.spec.name,
                    model=self.spec.model,
                    tokens_in=outcome.tokens_in,
                    tokens_out=outcome.tokens_out,
                    latency_ms=latency_ms,
                )
            case ProviderError() as e:
                # Made anew, out of reach of the transport's exceptions: they hold the request
                raise ProviderError(
                    e.failure,
                    str(e),
                    latency_ms=latency_ms,
                    retry_after_secs=e.retry_after_secs,
                    charged=e.charged,
                )

    def close(self) -> None:
        """Give up whatever is asked, close the connections and end the thread."""
        self._loop.close(self._line.close())

    def _outcome(self, question: Question, deadline_secs: float) -> Heard | ProviderError:
        if not (math.isfinite(deadline_secs) and deadline_secs > 0):
            return ProviderError(Failure.DEADLINE, f"{self.name}: no time was left to ask")
        asked = self._loop.start(self._heard(question, deadline_secs))
        if asked is None:
            return self._closed()
        try:
            return asked.result(deadline_secs + _GRACE_SECS)
        except TimeoutError:
            asked.cancel()
            return self._late(deadline_secs)
        except CancelledError:
            return self._closed()

    async def _heard(self, question: Question, deadline_secs: float) -> Heard | ProviderError:
        try:
            async with asyncio.timeout(deadline_secs):
                return await self._line.ask(question, deadline_secs=deadline_secs)
        except TimeoutError:
            return self._late(deadline_secs)
        except ProviderError as e:
            return e

    def _late(self, deadline_secs: float) -> ProviderError:
        detail = f"{self.name}: no reply within {deadline_secs:g} s"
        return ProviderError(Failure.DEADLINE, detail, charged=1)

    def _closed(self) -> ProviderError:
        return ProviderError(Failure.UNAVAILABLE, f"{self.name}: closed")


def _open_line(spec: ProviderSpec, key: str | None) -> Line:
    # Here and not above: who never asks a live provider need not have or load its libraries
    try:
        transport = importlib.import_module("morningstar_strategy.supervisor.transport")
    except ModuleNotFoundError as e:
        raise RuntimeError(
            f"{e.name} is missing: a live provider needs pip install morningstar-strategy[llm]"
        ) from e
    return cast(Line, transport.open_line(spec, key))  # what a dynamic import gives is untyped


class _PrivateLoop:
    """An event loop on its own thread."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def start[T](self, work: Coroutine[object, object, T]) -> Future[T] | None:
        """Start a piece of work, None if the loop is closed."""
        with self._lock:
            if self._open:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        return None

    def close(self, last: Coroutine[object, object, None]) -> None:
        """Cancel what runs, do a last thing, end; a second time does nothing."""
        with self._lock:
            was_open, self._open = self._open, False
        if not was_open:
            last.close()
            return
        ended = asyncio.run_coroutine_threadsafe(self._end(last), self._loop)
        try:
            ended.result(_CLOSE_SECS)
        except TimeoutError:
            ended.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECS)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self, last: Coroutine[object, object, None]) -> None:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await last

"""Several providers as one: retries with back-off, circuit breakers, fallbacks, one deadline."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Final

from morningstar_strategy.supervisor.breaker import Breaker
from morningstar_strategy.supervisor.client import HttpProvider
from morningstar_strategy.supervisor.exchange import (
    Failure,
    Provider,
    ProviderError,
    Question,
    Reply,
)
from morningstar_strategy.supervisor.providers import ProviderSpec

__all__ = ["Chain", "Patience", "open_chain"]

_AGAIN: Final = (Failure.UNAVAILABLE, Failure.THROTTLED)  # what may pass by itself
_LEAST_SECS: Final = 0.05  # less time than this is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to insist, and when to stop."""

    attempts: int = 2  # requests to one provider for one question
    first_wait_secs: float = 0.25  # before the second; doubles, times a random [0.5, 1]
    most_wait_secs: float = 2.0  # unless the provider asks for more
    first_share: float = 0.6  # of the time left, for a provider that another one follows
    breaker_failures: int = 3  # questions in a row that a provider did not answer
    breaker_secs: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= 10:
            raise ValueError(f"attempts must be in [1, 10], was {self.attempts}")
        if not 0 < self.first_wait_secs <= self.most_wait_secs < math.inf:
            raise ValueError(
                f"first_wait_secs must be in (0, most_wait_secs {self.most_wait_secs}], "
                f"was {self.first_wait_secs}"
            )
        if not 0 < self.first_share <= 1:
            raise ValueError(f"first_share must be in (0, 1], was {self.first_share}")
        if not self.breaker_failures >= 1:
            raise ValueError(f"breaker_failures must be positive, was {self.breaker_failures}")
        if not 0 < self.breaker_secs < math.inf:
            raise ValueError(f"breaker_secs must be positive, was {self.breaker_secs}")


class Chain:
    """Asks the first provider, and the next where it gives no reply; names are for messages.

    The latency of a reply is that of the whole, failed attempts included. `clock` gives monotonic
    seconds, `pause` waits so many seconds and says whether the chain was closed meanwhile. Any
    number of threads may ask at the same time. Whoever opened the providers closes them.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        rng: Random,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        if not providers:
            raise ValueError("providers must not be empty")
        patience = patience or Patience()
        self._closed = threading.Event()
        self._rng = rng
        self._patience = patience
        self._clock = clock
        self._pause = pause or self._closed.wait
        make = partial(
            Breaker,
            failures=patience.breaker_failures,
            open_secs=patience.breaker_secs,
            clock=clock,
        )
        self._links = tuple(_Link(name, one, make()) for name, one in providers.items())

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        """Answer within the deadline, blocking; raises ProviderError for the last failure."""
        started = self._clock()
        failures: list[ProviderError] = []
        for position, link in enumerate(self._links):
            left = started + deadline_secs - self._clock()
            if not left >= _LEAST_SECS or self._closed.is_set():
                break
            last = position == len(self._links) - 1
            secs = left if last else left * self._patience.first_share
            outcome = self._ask_one(link, question, secs, fair=secs * 2 >= deadline_secs)
            if isinstance(outcome, Reply):
                charged = outcome.charged + sum(each.charged for each in failures)
                latency_ms = self._millis_since(started)
                return replace(outcome, latency_ms=latency_ms, charged=charged)
            failures.append(outcome)
        raise self._despair(failures, deadline_secs, self._millis_since(started))

    def close(self) -> None:
        """End every wait; what is asked from now on fails."""
        self._closed.set()

    def _ask_one(
        self, link: "_Link", question: Question, secs: float, *, fair: bool
    ) -> Reply | ProviderError:
        """Ask one provider; it is held against it only if it had a `fair` part of the time."""
        if not link.breaker.admit():
            return ProviderError(Failure.OPEN, f"{link.name}: left alone after its failures")
        settle = link.breaker.abandoned
        try:
            outcome = self._insist(link.provider, question, secs)
            settle = _verdict(link.breaker, outcome, fair=fair and not self._closed.is_set())
        finally:
            settle()
        return outcome

    def _insist(self, provider: Provider, question: Question, secs: float) -> Reply | ProviderError:
        ends = self._clock() + secs
        attempt = charged = 0
        while True:
            try:
                reply = provider.ask(question, deadline_secs=ends - self._clock())
                return replace(reply, charged=charged)
            except ProviderError as e:
                failure = e
            attempt += 1
            charged = failure.charged = charged + failure.charged
            wait = self._wait_secs(attempt, failure)
            in_time = self._clock() + wait <= ends - _LEAST_SECS
            hopeful = failure.failure in _AGAIN and attempt < self._patience.attempts
            if not (hopeful and in_time) or self._pause(wait):
                return failure

    def _wait_secs(self, attempt: int, failure: ProviderError) -> float:
        doubled = self._patience.first_wait_secs * 2.0 ** (attempt - 1)
        wait = min(doubled, self._patience.most_wait_secs) * self._rng.uniform(0.5, 1.0)
        return max(wait, failure.retry_after_secs or 0.0)

    def _despair(
        self, failures: Sequence[ProviderError], deadline_secs: float, latency_ms: int
    ) -> ProviderError:
        if not failures:
            kind = Failure.UNAVAILABLE if self._closed.is_set() else Failure.DEADLINE
            detail = "closed" if self._closed.is_set() else f"no time in {deadline_secs:g} s"
            return ProviderError(kind, detail, latency_ms=latency_ms)
        tried = [e for e in failures if e.failure is not Failure.OPEN] or failures
        detail = "; ".join(str(e) for e in failures)
        charged = sum(each.charged for each in failures)
        return ProviderError(tried[-1].failure, detail, latency_ms=latency_ms, charged=charged)

    def _millis_since(self, started: float) -> int:
        return round((self._clock() - started) * 1_000)


@dataclass(frozen=True, slots=True)
class _Link:
    name: str
    provider: Provider
    breaker: Breaker


def _verdict(breaker: Breaker, outcome: Reply | ProviderError, *, fair: bool) -> Callable[[], None]:
    match outcome:
        case Reply() | ProviderError(failure=Failure.REFUSED):
            return breaker.succeeded  # it is there, and spoke about this question
        case ProviderError(failure=Failure.DEADLINE) if not fair:
            return breaker.abandoned
        case ProviderError():
            return breaker.failed


@contextmanager
def open_chain(
    specs: Sequence[ProviderSpec],
    *,
    environ: Mapping[str, str],
    rng: Random,
    patience: Patience | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Chain]:
    """Open the providers in their order, as one that closes them at the end.

    Raises ValueError for a missing key or a name given twice, before anything is asked.
    """
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise ValueError(f"names of providers must be distinct, were {', '.join(names)}")
    with ExitStack() as opened:
        providers = {
            spec.name: opened.enter_context(HttpProvider(spec, environ=environ)) for spec in specs
        }
        chain = Chain(providers, rng=rng, patience=patience, clock=clock)
        opened.callback(chain.close)
        yield chain

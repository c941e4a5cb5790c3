"""A circuit breaker: who fails again and again is left alone for a while."""

import threading
from collections.abc import Callable

__all__ = ["Breaker"]


class Breaker:
    """Opens after `failures` in a row, for `open_secs`; then one trial decides.

    Every admission must be followed by exactly one of `succeeded`, `failed` and `abandoned`. Any
    number of threads may use it; `clock` gives monotonic seconds.
    """

    def __init__(self, *, failures: int, open_secs: float, clock: Callable[[], float]) -> None:
        self._threshold = failures
        self._open_secs = open_secs
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None  # None while it is closed
        self._trying = False

    def admit(self) -> bool:
        """Tell whether to ask now; while a trial is under way nobody else is admitted."""
        with self._lock:
            if self._open_until is None:
                return True
            if self._trying or self._clock() < self._open_until:
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        """Close."""
        with self._lock:
            self._failures, self._open_until, self._trying = 0, None, False

    def failed(self) -> None:
        """Count a failure, and open where it was one too many or the trial's."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._threshold:
                self._open_until = self._clock() + self._open_secs
            self._trying = False

    def abandoned(self) -> None:
        """Count nothing: what happened says nothing about the other side."""
        with self._lock:
            self._trying = False

"""Exceptions of callbacks, kept so that a run that failed is never called a success."""

from collections.abc import Callable
from functools import wraps
from typing import Protocol


class Faults:
    """Collects what callbacks raised; the engine itself logs it and carries on."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def __bool__(self) -> bool:
        return bool(self.errors)

    def raise_first(self) -> None:
        """Raise the first fault, if there was one."""
        if self.errors:
            raise self.errors[0]


class _Guarded(Protocol):
    faults: Faults


def guarded[S: _Guarded, *A](
    callback: Callable[[S, *A], None],
) -> Callable[[S, *A], None]:
    """Keep what a callback raises; whoever decides looks at the faults first."""

    @wraps(callback)
    def wrapped(self: S, /, *args: *A) -> None:
        try:
            callback(self, *args)
        except Exception as e:
            self.faults.errors.append(e)
            raise

    return wrapped

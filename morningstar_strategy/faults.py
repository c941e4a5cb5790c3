"""Exceptions of callbacks, kept so that a run that failed is never called a success."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Protocol


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


def guarded[S: _Guarded, **P](
    callback: Callable[Concatenate[S, P], None],
) -> Callable[Concatenate[S, P], None]:
    """Keep what a callback raises, and let nothing run after the first fault."""

    @wraps(callback)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if self.faults.errors:
            return
        try:
            callback(self, *args, **kwargs)
        except Exception as e:
            self.faults.errors.append(e)
            raise

    return wrapped


__all__ = ["Faults", "guarded"]
